"""In a fresh process: tenants full of made-up resources, and a person to look at them."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

from django.db import connection
from django.utils import timezone

from audit.models import CoverageReceipt, Outcome
from audit.runs import ActiveRun, sync_run
from governance import bulk
from governance.access import Role
from governance.keys import new_id
from governance.tenancy import Scope, entered
from inventory.models import Resource, ResourceTag
from inventory.store import RESOURCE_COLUMNS, TAG_COLUMNS
from tenants.actions import bump_data_version, connect_tenant, grant_role
from tenants.models import Subscription, Tenant, User

EMAIL = "bob@contoso.example"
TYPES = [
    f"microsoft.{family}/managedkind{number}"
    for family in ("compute", "network", "storage", "web")
    for number in range(8)
]
REGIONS = ["westeurope", "northeurope", "eastus", "eastus2", "uksouth", "francecentral", "swedencentral", "centralus"]
TAGS = {
    "env": ["prod", "test", "dev"],
    "team": [f"team{number}" for number in range(25)],
    "costcenter": ["4711", "4712"],
}
SUBSCRIPTIONS = 3  # a tenant
DELETED_EVERY = 50  # one in fifty is a tombstone
PROPERTIES = json.dumps({"provisioningState": "Succeeded", "description": "x" * 900})  # as long as in Azure, about
ROWS_AT_ONCE = 5000
ALL_FILTERS = {
    "q": "app",
    "tenant": "tenant0",
    "type": TYPES[0],
    "region": REGIONS[0],
    "resource_group": "rg-orders-prod-0",
    "tag": "env:prod",
    "deleted": "no",
    "sort": "type",
}


def fill(tenants: int, resources: int) -> dict[str, Any]:
    """This many resources, spread evenly over the tenants, and one reader of all of them."""
    user = User.objects.create_user(EMAIL, name="Bob")
    for number in range(tenants):
        tenant, _ = connect_tenant(
            f"tenant{number}", azure_tenant_id=uuid4(), client_id=uuid4(), secret_ref="env:NO_SECRET"
        )
        grant_role(user, tenant, Role.READER)
        with sync_run(tenant.id, "resources") as run:
            _fill_tenant(tenant, run, resources // tenants)
    settle()
    return {}


def settle() -> None:
    """What the engine does by itself a minute after a sync, or the sync for it."""
    bulk.refresh_statistics()
    if connection.vendor == "postgresql" and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")


def all_filters() -> dict[str, str]:
    """Every filter of the list set at once, to values that exist."""
    with entered(Scope.every_tenant(reason="A bench looks for a subscription that exists.")):
        subscription = Subscription.objects.filter(tenant__name=ALL_FILTERS["tenant"]).order_by("name").first()
    return {**ALL_FILTERS, "subscription": subscription.subscription_id}


def _fill_tenant(tenant: Tenant, run: ActiveRun, resources: int) -> None:
    now = timezone.now()
    subscriptions = [
        Subscription.objects.create(tenant=tenant, subscription_id=str(uuid4()), name=f"sub{number}", first_seen_at=now)
        for number in range(SUBSCRIPTIONS)
    ]
    for start in range(0, resources, ROWS_AT_ONCE):
        numbers = range(start, min(start + ROWS_AT_ONCE, resources))
        rows = [_row(tenant.id, subscriptions[number % SUBSCRIPTIONS].id, run.id, number) for number in numbers]
        tags = [tag for row, number in zip(rows, numbers, strict=True) for tag in _tag_rows(tenant.id, row[1], number)]
        with run.page():
            bulk.insert(Resource, RESOURCE_COLUMNS, rows)
            bulk.insert(ResourceTag, TAG_COLUMNS, tags)
    with run.page():
        bump_data_version(tenant.id)
        receipts = [
            CoverageReceipt(
                tenant=tenant,
                run=run.row,
                subscription=subscription,
                source="resource_graph",
                expected=0,
                complete=True,
                last_complete_at=now,
            )
            for subscription in subscriptions
        ]
        run.conclude(Outcome.OK, receipts=receipts)


def _row(tenant: UUID, subscription: UUID, run: UUID, number: int) -> tuple[Any, ...]:
    key = hashlib.sha256(f"{tenant}{number}".encode()).hexdigest()  # spreads the names, as in Azure
    name, group, now = f"app-{key[:8]}-orders-prod-weu-01", f"rg-orders-prod-{number // 20}", timezone.now()
    azure_id = f"/subscriptions/{subscription}/resourceGroups/{group}/providers/{TYPES[number % 32]}/{name}"
    place = (TYPES[number % len(TYPES)], "", REGIONS[number % len(REGIONS)], group, "")
    documents = (json.dumps(_tags(number)), "{}", "[]", "{}", PROPERTIES)
    deleted_at = now if number % DELETED_EVERY == DELETED_EVERY - 1 else None
    return (tenant, new_id(), subscription, azure_id, key, name, *place, *documents, key, "", now, now, run, deleted_at)


def _tags(number: int) -> dict[str, str]:
    return {key: values[number % len(values)] for key, values in TAGS.items()}


def _tag_rows(tenant: UUID, resource: UUID, number: int) -> Iterator[tuple[Any, ...]]:
    for key, value in _tags(number).items():
        yield tenant, new_id(), resource, key, value, key, value
