"""In a process with Django: what the browser finds. Made by the doors users have, from a simulated Azure.

    contoso    read three times over a month, the last time with a gap        alice admin, olga operator, bob reader
    fabrikam   the same month; it lost a subscription on the way              charlie admin, alice reader
    northwind  read once, then refused                                        alice reader
    tailwind   connected and never read                                       ines reader

Contoso and fabrikam are in a group each. Audrey, the platform's auditor, and pat,
its admin, see all of them; nora sees none. Sam can prove who they are, and nobody invited them; ivy holds an
invitation into contoso.
"""

import time
from dataclasses import asdict
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from audit.models import SyncRun
from costs.rate_files import RateLine, take_rates
from costs.spans import months_before
from governance.access import Role
from governance.azure.simulator.directory import B2C_DOMAIN, SIGN_IN_POLICY, Person
from governance.azure.simulator.faults import Fault
from governance.azure.simulator.server import Simulator
from governance.tenancy import Scope, entered
from inventory.models import Resource
from tenants.actions import group_tenants
from tenants.identities import WAITING, ProvenIdentity, bind_identity
from tenants.invitations import PROOF, invite, new_token, proof_in
from tenants.models import Tenant, User
from tests.conftest import connect, person, read_costs, sync
from tests.portal.crawl import Address, addresses, demand_a_tag, files_of, invite_a_guest, side

RESOURCES = {"contoso": 130, "fabrikam": 60, "northwind": 40, "tailwind": 20}  # contoso fills three pages of a list
DAYS = 31  # from the first reading to the last, which is today's
COST_SOURCES = ("ea-focus-csv", "mca-report")  # of the two subscriptions of each tenant
PASSWORD = "a long and unusual sentence"
HOST = "127.0.0.1"
RATE_DAYS = 420
LONG_SECONDS = 60 * 60  # longer than the browser tests take
IVY = "ivy@elsewhere.example"
SAM = Person("sam@contoso.example", "Sam")
EMAILS = {
    **{name: f"{name}@contoso.example" for name in ("alice", "olga", "bob", "nora")},
    "charlie": "charlie@fabrikam.example",
    "ines": "ines@tailwind.example",
    **{name: f"{name}@platform.example" for name in ("pat", "audrey")},
}


def make(azure: Simulator) -> dict[str, Any]:
    """Migrate, connect, read, and let people in. The answer is all that the tests may know beforehand."""
    call_command("migrate", verbosity=0)
    tenants = {name: connect(azure, name) for name in RESOURCES}
    people = _people()
    for user in people.values():
        _bind(azure, user)
    _read(azure, tenants)
    _publish_rates(azure.today)
    for name in ("contoso", "fabrikam"):
        demand_a_tag(tenants[name], people["alice"])
        invite_a_guest(tenants[name], people["alice"])
    _group(tenants)
    files = files_of(people["alice"], SERVER_NAME=HOST)
    keys = side(azure, tenants["contoso"], tenants["fabrikam"], list(people.values()), files).keys
    return {
        "password": PASSWORD,
        "people": {name: {"email": user.email, "session": _session_of(user)} for name, user in people.items()}
        | {
            "sam": {"email": SAM.email, "session": _session_of_uninvited(azure)},
            "ivy": {"email": IVY, "session": _session_of_invited(tenants["contoso"], people["alice"])},
        },
        "keys": keys,
        "answers": _answers({name: people[name] for name in ("alice", "pat")}, keys),
        "runs": _runs(),
        "resources": _names(tenants["contoso"]),
    }


def _people() -> dict[str, User]:
    people = {
        "alice": person(EMAILS["alice"], contoso=Role.ADMIN, fabrikam=Role.READER, northwind=Role.READER),
        "olga": person(EMAILS["olga"], contoso=Role.OPERATOR),
        "bob": person(EMAILS["bob"], contoso=Role.READER),
        "charlie": person(EMAILS["charlie"], fabrikam=Role.ADMIN),
        "pat": person(EMAILS["pat"], platform_role="admin"),
        "audrey": person(EMAILS["audrey"], platform_role="auditor"),
        "ines": person(EMAILS["ines"], tailwind=Role.READER),
        "nora": person(EMAILS["nora"]),
    }
    for user in people.values():
        user.set_password(PASSWORD)
        user.save()
    return people


def _bind(azure: Simulator, user: User) -> None:
    bind_identity(user, f"{azure.url}/{azure.directory.tenant_id}/v2.0/", azure.directory.object_id(user.email))


def _read(azure: Simulator, tenants: dict[str, Tenant]) -> None:
    """A month of syncs, each of the unhappy ends among the last of them."""
    contoso, fabrikam, northwind = (tenants[name] for name in ("contoso", "fabrikam", "northwind"))
    _read_each(contoso, fabrikam, northwind)
    azure.advance(days=DAYS - 8 - 3)
    _read_each(contoso, fabrikam)
    azure.cost_settings.change({"polls": 0, "retry_seconds": 0})  # its reports are ready at once
    azure.advance(days=8)
    _spend(azure, contoso, fabrikam, months=2)
    azure.advance(days=3)
    _spend(azure, contoso, fabrikam, months=1)
    _read_with(azure, Fault("bad_row", path="ResourceGraph", how="oversized_name", times=1), contoso)
    _read_with(azure, Fault("forbidden"), northwind)
    _read_each(fabrikam)


def _spend(azure: Simulator, *tenants: Tenant, months: int) -> None:
    """Read the costs of the open month, and of some before it: all thirteen would take a minute."""
    for tenant in tenants:
        for number in range(months):
            read_costs(tenant, today=azure.today, month=months_before(azure.today.replace(day=1), number))


