"""Whose account at a provider is whose, and when sessions end."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db.models import F
from django.test import Client, RequestFactory
from django.utils import timezone
from social_django.models import Association, Nonce

from audit.models import AuditEvent, EventOutcome
from audit.verbs import Verb
from governance.azure.simulator.server import Simulator
from governance.tenancy import Scope, entered
from tenants.identities import (
    WAITING_SECONDS,
    IdentityTakenError,
    ProvenIdentity,
    bind_identity,
    forget_waiting,
    let_wait,
    person_of,
    waiting_identity,
)
from tenants.models import Membership, Tenant, User
from tenants.tasks import tidy_sign_ins
from tests.conftest import everybody, identities, signed_in
from tests.portal.providers import STRANGER, Browser, is_signed_in, let_in, use_b2c

ISSUER = "https://login.contoso.com/5cf3f3a4-8b0e-4a3e-9d2a-6b1f6b7c0001/v2.0/"
SUBJECT = "884408e1-2918-4c00-b12d-3aa027d7563b"


def create_person(*arguments: str) -> dict[str, Any]:
    """What the command answers."""
    out = StringIO()
    call_command("create_person", *arguments, "--json", stdout=out)
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


def events(verb: Verb) -> list[AuditEvent]:
    """Of the trail, in order."""
    with entered(Scope.every_tenant(reason="A test reads the trail.")):
        return list(AuditEvent.objects.filter(verb=verb).order_by("sequence"))


# --- binding ----------------------------------------------------------------------------------------------------------


def test_an_identity_signs_in_the_person_it_is_bound_to(alice: User, bob: User) -> None:
    bind_identity(alice, ISSUER, SUBJECT)
    bind_identity(bob, ISSUER, "another")

    assert person_of(ISSUER, SUBJECT) == alice
    assert person_of(ISSUER, "another") == bob
    assert person_of("https://evil.example/", SUBJECT) is None


@pytest.mark.parametrize("subject", [SUBJECT.upper(), f"{SUBJECT} ", SUBJECT[:-1], ""])
def test_a_subject_of_other_letters_is_somebody_else(alice: User, subject: str) -> None:
    bind_identity(alice, ISSUER, SUBJECT)

    assert person_of(ISSUER, subject) is None


def test_binding_again_changes_nothing_and_stealing_is_refused(alice: User, bob: User) -> None:
    bind_identity(alice, ISSUER, SUBJECT)
    bind_identity(alice, ISSUER, SUBJECT)

    with pytest.raises(IdentityTakenError, match="somebody else already"):
        bind_identity(bob, ISSUER, SUBJECT)

    assert identities().get().user_id == alice.id
    [event] = events(Verb.IDENTITY_BOUND)
    assert event.target_id == str(alice.id)
    assert json.loads(event.after) == {"issuer": ISSUER, "subject": SUBJECT}


def test_the_first_admin_of_the_platform_is_made_by_command(
    azure: Simulator, settings: LazySettings, contoso: Tenant
) -> None:
    use_b2c(azure, settings)
    directory = azure.directory
    issuer = f"{azure.url}/{directory.tenant_id}/v2.0/"

    answer = create_person(
        STRANGER.email, "--platform-role", "admin", "--identity", issuer, directory.object_id(STRANGER.email)
    )

    browser = Browser(azure)
    browser.sign_in(STRANGER.email)
    assert answer["new"] is True
    assert browser.portal.get("/tenants/connect/").status_code == 200
    assert not everybody().get(email=STRANGER.email).has_usable_password()


def test_a_command_gives_nobody_an_identity_of_somebody_else(alice: User) -> None:
    bind_identity(alice, ISSUER, SUBJECT)

    with pytest.raises(CommandError, match="somebody else already"):
        create_person("dana@contoso.example", "--identity", ISSUER, SUBJECT)

    assert not everybody().filter(email="dana@contoso.example").exists()


def test_who_waits_is_forgotten_after_a_quarter_of_an_hour(monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    request = RequestFactory().get("/")
    request.session = Client().session
    proven = ProvenIdentity("b2c", ISSUER, SUBJECT, "sam@contoso.example", "Sam")
    assert waiting_identity(request) is None

    let_wait(request, proven)

    assert waiting_identity(request) == proven
    request.session["waiting_identity"]["since"] -= WAITING_SECONDS + 1
    assert waiting_identity(request) is None
    let_wait(request, proven)
    forget_waiting(request)
    assert waiting_identity(request) is None


# --- sessions ---------------------------------------------------------------------------------------------------------


def test_who_loses_the_last_role_is_signed_out_everywhere(contoso: Tenant, fabrikam: Tenant, alice: User) -> None:
    call_command("create_person", "bob@contoso.example", "--role", "contoso=reader", "--identity", ISSUER, SUBJECT)
    call_command("create_person", "bob@contoso.example", "--role", "fabrikam=reader")
    bob = everybody().get(email="bob@contoso.example")
    browser = signed_in(bob)

    remove(bob, contoso)
    assert is_signed_in(browser)
    remove(bob, fabrikam)

    assert not is_signed_in(browser)
    assert is_signed_in(signed_in(everybody().get(pk=bob.pk)))


def remove(user: User, tenant: Tenant) -> None:
    """Take the role away, as an admin of the platform does it."""
    with entered(Scope.of(tenant.id)):
        membership = Membership.objects.get(user=user)
    admin = everybody().filter(email="pat@platform.example").first() or User.objects.create_user(
        "pat@platform.example", platform_role="admin"
    )
    answer = signed_in(admin).post(f"/tenants/{tenant.id}/people/{membership.id}/remove/")
    assert answer.status_code == 303, answer.content.decode()


def test_what_is_over_is_tidied_away_and_nothing_else(azure: Simulator, settings: LazySettings, alice: User) -> None:
    use_b2c(azure, settings)
    let_in(alice, azure)
    browser, waiting, late = Browser(azure), Browser(azure), Browser(azure)
    late.start()
    Nonce.objects.update(timestamp=F("timestamp") - 2 * 3600)
    Association.objects.update(issued=F("issued") - 2 * 3600)
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    browser.sign_in(alice.email)
    address = waiting.start()

    tidy_sign_ins()

    assert (Nonce.objects.count(), Association.objects.count(), Session.objects.count()) == (1, 1, 2)
    assert is_signed_in(browser.portal)
    assert waiting.come_back(waiting.choose(address, alice.email))["Location"] == "/"


# --- the trail --------------------------------------------------------------------------------------------------------


def test_signing_in_and_out_and_every_refusal_are_written_down(
    azure: Simulator, settings: LazySettings, alice: User
) -> None:
    use_b2c(azure, settings)
    let_in(alice, azure)
    browser = Browser(azure)

    browser.sign_in(alice.email)
    browser.portal.post("/sign-out/")
    browser.sign_in(STRANGER.email, again="yes")
    browser.come_back(browser.cancel(browser.start(again="yes")))
    browser.portal.post("/sign-in/", {"username": alice.email, "password": "not the right one"})

    [started], [ended] = events(Verb.SIGNED_IN), events(Verb.SIGNED_OUT)
    assert (started.actor_id, json.loads(started.after), started.address) == (
        str(alice.id),
        {"provider": "b2c"},
        "127.0.0.1",
    )
    assert (ended.actor_id, ended.target_id) == (str(alice.id), str(alice.id))
    refused = events(Verb.SIGN_IN_REFUSED)
    assert [event.reason for event in refused] == [
        "unknown_person",
        "authorization_declined at callback",
        "wrong_password",
    ]
    assert {(event.outcome, event.actor_kind) for event in refused} == {(EventOutcome.REFUSED, "nobody")}
    assert refused[0].target_id == azure.directory.object_id(STRANGER.email)
    assert "not the right one" not in str([vars(event) for event in refused])
