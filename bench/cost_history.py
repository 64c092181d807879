"""In a fresh process: tenants full of made-up costs, and a person to look at them."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django.db import transaction
from django.utils import timezone

from bench.estate import EMAIL, settle
from costs.models import Metric, Source
from costs.rows import CostLine, SliceKey
from costs.store import replace_slice
from governance.access import Role
from governance.tenancy import Scope, entered
from tenants.actions import connect_tenant, grant_role
from tenants.models import Subscription, Tenant, User

FIRST, LAST = date(2025, 9, 1), date(2025, 10, 31)  # two closed months
SUBSCRIPTIONS = 2  # a tenant
SERVICES = ["Virtual Machines", "Storage", "Azure DNS", "Bandwidth", "SQL Database", "Key Vault"]
REGIONS = ["westeurope", "eastus", "swedencentral"]
RESOURCES = 30  # a subscription; each costs something every day, by one meter or by many
LINES_AT_ONCE = 5000


def fill(tenants: int, rows_a_day: int, others: int = 0) -> dict[str, Any]:
    """So many rows of cost a day and subscription, of the same days, resources, services and tags however many.

    Of `tenants` Bob is a reader, of `others` he is not.
    """
    user = User.objects.create_user(EMAIL, name="Bob")
    for number in range(tenants + others):
        tenant, _ = connect_tenant(
            f"tenant{number}", azure_tenant_id=uuid4(), client_id=uuid4(), secret_ref="env:NO_SECRET"
        )
        if number < tenants:
            grant_role(user, tenant, Role.READER)
        with entered(Scope.of(tenant.id)):
            for name in range(SUBSCRIPTIONS):
                _fill(tenant, f"sub{name}", rows_a_day)
    settle()
    return {}


def _fill(tenant: Tenant, name: str, rows_a_day: int) -> None:
    subscription = Subscription.objects.create(
        tenant=tenant, subscription_id=str(uuid4()), name=name, first_seen_at=timezone.now()
    )
    for month in (FIRST, LAST.replace(day=1)):
        with transaction.atomic():
            replace_slice(
                tenant.id,
                subscription,
                SliceKey(subscription.subscription_id, month, Metric.ACTUAL),
                _batches(month, rows_a_day, subscription.subscription_id),
                source=Source.EXPORT,
                has_resources=True,
                read_at=datetime(2025, 11, 25, tzinfo=UTC),
                today=date(2025, 11, 25),
                content_hash=f"{month}",
            )


def _batches(month: date, rows_a_day: int, subscription_id: str) -> Iterator[list[CostLine]]:
    lines = _lines(month, rows_a_day, subscription_id)
    while batch := [line for _, line in zip(range(LINES_AT_ONCE), lines, strict=False)]:
        yield batch


def _lines(month: date, rows_a_day: int, subscription_id: str) -> Iterator[CostLine]:
    day = month
    while day.month == month.month:
        for number in range(rows_a_day):
            yield _line(day, number, subscription_id)
        day += timedelta(days=1)


def _line(day: date, number: int, subscription_id: str) -> CostLine:
    resource = number % RESOURCES
    azure_id = f"/subscriptions/{subscription_id}/resourceGroups/rg-{resource % 5}/providers/m.n/kinds/one-{resource}"
    return CostLine(
        day=day,
        currency="EUR",
        amount=Decimal(number * 31 + day.day).scaleb(-4),
        azure_id=azure_id,
        azure_id_hash=hashlib.sha256(azure_id.lower().encode()).hexdigest(),
        resource_group=f"rg-{resource % 5}",
        service=SERVICES[resource % len(SERVICES)],
        meter=f"meter {number}",
        region=REGIONS[resource % len(REGIONS)],
        charge_type="Usage",
        tags='{"env":"prod"}' if resource % 3 else '{"env":"dev","team":"a"}',
    )
