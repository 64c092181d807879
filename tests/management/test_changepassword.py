"""`manage.py changepassword`: the operator sets a password anew."""

import getpass

import pytest
from django.core.management import CommandError, call_command

from tests.conftest import everybody, person

PASSWORD = "four random words here"


def test_a_password_is_set_anew(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    person("dana@contoso.example")
    monkeypatch.setattr(getpass, "getpass", lambda prompt: PASSWORD)

    call_command("changepassword", "dana@contoso.example")

    assert everybody().get().check_password(PASSWORD)


def test_an_unknown_person_is_said_to_be_unknown(db: None) -> None:
    with pytest.raises(CommandError, match="does not exist"):
        call_command("changepassword", "nobody@contoso.example")
