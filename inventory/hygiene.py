"""What pages and reports ask about hygiene: orphans, their age, and a resource's own. Each in a fixed few queries."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Min, Q

from inventory.models import HygieneState, Orphan, Resource
from inventory.orphans import RULE_OF_KEY
from tenants.models import Tenant

# The ages that orphans are counted by: from so many days on, below the next.
AGES: tuple[tuple[int, str], ...] = (
    (0, "under 7 days"),
    (7, "7 to 29 days"),
    (30, "30 to 89 days"),
    (90, "90 to 364 days"),
    (365, "a year and more"),
)


@dataclass(frozen=True, slots=True)
class RuleCount:
    """How many orphans one rule found; `unknown` of which it could not be told."""

    key: str
    title: str
    words: str
    orphaned: int
    unknown: int


@dataclass(frozen=True, slots=True)
class OrphanSummary:
    """The orphans of some tenants. `unjudged` names the tenants that no sync has judged yet: none of theirs count."""

    orphaned: int
    unknown: int
    rules: tuple[RuleCount, ...]
    ages: tuple[tuple[str, int], ...]
    oldest_since: datetime | None
    at_least: int  # orphans that may be older than they are counted
    tenants: int
    unjudged: tuple[str, ...]

    @property
    def is_judged(self) -> bool:
        """Whether any tenant was judged at all: if not, 0 means nothing."""
        return len(self.unjudged) < self.tenants


def orphan_summary(tenants: Collection[UUID] | None = None, *, now: datetime) -> OrphanSummary:
    """Orphans by rule and by age over these tenants of the scope; None: over all of it. Three queries."""
    rows = Orphan.objects.open().for_tenants(tenants)
    counted = list(rows.order_by().values("rule", "verdict").annotate(**_counts(now)))
    orphaned = [row for row in counted if row["verdict"] == Orphan.Verdict.ORPHANED]
    names = dict(Tenant.objects.all().for_tenants(tenants).values_list("id", "name"))
    judged = set(
        HygieneState.objects.exclude(orphans_judged_at=None).for_tenants(tenants).values_list("tenant_id", flat=True)
    )
    return OrphanSummary(
        orphaned=sum(row["total"] for row in orphaned),
        unknown=sum(row["total"] for row in counted) - sum(row["total"] for row in orphaned),
        rules=_by_rule(counted),
        ages=tuple((title, sum(row[f"age_{days}"] for row in orphaned)) for days, title in AGES),
        oldest_since=min((row["oldest"] for row in orphaned), default=None),
        at_least=sum(row["at_least"] for row in orphaned),
        tenants=len(names),
        unjudged=tuple(sorted(name for key, name in names.items() if key not in judged)),
    )


def _counts(now: datetime) -> dict[str, Any]:
    """A count in all, one per age, the oldest, and those that may be older than they are counted."""
    counts: dict[str, Any] = {
        "total": Count("id"),
        "oldest": Min("since"),
        "at_least": Count("id", filter=Q(since_basis=Orphan.Basis.AT_LEAST)),
    }
    begins = [days for days, _ in AGES]
    for days, following in zip(begins, [*begins[1:], None], strict=True):
        wanted = Q() if days == 0 else Q(since__lte=now - timedelta(days=days))
        if following is not None:
            wanted &= Q(since__gt=now - timedelta(days=following))
        counts[f"age_{days}"] = Count("id", filter=wanted)
    return counts


def _by_rule(counted: Sequence[dict[str, Any]]) -> tuple[RuleCount, ...]:
    """Every rule there is, most orphans first; also those that found none: it was looked for."""
    found = {(row["rule"], row["verdict"]): row["total"] for row in counted}
    rows = [
        RuleCount(key, rule.title, rule.words, found.get((key, "orphaned"), 0), found.get((key, "unknown"), 0))
        for key, rule in RULE_OF_KEY.items()
    ]
    return tuple(sorted(rows, key=lambda row: (-row.orphaned, row.title)))


def orphans_of(resource: Resource) -> list[Orphan]:
    """The periods in which nothing used this resource, or that could not be told; what lasts first. One query."""
    rows = Orphan.objects.for_tenant(resource.tenant_id).filter(resource=resource)
    return sorted(rows, key=lambda row: (row.ended_at is not None, -row.since.timestamp()))


def judged_at(tenant_id: UUID) -> datetime | None:
    """When all of a tenant was first judged by the rules as they are; None when it never was. One query."""
    state: HygieneState | None = HygieneState.objects.for_tenant(tenant_id).first()
    return state.orphans_judged_at if state else None
