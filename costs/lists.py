"""The lists of costs: what pages, API and files can be asked about money, and the rows as they came."""

from datetime import date, timedelta
from typing import Any

import django_filters
from django import forms
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.safestring import SafeString

from costs.models import CostedResource, CostRecord, CostTag, Metric
from costs.questions import DIMENSIONS, TAG, Dimension, Narrowing, Question, TagCondition
from costs.spans import Span, last_day, months_before
from governance.filters import MomentFilter, TextFilter, Words, WordsFilter
from governance.ui import cells
from governance.ui.listing import Column, Listing
from inventory.lists import folded
from tenants.lists import TenantOwnedFilterSet, sort_filter, tenants_asked_for

RECORD_SORTS = {"day": "day", "amount": "amount", "service": "service"}
MOST_DAYS = 400  # thirteen months and a little
MONTHS_KEPT = 13
# The spans that are asked for by a word; what a word means moves with the days.
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


def span_of(period: str, today: date) -> Span:
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


class DimensionField(forms.CharField):
    """One of the dimensions, cleaned to it."""

    def clean(self, value: Any) -> Dimension | None:
        """The dimension, or None when the parameter is empty. Raises ValidationError."""
        word = super().clean(value)
        if not word:
            return None
        try:
            return Dimension.from_word(word)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error


class DimensionFilter(django_filters.Filter):  # type: ignore[misc]  # untyped library
    """A parameter that names a dimension; it narrows nothing."""

    field_class = DimensionField

    def filter(self, qs: QuerySet[Any], value: Any) -> QuerySet[Any]:
        """The rows as they are."""
        return qs


class DayField(forms.DateField):
    """A day like 2026-11-23."""

    default_error_messages = {"invalid": "Give a day like 2026-11-23."}  # noqa: RUF012 - Django's own kind

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(input_formats=["%Y-%m-%d"], **kwargs)


class DayFilter(django_filters.Filter):  # type: ignore[misc]  # untyped library
    """A parameter that is a day."""

    field_class = DayField


