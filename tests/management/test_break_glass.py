"""The emergency password: for an admin of the platform, for some hours, and in the audit trail."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from audit.models import AuditEvent
from audit.verbs import Verb
from governance.tenancy import Scope, entered
from tenants.models import User
from tests.conftest import everybody

PLACE = "/sign-in/password/"


@pytest.fixture(autouse=True)
def _no_local_accounts(settings: LazySettings) -> None:
    settings.SIGN_IN_LOCAL = False


def open_glass(email: str, *options: str, reason: str = "The provider is down.") -> dict[str, Any]:
    """What the command answers."""
    out = StringIO()
    call_command("break_glass", email, "--reason", reason, "--json", *options, stdout=out)
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


def try_password(email: str, password: str, path: str = PLACE) -> Client:
    """A browser after sending the form."""
    client = Client()
    client.post(path, {"username": email, "password": password})
    return client


def is_signed_in(client: Client) -> bool:
    """Whether somebody is."""
    return client.get("/api/v1/me/").status_code == 200


def test_an_admin_signs_in_with_it_though_local_accounts_are_off(pat: User) -> None:
    given = open_glass(pat.email)

    browser = try_password(pat.email, given["password"])

    assert is_signed_in(browser)
    assert browser.session.get_expiry_age() <= 60 * 60


def test_a_new_address_becomes_an_admin_of_the_platform(db: None) -> None:
    given = open_glass("glass@platform.example", "--hours", "2")

    assert try_password("glass@platform.example", given["password"]).get("/tenants/connect/").status_code == 200


def test_it_does_not_work_after_its_time(pat: User) -> None:
    given = open_glass(pat.email)
    everybody().filter(pk=pat.pk).update(password_expires_at=timezone.now() - timedelta(seconds=1))

    assert not is_signed_in(try_password(pat.email, given["password"]))


def test_it_is_taken_back_with_what_was_opened_by_it(pat: User) -> None:
    given = open_glass(pat.email)
    browser = try_password(pat.email, given["password"])

    call_command("break_glass", pat.email, "--end", stdout=StringIO())

    assert not is_signed_in(browser)
    assert not is_signed_in(try_password(pat.email, given["password"]))


def test_it_is_written_down_without_the_password(pat: User) -> None:
    given = open_glass(pat.email, reason="Entra ID is down since noon.")
    call_command("break_glass", pat.email, "--end", stdout=StringIO())

    with entered(Scope.every_tenant(reason="A test reads the trail.")):
        opened, closed = AuditEvent.objects.filter(verb__startswith="break_glass").order_by("sequence")
    assert (opened.verb, closed.verb) == (Verb.BREAK_GLASS_OPENED, Verb.BREAK_GLASS_CLOSED)
    assert (opened.actor_kind, opened.target_id, opened.reason) == (
        "command",
        str(pat.id),
        "Entra ID is down since noon.",
    )
    assert given["password"] not in str(vars(opened))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--hours", "9"), "from 1 to 8 hours"),
        (("--hours", "0"), "from 1 to 8 hours"),
        (("--reason", " "), "Say why"),
    ],
)
def test_too_long_or_for_no_reason_is_refused(pat: User, options: tuple[str, ...], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        open_glass(pat.email, *options)


def test_nobody_else_becomes_an_admin_by_it(alice: User) -> None:
    with pytest.raises(CommandError, match="no active admin of the platform"):
        open_glass(alice.email)

    assert everybody().get(pk=alice.pk).platform_role == ""


def test_what_is_no_address_is_refused(db: None) -> None:
    with pytest.raises(CommandError, match="valid email"):
        open_glass("nobody")
    with pytest.raises(CommandError, match="no such password"):
        call_command("break_glass", "nobody@platform.example", "--end")


def test_other_passwords_do_not_work_where_local_accounts_are_off(db: None) -> None:
    User.objects.create_user("dana@contoso.example", password="a long and unusual sentence")

    for path in (PLACE, "/sign-in/"):
        assert not is_signed_in(try_password("dana@contoso.example", "a long and unusual sentence", path))


def test_the_form_is_shown_at_its_own_address_only(db: None) -> None:
    assert 'type="password"' not in Client().get("/sign-in/").content.decode()
    assert 'type="password"' in Client().get(PLACE).content.decode()
