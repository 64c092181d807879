"""What may be asked of costs: the filters of figures, records and restatements, once for page, API and export."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import django_filters
from django import forms
from django.db.models import Q, QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field

from costs.finality import last_day
from costs.models import CostRecord, DailyCost, Metric, Restatement, RestatementLine
from costs.moved import Moved, moved_since
from costs.questions import Dimension, Narrowing, Question, TagCondition
from costs.spans import Span
from costs.sums import carrying
from governance.filters import YEARS, MomentFilter, StrictFilterSet, TextFilter, Words, WordsFilter
from inventory.lists import folded, names_a_tag
from inventory.shape import key_of
from tenants.lists import TenantOwnedFilterSet, sort_filter, tenants_asked_for

RECORD_SORTS = {"day": "day"}
RESTATEMENT_SORTS = {"at": "at"}
LINE_SORTS = {"day": "day"}
MOST_DAYS = 1130  # of one question: 37 months
MOST_DIMENSIONS = 2
DAYS_BACK = 30  # of what moved, where nothing else is asked for
TOP, MOST_ROWS = 20, 1000  # of a cut: told one by one if nothing else is asked for, and at most
HASH = re.compile(r"[0-9a-f]{64}")
CURRENCY = re.compile(r"[A-Za-z]{3}")
NO_DAY = "Give a day like 2026-11-23."
NO_MONTH = "Give a month like 2026-11."
NO_RESOURCE = "Give the Azure id of a resource, which begins with a slash, or the SHA-256 of its lower-cased form."


class DayField(forms.CharField):
    """A day like 2026-11-23; None when it is empty."""

    sentence, length = NO_DAY, len("2026-11-23")

    def clean(self, value: Any) -> date | None:
        """The day. Raises ValidationError."""
        text = super().clean(value).strip()
        if not text:
            return None
        try:
            day = date.fromisoformat(text if self.length == len("2026-11-23") else f"{text}-01")
        except ValueError as error:
            raise forms.ValidationError(self.sentence) from error
        if len(text) != self.length or day.year not in YEARS:
            raise forms.ValidationError(self.sentence)
        return day


class MonthField(DayField):
    """A month like 2026-11, as its first day."""

    sentence, length = NO_MONTH, len("2026-11")


@extend_schema_field({"type": "string", "description": "A day like 2026-11-23 (UTC). Empty: no bound."})
class DayFilter(django_filters.Filter):  # type: ignore[misc]  # untyped library
    """A parameter that is a day."""

    field_class = DayField

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=40, **kwargs)


@extend_schema_field({"type": "string", "description": "A month like 2026-11, instead of since and until."})
class MonthFilter(DayFilter):
    """A parameter that is a month."""

    field_class = MonthField


def names_a_resource(value: str) -> None:
    """Raise ValidationError for what is neither an Azure id nor the hash of one."""
    if not value.startswith("/") and not HASH.fullmatch(value.lower()):
        raise forms.ValidationError(NO_RESOURCE)


def names_a_currency(value: str) -> None:
    """Raise ValidationError for what is no code of ISO 4217."""
    if not CURRENCY.fullmatch(value):
        raise forms.ValidationError("Give the three letters of a currency, like EUR.")


TAGGED = 'A tag\'s name, or name:value; with "!" before it, what has no such tag. Letter case counts in the value only.'
OF_A_RESOURCE = "Azure id of a resource, or the SHA-256 of its lower-cased form."
SHOWN_IN = "Show amounts in this currency too, at the dated rates that were imported. The originals stay beside."


@extend_schema_field({"type": "string", "description": TAGGED})
class CostTagFilter(TextFilter):
    """`tag=`: a condition on one tag."""


@extend_schema_field({"type": "string", "description": OF_A_RESOURCE})
class CostedResourceFilter(TextFilter):
    """`resource=`: one resource, there or long gone."""


@extend_schema_field({"type": "string", "description": SHOWN_IN})
class DisplayCurrencyFilter(TextFilter):
    """`display_currency=`: in which currency amounts are shown too."""


class CostFilterSet(TenantOwnedFilterSet):
    """What every question about costs can be narrowed to. `question()` says it; no filter touches a queryset.

    Without days it is about this month, up to today (UTC).
    """

    reads_rows = False  # whether the answer is made of raw rows, which tell everything

    metric = django_filters.ChoiceFilter(choices=Metric.choices, method="keep", label="Metric")
    month = MonthFilter(method="keep", label="Month")
    since = DayFilter(method="keep", label="First day")
    until = DayFilter(method="keep", label="Last day")
    subscription = WordsFilter(method="keep", label="Subscription")
    resource_group = WordsFilter(method="keep", label="Resource group")
    service = WordsFilter(method="keep", label="Service")
    region = WordsFilter(method="keep", label="Region")
    charge_type = WordsFilter(method="keep", label="Charge type")
    tag = CostTagFilter(method="keep", label="Tag", validators=[names_a_tag])
    resource = CostedResourceFilter(method="keep", label="Resource", max_length=2048, validators=[names_a_resource])

    class Meta:
        model = DailyCost
        fields: list[str] = []

    def is_valid(self) -> bool:
        """True when each parameter can be read, and all of them together too."""
        if not super().is_valid():
            return False
        contradictions = list(self._contradictions())
        for name, sentence in contradictions:
            self.form.add_error(name, sentence)
        return not contradictions

    def _contradictions(self) -> Iterator[tuple[str, str]]:
        asked = self.form.cleaned_data
        if asked.get("month") and (asked.get("since") or asked.get("until")):
            yield "month", "Give either a month, or since and until."
            return
        span = span_of(asked, timezone.now().date())
        if span.days < 1:
            yield "until", "The last day is before the first one."
        elif span.days > MOST_DAYS:
            yield "since", f"Ask for at most {MOST_DAYS} days at once."
        told = self._told_by()
        if "charge_type" in told and told & {"tag", "resource"} and not self.reads_rows:
            yield "charge_type", "Costs are not summed by charge type together with tags or resources; leave one out."

    def _told_by(self) -> set[str]:
        """The qualities of a row that the question names."""
        return {name for name, value in self.form.cleaned_data.items() if value}

    def question(self) -> Question:
        """What was asked; only of a valid filterset."""
        asked = self.form.cleaned_data
        span = span_of(asked, timezone.now().date())
        return Question(
            metric=asked.get("metric") or Metric.ACTUAL,
            first=span.first,
            last=span.last,
            tenants=tenants_asked_for(self),
            narrowed=_narrowing(asked),
        )


def span_of(asked: dict[str, Any], today: date) -> Span:
    """The days asked for: a month as far as it goes; else from `since` or the first of the last day's month."""
    if month := asked.get("month"):
        return Span(month, max(month, min(last_day(month), today)))
    first = asked.get("since")
    last = asked.get("until") or max(today, first or today)
    return Span(first or last.replace(day=1), last)


