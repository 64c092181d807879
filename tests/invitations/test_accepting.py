"""Accepting an invitation: who is let in, once, and what everybody else is told."""

import threading
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from audit.models import AuditEvent
from governance.access import Role
from governance.tenancy import Scope, entered
from tenants.invitations import proof_in
from tenants.models import Invitation, Membership, Tenant, User
from tests.conftest import person, signed_in
from tests.invitations.letters import ERIN, accept_with, follow, held_in, invited, path_of, rows_of
from tests.portal.crawl import comparable
from tests.portal.test_resources_page import text


@pytest.fixture
def erin(db: None) -> User:
    """Somebody with an account and no role."""
    return person(ERIN)


# --- who is let in ----------------------------------------------------------------------------------------------------


def test_from_the_link_to_the_tenant(contoso: Tenant, alice: User, erin: User) -> None:
    link = invited(alice, contoso, role="operator")
    browser = signed_in(erin)
    assert browser.get(f"/tenants/{contoso.id}/").status_code == 404

    page = text(follow(browser, link))
    assert "You are invited" in page
    for words in ("Operator", "contoso", "Alice", alice.email, "Accept as erin@elsewhere.example"):
        assert words in page
    assert held_in(contoso) == {alice.email: "admin"}  # looking is not accepting

    answer = browser.post("/invitation/")

    assert (answer.status_code, answer["Location"]) == (303, f"/tenants/{contoso.id}/")
    assert "Welcome. You have a role in the tenant now." in text(browser.get(answer["Location"]))
    assert held_in(contoso)[ERIN] == "operator"
    (row,) = rows_of(contoso)
    assert (row.accepted_by_id, row.accepted_at is not None) == (erin.id, True)
    people = text(signed_in(alice).get(f"/tenants/{contoso.id}/people/"))
    assert "Nobody is invited who has not accepted." in people
    assert ERIN in people


def test_the_link_leaves_the_address_at_once_and_the_session_cannot_make_it(
    contoso: Tenant, alice: User, erin: User
) -> None:
    link = invited(alice, contoso)
    browser = signed_in(erin)

    answer = browser.get(link)

    assert (answer.status_code, answer["Location"]) == (303, path_of(link))
    token = link.partition("token=")[2]
    assert token.partition(".")[2] not in repr(dict(browser.session))
    assert proof_in(token) in repr(dict(browser.session))
    assert "no-store" in answer["Cache-Control"]


def test_nobody_reads_the_offer_signs_in_and_comes_back_to_it(contoso: Tenant, alice: User, erin: User) -> None:
    link = invited(alice, contoso)
    browser = Client()

    page = text(follow(browser, link))

    assert "Sign in to accept" in page
    assert 'href="/sign-in/?next=/invitation/"' in page
    pressed = browser.post("/invitation/")
    assert (pressed.status_code, pressed["Location"]) == (303, "/sign-in/?next=/invitation/")
    browser.force_login(erin)
    assert "Accept as erin@elsewhere.example" in text(browser.get("/invitation/"))
    assert browser.post("/invitation/").status_code == 303
    assert held_in(contoso)[ERIN] == "reader"


def test_another_account_is_told_so_and_not_let_in(contoso: Tenant, alice: User, charlie: User) -> None:
    link = invited(alice, contoso)
    browser = signed_in(charlie)

    page = text(follow(browser, link))
    answer = browser.post("/invitation/")

    assert "This invitation is for another address." in page
    assert answer.status_code == 403
    assert "This invitation is for another address." in text(answer)
    assert ERIN not in page + text(answer)
    assert held_in(contoso) == {alice.email: "admin"}
    assert rows_of(contoso)[0].is_open(timezone.now())


def test_whoever_has_a_role_meanwhile_keeps_it(contoso: Tenant, alice: User) -> None:
    link = invited(alice, contoso, role="admin")
    erin = person(ERIN, contoso=Role.READER)  # by whoever runs the platform

    assert accept_with(signed_in(erin), link).status_code == 303

    assert held_in(contoso)[ERIN] == "reader"
    assert not rows_of(contoso)[0].is_open(timezone.now())


