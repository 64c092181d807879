"""Inviting somebody: what the admin is told, what the mail says, and that nobody learns who has an account."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from audit.models import AuditEvent
from governance.access import Role
from governance.tenancy import Scope, entered
from tenants.actions import group_tenants
from tenants.invitations import MOST_OPEN
from tenants.models import Invitation, Membership, Tenant, User
from tests.api.program import Program, problem
from tests.conftest import person, signed_in
from tests.invitations.letters import ERIN, delivered, held_in, invite_by_page, invited, link_in, rows_of
from tests.portal.crawl import comparable
from tests.portal.test_resources_page import text

NOBODYS = "nick@elsewhere.example"  # as many letters as erin's
VARYING = re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def without_ids(answer: Any, *own: str) -> Any:
    """An answer without what is particular to one request and one row."""
    status, headers, body = comparable(answer, *own)
    return status, headers, VARYING.sub(b"<id>", body)


@pytest.fixture
def erin(db: None) -> User:
    """Somebody with an account and no role."""
    return person(ERIN)


# --- nobody gets a role by being invited, and nobody learns who has an account ----------------------------------------


def test_the_answers_are_the_same_bytes_whether_there_is_an_account(contoso: Tenant, alice: User, erin: User) -> None:
    browser, path = signed_in(alice), f"/tenants/{contoso.id}/people/"
    answers = {}
    for email in (erin.email, NOBODYS):
        sent = browser.post(path, {"email": email, "role": "operator"})
        page = browser.get(path)
        (mailed,) = delivered()
        after = browser.get(path)
        with entered(Scope.of(contoso.id)):
            row = Invitation.objects.get(email=email)
            row.expires_at = row.mailed_at = timezone.now().replace(hour=12, minute=0, second=0) + timedelta(days=1)
            row.save()
        fixed = browser.get(path)
        one = browser.get(f"/tenants/{contoso.id}/invitations/{row.id}/")
        again = browser.post(path, {"email": email, "role": "operator"})
        answers[email] = [without_ids(answer, email, str(row.id)) for answer in (sent, fixed, again)]
        assert (page.status_code, after.status_code, one.status_code) == (200, 200, 200)
        assert mailed.to == [email]
        browser.post(f"/tenants/{contoso.id}/invitations/{row.id}/", {"do": "revoke"})
        browser.get(path)  # the words of that

    assert answers[erin.email] == answers[NOBODYS]
    assert held_in(contoso) == {alice.email: "admin"}


def test_the_api_answers_alike_and_lists_alike(contoso: Tenant, alice: User, erin: User) -> None:
    program = Program(alice)
    wanted = {"tenant": str(contoso.id), "role": "operator"}

    answers = {
        email: without_ids(program.post("memberships/", {**wanted, "email": email}), email)
        for email in (erin.email, NOBODYS)
    }

    assert answers[erin.email] == answers[NOBODYS]
    assert answers[NOBODYS][0] == 202
    told = [
        {name: row[name] for name in row if name not in {"id", "email", "since", "expires_at"}}
        for row in program.rows("invitations/")
    ]
    assert told[0] == told[1]
    assert program.rows("users/", q="elsewhere") == []
    assert held_in(contoso) == {alice.email: "admin"}


def test_an_address_with_a_role_or_an_invitation_is_refused_by_what_the_list_shows(
    contoso: Tenant, alice: User, bob: User
) -> None:
    invited(alice, contoso)

    for email, words in (
        (bob.email, "has a role in contoso already"),
        (ERIN.upper(), "is invited into contoso already"),
    ):
        answer = invite_by_page(alice, contoso, email)
        assert answer.status_code == 400
        assert words in text(answer)
        assert 'aria-invalid="true"' in text(answer)
        refusal = problem(
            Program(alice).post("memberships/", {"tenant": str(contoso.id), "email": email, "role": "admin"}), 409
        )
        assert words in refusal["detail"]
    assert len(rows_of(contoso)) == 1


def test_a_tenant_has_so_many_open_invitations_and_no_more(contoso: Tenant, alice: User) -> None:
    now = timezone.now()
    with entered(Scope.of(contoso.id)):
        for number in range(MOST_OPEN):
            until = now + timedelta(days=1)
            Invitation(
                tenant=contoso, email=f"{number}@x.example", role="reader", letter=contoso.id, expires_at=until
            ).save()

    refused = invite_by_page(alice, contoso)
    with entered(Scope.of(contoso.id)):
        Invitation.objects.filter(email="0@x.example").update(expires_at=now)

    assert refused.status_code == 400
    assert f"{MOST_OPEN} open invitations" in text(refused)
    assert invite_by_page(alice, contoso).status_code == 303


# --- who may ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "page", "api"),
    [
        ("alice", 303, 202),
        ("pat", 303, 202),
        ("olga", 403, 403),
        ("bob", 403, 403),
        ("auditor", 403, 403),
        ("charlie", 404, 404),
    ],
)
def test_only_who_manages_people_invites(
    contoso: Tenant, alice: User, request: pytest.FixtureRequest, who: str, page: int, api: int
) -> None:
    user = request.getfixturevalue(who)

    assert invite_by_page(user, contoso).status_code == page
    wanted = {"tenant": str(contoso.id), "email": NOBODYS, "role": "admin"}
    assert Program(user).post("memberships/", wanted).status_code == api
    assert len(rows_of(contoso)) == (2 if page == 303 else 0)


@pytest.mark.parametrize(
    ("who", "seen", "done"),
    [("alice", 200, 303), ("auditor", 200, 403), ("olga", 403, 403), ("bob", 403, 403), ("charlie", 404, 404)],
)
def test_only_who_may_sees_sends_again_and_revokes(
    contoso: Tenant, alice: User, request: pytest.FixtureRequest, who: str, seen: int, done: int
) -> None:
    invited(alice, contoso)
    (row,) = rows_of(contoso)
    browser, program = signed_in(request.getfixturevalue(who)), Program(request.getfixturevalue(who))
    path = f"/tenants/{contoso.id}/invitations/{row.id}/"

    assert browser.get(path).status_code == seen
    assert program.ask(f"invitations/{row.id}/").status_code == seen
    assert program.post(f"invitations/{row.id}/resend/", {}).status_code == (409 if done == 303 else done)
    assert browser.post(path, {"do": "revoke"}).status_code == done
    assert rows_of(contoso)[0].is_open(timezone.now()) is (done != 303)


def test_lists_hold_the_invitations_of_the_tenants_one_administers(
    contoso: Tenant, fabrikam: Tenant, alice: User, bob: User, charlie: User, auditor: User
) -> None:
    invite_by_page(alice, contoso)
    invite_by_page(charlie, fabrikam, NOBODYS)

    def listed(user: User, **narrowed: str) -> set[str]:
        return {row["email"] for row in Program(user).rows("invitations/", **narrowed)}

    assert (listed(alice), listed(charlie), listed(bob)) == ({ERIN}, {NOBODYS}, set())
    assert listed(auditor) == {ERIN, NOBODYS}
    assert (listed(auditor, tenant="contoso"), listed(auditor, role="admin")) == ({ERIN}, set())
    problem(Program(bob).ask("invitations/", tenant="contoso"), 403)


# --- the mail ---------------------------------------------------------------------------------------------------------


def test_the_mail_says_where_as_what_by_whom_and_until_when_and_nothing_else_of_the_tenant(
    contoso: Tenant, alice: User, bob: User
) -> None:
    invite_by_page(alice, contoso, role="operator")
    assert mail.outbox == []  # no web process sends mail

    (message,) = delivered()

    (row,) = rows_of(contoso)
    (html, kind) = message.alternatives[0]
    assert (message.to, kind) == ([ERIN], "text/html")
    assert message.subject == "You are invited to contoso on the Azure Governance Platform"
    for body in (message.body, html):
        for words in (
            "Operator",
            "contoso",
            "Alice",
            alice.email,
            f"{row.expires_at:%Y-%m-%d %H:%M} UTC",
            link_in(message),
        ):
            assert words in body.replace("&amp;", "&")
        for secret in (str(contoso.id), str(contoso.azure_tenant_id), bob.email, contoso.secret_ref, row.secret_hash):
            assert secret not in body
    assert row.mailed_at is not None
    assert delivered() == []


def test_the_link_is_kept_nowhere_not_even_for_the_worker(
    contoso: Tenant, alice: User, broker: Any, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        invite_by_page(alice, contoso)
    link = link_in(delivered()[0])

    secret = link.rpartition(".")[2]
    (row,) = rows_of(contoso)
    queued = b"".join(broker.lrange("celery", 0, -1))
    stored = repr([getattr(row, field.attname) for field in Invitation._meta.fields])
    trail = repr(list(AuditEvent.objects.across_tenants(reason="A test looks at everything.").values()))

    assert len(secret) > 40
    assert str(row.letter).encode() in queued
    for place in (queued.decode(), stored, trail):
        assert secret not in place


# --- into all tenants of a group --------------------------------------------------------------------------------------


def test_one_mail_invites_into_every_tenant_of_a_group(contoso: Tenant, fabrikam: Tenant, pat: User) -> None:
    group = group_tenants("both", [contoso, fabrikam])
    person("known@elsewhere.example", contoso=Role.READER)
    browser, path = signed_in(pat), f"/tenants/groups/{group.id}/invite/"

    assert "contoso" in text(browser.get(path))
    page = text(browser.post(path, {"email": ERIN, "role": "operator"}, follow=True))
    (message,) = delivered()
    partly = text(browser.post(path, {"email": "known@elsewhere.example", "role": "admin"}, follow=True))

    assert f"{ERIN} is invited into contoso, fabrikam, in one mail." in page
    assert message.subject == "You are invited to 2 tenants on the Azure Governance Platform"
    assert "Operator of contoso" in message.body
    assert "Operator of fabrikam" in message.body
    assert "is invited into fabrikam, in one mail" in partly
    assert "has a role in contoso already" in partly
    erin = person(ERIN)
    browser = signed_in(erin)
    browser.get(link_in(message))
    assert browser.post("/invitation/").status_code == 303
    assert held_in(contoso)[ERIN] == held_in(fabrikam)[ERIN] == "operator"


def test_who_does_not_manage_each_tenant_invites_into_none(
    contoso: Tenant, fabrikam: Tenant, alice: User, bob: User, charlie: User
) -> None:
    group = group_tenants("both", [contoso, fabrikam])
    half = person("half@contoso.example", contoso=Role.ADMIN, fabrikam=Role.READER)
    path = f"/tenants/groups/{group.id}/invite/"

    for user, status in ((half, 403), (bob, 403)):
        assert signed_in(user).get(path).status_code == 403
        assert signed_in(user).post(path, {"email": ERIN, "role": "admin"}).status_code == status
        assert "Invite somebody" not in text(signed_in(user).get(f"/tenants/groups/{group.id}/"))
    assert signed_in(charlie).post(path, {"email": ERIN, "role": "reader"}).status_code == 303  # of what charlie sees
    assert (len(rows_of(contoso)), len(rows_of(fabrikam))) == (0, 1)


# --- taking it back, sending it again ---------------------------------------------------------------------------------


def test_sending_again_makes_a_new_link_and_a_new_week(contoso: Tenant, alice: User, erin: User) -> None:
    first = invited(alice, contoso)
    (row,) = rows_of(contoso)
    path = f"/tenants/{contoso.id}/invitations/{row.id}/"
    too_soon = signed_in(alice).post(path, {"do": "resend"})
    with entered(Scope.of(contoso.id)):
        Invitation.objects.update(
            mailed_at=timezone.now() - timedelta(minutes=6), expires_at=timezone.now() - timedelta(minutes=1)
        )

    assert "Expired" in text(signed_in(alice).get(path))
    assert signed_in(alice).post(path, {"do": "resend"}).status_code == 303
    (message,) = delivered()

    assert (too_soon.status_code, "sent a moment ago" in text(too_soon)) == (409, True)
    assert signed_in(erin).get(first).status_code == 404
    assert signed_in(erin).get(link_in(message)).status_code == 303
    assert rows_of(contoso)[0].expires_at > timezone.now() + timedelta(days=6)


def test_what_was_revoked_is_gone(contoso: Tenant, alice: User, erin: User) -> None:
    link = invited(alice, contoso)
    (row,) = rows_of(contoso)
    program = Program(alice)

    assert program.delete(f"invitations/{row.id}/").status_code == 204

    assert program.rows("invitations/") == []
    problem(program.delete(f"invitations/{row.id}/"), 404)
    assert signed_in(erin).get(link).status_code == 404
    assert ERIN not in text(signed_in(alice).get(f"/tenants/{contoso.id}/people/"))


@pytest.mark.parametrize("how", ["removed", "demoted"])
def test_an_admin_who_goes_leaves_no_invitation_behind(contoso: Tenant, alice: User, erin: User, how: str) -> None:
    second = person("second@contoso.example", contoso=Role.ADMIN)
    link = invited(second, contoso)
    with entered(Scope.of(contoso.id)):
        key = Membership.objects.get(user=second).id
    path = f"/tenants/{contoso.id}/people/{key}/"

    browser = signed_in(alice)
    assert browser.post(path + ("remove/" if how == "removed" else ""), {"role": "reader"}).status_code == 303

    assert signed_in(erin).get(link).status_code == 404


def test_writes_need_the_csrf_token(contoso: Tenant, alice: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)

    assert strict.post(f"/tenants/{contoso.id}/people/", {"email": ERIN, "role": "admin"}).status_code == 403
    assert strict.post("/invitation/").status_code == 403
    assert rows_of(contoso) == []


def test_what_was_done_stands_in_the_trail(contoso: Tenant, alice: User) -> None:
    invited(alice, contoso)
    (row,) = rows_of(contoso)
    Program(alice).delete(f"invitations/{row.id}/")

    with entered(Scope.of(contoso.id)):
        events = list(AuditEvent.objects.order_by("sequence"))
    mine = [event for event in events if event.target_id == str(row.id)]
    assert [event.verb for event in mine] == ["person.invited", "invitation.revoked"]
    assert {event.actor_label for event in mine} == {alice.email}
    assert ERIN in mine[0].after