def _narrowing(asked: dict[str, Any]) -> Narrowing:
    def lower(name: str) -> Words | None:
        words = asked.get(name)
        return folded(words) if words else None

    resource = asked.get("resource")
    return Narrowing(
        subscription=lower("subscription"),
        resource_group=lower("resource_group"),
        service=asked.get("service"),
        region=lower("region"),
        charge_type=asked.get("charge_type"),
        tag=_condition(asked["tag"]) if asked.get("tag") else None,
        resource=_hash_of(resource) if resource else None,
    )


def _hash_of(resource: str) -> str:
    """The hash of a resource that is named by it, or by its Azure id."""
    return resource.lower() if HASH.fullmatch(resource.lower()) else key_of(resource).hex()


def _condition(phrase: str) -> TagCondition:
    name, colon, value = phrase.removeprefix("!").partition(":")
    return TagCondition(name.strip().lower(), value if colon else None, phrase.startswith("!"))


class FiguresFilter(CostFilterSet):
    """What totals can be asked for."""

    display_currency = DisplayCurrencyFilter(method="keep", label="Also shown in", validators=[names_a_currency])


def display_currency_of(asked: StrictFilterSet) -> str:
    """The currency that amounts are to be shown in too; "" for none. Only of a valid filterset."""
    return str(asked.form.cleaned_data.get("display_currency") or "").upper()


class TrendFilter(FiguresFilter):
    """What trends can be asked for."""

    by = django_filters.ChoiceFilter(choices=[("day", "Day"), ("month", "Month")], method="keep", label="By")


BY = "One or two of tenant, subscription, resource_group, service, region, charge_type, resource, tag:NAME."


class DimensionsField(forms.CharField):
    """One or two dimensions with a comma between them."""

    def clean(self, value: Any) -> tuple[Dimension, ...]:
        """The dimensions; service when it is empty. Raises ValidationError."""
        words = [word.strip() for word in super().clean(value).split(",") if word.strip()] or ["service"]
        try:
            found = tuple(Dimension.from_word(word) for word in words)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error
        if len(found) > MOST_DIMENSIONS or len(set(found)) < len(found):
            raise forms.ValidationError("Give one dimension, or two that differ.")
        return found


@extend_schema_field({"type": "string", "default": "service", "description": BY})
class DimensionsFilter(django_filters.Filter):  # type: ignore[misc]  # untyped library
    """`by=`: what a cut is by."""

    field_class = DimensionsField

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=1100, **kwargs)


@extend_schema_field({"type": "integer", "minimum": 1, "maximum": MOST_ROWS, "default": TOP})
class TopFilter(django_filters.NumberFilter):  # type: ignore[misc]  # untyped library
    """`top=`: how many rows of each currency are told one by one."""


class CutFilter(FiguresFilter):
    """What cuts can be asked for."""

    by = DimensionsFilter(method="keep", label="By")
    top = TopFilter(method="keep", label="Rows of each currency", min_value=1, max_value=MOST_ROWS, decimal_places=0)

    def _told_by(self) -> set[str]:
        return super()._told_by() | {dimension.kind for dimension in self.form.cleaned_data["by"]}


