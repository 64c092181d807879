"""`manage.py changepassword EMAIL`: Django's, in the scope of every tenant."""

from typing import Any

from django.contrib.auth.management.commands import changepassword

from governance.tenancy import Scope, entered


class Command(changepassword.Command):
    """The database shows no account outside every scope, and this one looks for whoever is named."""

    def handle(self, *args: Any, **options: Any) -> str | None:
        """As Django's."""
        with entered(Scope.every_tenant(reason="An account belongs to no tenant.")):
            return super().handle(*args, **options)
