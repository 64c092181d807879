"""`manage.py platform_role`: who audits and who administers the platform."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.trail import Actor, acting_as
from governance.management.answers import add_json_option, answer
from tenants.models import User
from tenants.platform_roles import LastPlatformAdminError, person_with, set_platform_role


class Command(BaseCommand):
    """Make somebody auditor or admin of the platform, or neither."""

    help = "Give somebody with an account a role over the whole platform, or take it away."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Who, and what."""
        parser.add_argument("email")
        parser.add_argument("role", choices=["auditor", "admin", "none"])
        add_json_option(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Change it, unless that leaves no admin."""
        user = person_with(options["email"])
        if user is None:
            raise CommandError(f"Nobody has an account with the address {options['email']}.")
        try:
            with acting_as(Actor.command("platform_role")):
                changed = set_platform_role(user, User.PlatformRole(options["role"].replace("none", "")))
        except LastPlatformAdminError as error:
            raise CommandError(str(error)) from error
        fact = {"email": user.email, "platform_role": user.platform_role, "changed": changed}
        label = user.get_platform_role_display() if user.platform_role else "No role in the platform"
        answer(self, fact, f"{user.email}: {label}{'' if changed else ', as before'}.", as_json=options["as_json"])
