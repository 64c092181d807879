"""Costs to look at: services, tags, refunds and purchases of each month, and a month that is told otherwise later."""

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from costs.finality import last_day
from costs.models import CostRecord, Metric
from costs.rows import CostLine
from costs.spans import Span, months_before
from inventory.models import Resource
from tenants.models import Subscription
from tests.costs.ledger import line, store

SERVICES = ("Virtual Machines", "Storage", "SQL Database", "Bandwidth", "Azure Monitor", "Key Vault", "Azure DNS")
MONTHS = 13


def fill(
    subscription: Subscription,
    resources: Sequence[Resource],
    *,
    today: date,
    currency: str = "EUR",
    months: int = MONTHS,
) -> None:
    """Each month of a subscription in both metrics; this one as it was read last night."""
    chance = random.Random(subscription.name)
    for number in range(months):
        month = months_before(today.replace(day=1), number)
        for metric in Metric.values:
            lines = _lines(
                subscription, resources, Span(month, min(last_day(month), today - timedelta(days=1))), currency, chance
            )
            store(subscription, month, lines, metric=metric, read_at=_read_at(month, today))


def restate(subscription: Subscription, *, today: date) -> None:
    """Last month of a subscription is told otherwise than it was: one service less, and one day of another more."""
    month = months_before(today.replace(day=1), 1)
    rows = CostRecord.objects.filter(subscription=subscription, month=month, metric=Metric.ACTUAL).order_by("id")
    names = ("day", "currency", "amount", "azure_id", "azure_id_hash", "resource_group", "service", "meter", "region")
    told = [CostLine(**row) for row in rows.values(*names, "charge_type")]
    lines = [
        one._replace(amount=one.amount * 2) if one.service == "Storage" and one.day.day < 4 else one
        for one in told
        if one.service != "Bandwidth" or one.day.day < 20
    ]
    store(subscription, month, lines, read_at=_read_at(month, today) + timedelta(days=2))


def _read_at(month: date, today: date) -> datetime:
    day = min(today, last_day(month) + timedelta(days=7))
    return datetime.combine(day, datetime.min.time(), tzinfo=UTC) + timedelta(hours=2)


def _lines(
    subscription: Subscription, resources: Sequence[Resource], span: Span, currency: str, chance: random.Random
) -> list[CostLine]:
    if span.last < span.first:
        return []
    found: list[CostLine] = []
    growth = Decimal(span.first.year * 12 + span.first.month) / Decimal(24000)
    for day in span.each_day:
        for place, one in enumerate(resources):
            amount = (Decimal(chance.randint(100, 900)) / (7 + place) * (1 + growth)).quantize(Decimal("0.000000001"))
            told: dict[str, Any] = {
                "service": SERVICES[place % len(SERVICES)],
                "resource_group": one.resource_group,
                "region": one.location or "global",
                "charge_type": "Usage",
                "meter": f"Meter {place % 3}",
                "tags": {"env": ("prod", "test", "dev")[place % 3]} if place % 4 else {},
            }
            found.append(
                line(day, str(amount), currency, **told)._replace(
                    azure_id=one.azure_id, azure_id_hash=one.azure_id_hash
                )
            )
        found.append(line(day, "3.2", currency, service="Support", charge_type="Purchase"))
    found.append(line(span.first, "-12.5", currency, service="Refunds", charge_type="Refund"))
    return found
