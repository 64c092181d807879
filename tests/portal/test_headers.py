"""Security headers: on every kind of answer, errors included; no page may be kept by a shared cache."""

import re
from typing import Any

import pytest

from tenants.models import User
from tests.conftest import signed_in

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
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"


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
