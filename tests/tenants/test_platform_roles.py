"""The platform's own people: who sees them, who gives these roles, and the last admin who stays."""

import json
import threading
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from audit.models import AuditEvent
from governance.access import Role
from governance.tenancy import Scope, entered
from tenants.models import Invitation, Tenant, User
from tenants.platform_roles import LastPlatformAdminError, set_platform_role
from tests.conftest import everybody, person, signed_in
from tests.invitations.letters import invited
from tests.portal.test_resources_page import text

PAGE = "/platform-people/"


def give(user: User, email: str, role: str) -> Any:
    """What the form sends."""
    return signed_in(user).post(PAGE, {"email": email, "platform_role": role})


def role_of(user: User) -> str:
    """As it is stored."""
    return str(everybody().values_list("platform_role", flat=True).get(id=user.id))


def by_command(email: str, role: str) -> dict[str, Any]:
    """The fact that `manage.py platform_role` prints."""
    out = StringIO()
    call_command("platform_role", email, role, "--json", stdout=out)
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


@pytest.mark.parametrize(
    ("who", "seen", "given"),
    [("pat", 200, 303), ("auditor", 200, 403), ("alice", 403, 403), ("bob", 403, 403)],
)
def test_who_sees_them_and_who_gives_roles(
    alice: User, request: pytest.FixtureRequest, who: str, seen: int, given: int
) -> None:
    user = request.getfixturevalue(who)

    page = signed_in(user).get(PAGE)

    assert page.status_code == seen
    assert ("Give or take a role" in text(page)) is (given == 303)
    assert give(user, alice.email, "admin").status_code == given
    assert role_of(alice) == ("admin" if given == 303 else "")


def test_a_role_holds_at_once_and_is_taken_away_again(contoso: Tenant, pat: User, alice: User, bob: User) -> None:
    browser = signed_in(bob)
    assert browser.get("/tenants/connect/").status_code == 403

    page = text(signed_in(pat).post(PAGE, {"email": bob.email.upper(), "platform_role": "admin"}, follow=True))
    assert f"{bob.email} is platform admin now." in page
    assert browser.get("/tenants/connect/").status_code == 200

    assert give(pat, bob.email, "auditor").status_code == 303
    assert (browser.get(PAGE).status_code, browser.get("/tenants/connect/").status_code) == (200, 403)
    assert give(pat, bob.email, "none").status_code == 303
    assert browser.get(PAGE).status_code == 403


@pytest.mark.parametrize(
    ("email", "role", "words"),
    [
        ("nobody@elsewhere.example", "admin", "Nobody has an account with this address."),
        ("no address", "admin", "Enter a valid email address."),
        ("pat@platform.example", "owner", "Select a valid choice."),
    ],
)
def test_what_cannot_be_given_is_said_at_its_field(pat: User, email: str, role: str, words: str) -> None:
    answer = give(pat, email, role)

    assert answer.status_code == 400
    assert words in text(answer)
    assert role_of(pat) == "admin"


@pytest.mark.parametrize("role", ["auditor", "none"])
def test_the_last_admin_stays_by_page_and_by_command(pat: User, auditor: User, role: str) -> None:
    closed = person("closed@platform.example", platform_role="admin")
    everybody().filter(id=closed.id).update(is_active=False)

    answer = give(pat, pat.email, role)

    assert answer.status_code == 409
    assert "without an admin" in text(answer)
    with pytest.raises(CommandError, match="without an admin"):
        by_command(pat.email, role)
    assert role_of(pat) == "admin"


def test_an_admin_goes_once_there_is_another_and_lands_where_they_may_be(pat: User, alice: User) -> None:
    give(pat, alice.email, "admin")

    answer = signed_in(pat).post(PAGE, {"email": pat.email, "platform_role": "none"}, follow=True)

    assert answer.redirect_chain == [("/", 303), ("/sign-in/?next=/", 302)]  # no role is left: signed out
    assert answer.status_code == 200
    assert role_of(alice) == "admin"


def test_the_command_gives_and_takes(alice: User, pat: User) -> None:
    assert by_command(alice.email.upper(), "auditor") == {
        "email": alice.email,
        "platform_role": "auditor",
        "changed": True,
    }
    assert by_command(alice.email, "auditor")["changed"] is False
    assert by_command(alice.email, "none")["platform_role"] == ""
    with pytest.raises(CommandError, match="Nobody has an account"):
        by_command("nobody@elsewhere.example", "admin")


def test_what_a_platform_admin_offered_goes_with_the_role_unless_they_administer_it_themselves(
    contoso: Tenant, fabrikam: Tenant, pat: User
) -> None:
    other = person("other@platform.example", platform_role="admin", contoso=Role.ADMIN)
    for tenant in (contoso, fabrikam):
        invited(other, tenant)

    give(pat, other.email, "none")

    with entered(Scope.every_tenant(reason="A test looks at everything.")):
        open_in = {row.tenant_id for row in Invitation.objects.pending()}
    assert open_in == {contoso.id}


def test_each_change_stands_in_the_trail_of_the_platform(pat: User, alice: User) -> None:
    give(pat, alice.email, "auditor")
    by_command(alice.email, "none")

    with entered(Scope.every_tenant(reason="A test looks at everything.")):
        events = list(AuditEvent.objects.filter(verb="platform_role.changed").order_by("sequence"))
    assert [event.tenant_id for event in events] == [None, None]
    assert [(event.actor_kind, event.target_label) for event in events] == [
        ("person", str(alice)),
        ("command", str(alice)),
    ]
    assert ["auditor" in event.after for event in events] == [True, False]


@pytest.mark.django_db(transaction=True)
def test_of_two_admins_who_go_at_once_one_stays() -> None:
    refused: list[bool] = []

    def go(user: User, together: threading.Barrier) -> None:
        try:
            together.wait(timeout=30)
            set_platform_role(user, User.PlatformRole.NONE)
        except LastPlatformAdminError:
            refused.append(True)
        finally:
            connection.close()

    for number in range(10):
        pair = [person(f"{one}{number}@platform.example", platform_role="admin") for one in "ab"]
        barrier = threading.Barrier(2)
        threads = [threading.Thread(target=go, args=(user, barrier)) for user in pair]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)

        left = [user for user in pair if role_of(user) == "admin"]
        assert (len(left), len(refused)) == (1, number + 1)
        everybody().filter(id=left[0].id).update(platform_role="")