class CostListFilter(TenantOwnedFilterSet):
    """What everything about costs can be narrowed to. Without a metric it is actual cost; without days, this month."""

    metric = django_filters.ChoiceFilter(choices=Metric.choices, method="keep", label="Metric")
    period = django_filters.ChoiceFilter(choices=PERIODS, method="keep", label="Days")
    since = DayFilter(method="keep", label="From (UTC)")
    until = DayFilter(method="keep", label="To (UTC)")
    subscription = WordsFilter(method="in_subscription", label="Subscription")
    resource_group = WordsFilter(method="in_group", label="Resource group")
    service = WordsFilter(method="of_service", label="Service")
    region = WordsFilter(method="in_region", label="Region")
    charge_type = WordsFilter(method="of_charge_type", label="Charge type")
    tag = TextFilter(method="with_tag", label="Tag")
    resource = TextFilter(method="of_resource", label="Resource")

    class Meta:
        model = CostRecord
        fields: list[str] = []

    def is_valid(self) -> bool:
        """True when everything can be read, and the days are in order and not too many."""
        valid = super().is_valid()
        if not valid:
            return False
        span = self.span(date.max.replace(year=9998))
        since, until = self.form.cleaned_data["since"], self.form.cleaned_data["until"]
        if since and until and (until < since or span.days > MOST_DAYS):
            self.form.add_error("until", f"Give a day after the first, and at most {MOST_DAYS} days in all.")
            return False
        return True

    @property
    def metric_asked(self) -> str:
        """The metric in force."""
        return str(self.form.cleaned_data.get("metric") or Metric.ACTUAL)

    def span(self, today: date) -> Span:
        """The days in force: those that are given, else those of the period."""
        asked = self.form.cleaned_data
        usual = span_of(asked.get("period") or "this-month", today)
        since, until = asked.get("since"), asked.get("until")
        if since is None and until is None:
            return usual
        first = since or until.replace(day=1)
        last = until or max(first, min(today, first + timedelta(days=MOST_DAYS - 1)))
        return Span(first, last)

    def question(self, today: date) -> Question:
        """What is asked, for the sums."""
        span = self.span(today)
        return Question(self.metric_asked, span.first, span.last, tenants_asked_for(self), self.narrowing())

    def narrowing(self) -> Narrowing:
        """What it is narrowed to, besides tenants and days."""
        asked = self.form.cleaned_data
        return Narrowing(
            subscription=_lower(asked["subscription"]),
            resource_group=_lower(asked["resource_group"]),
            service=asked["service"],
            region=_lower(asked["region"]),
            charge_type=asked["charge_type"],
            tag=_tag(asked["tag"]),
            resource=asked["resource"] or None,
        )

    def in_subscription(self, queryset: QuerySet[Any], name: str, value: Words) -> QuerySet[Any]:
        """`subscription=`: Azure's ids of subscriptions."""
        return folded(value).narrow(queryset, "subscription__subscription_id")

    def in_group(self, queryset: QuerySet[Any], name: str, value: Words) -> QuerySet[Any]:
        """`resource_group=`: names, in any letter case."""
        return _folded_column(queryset, "resource_group", value)

    def of_service(self, queryset: QuerySet[Any], name: str, value: Words) -> QuerySet[Any]:
        """`service=`: services as Azure names them."""
        return value.narrow(queryset, "service")

    def in_region(self, queryset: QuerySet[Any], name: str, value: Words) -> QuerySet[Any]:
        """`region=`: regions as the source names them, in any letter case."""
        return _folded_column(queryset, "region", value)

    def of_charge_type(self, queryset: QuerySet[Any], name: str, value: Words) -> QuerySet[Any]:
        """`charge_type=`: Usage, Purchase, Refund and so on."""
        return value.narrow(queryset, "charge_type")

    def with_tag(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """`tag=`: a tag's name, or name:value; with "!" before it, what has it not."""
        condition = _tag(value)
        if condition is None:
            return queryset
        sets = CostTag.objects.filter(tenant=OuterRef("tenant"), tag_set=OuterRef("tag_set"), key=condition.name)
        if condition.value is not None:
            sets = sets.filter(value=condition.value)
        return queryset.filter(~Exists(sets) if condition.unwanted else Exists(sets))

    def of_resource(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """`resource=`: the SHA-256 of the lower-cased Azure id."""
        return queryset.filter(azure_id_hash=value.strip().lower())


def _folded_column(queryset: QuerySet[Any], column: str, value: Words) -> QuerySet[Any]:
    """Rows as they came keep their letter case; what is asked for is compared without it."""
    return folded(value).narrow(queryset.annotate(**{f"{column}_folded": Lower(column)}), f"{column}_folded")


def _lower(words: Words | None) -> Words | None:
    return None if words is None else folded(words)


def _tag(text: str | None) -> TagCondition | None:
    if not text:
        return None
    name, colon, value = text.removeprefix("!").partition(":")
    return TagCondition(name.strip().lower(), value.strip() if colon else None, text.startswith("!"))


# --- the explorer ---


class ExplorerFilter(CostListFilter):
    """What the explorer can be asked: by which one or two dimensions."""

    by = DimensionFilter(label="Group by")
    then = DimensionFilter(label="And by")

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """One or two, service if none is given."""
        asked = self.form.cleaned_data
        first, second = asked.get("by"), asked.get("then")
        chosen = [one for one in (first, second) if one is not None]
        return tuple(dict.fromkeys(chosen)) or (Dimension("service"),)


# --- what moved ---


class MovedFilter(CostListFilter):
    """What moved since a moment: its days are those on which we learned of it."""

    since = MomentFilter(method="keep", label="Moved since (UTC)")
    until = period = resource_group = service = region = charge_type = tag = resource = None

    def is_valid(self) -> bool:
        """True when everything can be read."""
        return bool(TenantOwnedFilterSet.is_valid(self))

    def narrowing(self) -> Narrowing:
        """Of which subscriptions."""
        return Narrowing(subscription=_lower(self.form.cleaned_data["subscription"]))


# --- the rows ---


class RecordListFilter(CostListFilter):
    """Filters of the rows as they came."""

    sort = sort_filter(RECORD_SORTS)

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows of one metric and these days."""
        rows: QuerySet[Any] = super().filter_queryset(queryset)
        span = self.span(timezone.now().date())
        narrowed: QuerySet[Any] = rows.of_metric(self.metric_asked).between(span.first, span.last)  # type: ignore[attr-defined]
        return narrowed


def record_rows() -> QuerySet[Any]:
    """Rows in scope, with what a list prints."""
    rows: QuerySet[Any] = CostRecord.objects.select_related("tenant", "subscription")
    return rows


def _resource_name(row: CostRecord) -> str:
    return row.azure_id.rpartition("/")[2]


def _amount(row: CostRecord) -> SafeString:
    return cells.amount(row.amount, row.currency)


RECORDS = Listing(
    key="cost-records",
    title="Cost rows",
    one="row of cost",
    many="rows of cost",
    filterset=RecordListFilter,
    sorts=RECORD_SORTS,
    default_sort="-day",
    rows=record_rows,
    coverage_kind="costs",
    page="costs:records",
    columns=(
        Column("day", "Day (UTC)", lambda row: row.day, sort="day"),
        Column("amount", "Cost", lambda row: row.amount, _amount, sort="amount", number=True),
        Column("currency", "Currency", lambda row: row.currency, shown=True),
        Column("service", "Service", lambda row: row.service, sort="service", style="cut"),
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
EXPLORER = Listing(
    key="cost-explorer",
    title="Cost explorer",
    one="view of costs",
    many="views of costs",
    filterset=ExplorerFilter,
    sorts={},
    default_sort="",
    rows=record_rows,
    coverage_kind="costs",
    page="costs:explore",
    columns=(Column("day", "Day (UTC)", lambda row: row.day),),
)


def dimension_choices(tags: list[str]) -> list[tuple[str, str]]:
    """What costs can be grouped by: the dimensions, and each tag there is."""
    plain = [(kind, LABELS[kind]) for kind in DIMENSIONS if kind != TAG]
    return [*plain, *((f"{TAG}:{name}", f"Tag {name}") for name in tags)]


def resource_named(azure_id_hash: str) -> CostedResource | None:
    """A resource that cost something in scope."""
    found: CostedResource | None = CostedResource.objects.filter(azure_id_hash=azure_id_hash).first()
    return found
