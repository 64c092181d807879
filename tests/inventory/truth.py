"""Is what the database holds what the simulated Azure holds?"""

from typing import Any

import orjson

from governance.azure.simulator.server import Simulator
from governance.tenancy import Scope, entered
from inventory.models import Resource, ResourceTag
from tenants.models import Tenant


def held(tenant: Tenant) -> dict[str, dict[str, Any]]:
    """The live resources of the database, by lower-cased id."""
    with entered(Scope.of(tenant.id)):
        rows = Resource.objects.live().select_related("subscription")
        return {row.azure_id.lower(): _held(row) for row in rows}


def true(azure: Simulator, tenant: Tenant) -> dict[str, dict[str, Any]]:
    """The resources of the simulated Azure, by lower-cased id."""
    return {resource.id.lower(): _true(resource) for resource in azure.truth(tenant.name).resources}


def tags_held(tenant: Tenant) -> set[tuple[str, str, str]]:
    """The tag rows of live resources."""
    with entered(Scope.of(tenant.id)):
        rows = ResourceTag.objects.filter(resource__deleted_at=None)
        return {(row.resource.azure_id.lower(), row.key, row.value) for row in rows.select_related("resource")}


def tags_true(azure: Simulator, tenant: Tenant) -> set[tuple[str, str, str]]:
    """The tags of the simulated Azure."""
    return {
        (resource.id.lower(), key, value)
        for resource in azure.truth(tenant.name).resources
        for key, value in (resource.tags or {}).items()
    }


def assert_equal_to_truth(azure: Simulator, tenant: Tenant) -> None:
    """Every live row is a resource that exists, in every field, and the other way round."""
    assert held(tenant) == true(azure, tenant)
    assert tags_held(tenant) == tags_true(azure, tenant)


def _held(row: Resource) -> dict[str, Any]:
    return {
        "name": row.name,
        "type": row.type,
        "kind": row.kind,
        "location": row.location,
        "group": row.resource_group.lower(),
        "subscription": row.subscription.subscription_id,
        "managed_by": row.managed_by.lower(),
        "tags": row.tags,
        "sku": row.sku,
        "zones": row.zones,
        "identity": row.identity,
        "properties": _plain(row.properties),
    }


def _true(resource: Any) -> dict[str, Any]:
    return {
        "name": resource.name,
        "type": resource.type.lower(),
        "kind": resource.kind or "",
        "location": resource.location,
        "group": resource.resource_group.lower(),
        "subscription": resource.subscription_id.lower(),
        "managed_by": (resource.managed_by or "").lower(),
        "tags": dict(resource.tags or {}),
        "sku": dict(resource.sku or {}),
        "zones": list(resource.zones or []),
        "identity": dict(resource.identity or {}),
        "properties": _plain(dict(resource.properties)),
    }


def _plain(value: Any) -> Any:
    return orjson.loads(orjson.dumps(value))
