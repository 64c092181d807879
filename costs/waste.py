"""What single resources cost, and what orphans have wasted so far: since when, times their own cost.

Only a source that names resources can tell. Where a month was not read, or its source names none, it is unknown.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import DateField, Exists, F, OuterRef, Q, QuerySet, Sum, Window
from django.db.models.functions import Abs, RowNumber, TruncMonth

from costs.figures import DAY, Trend, trend
from costs.models import CostSlice, DailyResourceCost, Metric
from costs.questions import Narrowing, Question
from costs.spans import Span
from costs.standing import State
from governance.filters import Words
from inventory.models import Orphan, Resource

AT_ONCE = 100  # orphans in one query: each is a condition of its own
HASHES_AT_ONCE = 500
TOP = 20  # of each currency that are told one by one


@dataclass(frozen=True, slots=True)
class Waste:
    """What one orphan has cost from the day it became one, by currency.

    `unknown` are the months of which nothing is known: with all of them, `amounts` says nothing; with some, it is at
    least so much. `through` is the last day that is counted. `reason` says why it is not complete, or costs nothing.
    """

    since: date
    through: date | None
    state: State
    amounts: dict[str, Decimal]
    unknown: tuple[date, ...]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Wasted:
    """A resource that nothing uses, by its oldest lasting period, and what it has wasted in one currency."""

    orphan: Orphan
    currency: str
    amount: Decimal
    waste: Waste


def resource_costs(resource: Resource, span: Span, by: str = DAY, *, metric: str, today: date) -> Trend:
    """What one resource cost, by day or month; months whose source names no resources are unknown."""
    mine = Narrowing(
        subscription=Words((resource.subscription.subscription_id,), turned=False), resource=resource.azure_id_hash
    )
    question = Question(metric, span.first, span.last, frozenset({resource.tenant_id}), mine)
    return trend(question, by, today=today)


def waste(orphans: Sequence[Orphan], *, today: date, metric: str = Metric.ACTUAL) -> dict[UUID, Waste]:
    """What these orphans have wasted so far, by their primary keys. Three queries for up to a hundred of them."""
    hashes = dict(
        Resource.objects.filter(id__in={one.resource_id for one in orphans if one.resource_id}).values_list(
            "id", "azure_id_hash"
        )
    )
    own = [one for one in orphans if one.resource_id in hashes]
    amounts = _amounts(own, hashes, metric)
    slices = _slices(own, metric)
    found = {one.id: _of_group(one) for one in orphans if one.resource_id not in hashes}
    for one in own:
        there = slices.get(one.subscription_id, {})
        found[one.id] = _of_resource(one, amounts.get(one.id, {}), there, today=today)
    return found


def waste_total(
    tenants: Collection[UUID] | None, *, metric: str = Metric.ACTUAL, orphans: QuerySet[Any] | None = None
) -> dict[str, Decimal]:
    """What all resources that are orphaned now have cost since, by currency, each counted once. One query.

    `orphans` narrows them. What is not known is not in it.
    """
    rows = _wasting(lasting_orphans(tenants, orphans), tenants, metric)
    return dict(rows.values_list("currency").annotate(amount=Sum("amount")))


def most_wasted(
    tenants: Collection[UUID] | None,
    *,
    today: date,
    metric: str = Metric.ACTUAL,
    orphans: QuerySet[Any] | None = None,
    top: int = TOP,
) -> dict[str, tuple[Wasted, ...]]:
    """The resources that have wasted most, out of all that are orphaned now, by currency; each told once.

    Three queries, and two more for every 500 that are told.
    """
    lasting = lasting_orphans(tenants, orphans)
    sums = _wasting(lasting, tenants, metric).values("tenant_id", "azure_id_hash", "currency")
    sums = sums.annotate(wasted=Sum("amount")).exclude(wasted=0)
    by_size = [Abs("wasted").desc(), F("azure_id_hash").asc(), F("tenant_id").asc()]
    ranked = sums.annotate(place=Window(RowNumber(), partition_by=[F("currency")], order_by=by_size))
    largest = sorted(ranked.filter(place__lte=top), key=lambda row: (row["currency"], row["place"]))
    oldest = _oldest(lasting, sorted({row["azure_id_hash"] for row in largest}))
    slices = _slices(list(oldest.values()), metric)
    found: dict[str, list[Wasted]] = defaultdict(list)
    for row in largest:
        one, amount = oldest[row["tenant_id"], row["azure_id_hash"]], {row["currency"]: row["wasted"]}
        told = _of_resource(one, amount, slices.get(one.subscription_id, {}), today=today)
        found[row["currency"]].append(Wasted(one, row["currency"], row["wasted"], told))
    return {currency: tuple(rows) for currency, rows in found.items()}


def waste_unknown(orphans: QuerySet[Any], *, metric: str = Metric.ACTUAL) -> int:
    """Of how many of these orphans no source ever told what they cost since they are. One query."""
    told = CostSlice.objects.of_metric(metric).filter(
        tenant=OuterRef("tenant"), subscription=OuterRef("subscription"), month__gte=OuterRef("month")
    )
    month = TruncMonth("since", tzinfo=UTC, output_field=DateField())
    rows = orphans.filter(resource__isnull=False).annotate(month=month)
    number: int = rows.filter(~Exists(told.filter(has_resources=True))).count()
    return number


def lasting_orphans(tenants: Collection[UUID] | None, orphans: QuerySet[Any] | None = None) -> QuerySet[Any]:
    """What nothing uses now, for certain, of these if they are given; in no order."""
    rows: Any = Orphan.objects.all() if orphans is None else orphans
    found: QuerySet[Any] = rows.orphaned().for_tenants(tenants).order_by()
    return found


def _wasting(lasting: QuerySet[Any], tenants: Collection[UUID] | None, metric: str) -> QuerySet[Any]:
    """The daily sums of these orphans' resources since the first of their periods began, in no order."""
    own = lasting.filter(resource__isnull=False)
    since = own.filter(
        tenant=OuterRef("tenant"), resource__azure_id_hash=OuterRef("azure_id_hash"), since__date__lte=OuterRef("day")
    )
    rows = DailyResourceCost.objects.of_metric(metric).for_tenants(tenants)
    rows = rows.filter(azure_id_hash__in=own.values("resource__azure_id_hash")).filter(Exists(since))
    found: QuerySet[Any] = rows.order_by()
    return found


