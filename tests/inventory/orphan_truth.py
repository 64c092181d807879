"""Are the open orphan periods what the simulated Azure knows?"""

from datetime import datetime
from typing import Any

from django.db.models import F

from governance.azure.simulator.server import Simulator
from governance.tenancy import Scope, entered
from inventory.models import HygieneState, Orphan
from tenants.models import Tenant


def orphans_held(tenant: Tenant) -> set[str]:
    """Lower-cased ids of what is an orphan now, resources and groups."""
    return {key for key, verdict in open_periods(tenant).items() if verdict == "orphaned"}


def open_periods(tenant: Tenant) -> dict[str, str]:
    """The verdict of each open period, by lower-cased id."""
    with entered(Scope.of(tenant.id)):
        rows = list(Orphan.objects.open().select_related("resource", "group"))
        found = {(row.resource or row.group).azure_id.lower(): row.verdict for row in rows}
    assert len(found) == len(rows), "two open periods of one thing"
    return found


def period_of(tenant: Tenant, azure_id: str) -> list[Orphan]:
    """All periods of one resource or group, oldest first."""
    with entered(Scope.of(tenant.id)):
        rows = Orphan.objects.select_related("resource", "group").order_by("since", "id")
        return [row for row in rows if (row.resource or row.group).azure_id.lower() == azure_id.lower()]


def orphans_true(azure: Simulator, tenant: Tenant) -> set[str]:
    """What the simulated Azure knows nothing uses."""
    truth = azure.truth(tenant.name)
    return {row.id.lower() for row in (*truth.resources, *truth.resource_groups) if row.orphan_reason}


def assert_orphans_are_true(azure: Simulator, tenant: Tenant) -> None:
    """Exactly what nothing uses is an orphan, and no period lasts for what is gone."""
    assert orphans_held(tenant) == orphans_true(azure, tenant)
    with entered(Scope.of(tenant.id)):
        assert not Orphan.objects.filter(ended_at__lt=F("since")).exists(), "a period ends before it begins"
        lasting = Orphan.objects.open()
        assert not lasting.exclude(resource=None).exclude(resource__deleted_at=None).exists()
        assert not lasting.exclude(group=None).exclude(group__deleted_at=None).exists()


def state_of(tenant: Tenant) -> HygieneState | None:
    """How far the tenant is judged."""
    with entered(Scope.of(tenant.id)):
        row: HygieneState | None = HygieneState.objects.first()
        return row


def since_of(tenant: Tenant) -> dict[Any, datetime]:
    """Since when each open period lasts."""
    with entered(Scope.of(tenant.id)):
        return dict(Orphan.objects.open().values_list("id", "since"))
