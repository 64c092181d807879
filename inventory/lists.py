"""The list of resources: its filters, sorts and columns, once for page, API and export."""

from typing import Any

import django_filters
from django import forms
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.safestring import SafeString
from drf_spectacular.utils import extend_schema_field

from governance.filters import MomentFilter, PhrasesFilter, StrictFilterSet, TextFilter, Words, WordsFilter
from governance.ui import cells
from governance.ui.listing import Column, Listing
from inventory.models import Resource, ResourceChange
from inventory.querysets import ResourceQuerySet
from tenants.lists import TenantOwnedFilterSet, sort_filter

RESOURCE_SORTS = {
    "name": "name",
    "type": "type",
    "region": "location",
    "resource_group": "resource_group",
    "first_seen": "first_seen_at",
    "stored": "stored_at",
}
CHANGE_SORTS = {"at": "at"}


def names_a_tag(value: str) -> None:
    """Raise ValidationError for a tag filter without a name."""
    if not value.removeprefix("!").partition(":")[0].strip():
        raise forms.ValidationError("Give the tag's name, or name:value; with ! before it, what has no such tag.")


TAGGED = 'Name, or name:value; with "!" before it, what has no such tag. Given several times, all of them hold.'


@extend_schema_field({"type": "array", "items": {"type": "string"}, "description": TAGGED})
class TagFilter(PhrasesFilter):
    """`tag=`: conditions on tags, all of which hold."""


class ResourceListFilter(TenantOwnedFilterSet):
    """Filters of the list of resources. Without `deleted` only what is there is shown."""

    q = TextFilter(method="search", label="Name contains")
    subscription = WordsFilter(method="in_subscription", label="Subscription")
    type = WordsFilter(method="of_type", label="Type")
    region = WordsFilter(method="in_region", label="Region")
    resource_group = TextFilter(field_name="resource_group", lookup_expr="iexact", label="Resource group")
    tag = TagFilter(method="with_tags", label="Tag", validators=[names_a_tag])
    deleted = django_filters.ChoiceFilter(
        choices=[("no", "There"), ("yes", "Deleted"), ("any", "Both")], method="keep", label="Deleted"
    )
    orphaned = django_filters.ChoiceFilter(
        choices=[("yes", "Orphaned"), ("no", "Not orphaned"), ("unknown", "Cannot be told")],
        method="of_verdict",
        label="Orphaned",
    )
    changed_since = MomentFilter(method="with_changes", label="Changed since (UTC)")
    sort = sort_filter(RESOURCE_SORTS)

    class Meta:
        model = Resource
        fields: list[str] = []

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows asked for; deleted ones only on request."""
        rows: QuerySet[Any] = super().filter_queryset(queryset)
        wanted = self.form.cleaned_data.get("deleted") or "no"
        if wanted == "any":
            return rows
        return rows.filter(deleted_at=None) if wanted == "no" else rows.exclude(deleted_at=None)

    def search(self, queryset: ResourceQuerySet, name: str, value: str) -> ResourceQuerySet:
        """`q=`: the name contains every word."""
        return queryset.matching(value)

    def in_subscription(self, queryset: QuerySet[Any], name: str, value: Words) -> QuerySet[Any]:
        """`subscription=`: Azure's ids of subscriptions."""
        return _folded(value).narrow(queryset, "subscription__subscription_id")

    def of_type(self, queryset: QuerySet[Any], name: str, value: Words) -> QuerySet[Any]:
        """`type=`: resource types in any letter case."""
        return _folded(value).narrow(queryset, "type")

    def in_region(self, queryset: QuerySet[Any], name: str, value: Words) -> QuerySet[Any]:
        """`region=`: regions as Azure names or writes them ("West Europe"), in any letter case."""
        return _folded(value, spaces=False).narrow(queryset, "location")

    def of_verdict(self, queryset: ResourceQuerySet, name: str, value: str) -> ResourceQuerySet:
        """`orphaned=`: what the rules said of it last."""
        return queryset.orphaned(value)

    def with_changes(self, queryset: ResourceQuerySet, name: str, value: Any) -> ResourceQuerySet:
        """`changed_since=`: something happened to it since then."""
        return queryset.changed_since(value)

    def with_tags(self, queryset: ResourceQuerySet, name: str, value: tuple[str, ...]) -> ResourceQuerySet:
        """`tag=`: a tag's name, or name:value; with "!" before it, what has no such tag. Given twice: both hold."""
        for phrase in value:
            key, colon, wanted = phrase.removeprefix("!").partition(":")
            queryset = queryset.tagged(key, wanted if colon else None, unwanted=phrase.startswith("!"))
        return queryset


