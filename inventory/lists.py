"""The list of resources: its filters, sorts and columns, once for page, API and export."""

from typing import Any

import django_filters
from django import forms
from django.db.models import QuerySet

from governance.filters import StrictFilterSet, TextFilter
from inventory.models import Resource, ResourceChange
from inventory.querysets import ResourceQuerySet
from tenants.lists import TenantFilter, sort_filter

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
    if not value.partition(":")[0].strip():
        raise forms.ValidationError("Give the tag's name, or name:value.")


class ResourceListFilter(StrictFilterSet):
    """Filters of the list of resources. Without `deleted` only what is there is shown."""

    q = TextFilter(method="search", label="Name contains")
    tenant = TenantFilter(label="Tenant")
    subscription = TextFilter(method="in_subscription", label="Subscription")
    type = TextFilter(method="of_type", label="Type")
    region = TextFilter(method="in_region", label="Region")
    resource_group = TextFilter(field_name="resource_group", lookup_expr="iexact", label="Resource group")
    tag = TextFilter(method="with_tag", label="Tag (name or name:value)", validators=[names_a_tag])
    deleted = django_filters.ChoiceFilter(
        choices=[("no", "There"), ("yes", "Deleted"), ("any", "Both")], method="keep", label="Deleted"
    )
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

    def in_subscription(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """`subscription=`: Azure's id of the subscription."""
        return queryset.filter(subscription__subscription_id=value.strip().lower())

    def of_type(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """`type=`: the resource type in any letter case."""
        return queryset.filter(type=value.strip().lower())

    def in_region(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """`region=`: the region's name as Azure writes it, in any letter case."""
        return queryset.filter(location=value.strip().lower().replace(" ", ""))

    def with_tag(self, queryset: ResourceQuerySet, name: str, value: str) -> ResourceQuerySet:
        """`tag=`: a tag's name, or name:value."""
        key, colon, wanted = value.partition(":")
        return queryset.tagged(key, wanted if colon else None)


class ChangeListFilter(StrictFilterSet):
    """Filters of a resource's timeline."""

    kind = django_filters.ChoiceFilter(choices=ResourceChange.Kind.choices, label="Kind")
    sort = sort_filter(CHANGE_SORTS)

    class Meta:
        model = ResourceChange
        fields: list[str] = []
