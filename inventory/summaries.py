"""The estate in numbers: what there is, by type, region and tenant, and what changed day by day.

Set-based and of a constant number of statements, whatever the size of the estate.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, QuerySet
from django.db.models.functions import TruncDate

from inventory.models import Resource, ResourceChange

KINDS: tuple[str, ...] = tuple(ResourceChange.Kind.values)


@dataclass(frozen=True, slots=True)
class Estate:
    """How many resources there are, in all and by one quality each: (value, count), in no order."""

    total: int
    by_type: tuple[tuple[str, int], ...]
    by_region: tuple[tuple[str, int], ...]
    by_tenant: tuple[tuple[UUID, int], ...]


@dataclass(frozen=True, slots=True)
class Activity:
    """What changed, per day (UTC) and kind. `counts[kind]` has a number for each of `days`; baselines are left out."""

    days: tuple[date, ...]
    counts: dict[str, tuple[int, ...]]

    def total(self, kind: str, last_days: int) -> int:
        """How many changes of this kind the last days hold."""
        return sum(self.counts[kind][-last_days:])


def estate(tenants: Collection[UUID] | None) -> Estate:
    """What there is now. Three statements."""
    live = Resource.objects.live().for_tenants(tenants)
    by_tenant = _counts(live, "tenant_id")
    return Estate(
        total=sum(count for _, count in by_tenant),
        by_type=_counts(live, "type"),
        by_region=_counts(live, "location"),
        by_tenant=by_tenant,
    )


def by_subscription(tenants: Collection[UUID] | None) -> list[tuple[str, int]]:
    """How many resources each subscription has, by its name: two of one name are two rows. One statement."""
    live = Resource.objects.live().for_tenants(tenants).order_by()
    rows = live.values_list("subscription_id", "subscription__name").annotate(found=Count("id"))
    return [(name, count) for _, name, count in rows]


def _counts(rows: QuerySet[Any], column: str) -> tuple[tuple[Any, int], ...]:
    return tuple(rows.order_by().values_list(column).annotate(found=Count("id")))


def activity(tenants: Collection[UUID] | None, *, until: date, days: int) -> Activity:
    """What changed on `until` and the days before it. One statement."""
    there = tuple(until - timedelta(days=back) for back in range(days - 1, -1, -1))
    since = datetime.combine(there[0], datetime.min.time(), tzinfo=UTC)
    rows = ResourceChange.objects.filter(at__gte=since, baseline=False).for_tenants(tenants)
    found = rows.order_by().annotate(day=TruncDate("at", tzinfo=UTC)).values_list("day", "kind").annotate(n=Count("id"))
    counts = {(day, kind): count for day, kind, count in found}
    return Activity(there, {kind: tuple(counts.get((day, kind), 0) for day in there) for kind in KINDS})


def latest_changes(tenants: Collection[UUID] | None, count: int) -> Sequence[ResourceChange]:
    """The newest changes with their resources, baselines left out. One statement."""
    rows = ResourceChange.objects.filter(baseline=False).for_tenants(tenants)
    return list(rows.select_related("resource", "tenant").defer("resource__properties").newest_first()[:count])
