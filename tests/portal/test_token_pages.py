"""The pages of API tokens: made once, shown once, revoked by whoever may."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from governance.access import Role
from governance.tenancy import Scope, entered
from tenants.models import ApiToken, Tenant, User
from tenants.tokens import MOST_TOKENS
from tests.api.program import Program
from tests.conftest import signed_in
from tests.portal.crawl import token_for
from tests.portal.test_people_pages import shown
from tests.portal.test_resources_page import text

TEXT = re.compile(r"agp_[0-9a-f]{32}_[0-9a-f]{64}")


NO_TENANT = "00000000-0000-4000-8000-000000000000"


def form(there: Tenant, **asked: Any) -> dict[str, Any]:
    """What is filled in."""
    return {"tenant": str(there.id), "name": "nightly report", "role": "reader", "days": "90", **asked}


def stored(user: User) -> list[ApiToken]:
    """A person's tokens, the last one first."""
    with entered(Scope.every_tenant(reason="A test looks at everything.")):
        return list(ApiToken.objects.of(user.id).order_by("-id"))


def test_a_token_is_shown_once_and_left_nowhere(alice: User, contoso: Tenant) -> None:
    browser = signed_in(alice)

    answer = browser.post("/tokens/", form(contoso, role="admin"))

    (secret,) = set(TEXT.findall(answer.content.decode()))
    assert answer.status_code == 201
    assert answer["Cache-Control"] == "private, no-store"
    assert "as admin at most" in text(answer)
    assert Program.with_token(secret).page("me/")["email"] == alice.email
    kept = [*(str(cookie) for cookie in browser.cookies.values()), *map(str, browser.session.items())]
    kept += [session.session_data for session in Session.objects.all()]
    kept += [
        page.content.decode() for page in (browser.get("/tokens/"), browser.get(f"/tokens/{stored(alice)[0].id}/"))
    ]
    assert secret.rpartition("_")[2] not in " ".join(kept)


def test_sending_the_form_again_makes_no_second_token(alice: User, contoso: Tenant) -> None:
    browser = signed_in(alice)
    browser.post("/tokens/", form(contoso))

    again = browser.post("/tokens/", form(contoso))

    assert again.status_code == 400
    assert "You have a token of that name" in text(again)
    assert not TEXT.search(again.content.decode())
    assert len(stored(alice)) == 1


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"role": "admin"}, "You are reader of this tenant; a token cannot hold more."),
        ({"role": "owner"}, "Select a valid choice"),
        ({"days": "366"}, "less than or equal to 365"),
        ({"days": "0"}, "greater than or equal to 1"),
        ({"days": ""}, "This field is required"),
        ({"name": "  "}, "This field is required"),
        ({"tenant": NO_TENANT}, "Select a valid choice"),
    ],
)
def test_what_cannot_be_made_is_said_beside_the_field(
    bob: User, contoso: Tenant, asked: dict[str, str], words: str
) -> None:
    answer = signed_in(bob).post("/tokens/", form(contoso, **asked))

    assert answer.status_code == 400
    assert words in text(answer)
    assert stored(bob) == []


def test_a_foreign_tenant_is_no_choice(charlie: User, contoso: Tenant, fabrikam: Tenant) -> None:
    browser = signed_in(charlie)

    answer = browser.post("/tokens/", form(contoso))

    assert answer.status_code == 400
    assert contoso.name not in text(answer)
    assert stored(charlie) == []


def test_there_is_an_end_to_how_many_one_has(bob: User, contoso: Tenant) -> None:
    for number in range(MOST_TOKENS):
        token_for(bob, contoso, name=f"number {number}")

    answer = signed_in(bob).post("/tokens/", form(contoso))

    assert "revoke one first" in text(answer)
    assert len(stored(bob)) == MOST_TOKENS


def test_the_list_says_in_words_what_each_token_is_worth(alice: User, bob: User, contoso: Tenant) -> None:
    active, old, revoked = (token_for(bob, contoso, name=name).row for name in ("active", "old", "revoked"))
    with entered(Scope.of(contoso.id)):
        ApiToken.objects.filter(id=old.id).update(expires_at=timezone.now() - timedelta(days=1))
    Program.with_token(token_for(alice, contoso, Role.ADMIN, name="mine").text).delete(f"tokens/{revoked.id}/")

    rows = {row[0]: row[1:] for row in shown(signed_in(alice).get("/tokens/").content.decode())}

    assert {name: cells[3] for name, cells in rows.items()} == {
        "active": "Active",
        "old": "Expired",
        "revoked": "Revoked",
        "mine": "Active",
    }
    assert rows["active"][:3] == [bob.email, "contoso", "Reader"]
    assert rows["active"][4] == "never"
    assert rows["mine"][4] != "never"
    found = shown(signed_in(alice).get("/tokens/?state=active&q=ACT").content.decode())
    assert [row[0] for row in found] == ["active"]
    assert str(active.id) in signed_in(alice).get("/tokens/").content.decode()


@pytest.mark.parametrize(
    ("who", "sees", "revokes"),
    [
        *(("bob", 200, 303), ("alice", 200, 303), ("pat", 200, 303), ("auditor", 200, 403)),
        *(("olga", 404, 404), ("charlie", 404, 404)),
    ],
)
def test_its_person_and_its_tenants_admins_revoke_it(
    bob: User, contoso: Tenant, request: pytest.FixtureRequest, who: str, sees: int, revokes: int
) -> None:
    made = token_for(bob, contoso)
    browser, path = signed_in(request.getfixturevalue(who)), f"/tokens/{made.row.id}/"

    page = browser.get(path)

    assert page.status_code == sees
    assert ("Revoke it" in page.content.decode()) == (revokes == 303)
    assert browser.post(path).status_code == revokes
    assert (stored(bob)[0].revoked_at is not None) == (revokes == 303)
    if revokes == 303:
        assert "Revoke it" not in browser.get(path).content.decode()


def test_without_the_csrf_token_nothing_is_made_or_revoked(alice: User, contoso: Tenant) -> None:
    made = token_for(alice, contoso)
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice)

    assert browser.post("/tokens/", form(contoso)).status_code == 403
    assert browser.post(f"/tokens/{made.row.id}/").status_code == 403

    assert [token.revoked_at for token in stored(alice)] == [None]


def test_who_belongs_nowhere_is_told_so(db: None) -> None:
    nora = User.objects.create_user("nora@contoso.example")

    answer = signed_in(nora).get("/tokens/")

    assert "you have no role in any yet" in text(answer)
    assert "Make a token for yourself" not in text(answer)
