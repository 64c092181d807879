"""Creating people by command: all of it or nothing."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from tenants.authorization import access_for
from tenants.models import Tenant
from tests.conftest import everybody

PASSWORD = "a long and unusual sentence"


def create(*arguments: str) -> dict[str, Any]:
    """What the command answers."""
    out = StringIO()
    call_command("create_person", *arguments, "--password-env", "NEW_PASSWORD", "--json", stdout=out)
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEW_PASSWORD", PASSWORD)


def test_a_new_person_can_sign_in_and_has_the_role(contoso: Tenant) -> None:
    create("Dana@Contoso.example", "--role", "contoso=operator")

    assert Client().login(username="dana@contoso.example", password=PASSWORD)
    access = access_for(everybody().get(email="dana@contoso.example"))
    assert {key: role.word for key, role in access.roles.items()} == {contoso.id: "operator"}


def test_a_known_person_keeps_the_password_and_gets_the_further_role(contoso: Tenant, fabrikam: Tenant) -> None:
    create("dana@contoso.example", "--role", "contoso=reader")

    answer = create("dana@contoso.example", "--role", "fabrikam=admin")

    assert answer["new"] is False
    assert set(access_for(everybody().get()).roles) == {contoso.id, fabrikam.id}


def test_a_known_person_can_become_auditor(contoso: Tenant) -> None:
    create("dana@contoso.example")

    create("dana@contoso.example", "--platform-role", "auditor", "--name", "Dana")

    assert (everybody().get().platform_role, everybody().get().name) == ("auditor", "Dana")


@pytest.mark.parametrize(
    "wrong",
    [
        ("not an address",),
        ("dana@contoso.example", "--role", "contoso=owner"),
        ("dana@contoso.example", "--role", "nowhere=reader"),
    ],
)
def test_bad_input_creates_nobody(contoso: Tenant, wrong: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        create(*wrong)

    assert not everybody().exists()


def test_a_weak_password_is_refused(contoso: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEW_PASSWORD", "password")

    with pytest.raises(CommandError, match="at least 12"):
        create("dana@contoso.example")
