"""Two tenants with a subscription, a run, a person and a file each; the first is ours."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import pytest
from django.utils import timezone

from audit.files import set_tenants
from audit.models import Outcome, ReportFile
from audit.runs import sync_run
from governance.access import Role
from governance.keys import new_id
from governance.tenancy import Scope, entered
from tenants.actions import connect_tenant, grant_role, group_tenants
from tenants.authorization import access_for
from tenants.models import Subscription, Tenant, User
from tenants.saved_views import save_view


@dataclass(frozen=True, slots=True)
class Side:
    """One tenant with what belongs to it. Every name in it says whose it is."""

    tenant: Tenant
    subscription: Subscription
    run: UUID
    person: User
    file: ReportFile

    @property
    def scope(self) -> Scope:
        """The scope of its person."""
        return access_for(self.person).scope


@dataclass(frozen=True, slots=True)
class World:
    """Ours and theirs."""

    own: Side
    foreign: Side


def side(word: str, number: int) -> Side:
    """A tenant in which everything is called by this word."""
    tenant, _ = connect_tenant(
        f"{word}-tenant", azure_tenant_id=UUID(int=number), client_id=UUID(int=number), secret_ref=f"env:{word.upper()}"
    )
    person: User = User.objects.create_user(f"{word}@example.com", name=word.title())
    grant_role(person, tenant, Role.ADMIN)
    group_tenants(f"{word}-group", [tenant])
    with entered(Scope.of(tenant.id)):
        subscription = Subscription.objects.create(
            tenant=tenant,
            subscription_id=f"{word}-subscription",
            name=f"{word} subscription",
            first_seen_at=timezone.now(),
        )
    with sync_run(tenant.id, "resources") as run, run.page():
        run.conclude(Outcome.OK, reason=f"{word} reason", receipts=[])
    with entered(access_for(person).scope):
        save_view(person.id, listing="resources", name=f"{word} view", query="")
        file = ReportFile.objects.create(
            owner=person,
            kind=ReportFile.Kind.REPORT,
            format=ReportFile.Format.PDF,
            subject="estate",
            title=f"{word} report",
            created_at=timezone.now(),
            heartbeat_at=timezone.now(),
        )
        set_tenants(file, [tenant.id])
    return Side(tenant, subscription, run.id, person, file)


@pytest.fixture
def world(db: None) -> World:
    """Two tenants' rows."""
    return World(side("own", 1), side("foreign", 2))


@pytest.fixture
def ours(world: World) -> Iterator[World]:
    """Within the scope of the person of the first tenant."""
    with entered(world.own.scope):
        yield world


def new_key() -> UUID:
    """A key that is nowhere."""
    return new_id()
