"""``manage.py runsimulator``: a local Azure to connect tenants to, until it is interrupted."""

import json
import shlex
import signal
import threading
from datetime import date
from pathlib import Path
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from governance.azure.simulator.billing import ARRANGEMENTS
from governance.azure.simulator.directory import API_SCOPE, B2C_DOMAIN, SIGN_IN_POLICY, Person
from governance.azure.simulator.server import Simulator
from governance.azure.simulator.world import Tenant, stored_day, stored_day_zero

DAY_FILE = "world.json"
WAKE_SECONDS = 0.5


class Command(BaseCommand):
    help = (
        "Serves a simulated Azure over TLS: sign-in, Resource Manager, Resource Graph, Cost Management, blob storage. "
        "For development only."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8443, help="0 picks a free one")
        parser.add_argument("--seed", type=int, default=7, help="the same seed gives the same world")
        parser.add_argument("--tenants", type=int, default=3)
        parser.add_argument("--subscriptions", type=int, default=3, help="per tenant")
        parser.add_argument("--resources", type=int, default=300, help="per tenant, on day 0")
        parser.add_argument("--folder", type=Path, default=Path(".simulator"), help="keeps the local CA and the day")
        parser.add_argument("--day", type=int, help="start on this day instead of the stored one")
        parser.add_argument(
            "--day-zero",
            type=date.fromisoformat,
            metavar="YYYY-MM-DD",
            help="the date of day 0 instead of the stored one",
        )
        parser.add_argument(
            "--cost-source",
            action="append",
            default=[],
            choices=sorted(ARRANGEMENTS),
            help="how the costs of a tenant's first, second ... subscription can be read (repeatable)",
        )
        parser.add_argument(
            "--billing-exports",
            default="",
            choices=sorted(name for name, billing in ARRANGEMENTS.items() if billing.export_types),
            help="what is exported at a billing account that the first two tenants share",
        )
        parser.add_argument("--meters-per-resource", type=int, help="rows a day that every resource costs")
        parser.add_argument("--delegation", action="store_true", help="one subscription is shared by Azure Lighthouse")
        parser.add_argument(
            "--person", action="append", default=[], metavar="EMAIL=NAME", help="somebody who can sign in (repeatable)"
        )
        parser.add_argument(
            "--redirect-uri", action="append", default=[], metavar="URI", help="where sign-in may lead (repeatable)"
        )
        parser.add_argument("--json", action="store_true", help="print one line of JSON")

    def handle(self, **options: Any) -> None:
        simulator = _simulator(options)
        try:
            simulator.start()
        except OSError as error:
            raise CommandError(f"Cannot listen on {options['host']}:{options['port']}: {error}") from error
        stopped = _when_stopped()
        try:
            self.stdout.write(_as_json(simulator) if options["json"] else _in_words(simulator))
            self.stdout.flush()
            while not stopped.wait(WAKE_SECONDS):  # a signal that comes just before the wait is noticed after it
                pass
        finally:
            simulator.stop()


def _when_stopped() -> threading.Event:
    """Set by Ctrl-C and by SIGTERM."""
    stopped = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    return stopped


def _simulator(options: dict[str, Any]) -> Simulator:
    folder: Path = options["folder"]
    folder.mkdir(parents=True, exist_ok=True)
    day_file = folder / DAY_FILE
    try:
        simulator = Simulator(
            folder=folder,
            seed=options["seed"],
            tenants=options["tenants"],
            subscriptions_per_tenant=options["subscriptions"],
            resources_per_tenant=options["resources"],
            day_file=day_file,
            has_delegation=options["delegation"],
            cost_sources=options["cost_source"],
            meters_per_resource=options["meters_per_resource"],
            billing_exports=options["billing_exports"],
            day_zero=options["day_zero"] or stored_day_zero(day_file),
            host=options["host"],
            port=options["port"],
        )
        simulator.world.set_day(stored_day(day_file) if options["day"] is None else options["day"])
        simulator.directory.add(_person(text) for text in options["person"])
        simulator.directory.register(*options["redirect_uri"])
    except ValueError as error:
        raise CommandError(str(error)) from error
    return simulator


