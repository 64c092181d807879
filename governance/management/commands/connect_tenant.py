"""`manage.py connect_tenant`: make an Azure tenant known to the platform."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from governance.azure.cost_scopes import FORMS as SCOPES
from governance.azure.credentials import FORMS, missing_secret
from governance.management.acting import ActingCommand
from governance.management.answers import add_json_option, answer
from tenants.actions import connect_tenant


class Command(ActingCommand):
    """Connect one tenant, or give a connected one new credentials. Safe to run again."""

    help = "Connect an Azure tenant. Exit status 0 when it is connected."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The tenant's name here, its ids in Azure, and where its secret is."""
        parser.add_argument("name", help="a short name: lower-case letters, digits, hyphens")
        parser.add_argument("--azure-tenant-id", required=True, help="the directory's GUID")
        parser.add_argument("--client-id", required=True, help="the application's GUID")
        parser.add_argument("--secret-ref", required=True, help=FORMS)
        parser.add_argument(
            "--cost-export-scope",
            metavar="SCOPE",
            help=f'where cost exports of more than one subscription stand: {SCOPES}; "" for none, left out: as it is',
        )
        add_json_option(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Store the connection; the secret itself is never stored."""
        try:
            tenant, is_new = connect_tenant(
                options["name"],
                azure_tenant_id=_guid(options["azure_tenant_id"], "--azure-tenant-id"),
                client_id=_guid(options["client_id"], "--client-id"),
                secret_ref=options["secret_ref"],
                cost_export_scope=options["cost_export_scope"],
            )
        except ValidationError as error:
            raise CommandError("\n".join(error.messages)) from error
        fact = {"tenant": tenant.name, "id": tenant.id, "azure_tenant_id": tenant.azure_tenant_id, "new": is_new}
        verb = "Connected" if is_new else "Updated"
        answer(self, fact, f"{verb} {tenant.name} (Azure tenant {tenant.azure_tenant_id}).", as_json=options["as_json"])
        if reason := missing_secret(tenant.secret_ref):
            self.stderr.write(f"{reason} Provide it before the first sync.")
        if not options["as_json"]:
            self.stdout.write(f"Next: manage.py preflight {tenant.name}")


def _guid(text: str, option: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise CommandError(f"{option} {text!r} is not a GUID like 72f988bf-86f1-41af-91ab-2d7cd011db47.") from error