def _oldest(lasting: QuerySet[Any], hashes: Sequence[str]) -> dict[Any, Orphan]:
    """By tenant and hash: the period that began first."""
    found: dict[Any, Orphan] = {}
    for start in range(0, len(hashes), HASHES_AT_ONCE):
        rows = lasting.filter(resource__azure_id_hash__in=hashes[start : start + HASHES_AT_ONCE])
        rows = rows.annotate(own=F("resource__azure_id_hash")).select_related("tenant", "subscription")
        found |= {(row.tenant_id, row.own): row for row in rows.order_by("-since", "-id")}
    return found


def _amounts(orphans: Sequence[Orphan], hashes: dict[Any, str], metric: str) -> dict[UUID, dict[str, Decimal]]:
    """By orphan and currency. One query for every hundred."""
    found: dict[UUID, dict[str, Decimal]] = {}
    for start in range(0, len(orphans), AT_ONCE):
        found |= _sums(orphans[start : start + AT_ONCE], hashes, metric)
    return found


def _sums(orphans: Sequence[Orphan], hashes: dict[Any, str], metric: str) -> dict[UUID, dict[str, Decimal]]:
    """Two periods of one resource are two conditions on the same rows: the days are kept apart, and told to each."""
    wanted = Q()
    for one in orphans:
        wanted |= Q(tenant_id=one.tenant_id, azure_id_hash=hashes[one.resource_id], day__gte=one.since.date())
    rows = DailyResourceCost.objects.of_metric(metric).filter(
        azure_id_hash__in=sorted({hashes[one.resource_id] for one in orphans})
    )
    by_resource: dict[Any, list[tuple[date, str, Decimal]]] = defaultdict(list)
    daily = rows.filter(wanted).order_by().values_list("tenant_id", "azure_id_hash", "day", "currency")
    for tenant_id, azure_id_hash, day, currency, amount in daily.annotate(amount=Sum("amount")):
        by_resource[tenant_id, azure_id_hash].append((day, currency, amount))
    return {one.id: _since(one, by_resource[one.tenant_id, hashes[one.resource_id]]) for one in orphans}


def _since(orphan: Orphan, days: Iterable[tuple[date, str, Decimal]]) -> dict[str, Decimal]:
    """The days of the period added up by currency."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for day, currency, amount in days:
        if day >= orphan.since.date() and (orphan.ended_at is None or day <= orphan.ended_at.date()):
            sums[currency] += amount
    return dict(sums)


def _slices(orphans: Sequence[Orphan], metric: str) -> dict[Any, dict[date, CostSlice]]:
    """The slices of the orphans' subscriptions, by subscription and month."""
    found: dict[Any, dict[date, CostSlice]] = defaultdict(dict)
    if orphans:
        rows = CostSlice.objects.of_metric(metric).filter(subscription__in={one.subscription_id for one in orphans})
        for row in rows.filter(month__gte=min(one.since for one in orphans).date().replace(day=1)):
            found[row.subscription_id][row.month] = row
    return found


def _of_resource(orphan: Orphan, amounts: dict[str, Decimal], slices: dict[date, CostSlice], *, today: date) -> Waste:
    since = orphan.since.date()
    until = min(today, orphan.ended_at.date()) if orphan.ended_at else today
    months = Span(since, max(since, until)).months
    poor = [month for month in months if month in slices and not slices[month].has_resources]
    unread = [month for month in months if month not in slices]
    unknown = tuple(sorted([*poor, *unread]))
    state = State.UNKNOWN if len(unknown) == len(months) else State.PARTIAL if unknown else State.COMPLETE
    through = max((row.through for month, row in slices.items() if month in months and row.through), default=None)
    return Waste(since, through, state, {} if state is State.UNKNOWN else amounts, unknown, _reason(poor, unread))


def _reason(poor: Collection[date], unread: Collection[date]) -> str:
    words = []
    if poor:
        words.append("The source of its costs names no resources.")
    if unread:
        words.append("Its costs were not read for every month.")
    return " ".join(words)


def _of_group(orphan: Orphan) -> Waste:
    return Waste(orphan.since.date(), None, State.COMPLETE, {}, (), "A resource group itself costs nothing.")
