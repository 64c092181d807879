"""`manage.py migrate`: Django's, in the scope of every tenant."""

from typing import Any

from django.core.management.commands import migrate

from governance.tenancy import Scope, entered


class Command(migrate.Command):
    """A migration that rewrites rows sees none of a protected table outside every scope: FORCE holds for owners too."""

    def handle(self, *args: Any, **options: Any) -> None:
        """As Django's."""
        with entered(Scope.every_tenant(reason="Migrations rewrite the rows of every tenant.")):
            super().handle(*args, **options)
