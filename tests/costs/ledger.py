"""Costs of small worlds, stored slice by slice, whose answers can be worked out by hand."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django.db import transaction
from django.utils import timezone

from costs.models import CostReceipt, CostSlice, Metric, Source
from costs.rows import CostLine, SliceKey
from costs.store import replace_slice
from governance.tenancy import Scope, entered
from tenants.models import Subscription, Tenant

TODAY = date(2025, 11, 25)
NOVEMBER, OCTOBER, SEPTEMBER = date(2025, 11, 1), date(2025, 10, 1), date(2025, 9, 1)
READ_AT = datetime(2025, 11, 25, 2, 0, tzinfo=UTC)


def line(day: date, amount: str, currency: str = "EUR", *, name: str = "", **told: Any) -> CostLine:
    """A row of cost. `name` is a resource's, `tags` a mapping."""
    group = told.get("resource_group", "")
    tags: Mapping[str, str] = told.pop("tags", {})
    azure_id = f"/subscriptions/s/resourceGroups/{group}/providers/Microsoft.Compute/disks/{name}" if name else ""
    return CostLine(
        day=day,
        currency=currency,
        amount=Decimal(amount),
        azure_id=azure_id,
        azure_id_hash=hash_of(azure_id),
        tags=json.dumps(dict(tags), sort_keys=True, separators=(",", ":")) if tags else "",
        **told,
    )


def hash_of(azure_id: str) -> str:
    """What identifies a resource."""
    return hashlib.sha256(azure_id.lower().encode()).hexdigest() if azure_id else ""


def subscription_of(tenant: Tenant, name: str) -> Subscription:
    """A subscription of this tenant."""
    with entered(Scope.of(tenant.id)):
        found: Subscription = Subscription.objects.create(
            tenant=tenant, subscription_id=str(uuid4()), name=name, first_seen_at=timezone.now()
        )
    return found


def store(
    subscription: Subscription,
    month: date,
    lines: Sequence[CostLine],
    *,
    metric: str = Metric.ACTUAL,
    has_resources: bool = True,
    read_at: datetime = READ_AT,
) -> CostSlice:
    """Put a slice in, or replace it, through the door of the sync. Azure's own total agrees with the rows."""
    control: dict[str, Decimal] = defaultdict(Decimal)
    for one in lines:
        control[one.currency] += one.amount
    with entered(Scope.of(subscription.tenant_id)), transaction.atomic():
        receipt = replace_slice(
            subscription.tenant_id,
            subscription,
            SliceKey(subscription.subscription_id, month, metric),
            [lines] if lines else [],
            source=Source.EXPORT if has_resources else Source.QUERY,
            has_resources=has_resources,
            read_at=read_at,
            today=read_at.date(),
            content_hash=hashlib.sha256(repr(lines).encode()).hexdigest(),
            control=control,
        )
        assert receipt.verdict in {CostReceipt.Verdict.STORED, CostReceipt.Verdict.UNCHANGED}, receipt.reason
        own = {"subscription": subscription, "month": month, "metric": metric}
        found: CostSlice = CostSlice.objects.get(**own)
    return found
