"""The kinds of report there are: what each can be asked, what it is called, and how it is made."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import QueryDict

from governance.drf import CoverageSerializer
from governance.portal import cost_reports, reports
from governance.portal.exporting import RefusedError
from governance.portal.reports import ReportFilter, tenants_of
from tenants.models import Subscription


@dataclass(frozen=True, slots=True)
class ReportKind:
    """One kind. `build` gives what the template prints: it has `title`, `rows`, `coverage` and `attachments`."""

    key: str
    filterset: type[ReportFilter]
    title: Callable[[Any], str]
    build: Callable[..., Any]
    template: str

    @property
    def parameters(self) -> tuple[str, ...]:
        """What it can be asked."""
        return tuple(self.filterset.base_filters)


KINDS: dict[str, ReportKind] = {
    kind.key: kind
    for kind in (
        ReportKind(
            key=reports.INVENTORY,
            filterset=ReportFilter,
            title=lambda asked: f"Inventory report of {reports.scope_of(asked)}",
            build=reports.build,
            template="reports/inventory.html",
        ),
        ReportKind(
            key=cost_reports.COSTS,
            filterset=cost_reports.CostReportFilter,
            title=cost_reports.title_of,
            build=cost_reports.build,
            template="reports/costs.html",
        ),
    )
}


def kind_named(key: str) -> ReportKind:
    """The kind of this key; the inventory report for none. Raises RefusedError."""
    kind = KINDS.get(key or reports.INVENTORY)
    if kind is None:
        raise RefusedError({"report": [f"There is no report {key[:60]!r}. Known: {', '.join(KINDS)}."]})
    return kind


def asked_for(kind: ReportKind, query: QueryDict) -> ReportFilter:
    """What a report is to be about, within the current scope. Raises RefusedError."""
    asked = kind.filterset(query, queryset=Subscription.objects.none())
    if not asked.is_valid():
        raise RefusedError(asked.problems())
    if not tenants_of(asked):
        raise RefusedError({"tenant": ["There is no tenant in it that you may see."]})
    return asked


def built(kind: ReportKind, asked: ReportFilter, *, query: str, made_for: str, owner_id: UUID) -> Any:
    """The whole report, within the current scope."""
    return kind.build(asked, query=query, made_for=made_for, owner_id=owner_id)


def coverage_kept(report: Any) -> dict[str, Any]:
    """What is kept with the file: the coverage in the words of the API, and the state of costs that it shows."""
    told = dict(CoverageSerializer(report.coverage).data)
    state = getattr(report, "state", None)
    return {**told, cost_reports.COSTS: state} if state else told
