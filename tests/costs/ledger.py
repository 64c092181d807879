"""Costs of small worlds, stored slice by slice, whose answers can be worked out by hand."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django.utils import timezone

from costs.models import (
    CostedResource,
    CostReceipt,
    CostRecord,
    CostSlice,
    CostTag,
    DailyCost,
    DailyResourceCost,
    DailyTagCost,
    Finality,
    Metric,
    Source,
)
from costs.rows import CostLine
from costs.spans import last_day
from governance.tenancy import Scope, entered
from tenants.models import Subscription, Tenant

TODAY = date(2026, 11, 25)
NOVEMBER, OCTOBER, SEPTEMBER = date(2026, 11, 1), date(2026, 10, 1), date(2026, 9, 1)
READ_AT = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)


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
    """Put a slice in, or replace it, with its sums."""
    with entered(Scope.of(subscription.tenant_id)):
        own = {"tenant_id": subscription.tenant_id, "month": month, "subscription": subscription, "metric": metric}
        for model in (CostSlice, CostRecord, DailyCost, DailyResourceCost, DailyTagCost):
            model.objects.filter(**own).delete()
        source = Source.EXPORT if has_resources else Source.QUERY
        receipt = CostReceipt.objects.create(**own, source=source, verdict=CostReceipt.Verdict.STORED, at=read_at)
        _rows(own, lines)
        _sums(own, lines, has_resources=has_resources)
        found: CostSlice = CostSlice.objects.create(
            **own,
            source=source,
            has_resources=has_resources,
            finality=Finality.ESTIMATE if read_at.date() <= last_day(month) else Finality.FINAL,
            read_at=read_at,
            through=max((one.day for one in lines), default=None),
            row_count=len(lines),
            content_hash=hashlib.sha256(repr(lines).encode()).hexdigest(),
            receipt=receipt,
        )
    return found


def _rows(own: Mapping[str, Any], lines: Sequence[CostLine]) -> None:
    for one in lines:
        told = one._asdict()
        tags = told.pop("tags")
        CostRecord.objects.create(**own, **told, tag_set=_tag_set(own["tenant_id"], tags))
        if one.azure_id:
            CostedResource.objects.get_or_create(
                tenant_id=own["tenant_id"],
                azure_id_hash=one.azure_id_hash,
                defaults={
                    "subscription": own["subscription"],
                    "azure_id": one.azure_id,
                    "name": one.azure_id.rpartition("/")[2],
                    "resource_group": one.resource_group.lower(),
                    "region": one.region.lower(),
                },
            )


def _tag_set(tenant_id: Any, tags: str) -> str:
    if not tags:
        return ""
    tag_set = hashlib.sha256(tags.encode()).hexdigest()
    for name, value in json.loads(tags).items():
        CostTag.objects.get_or_create(
            tenant_id=tenant_id, tag_set=tag_set, key=name.lower(), defaults={"name": name, "value": value}
        )
    return tag_set


def _sums(own: Mapping[str, Any], lines: Sequence[CostLine], *, has_resources: bool) -> None:
    plain: dict[Any, list[Decimal]] = defaultdict(list)
    by_resource: dict[Any, list[Decimal]] = defaultdict(list)
    by_tag: dict[Any, list[Decimal]] = defaultdict(list)
    for one in lines:
        place = (one.day, one.currency, one.service, one.resource_group.lower(), one.region.lower())
        plain[*place, one.charge_type].append(one.amount)
        if has_resources:
            tag_set = hashlib.sha256(one.tags.encode()).hexdigest() if one.tags else ""
            by_resource[*place[:3], one.azure_id_hash, tag_set].append(one.amount)
        for name, value in json.loads(one.tags or "{}").items():
            by_tag[*place, name.lower(), value].append(one.amount)
    for (day, currency, service, group, region, charge), found in plain.items():
        told = {"day": day, "currency": currency, "service": service, "resource_group": group, "region": region}
        DailyCost.objects.create(**own, **told, charge_type=charge, amount=sum(found), rows=len(found))
    for (day, currency, service, key, tag_set), found in by_resource.items():
        told = {"day": day, "currency": currency, "service": service, "azure_id_hash": key, "tag_set": tag_set}
        DailyResourceCost.objects.create(**own, **told, amount=sum(found))
    for (day, currency, service, group, region, name, value), found in by_tag.items():
        told = {"day": day, "currency": currency, "service": service, "resource_group": group, "region": region}
        DailyTagCost.objects.create(**own, **told, name=name, value=value, amount=sum(found))
