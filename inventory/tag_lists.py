"""The lists of tag rules and tag violations: their filters, sorts and columns, once for page, API and export."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from governance.filters import TextFilter
from governance.ui import cells
from governance.ui.listing import Column, Listing
from inventory.hygiene_lists import SubjectFilterSet
from inventory.models import TagRule, TagViolation
from inventory.querysets import fold
from tenants.lists import TenantOwnedFilterSet, sort_filter

VIOLATION_SORTS = {"found": "found_at"}
TAG_RULE_SORTS = {"key": "key_folded", "changed_at": "changed_at"}


class TagRuleListFilter(TenantOwnedFilterSet):
    """Filters of the list of tag rules."""

    sort = sort_filter(TAG_RULE_SORTS)

    class Meta:
        model = TagRule
        fields: list[str] = []


def tag_rule_rows() -> QuerySet[Any]:
    """Rules in force, in scope."""
    rows: QuerySet[Any] = TagRule.objects.in_force().select_related("tenant")
    return rows


def wanted_by(rule: TagRule) -> str:
    """What a rule demands, in words."""
    words = "required" if rule.is_required else "optional"
    return f"{words}, one of: {', '.join(rule.allowed_values)}" if rule.allowed_values else f"{words}, any value"


def _rule_link(row: TagRule) -> SafeString:
    return cells.link(reverse("inventory:tag-rule", args=[row.pk]), row.key)


TAG_RULES = Listing(
    key="tag-rules",
    title="Tag rules",
    one="rule",
    many="rules",
    filterset=TagRuleListFilter,
    sorts=TAG_RULE_SORTS,
    default_sort="key",
    rows=tag_rule_rows,
    coverage_kind="",
    columns=(
        Column("key", "Tag", lambda row: row.key, _rule_link, sort="key", style="cut"),
        Column("tenant", "Tenant", lambda row: row.tenant.name, style="cut"),
        Column("demands", "Demands", wanted_by, style="wrap"),
        Column("types", "For", lambda row: ", ".join(row.types) or "every resource", style="wrap"),
        Column(
            "changed",
            "Changed (UTC)",
            lambda row: row.changed_at,
            lambda row: cells.moment(row.changed_at),
            sort="changed_at",
        ),
    ),
)


class ViolationListFilter(SubjectFilterSet):
    """Filters of the list of tag violations."""

    of_resource = "resource__"

    kind = django_filters.ChoiceFilter(choices=TagViolation.Kind.choices, label="Kind")
    key = TextFilter(method="of_key", label="Tag")
    sort = sort_filter(VIOLATION_SORTS)

    class Meta:
        model = TagViolation
        fields: list[str] = []

    def of_key(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """`key=`: rules about this tag, in any letter case."""
        return queryset.filter(rule__key_folded=fold(value))


def violation_rows() -> QuerySet[Any]:
    """Violations in scope of rules in force, of resources that are there."""
    rows: QuerySet[Any] = TagViolation.objects.filter(rule__deleted_at=None, resource__deleted_at=None)
    unread = ("properties", "sku", "zones", "identity", "tags", "azure_id")
    joined = rows.select_related("tenant", "rule", "resource", "resource__subscription")
    return joined.defer(*(f"resource__{name}" for name in unread))


def _found(row: TagViolation) -> SafeString:
    if not row.key:
        return SafeString('<span class="absent">not there</span>')
    return format_html('<span class="tag">{}: <i>{}</i></span>', row.key, row.value)


VIOLATIONS = Listing(
    key="tag-violations",
    title="Tag violations",
    one="violation",
    many="violations",
    filterset=ViolationListFilter,
    sorts=VIOLATION_SORTS,
    default_sort="-found",
    rows=violation_rows,
    columns=(
        Column("resource", "Resource", lambda row: row.resource.name, style="cut"),
        Column("key", "Tag", lambda row: row.rule.key, style="cut"),
        Column("kind", "What is wrong", lambda row: row.get_kind_display()),
        Column("found", "Found", lambda row: f"{row.key}={row.value}" if row.key else "", _found, style="wrap"),
        Column("wanted", "Wanted", lambda row: wanted_by(row.rule), style="wrap"),
        Column("type", "Type", lambda row: row.resource.type, style="cut soft"),
        Column("resource_group", "Resource group", lambda row: row.resource.resource_group, style="cut"),
        Column("tenant", "Tenant", lambda row: row.tenant.name, style="cut"),
        Column("subscription", "Subscription", lambda row: row.resource.subscription.name, shown=False, style="cut"),
        Column(
            "judged",
            "Judged (UTC)",
            lambda row: row.found_at,
            lambda row: cells.moment(row.found_at),
            sort="found",
            shown=False,
        ),
    ),
)