def _person(text: str) -> Person:
    email, _, name = text.partition("=")
    if not email or not name:
        raise CommandError(f"{text!r} is not EMAIL=NAME.")
    return Person(email, name)


def _environment(simulator: Simulator) -> dict[str, str]:
    return {
        "AZURE_AUTHORITY_HOST": simulator.url,
        "AZURE_ARM_ENDPOINT": simulator.url,
        "AZURE_GRAPH_ENDPOINT": simulator.url,
        "AZURE_BLOB_ENDPOINT": simulator.blob_endpoint,
        "AZURE_CA_FILE": str(simulator.ca_file.resolve()),
        "SIGN_IN_B2C_HOST": simulator.url.removeprefix("https://"),
        "SIGN_IN_B2C_TENANT": B2C_DOMAIN,
        "SIGN_IN_B2C_POLICY": SIGN_IN_POLICY,
        "SIGN_IN_B2C_CLIENT_ID": simulator.directory.application.client_id,
        "SIGN_IN_B2C_CLIENT_SECRET": simulator.directory.application.client_secret,
        "API_TOKEN_PROVIDERS": json.dumps([_token_provider(simulator)]),
    }


def _token_provider(simulator: Simulator) -> dict[str, Any]:
    """The simulated Azure AD B2C, as the API takes its access tokens."""
    return {
        "issuer": f"{simulator.url}/{simulator.directory.tenant_id}/v2.0/",
        "discovery_url": f"{simulator.url}/{B2C_DOMAIN}/{SIGN_IN_POLICY}/v2.0/.well-known/openid-configuration",
        "audience": simulator.directory.application.api_client_id,
        "scope": API_SCOPE,
        "policies": [SIGN_IN_POLICY],
    }


def _secret_variable(tenant: Tenant) -> str:
    return f"{tenant.name.upper()}_CLIENT_SECRET"


def _connect_line(simulator: Simulator, tenant: Tenant) -> str:
    account = simulator.world.billing_account
    is_billed = account is not None and tenant.tenant_id in account.tenant_ids
    return (
        f"manage.py connect_tenant {tenant.name} --azure-tenant-id {tenant.tenant_id} --client-id {tenant.client_id} "
        f"--secret-ref env:{_secret_variable(tenant)}"
        + (f" --cost-export-scope {account.scope}" if account and is_billed else "")
    )


def _as_json(simulator: Simulator) -> str:
    tenants = [
        {
            "name": tenant.name,
            "tenant_id": tenant.tenant_id,
            "client_id": tenant.client_id,
            "client_secret": tenant.client_secret,
            "secret_variable": _secret_variable(tenant),
            "subscription_ids": list(tenant.subscription_ids),
            "connect": _connect_line(simulator, tenant),
        }
        for tenant in simulator.tenants
    ]
    return json.dumps(
        {
            "url": simulator.url,
            "ca_file": str(simulator.ca_file.resolve()),
            "day": simulator.day,
            "date": simulator.today.isoformat(),
            "environment": _environment(simulator),
            "tenants": tenants,
        }
    )


def _in_words(simulator: Simulator) -> str:
    lines = [
        f"Azure simulator on {simulator.url}, day {simulator.day} ({simulator.today}). Ctrl-C stops it.",
        f"Certificate authority: {simulator.ca_file.resolve()}",
        "",
        *(f"export {name}={shlex.quote(value)}" for name, value in _environment(simulator).items()),
    ]
    for tenant in simulator.tenants:
        lines += ["", f"export {_secret_variable(tenant)}='{tenant.client_secret}'", _connect_line(simulator, tenant)]
    return "\n".join(lines)
