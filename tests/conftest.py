"""The people and places of every test: contoso and fabrikam in a simulated Azure; alice, bob and charlie.

Alice is admin of contoso, bob its reader, olga its operator; charlie is admin of fabrikam and must not even know that
contoso exists. Nobody is not signed in.
"""

import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from azure.core.pipeline.transport import RequestsTransport
from django.conf import LazySettings
from django.core.cache import cache
from django.test import Client
from redis import Redis

from audit.runs import SyncSummary
from costs.sync import sync_costs
from governance import azure_budgets
from governance.access import Role
from governance.azure.simulator.server import Simulator
from governance.tenancy import Scope, across_tenants, entered
from inventory.sync import sync_resources
from tenants.actions import connect_tenant, grant_role
from tenants.models import Identity, Tenant, User
from tests.flush import empty_as_owner

StartAzure = Callable[..., Simulator]


class SimulatedTime:
    """The clock of the simulated Azure. Our waiting moves it on instead of the test's."""

    def __init__(self) -> None:
        self.waited: list[float] = []

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time() + sum(self.waited)

    def sleep(self, seconds: float) -> None:
        """What the transport calls instead of sleeping."""
        self.waited.append(seconds)


@pytest.fixture(autouse=True)
def azure_time(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> SimulatedTime:
    """Nothing sleeps in a test: what the transport would wait is only noted."""
    clock = SimulatedTime()
    settings.AZURE_READ_TIMEOUT_SECONDS = 2.0
    monkeypatch.setattr(RequestsTransport, "sleep", lambda _, seconds: clock.sleep(seconds))
    monkeypatch.setattr(azure_budgets, "now", clock.now)
    return clock


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> None:
    """The test's database; what empties it may empty the audit trail too."""
    empty_as_owner()


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    cache.clear()


@pytest.fixture(scope="session")
def ca_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the simulators of this session keep their CA."""
    return tmp_path_factory.mktemp("ca")


@pytest.fixture
def start_azure(
    ca_folder: Path, settings: LazySettings, monkeypatch: pytest.MonkeyPatch, azure_time: SimulatedTime
) -> Iterator[StartAzure]:
    """Start a simulated Azure of any size and point the settings to it."""
    running: list[Simulator] = []

    def start(**world: Any) -> Simulator:
        wanted = {"seed": 7, "tenants": 2, "subscriptions_per_tenant": 2, **world}
        simulator = Simulator(**wanted, folder=ca_folder, now=azure_time.now)
        simulator.start()
        running.append(simulator)
        settings.AZURE_AUTHORITY_HOST = settings.AZURE_ARM_ENDPOINT = simulator.url
        settings.AZURE_BLOB_ENDPOINT = simulator.blob_endpoint
        settings.AZURE_CA_FILE = str(simulator.ca_file)
        for tenant in simulator.tenants:
            monkeypatch.setenv(secret_variable(tenant.name), tenant.client_secret)
        return simulator

    yield start
    for simulator in running:
        simulator.stop()


@pytest.fixture
def azure(start_azure: StartAzure) -> Simulator:
    """A small Azure: contoso and fabrikam, two subscriptions and sixty resources each."""
    return start_azure(resources_per_tenant=60)


@pytest.fixture
def broker(settings: LazySettings) -> Iterator[Any]:
    """The broker, empty before and after."""
    client: Any = Redis.from_url(settings.CELERY_BROKER_URL)
    client.flushdb()
    yield client
    client.flushdb()
    client.close()


def secret_variable(tenant_name: str) -> str:
    """The environment variable of a tenant's client secret."""
    return f"{tenant_name.upper()}_CLIENT_SECRET"


def connect(azure: Simulator, name: str) -> Tenant:
    """Connect a tenant of the simulated Azure."""
    there = next(tenant for tenant in azure.tenants if tenant.name == name)
    tenant, _ = connect_tenant(
        name,
        azure_tenant_id=UUID(str(there.tenant_id)),
        client_id=UUID(str(there.client_id)),
        secret_ref=f"env:{secret_variable(name)}",
    )
    return tenant


@pytest.fixture
def contoso(azure: Simulator, db: None) -> Tenant:
    """The tenant of alice and bob, connected and not yet synced."""
    return connect(azure, "contoso")


@pytest.fixture
def fabrikam(azure: Simulator, db: None) -> Tenant:
    """The tenant of charlie, connected and not yet synced."""
    return connect(azure, "fabrikam")


@pytest.fixture
def everywhere() -> Iterator[None]:
    """Look at the database past the tenant guard, as only a test may."""
    with entered(Scope.every_tenant(reason="A test looks at everything.")):
        yield


def person(email: str, *, platform_role: str = "", **roles: Role) -> User:
    """A person with roles in tenants, by the tenants' names."""
    user: User = User.objects.create_user(email, name=email.partition("@")[0].title(), platform_role=platform_role)
    for name, role in roles.items():
        with entered(Scope.every_tenant(reason="A test gives roles.")):
            tenant = Tenant.objects.get(name=name)
        grant_role(user, tenant, role)
    return user


@pytest.fixture
def alice(contoso: Tenant) -> User:
    """Admin of contoso."""
    return person("alice@contoso.example", contoso=Role.ADMIN)


@pytest.fixture
def olga(contoso: Tenant) -> User:
    """Operator of contoso."""
    return person("olga@contoso.example", contoso=Role.OPERATOR)


@pytest.fixture
def bob(contoso: Tenant) -> User:
    """Reader of contoso."""
    return person("bob@contoso.example", contoso=Role.READER)


@pytest.fixture
def charlie(fabrikam: Tenant) -> User:
    """Admin of fabrikam, a stranger to contoso."""
    return person("charlie@fabrikam.example", fabrikam=Role.ADMIN)


@pytest.fixture
def auditor(contoso: Tenant) -> User:
    """Platform auditor: reads all, writes nothing."""
    return person("audrey@platform.example", platform_role="auditor")


@pytest.fixture
def pat(contoso: Tenant) -> User:
    """Platform admin: connects tenants, makes groups, and is admin everywhere."""
    return person("pat@platform.example", platform_role="admin")


def everybody() -> Any:
    """All accounts, past the policies of the database."""
    return User.objects.across_tenants(reason="A test looks at everybody.")


def identities() -> Any:
    """All identities, past the policies of the database."""
    return across_tenants(Identity.objects.all(), reason="A test looks at everybody's identities.")


def signed_in(user: User | None) -> Client:
    """A browser with this person signed in; with None, nobody."""
    client = Client()
    if user is not None:
        client.force_login(user)
    return client


def read_costs(tenant: Tenant, *, today: date | None = None, month: date | None = None) -> SyncSummary:
    """Run the cost sync of a tenant through its door, on the simulated day."""
    with entered(Scope.of(tenant.id)):
        return sync_costs(Tenant.objects.get(id=tenant.id), today=today, month=month)


def read_open_month(azure: Simulator, tenant: Tenant) -> SyncSummary:
    """Read the costs of the month that is open in the simulated Azure, and nothing of those before."""
    return read_costs(tenant, today=azure.today, month=azure.today)


def sync(tenant: Tenant) -> SyncSummary:
    """Run the resource sync of a tenant through its door."""
    with entered(Scope.of(tenant.id)):
        return sync_resources(Tenant.objects.get(id=tenant.id))
