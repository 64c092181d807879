"""What moved since a moment: of slices that had been stored before, what they told then and what they tell now.

Of each slice and currency, before + arrived + moved = after, over all its restatements together: `arrived` is of days
the slice had not reached or not told as a whole, `moved` of days that it had. A slice that was first read since is not
here: nothing was told of it before.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count, ExpressionWrapper, F, Max, Min, QuerySet, Sum
from django.db.models.functions import Abs

from costs.models import CostedResource, Restatement, RestatementLine
from governance.filters import Words
from governance.money import AmountField
from tenants.models import Subscription

TOP = 50  # slices, and lines of each kind, in one answer


@dataclass(frozen=True, slots=True)
class MovedTotal:
    """All slices of one currency together."""

    currency: str
    slices: int
    arrived: Decimal
    moved: Decimal


@dataclass(frozen=True, slots=True)
class MovedSlice:
    """One slice and currency, over all its restatements since then."""

    tenant: str
    subscription: str
    subscription_id: str
    month: date
    metric: str
    currency: str
    before: Decimal
    arrived: Decimal
    moved: Decimal
    restatements: int
    last_at: datetime

    @property
    def after(self) -> Decimal:
        """What it tells now."""
        return self.before + self.arrived + self.moved


@dataclass(frozen=True, slots=True)
class MovedPart:
    """By how much one day, service or resource moved. `key` is the day, the service, or the resource's hash."""

    key: Any
    label: str
    currency: str
    moved: Decimal


@dataclass(frozen=True, slots=True)
class Moved:
    """What moved since `when`: in all, and where most of it did, by size whatever the currency."""

    when: datetime
    metric: str
    totals: tuple[MovedTotal, ...]
    slices: tuple[MovedSlice, ...]
    more_slices: int
    by_day: tuple[MovedPart, ...]
    by_service: tuple[MovedPart, ...]
    by_resource: tuple[MovedPart, ...]


def moved_since(
    when: datetime,
    *,
    metric: str,
    tenants: Collection[UUID] | None = None,
    subscription: Words | None = None,
    top: int = TOP,
) -> Moved:
    """What moved since then, in these tenants (None: all in scope). Eight queries at most."""
    rows = restatements_since(when, metric=metric, tenants=tenants, subscription=subscription)
    totals = _totals(rows)
    slices = _slices(rows, top)
    lines = RestatementLine.objects.filter(restatement__in=rows.order_by().values("id")).for_tenants(tenants)
    return Moved(
        when=when,
        metric=metric,
        totals=totals,
        slices=slices,
        more_slices=sum(total.slices for total in totals) - len(slices),
        by_day=_parts(lines, "day", top),
        by_service=_parts(lines, "service", top),
        by_resource=_named(_parts(lines, "azure_id_hash", top)),
    )


def restatements_since(
    when: datetime, *, metric: str, tenants: Collection[UUID] | None, subscription: Words | None = None
) -> QuerySet[Any]:
    """The restatements of one metric since then, in no order."""
    rows = Restatement.objects.of_metric(metric).filter(at__gte=when).for_tenants(tenants).order_by()
    narrowed: QuerySet[Any] = subscription.narrow(rows, "subscription__subscription_id") if subscription else rows
    return narrowed


def _totals(rows: QuerySet[Any]) -> tuple[MovedTotal, ...]:
    by_slice = rows.values("currency", "subscription_id", "month").annotate(a=Sum("arrived"), m=Sum("moved"))
    found: dict[str, list[Any]] = {}
    for row in by_slice:
        total = found.setdefault(row["currency"], [0, Decimal(0), Decimal(0)])
        for place, value in enumerate((1, row["a"], row["m"])):
            total[place] += value
    return tuple(MovedTotal(currency, *found[currency]) for currency in sorted(found))


def _slices(rows: QuerySet[Any], top: int) -> tuple[MovedSlice, ...]:
    """Those that moved most, then those that grew most."""
    sums = rows.values("subscription_id", "month", "currency").annotate(
        all_arrived=Sum("arrived"), all_moved=Sum("moved"), number=Count("id"), first_at=Min("at"), last_at=Max("at")
    )
    largest = list(sums.order_by(Abs("all_moved").desc(), Abs("all_arrived").desc(), "month", "subscription_id")[:top])
    subscriptions = Subscription.objects.select_related("tenant").in_bulk({row["subscription_id"] for row in largest})
    first = _before(rows, largest)
    return tuple(
        MovedSlice(
            tenant=subscriptions[row["subscription_id"]].tenant.name,
            subscription=subscriptions[row["subscription_id"]].name,
            subscription_id=subscriptions[row["subscription_id"]].subscription_id,
            month=row["month"],
            metric=first[_slice(row)].metric,
            currency=row["currency"],
            before=first[_slice(row)].before,
            arrived=row["all_arrived"],
            moved=row["all_moved"],
            restatements=row["number"],
            last_at=row["last_at"],
        )
        for row in largest
    )


def _before(rows: QuerySet[Any], largest: Sequence[Any]) -> dict[Any, Restatement]:
    """The first restatement of each of these slices: its `before` is what was told at the beginning."""
    moments = {row["first_at"] for row in largest}
    subscriptions = {row["subscription_id"] for row in largest}
    found = rows.filter(at__in=moments, subscription_id__in=subscriptions).order_by("-at", "-id")
    return {(row.subscription_id, row.month, row.currency): row for row in found}


def _slice(row: Any) -> tuple[Any, ...]:
    return row["subscription_id"], row["month"], row["currency"]


def _parts(lines: QuerySet[Any], column: str, top: int) -> tuple[MovedPart, ...]:
    moved = ExpressionWrapper(F("after") - F("before"), output_field=AmountField())
    sums = lines.order_by().values(column, "restatement__currency").annotate(moved=Sum(moved)).exclude(moved=0)
    largest = sums.order_by(Abs("moved").desc(), column, "restatement__currency")[:top]
    return tuple(
        MovedPart(row[column], str(row[column]) or "None", row["restatement__currency"], row["moved"])
        for row in largest
    )


def _named(parts: tuple[MovedPart, ...]) -> tuple[MovedPart, ...]:
    names = dict(
        CostedResource.objects.filter(azure_id_hash__in={part.key for part in parts}).values_list(
            "azure_id_hash", "name"
        )
    )
    return tuple(MovedPart(part.key, names.get(part.key, part.label), part.currency, part.moved) for part in parts)
