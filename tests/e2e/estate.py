"""In a process with Django: what the browser finds. Made by the doors users have, from a simulated Azure.

    contoso    read three times over a month, the last time with a gap        alice admin, olga operator, bob reader
    fabrikam   the same month; it lost a subscription on the way              charlie admin, alice reader
    northwind  read once, then refused                                        alice reader
    tailwind   connected and never read                                       ines reader

Contoso and fabrikam are in a group each. Audrey, the platform's auditor, and pat,
its admin, see all of them; nora sees none.
"""

from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.core.management import call_command
from django.test import Client

from audit.models import SyncRun
from governance.access import Role
from governance.azure.simulator.faults import Fault
from governance.azure.simulator.server import Simulator
from governance.tenancy import Scope, entered
from inventory.models import Resource
from tenants.actions import group_tenants
from tenants.models import Tenant, User
from tests.conftest import connect, person, sync
from tests.portal.crawl import Address, addresses, demand_a_tag, files_of, side

RESOURCES = {"contoso": 130, "fabrikam": 60, "northwind": 40, "tailwind": 20}  # contoso fills three pages of a list
PASSWORD = "a long and unusual sentence"
HOST = "127.0.0.1"


def make(azure: Simulator) -> dict[str, Any]:
    """Migrate, connect, read, and let people in. The answer is all that the tests may know beforehand."""
    call_command("migrate", verbosity=0)
    tenants = {name: connect(azure, name) for name in RESOURCES}
    people = _people()
    _read(azure, tenants)
    for name in ("contoso", "fabrikam"):
        demand_a_tag(tenants[name], people["alice"])
    _group(tenants)
    files = files_of(people["alice"], SERVER_NAME=HOST)
    keys = side(azure, tenants["contoso"], tenants["fabrikam"], list(people.values()), files).keys
    return {
        "password": PASSWORD,
        "people": {name: {"email": user.email, "session": _session_of(user)} for name, user in people.items()},
        "keys": keys,
        "answers": _answers({name: people[name] for name in ("alice", "pat")}, keys),
        "runs": _runs(),
        "resources": _names(tenants["contoso"]),
    }


def _people() -> dict[str, User]:
    people = {
        "alice": person("alice@contoso.example", contoso=Role.ADMIN, fabrikam=Role.READER, northwind=Role.READER),
        "olga": person("olga@contoso.example", contoso=Role.OPERATOR),
        "bob": person("bob@contoso.example", contoso=Role.READER),
        "charlie": person("charlie@fabrikam.example", fabrikam=Role.ADMIN),
        "pat": person("pat@platform.example", platform_role="admin"),
        "audrey": person("audrey@platform.example", platform_role="auditor"),
        "ines": person("ines@tailwind.example", tailwind=Role.READER),
        "nora": person("nora@contoso.example"),
    }
    for user in people.values():
        user.set_password(PASSWORD)
        user.save()
    return people


def _read(azure: Simulator, tenants: dict[str, Tenant]) -> None:
    """A month of syncs, each of the unhappy ends among the last of them."""
    contoso, fabrikam, northwind = (tenants[name] for name in ("contoso", "fabrikam", "northwind"))
    _read_each(contoso, fabrikam, northwind)
    azure.advance(days=20)
    _read_each(contoso, fabrikam)
    azure.advance(days=11)
    _read_with(azure, Fault("bad_row", path="ResourceGraph", how="oversized_name", times=1), contoso)
    _read_with(azure, Fault("forbidden"), northwind)
    _read_each(fabrikam)


def _read_each(*tenants: Tenant) -> None:
    for tenant in tenants:
        sync(tenant)


def _read_with(azure: Simulator, fault: Fault, tenant: Tenant) -> None:
    azure.faults.add(fault)
    sync(tenant)
    azure.faults.clear()


def _group(tenants: dict[str, Tenant]) -> None:
    for name in ("contoso", "fabrikam"):
        group_tenants(f"group-of-{name}", [tenants[name]])


def _session_of(user: User) -> str:
    """The cookie of somebody who has signed in."""
    client = Client()
    client.force_login(user)
    session: SessionBase = client.session
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
    settings.AZURE_CA_FILE = str(azure.ca_file)