# --- rows ---


class RecordListFilter(CostFilterSet):
    """Filters of the raw rows. Letter case makes no difference but in services, charge types and values of tags."""

    reads_rows = True
    sort = sort_filter(RECORD_SORTS)

    class Meta:
        model = CostRecord
        fields: list[str] = []

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows asked for."""
        rows: Any = super().filter_queryset(queryset)
        question = self.question()
        narrowed = question.narrowed
        rows = rows.of_metric(question.metric).between(question.first, question.last)
        if narrowed.subscription:
            rows = narrowed.subscription.narrow(rows, "subscription__subscription_id")
        for column, words in narrowed.columns.items():
            rows = _narrow_as_given(rows, column, words)
        if narrowed.resource is not None:
            rows = rows.filter(azure_id_hash=narrowed.resource)
        found: QuerySet[Any] = carrying(rows, question) if narrowed.tag else rows
        return found


def _narrow_as_given(rows: Any, column: str, words: Words) -> Any:
    """Rows keep the names as they came: they are compared in any letter case."""
    condition = Q()
    for word in words.words:
        condition |= Q(**{f"{column}__iexact": word})
    return rows.filter(~condition if words.turned else condition)


def record_rows() -> QuerySet[Any]:
    """Raw rows in scope with what a list prints of them."""
    rows: QuerySet[Any] = CostRecord.objects.select_related("tenant", "subscription")
    return rows


class RestatementListFilter(TenantOwnedFilterSet):
    """Filters of the restatements."""

    metric = django_filters.ChoiceFilter(choices=Metric.choices, label="Metric")
    month = MonthFilter(field_name="month", label="Month")
    subscription = WordsFilter(method="in_subscription", label="Subscription")
    currency = TextFilter(field_name="currency", lookup_expr="iexact", label="Currency")
    since = MomentFilter(field_name="at", lookup_expr="gte", label="Since (UTC)")
    until = MomentFilter(field_name="at", lookup_expr="lt", label="Before (UTC)")
    moved = django_filters.ChoiceFilter(
        choices=[("yes", "Days that had been told changed"), ("any", "Also where days only arrived")],
        method="that_moved",
        label="Moved",
    )
    sort = sort_filter(RESTATEMENT_SORTS)

    class Meta:
        model = Restatement
        fields: list[str] = []

    def in_subscription(self, queryset: QuerySet[Any], name: str, value: Words) -> QuerySet[Any]:
        """`subscription=`: Azure's ids of subscriptions."""
        return folded(value).narrow(queryset, "subscription__subscription_id")

    def that_moved(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """`moved=yes`: without those in which the open month only grew."""
        return queryset.exclude(moved=0) if value == "yes" else queryset


def restatement_rows() -> QuerySet[Any]:
    """Restatements in scope with what a list prints of them."""
    rows: QuerySet[Any] = Restatement.objects.select_related("tenant", "subscription", "receipt")
    return rows


def days_ago(days: int) -> datetime:
    """The beginning of the day so many days ago, UTC."""
    return datetime.combine(timezone.now().astimezone(UTC).date() - timedelta(days=days), time.min, UTC)


class MovedFilter(TenantOwnedFilterSet):
    """What can be asked of what moved. Without `since` it is the last thirty days."""

    metric = django_filters.ChoiceFilter(choices=Metric.choices, method="keep", label="Metric")
    subscription = WordsFilter(method="keep", label="Subscription")
    since = MomentFilter(method="keep", label="Since (UTC)")
    top = TopFilter(method="keep", label="Rows of each kind", min_value=1, max_value=MOST_ROWS, decimal_places=0)

    class Meta:
        model = Restatement
        fields: list[str] = []

    def moved(self) -> Moved:
        """What moved; only of a valid filterset."""
        asked = self.form.cleaned_data
        return moved_since(
            asked.get("since") or days_ago(DAYS_BACK),
            metric=asked.get("metric") or Metric.ACTUAL,
            tenants=tenants_asked_for(self),
            subscription=folded(asked["subscription"]) if asked.get("subscription") else None,
            top=int(asked.get("top") or TOP),
        )


class LineListFilter(StrictFilterSet):
    """Filters of the lines of one restatement."""

    service = WordsFilter(method="of_service", label="Service")
    resource = CostedResourceFilter(
        method="of_resource", label="Resource", max_length=2048, validators=[names_a_resource]
    )
    sort = sort_filter(LINE_SORTS)

    class Meta:
        model = RestatementLine
        fields: list[str] = []

    def of_service(self, queryset: QuerySet[Any], name: str, value: Words) -> QuerySet[Any]:
        """`service=`: services, as they are told."""
        return value.narrow(queryset, "service")

    def of_resource(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """`resource=`: one resource."""
        return queryset.filter(azure_id_hash=_hash_of(value))
