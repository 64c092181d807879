"""The lists of tenants and subscriptions: their filters, once for page, API and export."""

from contextlib import suppress
from typing import Any
from uuid import UUID

import django_filters
from django import forms
from django.db.models import Q, QuerySet
from drf_spectacular.utils import extend_schema_field

from governance import throttling
from governance.filters import StrictFilterSet
from governance.sights import narrowed_to
from tenants.models import Subscription, Tenant, TenantGroup, TenantGroupMember

TENANT_SORTS = {"name": "name", "connected_at": "connected_at"}
SUBSCRIPTION_SORTS = {"name": "name", "first_seen_at": "first_seen_at"}


class TenantField(forms.CharField):
    """The name or id of a visible tenant, cleaned to the tenant. A foreign and a missing one are refused alike."""

    def clean(self, value: Any) -> Tenant | None:
        """The tenant, or None when the parameter is empty."""
        text = super().clean(value)
        if not text:
            return None
        tenant = find_tenant(text)
        if tenant is None:
            raise forms.ValidationError("There is no such tenant, or you may not see it.")
        throttling.about(tenant.id)
        narrowed_to("tenant", lambda: frozenset({tenant.id}))
        return tenant


@extend_schema_field({"type": "string", "description": "Name or id of a tenant."})  # the column alone would say UUID
class TenantFilter(django_filters.Filter):  # type: ignore[misc]  # untyped library
    """`tenant=`: only the rows of this tenant."""

    field_class = TenantField

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(field_name="tenant", max_length=64, **kwargs)


class GroupField(forms.CharField):
    """The name of a visible group of tenants, cleaned to the group."""

    def clean(self, value: Any) -> TenantGroup | None:
        """The group, or None when the parameter is empty."""
        name = super().clean(value)
        if not name:
            return None
        group = find_group(name)
        if group is None:
            raise forms.ValidationError("There is no such group of tenants, or you may not see it.")
        narrowed_to("group", lambda: frozenset(_members(group)))
        return group


@extend_schema_field({"type": "string", "description": "Name of a group of tenants."})
class GroupFilter(django_filters.Filter):  # type: ignore[misc]  # untyped library
    """`group=`: only the rows of the tenants of this group."""

    field_class = GroupField

    def __init__(self, *, tenant_column: str = "tenant_id") -> None:
        super().__init__(field_name=tenant_column, max_length=64, label="Group")

    def filter(self, qs: QuerySet[Any], value: TenantGroup | None) -> QuerySet[Any]:
        """The rows of the group's tenants in scope."""
        return qs if value is None else qs.filter(**{f"{self.field_name}__in": _members(value)})


class TenantOwnedFilterSet(StrictFilterSet):
    """What every list of tenants' rows can be narrowed to: one tenant, or a group of tenants."""

    tenant = TenantFilter(label="Tenant")
    group = GroupFilter()


def tenants_asked_for(filterset: StrictFilterSet) -> frozenset[UUID] | None:
    """The tenants that a valid filterset's `tenant=` and `group=` leave; None when neither narrows: all in scope."""
    asked = filterset.form.cleaned_data
    return _narrowed(asked.get("tenant"), asked.get("group"))


def _narrowed(tenant: Tenant | None, group: TenantGroup | None) -> frozenset[UUID] | None:
    if group is None:
        return None if tenant is None else frozenset({tenant.id})
    members = frozenset(_members(group))
    return members if tenant is None else members & {tenant.id}


def _members(group: TenantGroup) -> QuerySet[Any]:
    rows: QuerySet[Any] = TenantGroupMember.objects.filter(group=group).values_list("tenant_id", flat=True)
    return rows


def find_group(name: str) -> TenantGroup | None:
    """The visible group of this name."""
    found: TenantGroup | None = TenantGroup.objects.filter(name=name.strip().lower()).first()
    return found


def tenants_of_group(group: TenantGroup) -> list[Tenant]:
    """The visible tenants of a group, by name."""
    return list(Tenant.objects.filter(id__in=_members(group)).order_by("name"))


def find_tenant(name_or_id: str) -> Tenant | None:
    """The visible tenant of this name or id."""
    wanted = Q(name=name_or_id.strip().lower())
    with suppress(ValueError):
        wanted |= Q(id=UUID(name_or_id))
    found: Tenant | None = Tenant.objects.filter(wanted).first()
    return found


def sort_filter(sorts: dict[str, str]) -> django_filters.ChoiceFilter:
    """`sort=`: one of these words, or "-" and one of them. The view applies it."""
    words = [word for name in sorts for word in (name, f"-{name}")]
    return django_filters.ChoiceFilter(choices=[(word, word) for word in words], method="keep", label="Sort by")


class TenantListFilter(StrictFilterSet):
    """Filters of the list of tenants."""

    tenant = TenantFilter(label="Tenant", method="itself")
    group = GroupFilter(tenant_column="id")
    sort = sort_filter(TENANT_SORTS)

    class Meta:
        model = Tenant
        fields: list[str] = []

    def itself(self, queryset: QuerySet[Any], name: str, value: Tenant) -> QuerySet[Any]:
        """`tenant=`: this one alone."""
        return queryset.filter(id=value.id)


class SubscriptionListFilter(TenantOwnedFilterSet):
    """Filters of the list of subscriptions."""

    sort = sort_filter(SUBSCRIPTION_SORTS)

    class Meta:
        model = Subscription
        fields: list[str] = []
