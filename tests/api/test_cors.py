"""A front end of another origin: a listed one reads the API with its own token, no other one reads anything."""

from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from tenants.models import User
from tests.conftest import signed_in
from tests.portal.crawl import body_of

pytestmark = pytest.mark.once  # what another origin may ask does not depend on the engine

OURS, OTHER = "https://app.example.com", "https://evil.example"
ME = "/api/v1/me/"
ALLOWED = "Access-Control-Allow-Origin"


@pytest.fixture(autouse=True)
def _listed(settings: LazySettings) -> None:
    settings.CORS_ALLOWED_ORIGINS = [OURS]


def preflight(path: str, origin: str, *, method: str = "POST", header: str = "authorization, content-type") -> Any:
    """What a browser asks before it sends a request with a token."""
    asked = {"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": header}
    return Client().options(path, headers=asked)


def cross_origin(answer: Any) -> dict[str, str]:
    """What an answer tells a browser about other origins."""
    return {name: value for name, value in answer.items() if name.lower().startswith("access-control-")}


def test_a_listed_origin_may_ask_with_a_token(db: None) -> None:
    answer = preflight("/api/v1/syncs/", OURS)

    assert answer.status_code == 200
    assert answer[ALLOWED] == OURS
    assert {"authorization", "content-type"} <= set(answer["Access-Control-Allow-Headers"].split(", "))
    assert "PATCH" in answer["Access-Control-Allow-Methods"]
    assert "origin" in answer["Vary"].lower()
    assert "Access-Control-Allow-Credentials" not in answer


def test_a_listed_origin_reads_the_answer_and_its_limits(db: None) -> None:
    answer = Client().get(ME, headers={"Origin": OURS})

    assert answer.status_code == 401
    assert answer[ALLOWED] == OURS
    assert {"RateLimit", "RateLimit-Policy", "Retry-After"} <= set(answer["Access-Control-Expose-Headers"].split(", "))
    assert answer["RateLimit"]


@pytest.mark.parametrize(
    "origin", [OTHER, "null", "https://app.example.com.evil.example", "http://app.example.com", "*"]
)
def test_no_other_origin_is_told_anything(bob: User, origin: str) -> None:
    for answer in (preflight("/api/v1/syncs/", origin), signed_in(bob).get(ME, headers={"Origin": origin})):
        assert cross_origin(answer) == {}


@pytest.mark.parametrize("path", ["/", "/resources/", "/sign-in/", "/healthz", "/static/governance/base.css"])
def test_the_portal_is_for_its_own_origin_only(bob: User, path: str) -> None:
    for answer in (preflight(path, OURS), signed_in(bob).get(path, headers={"Origin": OURS})):
        assert cross_origin(answer) == {}
        body_of(answer)


def test_the_session_does_not_write_without_its_csrf_token(bob: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(bob)

    answer = browser.post("/api/v1/syncs/", {}, content_type="application/json", headers={"Origin": OURS})

    assert answer.status_code == 403
