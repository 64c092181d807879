"""What the pages of costs can be asked beyond the API: days named by a word; and the lists of the portal."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import django_filters
from django.utils import timezone
from django.utils.safestring import SafeString

from costs.finality import last_day
from costs.lists import (
    MOST_DIMENSIONS,
    CostFilterSet,
    CutFilter,
    DimensionsFilter,
    FiguresFilter,
    RecordListFilter,
    record_rows,
)
from costs.models import CostRecord
from costs.questions import DIMENSIONS, TAG, Dimension, Question
from costs.spans import Span, months_before
from governance.filters import MomentFilter, WordsFilter
from governance.ui import cells
from governance.ui.listing import Column, Listing
from tenants.lists import TenantOwnedFilterSet, sort_filter

RECORD_PAGE_SORTS = {"day": "day", "amount": "amount"}
MONTHS_KEPT = 13
PERIODS = (
    ("this-month", "This month"),
    ("last-month", "Last month"),
    ("last-30-days", "Last 30 days"),
    ("3-months", "3 months"),
    ("13-months", "13 months"),
)
LABELS = {
    "tenant": "Tenant",
    "subscription": "Subscription",
    "resource_group": "Resource group",
    "service": "Service",
    "region": "Region",
    "charge_type": "Charge type",
    "resource": "Resource",
}


def span_of_period(period: str, today: date) -> Span:
    """The days of one of PERIODS."""
    month = today.replace(day=1)
    if period == "last-month":
        first = months_before(month, 1)
        return Span(first, last_day(first))
    if period == "last-30-days":
        return Span(today - timedelta(days=29), today)
    months = {"3-months": 2, "13-months": MONTHS_KEPT - 1}.get(period, 0)
    return Span(months_before(month, months), today)


def label_of(dimension: Dimension) -> str:
    """A dimension in words."""
    return f"Tag {dimension.tag}" if dimension.kind == TAG else LABELS[dimension.kind]


def dimension_choices(tags: list[str]) -> list[tuple[str, str]]:
    """What costs can be grouped by: the dimensions, and each tag there is."""
    plain = [(kind, LABELS[kind]) for kind in DIMENSIONS if kind != TAG]
    return [*plain, *((f"{TAG}:{name}", f"Tag {name}") for name in tags)]


class PeriodFilterSet(CostFilterSet):
    """A question whose days may be named by a word: what it means moves with the days, as a saved view has to."""

    period = django_filters.ChoiceFilter(choices=PERIODS, method="keep", label="Days")

    def _contradictions(self) -> Iterator[tuple[str, str]]:
        asked = self.form.cleaned_data
        if asked.get("period") and any(asked.get(name) for name in ("month", "since", "until")):
            yield "period", "Give either one of the usual spans, or a month, or since and until."
        else:
            yield from super()._contradictions()

    def question(self) -> Question:
        """What was asked; only of a valid filterset."""
        question = super().question()
        period = self.form.cleaned_data.get("period")
        return question.on(span_of_period(period, timezone.now().date())) if period else question


class ExplorerFilter(PeriodFilterSet, CutFilter):
    """What the explorer can be asked: a cut whose second dimension may be given apart."""

    top: Any = None  # the API's alone
    then = DimensionsFilter(method="keep", label="And by")

    def _contradictions(self) -> Iterator[tuple[str, str]]:
        yield from super()._contradictions()
        if len(self.dimensions) > MOST_DIMENSIONS:
            yield "then", "Group by one dimension, or by two that differ."

    def _told_by(self) -> set[str]:
        return super()._told_by() | {dimension.kind for dimension in self.dimensions}

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """One or two, service if none is given."""
        asked = self.form.cleaned_data
        then = asked["then"] if self.data.get("then") else ()
        return tuple(dict.fromkeys((*asked["by"], *then)))


class RecordPageFilter(PeriodFilterSet, RecordListFilter):
    """What the page of rows can be asked."""

    sort = sort_filter(RECORD_PAGE_SORTS)


class MovedFilter(TenantOwnedFilterSet):
    """What moved since a moment."""

    passed_through: frozenset[str] = frozenset()
    metric = CostFilterSet.base_filters["metric"]
    since = MomentFilter(method="keep", label="Moved since (UTC)")
    subscription = WordsFilter(method="keep", label="Subscription")

    class Meta:
        model = CostRecord
        fields: list[str] = []


class CostOverviewFilter(TenantOwnedFilterSet):
    """The overview is narrowed by nothing but tenants; it shows one metric, in another currency too if wanted."""

    passed_through: frozenset[str] = frozenset()
    metric = CostFilterSet.base_filters["metric"]
    display_currency = FiguresFilter.base_filters["display_currency"]

    class Meta:
        model = CostRecord
        fields: list[str] = []


def _resource_name(row: CostRecord) -> str:
    return row.azure_id.rpartition("/")[2]


def _amount(row: CostRecord) -> SafeString:
    return cells.amount(row.amount, row.currency)


RECORDS = Listing(
    key="cost-records",
    title="Cost rows",
    one="row of cost",
    many="rows of cost",
    filterset=RecordPageFilter,
    sorts=RECORD_PAGE_SORTS,
    default_sort="-day",
    rows=record_rows,
    coverage_kind="costs",
    page="costs:records",
    columns=(
        Column("day", "Day (UTC)", lambda row: row.day, sort="day"),
        Column("amount", "Cost", lambda row: row.amount, _amount, sort="amount", number=True),
        Column("currency", "Currency", lambda row: row.currency),
        Column("service", "Service", lambda row: row.service, style="cut"),
        Column("meter", "Meter", lambda row: row.meter, style="cut"),
        Column("resource", "Resource", _resource_name, style="cut"),
        Column("resource_group", "Resource group", lambda row: row.resource_group, style="cut"),
        Column("subscription", "Subscription", lambda row: row.subscription.name, style="cut"),
        Column("tenant", "Tenant", lambda row: row.tenant.name, style="cut"),
        Column("charge_type", "Charge type", lambda row: row.charge_type),
        Column("region", "Region", lambda row: row.region, shown=False, style="cut"),
        Column("metric", "Metric", lambda row: row.metric, shown=False),
        Column("pricing_model", "Pricing model", lambda row: row.pricing_model, shown=False),
        Column("benefit", "Benefit", lambda row: row.benefit, shown=False, style="cut"),
        Column("quantity", "Quantity", lambda row: row.quantity, shown=False, number=True),
        Column("unit", "Unit", lambda row: row.unit, shown=False),
        Column("azure_id", "Azure id", lambda row: row.azure_id, shown=False, style="cut"),
        Column("subscription_id", "Subscription id", lambda row: row.subscription.subscription_id, shown=False),
    ),
)
# For saved views; what the explorer shows is no rows, and its files are made by `costs.cut_files`.
EXPLORER = Listing(
    key="cost-explorer",
    title="Cost explorer",
    one="cut of costs",
    many="cuts of costs",
    filterset=ExplorerFilter,
    sorts={},
    default_sort="",
    rows=record_rows,
    coverage_kind="costs",
    page="costs:explore",
    columns=(Column("day", "Day (UTC)", lambda row: row.day),),
)