def _folded(value: Words, *, spaces: bool = True) -> Words:
    """The words as they are stored."""
    return Words(tuple(word.lower() if spaces else word.lower().replace(" ", "") for word in value.words), value.turned)


class ChangeListFilter(StrictFilterSet):
    """Filters of a resource's timeline."""

    kind = django_filters.ChoiceFilter(choices=ResourceChange.Kind.choices, label="Kind")
    sort = sort_filter(CHANGE_SORTS)

    class Meta:
        model = ResourceChange
        fields: list[str] = []


def resource_rows() -> QuerySet[Any]:
    """Resources in scope for a list: what a list does not print stays in the database."""
    rows: QuerySet[Any] = Resource.objects.select_related("tenant", "subscription")
    return rows.defer("properties", "sku", "zones", "identity")


def page_of(row: Resource) -> SafeString:
    """The resource's name as a link to its page, which stands above the apps."""
    return cells.link(reverse("portal:resource", args=[row.pk]), row.name)


RESOURCES = Listing(
    key="resources",
    title="Resources",
    one="resource",
    many="resources",
    filterset=ResourceListFilter,
    sorts=RESOURCE_SORTS,
    default_sort="name",
    rows=resource_rows,
    page="inventory:resources",
    columns=(
        Column("name", "Name", lambda row: row.name, page_of, sort="name", style="cut"),
        Column("type", "Type", lambda row: row.type, sort="type", style="cut soft"),
        Column("resource_group", "Resource group", lambda row: row.resource_group, sort="resource_group", style="cut"),
        Column("region", "Region", lambda row: row.location, sort="region", style="cut"),
        Column("subscription", "Subscription", lambda row: row.subscription.name, style="cut"),
        Column("tenant", "Tenant", lambda row: row.tenant.name, style="cut"),
        Column("tags", "Tags", lambda row: tags_as_text(row.tags), lambda row: cells.tags(row.tags)),
        Column("kind", "Kind", lambda row: row.kind, shown=False, style="cut"),
        Column("managed_by", "Managed by", lambda row: row.managed_by, shown=False, style="cut"),
        Column("subscription_id", "Subscription id", lambda row: row.subscription.subscription_id, shown=False),
        Column("azure_id", "Azure id", lambda row: row.azure_id, shown=False, style="cut"),
        Column(
            "first_seen",
            "First seen (UTC)",
            lambda row: row.first_seen_at,
            lambda row: cells.moment(row.first_seen_at),
            sort="first_seen",
            shown=False,
        ),
        Column(
            "stored",
            "Last change stored (UTC)",
            lambda row: row.stored_at,
            lambda row: cells.moment(row.stored_at),
            sort="stored",
            shown=False,
        ),
        Column(
            "deleted",
            "Deleted (UTC)",
            lambda row: row.deleted_at,
            lambda row: cells.moment(row.deleted_at, "no"),
            shown=False,
        ),
    ),
)


def tags_as_text(tags: dict[str, Any]) -> str:
    """Tags in one cell of a file: `name=value; name=value`."""
    return "; ".join(f"{key}={value}" for key, value in tags.items())