def test_acceptance_stands_in_the_trail_of_the_tenant(contoso: Tenant, alice: User, erin: User) -> None:
    accept_with(signed_in(erin), invited(alice, contoso))

    with entered(Scope.of(contoso.id)):
        event = AuditEvent.objects.get(verb="invitation.accepted")
    assert (event.actor_label, event.actor_id) == (ERIN, str(erin.id))
    assert '"role":"reader"' in event.after.replace(" ", "")


# --- what is gone -----------------------------------------------------------------------------------------------------


def gone(link: str, user: User | None) -> Any:
    """What the link answers, without what is particular to one request."""
    answer = signed_in(user).get(link)
    assert answer.status_code == 404
    return comparable(answer)


def test_used_revoked_expired_and_garbage_are_one_page(contoso: Tenant, alice: User, erin: User) -> None:
    used = invited(alice, contoso)
    accept_with(signed_in(erin), used)
    links = {how: invited(alice, contoso, f"{how}@elsewhere.example") for how in ("revoked", "expired")}
    with entered(Scope.of(contoso.id)):
        now = timezone.now()
        Invitation.objects.filter(email="revoked@elsewhere.example").update(revoked_at=now)
        Invitation.objects.filter(email="expired@elsewhere.example").update(expires_at=now - timedelta(seconds=1))
        letter = Invitation.objects.get(email="expired@elsewhere.example").letter
    open_one = invited(alice, contoso, "open@elsewhere.example")

    for user in (erin, None):
        answers = [gone(link, user) for link in (used, *links.values())]
        garbage = ("", "x", "\x00", "é", f"{uuid4().hex}.x", f"{letter.hex}.x", f"{letter.hex}.", "a" * 5000)
        answers += [comparable(signed_in(user).get("/invitation/", {"token": token})) for token in garbage]
        answers.append(gone(open_one[:-1], user))
        answers.append(comparable(signed_in(user).get("/invitation/")))
        for number, answer in enumerate(answers):
            assert answer == answers[0], number
        assert answers[0][0] == 404
    assert signed_in(erin).post("/invitation/").status_code == 404


def test_what_was_open_when_it_was_looked_at_may_be_gone_when_it_is_accepted(
    contoso: Tenant, alice: User, erin: User
) -> None:
    link = invited(alice, contoso)
    browser = signed_in(erin)
    follow(browser, link)
    with entered(Scope.of(contoso.id)):
        Invitation.objects.update(revoked_at=timezone.now())

    assert browser.post("/invitation/").status_code == 404
    assert held_in(contoso) == {alice.email: "admin"}


def test_a_link_lets_in_once(contoso: Tenant, alice: User, erin: User) -> None:
    link = invited(alice, contoso)
    first, second = signed_in(erin), signed_in(erin)
    follow(first, link)
    follow(second, link)
    assert first.post("/invitation/").status_code == 303
    assert second.post("/invitation/").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_of_two_who_accept_at_once_one_is_let_in(contoso: Tenant, alice: User) -> None:
    erin = person(ERIN)
    link = invited(alice, contoso)
    browsers = [signed_in(erin) for _ in range(6)]
    for browser in browsers:
        follow(browser, link)
    together, statuses = threading.Barrier(len(browsers)), []

    def press(browser: Client) -> None:
        try:
            together.wait(timeout=30)
            statuses.append(browser.post("/invitation/").status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=press, args=(browser,)) for browser in browsers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert sorted(statuses) == [303, *[404] * (len(browsers) - 1)]
    assert held_in(contoso)[ERIN] == "reader"
    with entered(Scope.of(contoso.id)):
        assert AuditEvent.objects.filter(verb="invitation.accepted").count() == 1


# --- the last admin ---------------------------------------------------------------------------------------------------


def test_an_invited_admin_does_not_count_until_they_accepted(contoso: Tenant, alice: User, erin: User) -> None:
    link = invited(alice, contoso, role="admin")
    with entered(Scope.of(contoso.id)):
        path = f"/tenants/{contoso.id}/people/{Membership.objects.get(user=alice).id}/remove/"

    refused = signed_in(alice).post(path)
    accept_with(signed_in(erin), link)

    assert refused.status_code == 409
    assert "without an admin" in text(refused)
    assert signed_in(alice).post(path).status_code == 303
    assert held_in(contoso) == {ERIN: "admin"}
