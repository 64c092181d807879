"""`manage.py create_person`: somebody with roles, who signs in with an identity provider or a local password.

It makes the platform's first admin, whom nobody can invite:

    manage.py create_person pat@contoso.example --platform-role admin --identity ISSUER SUBJECT

The page that says "Nobody has invited you" shows both to whoever tries to sign in.
"""

import getpass
import os
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.core.validators import validate_email
from django.db import transaction

from audit.trail import Target, gathered, record
from audit.verbs import Verb
from governance.access import Role
from governance.management.acting import ActingCommand
from governance.management.answers import add_json_option, answer
from governance.management.tenants import named_tenant
from tenants.actions import grant_role
from tenants.identities import IdentityTakenError, bind_identity
from tenants.models import User


class Command(ActingCommand):
    """Create somebody who can sign in, or change a known person's name and roles.

    Without an identity a password is asked for.
    """

    help = "Create somebody who can sign in, or change the name, roles and identities of somebody known."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Who, and what they may do."""
        parser.add_argument("email")
        parser.add_argument("--name", default="")
        parser.add_argument(
            "--role", action="append", default=[], metavar="TENANT=ROLE", help="reader, operator or admin"
        )
        parser.add_argument("--platform-role", default="", choices=["auditor", "admin"])
        parser.add_argument(
            "--identity", nargs=2, metavar=("ISSUER", "SUBJECT"), help="the account at an identity provider"
        )
        parser.add_argument("--password-env", metavar="VARIABLE", help="take the password from there instead of asking")
        add_json_option(parser)

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        """All of it or nothing."""
        roles = dict(_role(text) for text in options["role"])
        email = options["email"].strip().lower()
        user = User.objects.across_tenants(reason="Accounts belong to no tenant.").filter(email=email).first()
        is_new = user is None
        try:
            if user is None:
                validate_email(email)
                password = None if options["identity"] else _password(options["password_env"])
                if password is not None:
                    validate_password(password)
                user = User.objects.create_user(email, password=password)
        except ValidationError as error:
            raise CommandError("\n".join(error.messages)) from error
        before = None if is_new else {"name": user.name, "platform_role": user.platform_role}
        user.name = options["name"] or user.name
        user.platform_role = options["platform_role"] or user.platform_role
        user.save()
        with gathered():
            after = {"name": user.name, "platform_role": user.platform_role}
            verb = Verb.PERSON_CREATED if is_new else Verb.PERSON_CHANGED
            record(verb, tenant_id=None, target=Target.of(user, label=user.email), before=before, after=after)
            if options["identity"]:
                _bind(user, *options["identity"])
            for name, role in roles.items():
                with named_tenant(name) as tenant:
                    grant_role(user, tenant, role)
        held = {name: role.word for name, role in roles.items()}
        fact = {"email": user.email, "new": is_new, "roles": held, "platform_role": user.platform_role}
        described = ", ".join(f"{role} of {name}" for name, role in held.items()) or "no role in a tenant"
        words = f"{'Created' if is_new else 'Updated'} {user.email}: {described}."
        answer(self, fact, words, as_json=options["as_json"])


def _bind(user: User, issuer: str, subject: str) -> None:
    try:
        bind_identity(user, issuer, subject)
    except IdentityTakenError as error:
        raise CommandError(str(error)) from error


def _role(text: str) -> tuple[str, Role]:
    name, _, word = text.partition("=")
    try:
        return name, Role.from_word(word)
    except KeyError as error:
        raise CommandError(f"{text!r} is not TENANT=ROLE with a role of reader, operator or admin.") from error


def _password(variable: str | None) -> str:
    if variable is None:
        return getpass.getpass("Password: ")
    try:
        return os.environ[variable]
    except KeyError as error:
        raise CommandError(f"The environment variable {variable} is not set.") from error