def _read_each(*tenants: Tenant) -> None:
    for tenant in tenants:
        sync(tenant)


def _read_with(azure: Simulator, fault: Fault, tenant: Tenant) -> None:
    azure.faults.add(fault)
    sync(tenant)
    azure.faults.clear()


def _publish_rates(today: date) -> None:
    """A rate of the euro for each day of the year, and of the dollar but for the last weeks, in Swiss francs."""
    days = [today - timedelta(days=number) for number in range(RATE_DAYS)]
    euros = [RateLine(day, "EUR", "CHF", Decimal("0.93") + Decimal(day.day).scaleb(-4), "A bank") for day in days]
    dollars = [RateLine(day, "USD", "CHF", Decimal("0.81"), "Another bank") for day in days[40:]]
    take_rates([*euros, *dollars])


def _group(tenants: dict[str, Tenant]) -> None:
    for name in ("contoso", "fabrikam"):
        group_tenants(f"group-of-{name}", [tenants[name]])


def _session_of(user: User) -> str:
    """The cookie of somebody who has signed in."""
    client = Client()
    client.force_login(user)
    session: SessionBase = client.session
    return str(session.session_key)


def _session_of_uninvited(azure: Simulator) -> str:
    """The cookie of sam, who proved who they are a moment ago and is nobody here; for as long as the tests run."""
    session: SessionBase = Client().session
    issuer, subject = f"{azure.url}/{azure.directory.tenant_id}/v2.0/", azure.directory.object_id(SAM.email)
    proven = ProvenIdentity("b2c", issuer, subject, SAM.email, SAM.name)
    session[WAITING] = {**asdict(proven), "since": int(time.time()) + LONG_SECONDS}
    session.save()
    return str(session.session_key)


def _session_of_invited(tenant: Tenant, by: User) -> str:
    """The cookie of ivy, who followed the link of her mail and has not signed in."""
    with entered(Scope.of(tenant.id)):
        (row,) = invite([tenant], IVY, Role.OPERATOR, by=by).rows
        token, row.secret_hash = new_token(row.letter)
        row.mail_due_at, row.mailed_at = None, timezone.now()
        row.save()
    session: SessionBase = Client().session
    session[PROOF] = proof_in(token)
    session.save()
    return str(session.session_key)


def _answers(people: dict[str, User], keys: dict[str, str]) -> dict[str, dict[str, Any]]:
    """By view: where each address of the URL configuration is, and what it answers the first of these who may."""
    pages = [address for address in addresses() if not address.is_api]
    found: dict[str, dict[str, Any]] = {}
    for who, user in people.items():
        client = Client(SERVER_NAME=HOST)
        client.force_login(user)
        for address in pages:
            if address.view not in found or found[address.view]["status"] == 403:
                found[address.view] = _answer(client, address, keys) | {"who": who}
    return found


def _answer(client: Client, address: Address, keys: dict[str, str]) -> dict[str, Any]:
    path = address.path(keys)
    response = client.get(path)
    return {
        "path": path,
        "status": response.status_code,
        "type": response.headers.get("Content-Type", "").partition(";")[0],
        "is_file": "Content-Disposition" in response.headers,
        "needs_key": address.needs_key,
    }


def _runs() -> dict[str, str]:
    """One run of each outcome there is."""
    with entered(Scope.every_tenant(reason="A test looks for runs of every kind.")):
        return {run.outcome: str(run.id) for run in SyncRun.objects.order_by("started_at")}


def _names(tenant: Tenant) -> list[str]:
    with entered(Scope.of(tenant.id)):
        return list(Resource.objects.live().order_by("name", "id").values_list("name", flat=True))


def point_to(azure: Simulator) -> None:
    """Make this process speak to the simulator, as environment variables do for the others."""
    settings.AZURE_AUTHORITY_HOST = settings.AZURE_ARM_ENDPOINT = azure.url
    settings.AZURE_BLOB_ENDPOINT = azure.blob_endpoint
    settings.AZURE_CA_FILE = settings.SOCIAL_AUTH_VERIFY_SSL = str(azure.ca_file)
    for name, value in sign_in_with(azure).items():
        setattr(settings, name, value)


def sign_in_with(azure: Simulator) -> dict[str, str]:
    """What makes the simulator the portal's identity provider: its B2C, and the Entra ID of contoso."""
    application = azure.directory.application
    return {
        "SIGN_IN_B2C_HOST": azure.url.removeprefix("https://"),
        "SIGN_IN_B2C_TENANT": B2C_DOMAIN,
        "SIGN_IN_B2C_POLICY": SIGN_IN_POLICY,
        "SIGN_IN_B2C_TITLE": "Contoso ID",
        "SIGN_IN_OIDC_AUTHORITY": f"{azure.url}/{azure.tenant('contoso').tenant_id}/v2.0",
        **{
            f"SIGN_IN_{name}_{word}": value
            for name in ("B2C", "OIDC")
            for word, value in (("CLIENT_ID", application.client_id), ("CLIENT_SECRET", application.client_secret))
        },
    }


def register(azure: Simulator, portal: str) -> None:
    """Let the people of the estate, and sam, whom nobody invited, sign in to the portal at this address."""
    azure.directory.add([*(Person(email, email.partition("@")[0].title()) for email in EMAILS.values()), SAM])
    azure.directory.register(*(f"{portal}/sign-in/{path}" for path in ("", "b2c/done/", "oidc/done/")))
