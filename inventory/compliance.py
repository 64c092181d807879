"""How well tenants keep their tag rules: by tenant and by type, in five queries whatever the number of either.

A figure never hides what it is a part of: resources of a tenant that is still to be judged are `not_judged`, and a
tenant without rules has no figure.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, QuerySet

from inventory.models import HygieneState, Resource, TagRule, TagViolation
from tenants.models import Tenant


@dataclass(frozen=True, slots=True)
class Tally:
    """Resources that some rule is for: how many break one, how many are still to be judged."""

    label: str
    resources: int
    violating: int
    not_judged: int

    @property
    def compliant(self) -> int:
        """Judged, and breaking no rule."""
        return self.resources - self.violating - self.not_judged

    @property
    def percent(self) -> int | None:
        """Whole percent that are compliant, rounded down; None while something is not judged, or there is nothing."""
        return None if self.not_judged or not self.resources else 100 * self.compliant // self.resources


@dataclass(frozen=True, slots=True)
class TenantCompliance:
    """One tenant. `pending_since`: its rules changed then, and it is being judged by them."""

    tenant_id: UUID
    tenant: str
    rules: int
    pending_since: datetime | None
    judged_at: datetime | None
    total: Tally
    types: tuple[Tally, ...]


def compliance(tenants: Collection[UUID] | None = None) -> list[TenantCompliance]:
    """Every tenant of these (None: of the scope), by name; also those without a rule."""
    wanted = Tenant.objects.order_by("name").for_tenants(tenants)
    return _figures(list(wanted), tenants)


def compliance_of(tenants: Sequence[Tenant]) -> list[TenantCompliance]:
    """These tenants, at most a thousand, in their order."""
    return _figures(tenants, [tenant.id for tenant in tenants])


def _figures(tenants: Sequence[Tenant], keys: Collection[UUID] | None) -> list[TenantCompliance]:
    rules: dict[UUID, list[TagRule]] = {}
    for rule in TagRule.objects.in_force().for_tenants(keys):
        rules.setdefault(rule.tenant_id, []).append(rule)
    states = {state.tenant_id: state for state in HygieneState.objects.all().for_tenants(keys)}
    live = _counted(Resource.objects.live().for_tenants(keys), "type", Count("id"))
    broken = TagViolation.objects.filter(rule__deleted_at=None, resource__deleted_at=None)
    violating = _counted(broken.for_tenants(keys), "resource__type", Count("resource_id", distinct=True))
    found = []
    for tenant in tenants:
        counts = live.get(tenant.id, {}), violating.get(tenant.id, {})
        found.append(_of_tenant(tenant, rules.get(tenant.id, []), states.get(tenant.id), counts))
    return found


def by_type(tenants: Iterable[TenantCompliance]) -> list[Tally]:
    """The types over all these tenants: most violations first."""
    sums: dict[str, list[int]] = {}
    for one in (tally for tenant in tenants for tally in tenant.types):
        sums.setdefault(one.label, [0, 0, 0])
        for place, value in enumerate((one.resources, one.violating, one.not_judged)):
            sums[one.label][place] += value
    return sorted(
        (Tally(label, *numbers) for label, numbers in sums.items()), key=lambda row: (-row.violating, row.label)
    )


def together(tenants: Iterable[TenantCompliance]) -> Tally:
    """All these tenants as one figure."""
    totals = [tenant.total for tenant in tenants]
    return Tally(
        "all",
        sum(one.resources for one in totals),
        sum(one.violating for one in totals),
        sum(one.not_judged for one in totals),
    )


def _counted(rows: QuerySet[Any], column: str, count: Count) -> dict[UUID, dict[str, int]]:
    found: dict[UUID, dict[str, int]] = {}
    for tenant_id, kind, number in rows.order_by().values_list("tenant_id", column).annotate(number=count):
        found.setdefault(tenant_id, {})[kind] = number
    return found


def _of_tenant(
    tenant: Tenant,
    rules: Sequence[TagRule],
    state: HygieneState | None,
    counts: tuple[dict[str, int], dict[str, int]],
) -> TenantCompliance:
    live, violating = counts
    is_pending = state is not None and state.tags_pending_since is not None
    is_for_all = any(not rule.types for rule in rules)
    ruled = {kind for rule in rules for kind in rule.types}
    types = tuple(
        Tally(kind, count, 0 if is_pending else violating.get(kind, 0), count if is_pending else 0)
        for kind, count in sorted(live.items())
        if rules and (is_for_all or kind in ruled)
    )
    return TenantCompliance(
        tenant_id=tenant.id,
        tenant=tenant.name,
        rules=len(rules),
        pending_since=state.tags_pending_since if state else None,
        judged_at=state.tags_judged_at if state else None,
        total=Tally(
            tenant.name,
            sum(one.resources for one in types),
            sum(one.violating for one in types),
            sum(one.not_judged for one in types),
        ),
        types=types,
    )
