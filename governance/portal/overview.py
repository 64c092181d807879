"""The first page: what changed, what is wrong, and can this be trusted? Over all visible tenants, one, or a group."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from costs.overview import CostCard, cost_card
from costs.waste import waste_total
from governance.access import Permission
from governance.caching import kept
from governance.gate import requires
from governance.schedules import SYNCS
from governance.ui import charts
from inventory import summaries
from inventory.hygiene import orphan_summary
from tenants.freshness import Coverage, State, TenantFreshness, coverage
from tenants.lists import TenantOwnedFilterSet, tenants_asked_for
from tenants.models import Subscription, Tenant

DAYS = 14  # of the chart of changes
WEEK = 7  # days whose changes are counted in words
CHANGES_SHOWN = 8
TENANTS_SHOWN = 12
LOST_SHOWN = 5


class OverviewFilter(TenantOwnedFilterSet):
    """The overview is narrowed by nothing but tenants."""

    passed_through = frozenset()

    class Meta:
        model = Subscription
        fields: list[str] = []


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong, in words, with the place where it is mended. `state` is a class of `.state`."""

    state: str
    words: str
    detail: str
    address: str


@require_safe
@requires(Permission.SEE)
def overview(request: HttpRequest) -> HttpResponse:
    """The answers of the first ten seconds."""
    asked = OverviewFilter(request.GET, queryset=Subscription.objects.none())
    if not asked.is_valid():
        return render(request, "portal/overview.html", {"problems": asked.problems()}, status=400)
    now = timezone.now()
    return render(request, "portal/overview.html", _answers(tenants_asked_for(asked), _carried(request), now))


def _answers(tenants: frozenset[UUID] | None, carried: dict[str, str], now: datetime) -> dict[str, Any]:
    coverages = [(schedule, coverage(schedule.kind, now=now, tenants=tenants)) for schedule in SYNCS]
    estate, activity = _estate(tenants, now)
    lost = _lost_subscriptions(tenants)
    resources = coverages[0][1]
    return {
        "coverage": resources,
        "estate": estate,
        "charts": _charts(estate, resources, carried),
        "changes_chart": _changes_chart(activity),
        "week": {kind: activity.total(kind, WEEK) for kind in summaries.KINDS},
        "costs": _costs(tenants, now),
        "wasted": sorted(waste_total(tenants).items()),
        "orphans": (found := orphan_summary(tenants, now=now)),
        "orphans_by_age": charts.bars("Orphans by age", found.ages, unit="orphans", in_order=True),
        "latest": summaries.latest_changes(tenants, CHANGES_SHOWN),
        "troubles": [*_failing(coverages), *_losses(lost)],
        "tenants": _with_counts(resources.tenants, estate)[:TENANTS_SHOWN],
        "more_tenants": max(0, len(resources.tenants) - TENANTS_SHOWN),
        "carried": f"?{urlencode(carried)}" if carried else "",
    }


def _carried(request: HttpRequest) -> dict[str, str]:
    return {name: request.GET[name] for name in ("tenant", "group") if request.GET.get(name)}


def _estate(tenants: frozenset[UUID] | None, now: datetime) -> tuple[summaries.Estate, summaries.Activity]:
    """The numbers, kept until a sync stores something or the day ends."""
    today = now.astimezone(UTC).date()
    of_whom = "all" if tenants is None else ",".join(sorted(tenant.hex for tenant in tenants))
    return kept(
        "estate",
        version=f"{Tenant.objects.version()}-{today}",
        about=of_whom,
        compute=lambda: (summaries.estate(tenants), summaries.activity(tenants, until=today, days=DAYS)),
    )


def _costs(tenants: frozenset[UUID] | None, now: datetime) -> CostCard:
    """This month's costs, kept until a slice is stored or the day ends."""
    today = now.astimezone(UTC).date()
    of_whom = "all" if tenants is None else ",".join(sorted(tenant.hex for tenant in tenants))
    version = f"{Tenant.objects.version()}-{today}"
    return kept("cost-card", version=version, about=of_whom, compute=lambda: cost_card(tenants, today=today))


def _charts(estate: summaries.Estate, found: Coverage, carried: dict[str, str]) -> list[charts.Bars]:
    def leads(name: str, values: Any) -> dict[str, str]:
        there = reverse("inventory:resources")
        return {value: f"{there}?{urlencode({**carried, name: value})}" for value in values if value}

    names = {row.tenant_id: row.tenant for row in found.tenants}
    by_tenant = [(names[key], count) for key, count in estate.by_tenant if key in names]
    kinds = (
        ("By type", "type", estate.by_type),
        ("By region", "region", estate.by_region),
        ("By tenant", "tenant", by_tenant),
    )
    return [
        charts.bars(title, counts, unit="resources", addresses=leads(name, (value for value, _ in counts)))
        for title, name, counts in kinds
    ]


def _changes_chart(activity: summaries.Activity) -> charts.Columns:
    labels = [f"{day:%d %b}" for day in activity.days]
    added = [a + b for a, b in zip(activity.counts["created"], activity.counts["returned"], strict=True)]
    series = {"created": added, "changed": activity.counts["changed"], "deleted": activity.counts["deleted"]}
    return charts.columns(f"Changes of the last {DAYS} days", labels, series, unit="resources")


def _failing(coverages: list[tuple[Any, Coverage]]) -> list[Trouble]:
    """Each tenant whose last sync was not whole, worst first."""
    rows = [(schedule, row) for schedule, found in coverages for row in found.troubled if not row.paused]
    order = list(State)
    rows.sort(key=lambda pair: (-order.index(pair[1].state), pair[1].tenant))
    return [_failing_tenant(schedule.title, row) for schedule, row in rows]


def _failing_tenant(title: str, row: TenantFreshness) -> Trouble:
    words = {
        State.STALE: f"{title} of {row.tenant} were last read too long ago",
        State.PARTIAL: f"{title} of {row.tenant} were read in part",
        State.FAILED: f"{title} of {row.tenant} could not be read",
        State.NEVER: f"{title} of {row.tenant} have not been read yet",
    }[row.state]
    return Trouble(row.state, words, row.reason, f"{reverse('portal:syncs')}?{urlencode({'tenant': row.tenant})}")


def _lost_subscriptions(tenants: frozenset[UUID] | None) -> list[Subscription]:
    rows = Subscription.objects.expected().exclude(access_lost_at=None).select_related("tenant")
    return list(rows.for_tenants(tenants).order_by("access_lost_at", "id")[: LOST_SHOWN + 1])


def _losses(lost: list[Subscription]) -> list[Trouble]:
    there = reverse("tenants:tenants")
    found = [
        Trouble(
            "partial",
            f"Subscription {row.name} of {row.tenant.name} is not visible since {row.access_lost_at:%Y-%m-%d}",
            "Give the application the role Reader there again, or off-board the subscription if it is gone for good.",
            reverse("tenants:tenant", args=[row.tenant_id]),
        )
        for row in lost[:LOST_SHOWN]
    ]
    if len(lost) > LOST_SHOWN:
        found.append(Trouble("partial", "More subscriptions are not visible any more", "See the tenants.", there))
    return found


def _with_counts(rows: tuple[TenantFreshness, ...], estate: summaries.Estate) -> list[tuple[TenantFreshness, int]]:
    """Tenants with how many resources they have, those in trouble first."""
    counts, order = dict(estate.by_tenant), list(State)
    worst_first = sorted(rows, key=lambda row: (row.paused, -order.index(row.state), row.tenant))
    return [(row, counts.get(row.tenant_id, 0)) for row in worst_first]
