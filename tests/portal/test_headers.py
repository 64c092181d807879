"""Security headers: on every kind of answer, errors included; no page may be kept by a shared cache."""

import re
from typing import Any

import pytest
from django.conf import LazySettings

from tenants.models import Tenant, User
from tests.conftest import everybody, signed_in
from tests.portal.crawl import addresses, body_of, missing

pytestmark = pytest.mark.once  # what the headers of an answer say does not depend on the engine

MISSING = "01a209d8-045c-773c-afd8-2f72501c3d2f"
PAGES = {
    "/resources/": 200,
    "/resources/?page=0": 400,
    "/resources/?nonsense=1": 400,
    "/syncs/": 200,
    "/views/": 200,
    "/sign-in/": 302,
}
OTHERS = {
    f"/syncs/{MISSING}/": 404,
    f"/resources/{MISSING}/": 404,
    "/nowhere/": 404,
    "/api/v1/resources/": 200,
    "/healthz": 200,
    "/": 200,
}


def break_everything(monkeypatch: pytest.MonkeyPatch, words: str = "broken") -> None:
    """From now on what a person may reach cannot be told: each request ends with an exception that says this."""

    def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError(words)

    monkeypatch.setattr(Tenant.objects, "get_queryset", broken)


def assert_guarded(answer: Any) -> None:
    """The headers that every answer carries."""
    policy = dict(part.strip().split(" ", 1) for part in answer["Content-Security-Policy"].split(";") if part.strip())
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert "*" not in answer["Content-Security-Policy"]
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == answer["Cross-Origin-Resource-Policy"] == "same-origin"
    assert {"camera=()", "microphone=()", "geolocation=()"} <= set(answer["Permissions-Policy"].split(", "))
    assert "Access-Control-Allow-Origin" not in answer


@pytest.mark.parametrize(("path", "status"), {**PAGES, **OTHERS}.items())
def test_every_answer_to_a_signed_in_person_is_guarded(bob: User, path: str, status: int) -> None:
    answer = signed_in(bob).get(path)

    assert answer.status_code == status
    assert_guarded(answer)


@pytest.mark.parametrize(
    ("path", "status"), {"/sign-in/": 200, "/resources/": 302, "/api/v1/resources/": 401, "/nowhere/": 404}.items()
)
def test_every_answer_to_nobody_is_guarded(db: None, path: str, status: int) -> None:
    answer = signed_in(None).get(path)

    assert answer.status_code == status
    assert_guarded(answer)


@pytest.mark.parametrize("who", ["pat", None])
def test_every_address_there_is_is_guarded(pat: User, who: str | None) -> None:
    seen = set()

    for address in addresses():
        browser = signed_in(everybody().get(id=pat.id) if who else None)  # as of now: signing out ends all sessions
        for method in ("GET", "POST", "DELETE", "OPTIONS"):
            answer = browser.generic(method, address.path(missing()))
            assert_guarded(answer)
            seen.add(answer.status_code)
            body_of(answer)

    assert seen >= ({200, 303, 400, 404, 405} if who else {200, 302, 401})


def test_files_of_the_portal_are_guarded(db: None) -> None:
    answer = signed_in(None).get("/static/governance/base.css")

    assert answer.status_code == 200
    assert_guarded(answer)
    body_of(answer)


def test_an_exception_is_a_guarded_answer(bob: User, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = signed_in(bob)
    browser.raise_request_exception = False
    break_everything(monkeypatch)

    for path in ("/tenants/", "/api/v1/tenants/"):
        answer = browser.get(path)
        assert answer.status_code == 500
        assert_guarded(answer)


@pytest.mark.parametrize("path", ["/", "/api/v1/me/", "/healthz", "/static/governance/base.css"])
def test_another_host_is_refused_without_details(settings: LazySettings, db: None, path: str) -> None:
    settings.ALLOWED_HOSTS = ["governance.example.com"]
    settings.SECURE_SSL_REDIRECT = True  # it builds an address from the host

    answer = signed_in(None).get(path, headers={"Host": "evil.example"})

    assert answer.status_code == 400
    assert "evil.example" not in str(answer.headers)
    assert b"evil.example" not in b"".join(answer)
    assert_guarded(answer)


@pytest.mark.parametrize("path", [*PAGES, f"/syncs/{MISSING}/"])
def test_pages_are_not_kept(bob: User, path: str) -> None:
    kept = signed_in(bob).get(path)["Cache-Control"]

    assert "private" in kept
    assert "no-store" in kept


def test_the_redirect_to_sign_in_is_not_kept(db: None) -> None:
    assert "no-store" in signed_in(None).get("/resources/")["Cache-Control"]


@pytest.mark.parametrize("path", ["/resources/", "/syncs/", "/nowhere/", "/resources/?page=x"])
def test_no_page_needs_what_the_policy_forbids(bob: User, path: str) -> None:
    html = signed_in(bob).get(path).content.decode()

    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:", html)
    assert not re.search(r"""(?:src|href|action)=["']?(?:https?:)?//""", html)
