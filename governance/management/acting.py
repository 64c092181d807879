"""A command acts in its own name, and in that of the machine's account that runs it."""

from typing import Any

from django.core.management.base import BaseCommand

from governance.actors import Actor, acting_as


class ActingCommand(BaseCommand):
    """A command whose changes the audit trail writes down as its own."""

    def execute(self, *args: Any, **options: Any) -> Any:
        """Run it as itself."""
        with acting_as(Actor.command(type(self).__module__.rpartition(".")[2])):
            return super().execute(*args, **options)
