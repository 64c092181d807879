"""`manage.py break_glass`: a password for a platform admin, for when the identity provider lets nobody in."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from governance.actors import Actor, acting_as
from governance.management.answers import add_json_option, answer
from tenants.emergencies import LONGEST_HOURS, NoAdminError, close_glass, open_glass


class Command(BaseCommand):
    """Give the password, or take it back. Both are logged as critical and written to the audit trail."""

    help = "Give an admin of the platform a password that works for some hours, or take it back with --end."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Whom, how long, why."""
        parser.add_argument("email", help="of a platform admin, or a new address")
        parser.add_argument("--hours", type=int, default=1, help=f"how long it works: 1 (default) to {LONGEST_HOURS}")
        parser.add_argument("--reason", default="", help="why; required, and written to the audit trail")
        parser.add_argument("--end", action="store_true", help="take the password back and end the sessions")
        add_json_option(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """The password is printed once and kept nowhere."""
        email = options["email"]
        try:
            with acting_as(Actor.command("break_glass")):
                if options["end"]:
                    close_glass(email)
                    words = f"The password of {email} does not work any more, and {email} is signed out."
                    answer(self, {"email": email, "ended": True}, words, as_json=options["as_json"])
                    return
                password, until = open_glass(email, hours=options["hours"], reason=options["reason"])
        except ValidationError as error:
            raise CommandError("\n".join(error.messages)) from error
        except NoAdminError as error:
            raise CommandError(str(error)) from error
        fact = {"email": email, "password": password, "until": until, "sign_in": "/sign-in/password/"}
        words = (
            f"Sign in at /sign-in/password/ as {email} with this password, until {until:%Y-%m-%d %H:%M} UTC:\n"
            f"{password}\nTake it back with: manage.py break_glass {email} --end"
        )
        answer(self, fact, words, as_json=options["as_json"])
