"""Somebody who proved who they are at the identity provider, is nobody here, and holds an invitation."""

import threading
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client

from audit.models import AuditEvent
from governance.azure.simulator.server import Simulator
from governance.tenancy import Scope, entered
from tenants.identities import WAITING
from tenants.models import Tenant, User
from tests.conftest import everybody, identities, person
from tests.invitations.letters import follow, held_in, invited, rows_of
from tests.portal.providers import STRANGER, Browser, is_signed_in, let_in, use_b2c
from tests.portal.test_resources_page import text

SAM = STRANGER.email


@pytest.fixture
def b2c(azure: Simulator, settings: LazySettings) -> Browser:
    """A browser at the portal and at the simulated Azure AD B2C."""
    use_b2c(azure, settings)
    return Browser(azure)


def test_from_the_mail_through_the_provider_to_the_tenant(b2c: Browser, contoso: Tenant, alice: User) -> None:
    link = invited(alice, contoso, SAM, "operator")
    assert "Sign in to accept" in text(follow(b2c.portal, link))

    back = b2c.sign_in(SAM, next="/invitation/")
    assert (back.status_code, back["Location"]) == (302, "/invitation/")
    page = text(b2c.portal.get("/invitation/"))
    assert f"Accept as {SAM}" in page
    assert not everybody().filter(email=SAM).exists()  # looking is not accepting
    answer = b2c.portal.post("/invitation/")

    assert (answer.status_code, answer["Location"]) == (303, f"/tenants/{contoso.id}/")
    assert is_signed_in(b2c.portal)
    assert b2c.portal.get("/api/v1/me/").json()["email"] == SAM
    assert held_in(contoso)[SAM] == "operator"
    assert WAITING not in b2c.portal.session
    again = Browser(b2c.azure)
    assert again.sign_in(SAM)["Location"] == "/"  # known from now on, by issuer and subject
    (identity,) = identities().select_related("user")
    assert (identity.user.email, identity.user.has_usable_password()) == (SAM, False)


def test_without_an_invitation_nobody_is_let_in(b2c: Browser, contoso: Tenant, alice: User) -> None:
    invited(alice, contoso, SAM)  # the mail is somewhere; this browser has not followed its link

    answer = b2c.sign_in(SAM)

    assert answer["Location"] == "/sign-in/not-invited/"
    assert b2c.portal.post("/invitation/").status_code == 404
    assert not everybody().filter(email=SAM).exists()


def test_an_invitation_of_another_address_is_not_theirs(b2c: Browser, contoso: Tenant, alice: User) -> None:
    follow(b2c.portal, invited(alice, contoso, "somebody@elsewhere.example"))
    b2c.sign_in(SAM, next="/invitation/")

    page = text(b2c.portal.get("/invitation/"))
    answer = b2c.portal.post("/invitation/")

    assert "This invitation is for another address." in page
    assert answer.status_code == 403
    assert SAM in text(answer)
    assert "somebody@elsewhere.example" not in page + text(answer)
    assert not everybody().filter(email__in=[SAM, "somebody@elsewhere.example"]).exists()
    assert not is_signed_in(b2c.portal)
    assert held_in(contoso) == {alice.email: "admin"}


def test_a_provider_that_tells_no_address_leaves_it_to_the_link(b2c: Browser, contoso: Tenant, alice: User) -> None:
    follow(b2c.portal, invited(alice, contoso, SAM))
    b2c.sign_in(SAM, next="/invitation/")
    session = b2c.portal.session
    session[WAITING] = {**session[WAITING], "email": ""}
    session.save()

    assert b2c.portal.post("/invitation/").status_code == 303
    assert held_in(contoso)[SAM] == "reader"


def test_an_identity_is_never_bound_to_an_account_because_of_its_address(
    b2c: Browser, contoso: Tenant, fabrikam: Tenant, alice: User
) -> None:
    there = person(SAM)  # an account with that address, which this identity does not sign in
    follow(b2c.portal, invited(alice, contoso, SAM))
    b2c.sign_in(SAM, next="/invitation/")

    answer = b2c.portal.post("/invitation/")

    assert answer.status_code == 409
    assert "There is an account with the invited address" in text(answer)
    assert not identities().exists()
    assert not is_signed_in(b2c.portal)
    assert SAM not in held_in(contoso)
    let_in(there, b2c.azure)  # by whoever runs the platform
    assert b2c.sign_in(SAM, next="/invitation/")["Location"] == "/invitation/"
    assert b2c.portal.post("/invitation/").status_code == 303
    assert held_in(contoso)[SAM] == "reader"


def test_what_was_proven_long_ago_does_not_count(b2c: Browser, contoso: Tenant, alice: User) -> None:
    follow(b2c.portal, invited(alice, contoso, SAM))
    b2c.sign_in(SAM, next="/invitation/")
    session = b2c.portal.session
    session[WAITING] = {**session[WAITING], "since": session[WAITING]["since"] - 16 * 60}
    session.save()

    answer = b2c.portal.post("/invitation/")

    assert (answer.status_code, answer["Location"]) == (303, "/sign-in/?next=/invitation/")
    assert not everybody().filter(email=SAM).exists()


def test_all_of_it_stands_in_the_trails(b2c: Browser, contoso: Tenant, alice: User) -> None:
    follow(b2c.portal, invited(alice, contoso, SAM))
    b2c.sign_in(SAM, next="/invitation/")
    b2c.portal.post("/invitation/")

    with entered(Scope.every_tenant(reason="A test looks at everything.")):
        events = list(AuditEvent.objects.order_by("chain", "sequence").values_list("tenant_id", "verb"))
    of_platform = [verb for tenant_id, verb in events if tenant_id is None]
    assert of_platform[-3:] == ["person.created", "identity.bound", "session.started"]
    assert (contoso.id, "invitation.accepted") in events


@pytest.mark.django_db(transaction=True)
def test_of_two_browsers_that_accept_at_once_one_makes_the_account(
    azure: Simulator, settings: LazySettings, contoso: Tenant, alice: User
) -> None:
    use_b2c(azure, settings)
    link = invited(alice, contoso, SAM)
    browsers = [Browser(azure) for _ in range(4)]
    for browser in browsers:
        follow(browser.portal, link)
        browser.sign_in(SAM, next="/invitation/")
    together, statuses = threading.Barrier(len(browsers)), []

    def press(client: Client) -> None:
        try:
            together.wait(timeout=30)
            answer: Any = client.post("/invitation/")
            statuses.append(answer.status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=press, args=(browser.portal,)) for browser in browsers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert len(statuses) == len(browsers)
    assert statuses.count(303) == 1
    assert set(statuses) <= {303, 404, 409}
    assert everybody().filter(email=SAM).count() == identities().count() == 1
    assert held_in(contoso)[SAM] == "reader"
    assert len(rows_of(contoso)) == 1
