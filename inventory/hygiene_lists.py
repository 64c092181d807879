"""The lists of orphans and of changes: their filters, sorts and columns, once for page, API and export."""

from datetime import timedelta
from typing import Any

import django_filters
import orjson
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from governance.filters import MomentFilter, TextFilter, Words, WordsFilter
from governance.ui import cells
from governance.ui.listing import Column, Listing
from inventory.lists import folded, link_to_resource
from inventory.models import Orphan, ResourceChange
from inventory.orphans import RULE_OF_KEY
from inventory.querysets import ChangeQuerySet
from tenants.lists import TenantOwnedFilterSet, sort_filter

ORPHAN_SORTS = {"since": "since", "name": "name", "type": "type"}
FEED_SORTS = {"at": "at"}
FIELDS_SHOWN = 3  # of a change, in a list
VALUE_SHOWN = 60  # characters of a value, in a list
SHOWN_IN_FULL = 4000  # characters of all fields of a change, in a file


class SubjectFilterSet(TenantOwnedFilterSet):
    """What every list about resources can be narrowed to. `of_resource` is the way from its rows to a resource."""

    of_resource = ""

    subscription = WordsFilter(method="in_subscription", label="Subscription")
    resource_group = TextFilter(method="in_group", label="Resource group")
    type = WordsFilter(method="of_type", label="Type")

    def in_subscription(self, queryset: QuerySet[Any], name: str, value: Words) -> QuerySet[Any]:
        """`subscription=`: Azure's ids of subscriptions."""
        return folded(value).narrow(queryset, f"{self.of_resource}subscription__subscription_id")

    def in_group(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """`resource_group=`: the whole name in any letter case."""
        return queryset.filter(**{f"{self.of_resource}resource_group__iexact": value.strip()})

    def of_type(self, queryset: QuerySet[Any], name: str, value: Words) -> QuerySet[Any]:
        """`type=`: resource types in any letter case."""
        return folded(value).narrow(queryset, f"{self.of_resource}type")


# --- orphans ---


class OrphanListFilter(SubjectFilterSet):
    """Filters of the list of orphans. Without `verdict` only what is one for certain; without `ended` what lasts."""

    q = TextFilter(method="search", label="Name contains")
    rule = django_filters.ChoiceFilter(choices=[(rule.key, rule.title) for rule in RULE_OF_KEY.values()], label="Rule")
    verdict = django_filters.ChoiceFilter(
        choices=[("orphaned", "Orphaned"), ("unknown", "Cannot be told"), ("any", "Both")],
        method="keep",
        label="Verdict",
    )
    ended = django_filters.ChoiceFilter(
        choices=[("no", "Lasting"), ("yes", "Ended"), ("any", "Both")], method="keep", label="Ended"
    )
    older_than = django_filters.NumberFilter(
        method="longer_than", label="For more than (days)", min_value=0, max_value=36500, decimal_places=0
    )
    sort = sort_filter(ORPHAN_SORTS)

    class Meta:
        model = Orphan
        fields: list[str] = []

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows asked for; doubtful and ended ones only on request."""
        rows: QuerySet[Any] = super().filter_queryset(queryset)
        verdict = self.form.cleaned_data.get("verdict") or "orphaned"
        ended = self.form.cleaned_data.get("ended") or "no"
        if verdict != "any":
            rows = rows.filter(verdict=verdict)
        if ended == "any":
            return rows
        return rows.filter(ended_at=None) if ended == "no" else rows.exclude(ended_at=None)

    def search(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """`q=`: the name contains every word."""
        for word in value.split():
            queryset = queryset.filter(name__icontains=word)
        return queryset

    def longer_than(self, queryset: QuerySet[Any], name: str, value: Any) -> QuerySet[Any]:
        """`older_than=`: begun more than so many days ago."""
        return queryset.filter(since__lt=timezone.now() - timedelta(days=int(value)))


def orphan_rows() -> QuerySet[Any]:
    """Periods in scope with what a list prints of them."""
    rows: QuerySet[Any] = Orphan.objects.select_related("tenant", "subscription")
    return rows


def days_of(period: Orphan) -> int:
    """For how many whole days it has lasted, or did last."""
    return max(0, ((period.ended_at or timezone.now()) - period.since).days)


def _since(row: Orphan) -> SafeString:
    words = {"at_least": "at least", "azure": "by Azure", "seen": ""}[row.since_basis]
    return format_html('{} <span class="basis">{}</span>', cells.moment(row.since), words)


def _rule_title(row: Orphan) -> str:
    rule = RULE_OF_KEY.get(row.rule)
    return rule.title if rule else row.rule


def _rule_words(row: Orphan) -> str:
    rule = RULE_OF_KEY.get(row.rule)
    return row.why or (rule.words if rule else "This rule is no longer there.")


def _rule(row: Orphan) -> SafeString:
    return format_html('{} <span class="words">{}</span>', _rule_title(row), _rule_words(row))


def _verdict(row: Orphan) -> SafeString:
    return cells.state("partial" if row.verdict == "orphaned" else "never", row.get_verdict_display())


def _name(row: Orphan) -> SafeString:
    """A resource leads to its page; a resource group has none."""
    return link_to_resource(row.resource_id, row.name) if row.resource_id else format_html("{}", row.name)


ORPHANS = Listing(
    key="orphans",
    title="Orphans",
    one="orphan",
    many="orphans",
    filterset=OrphanListFilter,
    sorts=ORPHAN_SORTS,
    default_sort="since",
    rows=orphan_rows,
    page="portal:orphans",
    columns=(
        Column("name", "Name", lambda row: row.name, _name, sort="name", style="cut"),
        Column(
            "rule", "What was looked at", lambda row: f"{_rule_title(row)}: {_rule_words(row)}", _rule, style="wrap"
        ),
        Column("since", "Since (UTC)", lambda row: row.since, _since, sort="since"),
        Column("days", "Days", days_of, number=True),
        Column("resource_group", "Resource group", lambda row: row.resource_group, style="cut"),
        Column("subscription", "Subscription", lambda row: row.subscription.name, style="cut"),
        Column("tenant", "Tenant", lambda row: row.tenant.name, style="cut"),
        Column("type", "Type", lambda row: row.type, sort="type", shown=False, style="cut soft"),
        Column("region", "Region", lambda row: row.location, shown=False, style="cut"),
        Column("verdict", "Verdict", lambda row: row.verdict, _verdict, shown=False),
        Column("basis", "Since is", lambda row: row.get_since_basis_display(), shown=False, style="wrap"),
        Column(
            "unreadable",
            "Unreadable since (UTC)",
            lambda row: row.unreadable_since,
            lambda row: cells.moment(row.unreadable_since, "readable"),
            shown=False,
        ),
        Column(
            "ended",
            "Ended (UTC)",
            lambda row: row.ended_at,
            lambda row: cells.moment(row.ended_at, "lasts"),
            shown=False,
        ),
        Column("ending", "Ended by", lambda row: row.get_ending_display() if row.ending else "", shown=False),
        Column("subscription_id", "Subscription id", lambda row: row.subscription.subscription_id, shown=False),
    ),
)


# --- changes ---


class ChangeFeedFilter(SubjectFilterSet):
    """Filters of the change feed. What a first reading found is no change, and shown only on request."""

    of_resource = "resource__"

    q = TextFilter(method="search", label="Name contains")
    kind = django_filters.ChoiceFilter(choices=ResourceChange.Kind.choices, label="Kind")
    field = TextFilter(method="of_field", label="Changed field")
    since = MomentFilter(field_name="at", lookup_expr="gte", label="Since (UTC)")
    until = MomentFilter(field_name="at", lookup_expr="lt", label="Before (UTC)")
    baseline = django_filters.ChoiceFilter(
        choices=[("no", "Without what a first reading found"), ("any", "With what a first reading found")],
        method="keep",
        label="First readings",
    )
    sort = sort_filter(FEED_SORTS)

    class Meta:
        model = ResourceChange
        fields: list[str] = []

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows asked for; what a first reading found only on request."""
        rows: QuerySet[Any] = super().filter_queryset(queryset)
        return rows if self.form.cleaned_data.get("baseline") == "any" else rows.filter(baseline=False)

    def search(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """`q=`: the resource's name contains every word."""
        for word in value.split():
            queryset = queryset.filter(resource__name__icontains=word)
        return queryset

    def of_field(self, queryset: ChangeQuerySet, name: str, value: str) -> ChangeQuerySet:
        """`field=`: this field changed, or one below it."""
        return queryset.of_field(value)


def change_rows() -> QuerySet[Any]:
    """Changes in scope with what a list prints of them and of their resources."""
    rows: QuerySet[Any] = ResourceChange.objects.select_related("tenant", "resource", "resource__subscription")
    unread = ("properties", "sku", "zones", "identity", "tags", "azure_id")
    return rows.defer(*(f"resource__{name}" for name in unread))


def shown_value(value: Any, most: int = VALUE_SHOWN) -> str:
    """A value in a list: a dash for what was not there, and an ellipsis where it is cut."""
    if value is None:
        return "–"
    text = value if isinstance(value, str) else _json(value)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _fields(row: ResourceChange) -> SafeString:
    shown = [(one["field"], shown_value(one["before"]), shown_value(one["after"])) for one in row.fields[:FIELDS_SHOWN]]
    if not shown:
        return cells.NOTHING
    lines = format_html_join(
        "", '<li><b>{}</b> <del>{}</del> <span aria-hidden="true">→</span> <ins>{}</ins></li>', shown
    )
    rest = len(row.fields) - len(shown)
    more = format_html('<li class="muted">and {} more</li>', rest) if rest else ""
    return format_html('<ul class="fields">{}{}</ul>', lines, more)


def fields_as_text(row: ResourceChange) -> str:
    """All fields of a change in one cell of a file; says so where it is cut."""
    parts = [
        f"{one['field']}: {shown_value(one['before'], 500)} -> {shown_value(one['after'], 500)}" for one in row.fields
    ]
    text = "; ".join(parts)
    return text if len(text) <= SHOWN_IN_FULL else f"{text[:SHOWN_IN_FULL]}… (cut; {len(parts)} fields)"


def _kind(row: ResourceChange) -> SafeString:
    word = "Found" if row.baseline else row.get_kind_display()
    return format_html('<span class="change {}">{}</span>', row.kind, word)


CHANGES = Listing(
    key="changes",
    title="Changes",
    one="change",
    many="changes",
    filterset=ChangeFeedFilter,
    sorts=FEED_SORTS,
    default_sort="-at",
    rows=change_rows,
    page="inventory:changes",
    columns=(
        Column(
            "resource",
            "Resource",
            lambda row: row.resource.name,
            lambda row: link_to_resource(row.resource_id, row.resource.name),
            style="cut",
        ),
        Column("at", "Seen (UTC)", lambda row: row.at, lambda row: cells.moment(row.at), sort="at"),
        Column("kind", "Kind", lambda row: "found" if row.baseline else row.kind, _kind),
        Column("fields", "Before and after", fields_as_text, _fields, style="wrap"),
        Column("type", "Type", lambda row: row.resource.type, style="cut soft"),
        Column("resource_group", "Resource group", lambda row: row.resource.resource_group, style="cut"),
        Column("tenant", "Tenant", lambda row: row.tenant.name, style="cut"),
        Column("subscription", "Subscription", lambda row: row.resource.subscription.name, shown=False, style="cut"),
        Column("region", "Region", lambda row: row.resource.location, shown=False, style="cut"),
    ),
)
