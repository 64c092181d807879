"""Signing in and out: one answer for every refusal, and a session that ends when it must."""

import re
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from audit.models import SyncRun
from governance.tenancy import Scope, entered
from tenants.models import Membership, Tenant, User
from tests.conftest import everybody, signed_in, sync

PASSWORD = "a long and unusual sentence"
EMAIL = "dana@contoso.example"
RESOURCES = "/resources/"
OVERVIEW = "/"


@pytest.fixture
def dana(db: None) -> User:
    """Somebody with a password and no role."""
    user: User = User.objects.create_user(EMAIL, name="Dana", password=PASSWORD)
    return user


def try_to_sign_in(email: str, password: str = PASSWORD, *, client: Client | None = None, **more: str) -> Any:
    """Send the form."""
    return (client or Client()).post("/sign-in/", {"username": email, "password": password, **more})


def is_signed_in(client: Client) -> bool:
    """Whether the person sees the list."""
    return client.get(RESOURCES).status_code == 200


@pytest.mark.parametrize("spelt", [EMAIL, EMAIL.upper(), f" {EMAIL} ", "Dana@Contoso.Example"])
def test_the_right_password_opens_the_overview_whatever_the_letter_case(dana: User, spelt: str) -> None:
    client = Client()

    answer = try_to_sign_in(spelt, client=client)

    assert (answer.status_code, answer["Location"]) == (302, OVERVIEW)
    assert is_signed_in(client)


def test_wrong_unknown_and_inactive_get_the_same_answer(dana: User) -> None:
    User.objects.create_user("gone@contoso.example", password=PASSWORD)
    everybody().filter(email="gone@contoso.example").update(is_active=False)
    User.objects.create_user("none@contoso.example")  # never had a password

    answers = {
        how: _without_the_request(try_to_sign_in(email, password), email)
        for how, email, password in (
            ("wrong", EMAIL, "another long sentence"),
            ("letter case", EMAIL, PASSWORD.upper()),
            ("unknown", "nobody@contoso.example", PASSWORD),
            ("inactive", "gone@contoso.example", PASSWORD),
            ("without a password", "none@contoso.example", PASSWORD),
        )
    }

    assert len(set(answers.values())) == 1, answers
    status, html = answers["wrong"]
    assert status == 200
    assert 'role="alert"' in html
    assert PASSWORD not in html


def _without_the_request(answer: Any, email: str) -> tuple[int, str]:
    html = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", answer.content.decode())
    assert f'value="{email}"' in html  # what was typed is kept
    return answer.status_code, html.replace(email, "")


@pytest.mark.parametrize(
    ("email", "password"), [("", PASSWORD), (EMAIL, ""), ("\x00", "\x00"), ("x" * 5000, "y" * 5000)]
)
def test_unreadable_input_signs_nobody_in(dana: User, email: str, password: str) -> None:
    client = Client()

    assert try_to_sign_in(email, password, client=client).status_code == 200
    assert not is_signed_in(client)


def test_the_form_needs_its_csrf_token(dana: User) -> None:
    client = Client(enforce_csrf_checks=True)

    assert try_to_sign_in(EMAIL, client=client).status_code == 403
    assert not is_signed_in(client)


def test_a_page_asked_for_before_is_shown_after_signing_in(dana: User) -> None:
    client = Client()

    answer = client.get(f"{RESOURCES}?region=westeurope")
    assert answer["Location"] == "/sign-in/?next=/resources/%3Fregion%3Dwesteurope"
    answer = try_to_sign_in(EMAIL, client=client, next="/resources/?region=westeurope")
    assert answer["Location"] == "/resources/?region=westeurope"


@pytest.mark.parametrize("evil", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "/\\evil.example"])
def test_nobody_is_sent_elsewhere_after_signing_in(dana: User, evil: str) -> None:
    assert try_to_sign_in(EMAIL, next=evil)["Location"] == OVERVIEW


def test_the_session_key_is_new_after_signing_in_and_the_cookie_is_guarded(dana: User) -> None:
    client = Client()
    planted = client.session
    planted.save()
    client.cookies["sessionid"] = str(planted.session_key)

    answer = try_to_sign_in(EMAIL, client=client)

    cookie = answer.cookies["sessionid"]
    assert cookie.value != planted.session_key
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
    assert 8 * 60 * 60 - 60 < cookie["max-age"] <= 8 * 60 * 60


def test_signing_out_ends_the_session_for_a_stolen_cookie_too(dana: User) -> None:
    client, thief = Client(), Client()
    try_to_sign_in(EMAIL, client=client)
    thief.cookies["sessionid"] = client.cookies["sessionid"].value
    assert is_signed_in(thief)

    answer = client.post("/sign-out/")

    assert (answer.status_code, answer["Location"]) == (302, "/sign-in/")
    assert not is_signed_in(client)
    assert not is_signed_in(thief)
    assert thief.get("/api/v1/me/").status_code == 401
    assert not Session.objects.exists()


def test_a_link_cannot_sign_anybody_out(dana: User) -> None:
    client = Client()
    try_to_sign_in(EMAIL, client=client)

    assert client.get("/sign-out/").status_code == 405
    assert is_signed_in(client)


def test_a_person_without_membership_sees_nothing_at_the_next_request(contoso: Tenant, bob: User) -> None:
    sync(contoso)
    browser = signed_in(bob)
    with entered(Scope.of(contoso.id)):
        run = SyncRun.objects.get()
    assert browser.get("/api/v1/resources/").json()["results"]
    assert "contoso" in browser.get(RESOURCES).content.decode()
    assert browser.get(f"/syncs/{run.id}/").status_code == 200

    with entered(Scope.of(contoso.id)):
        Membership.objects.filter(user=bob).delete()

    assert browser.get("/api/v1/resources/").json()["results"] == []
    assert browser.get("/api/v1/tenants/").json()["results"] == []
    page = browser.get(RESOURCES).content.decode().replace(bob.email, "")
    assert "You may not see any tenant yet" in page
    assert "contoso" not in page
    assert browser.get(f"/syncs/{run.id}/").status_code == 404


def test_a_deactivated_person_is_out_at_the_next_request(alice: User) -> None:
    browser = signed_in(alice)
    assert is_signed_in(browser)

    everybody().filter(pk=alice.pk).update(is_active=False)

    assert browser.get(RESOURCES)["Location"].startswith("/sign-in/")
    assert browser.get("/api/v1/me/").status_code == 401


def test_a_changed_password_ends_the_other_sessions(dana: User) -> None:
    client = Client()
    try_to_sign_in(EMAIL, client=client)

    dana.set_password("quite another long sentence")
    dana.save()

    assert not is_signed_in(client)
