"""The lists of tenants and subscriptions: their filters, once for page, API and export."""

from contextlib import suppress
from typing import Any
from uuid import UUID

import django_filters
from django import forms
from django.db.models import Q
from drf_spectacular.utils import extend_schema_field

from governance.filters import StrictFilterSet
from tenants.models import Subscription, Tenant

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
        return tenant


@extend_schema_field({"type": "string", "description": "Name or id of a tenant."})  # the column alone would say UUID
class TenantFilter(django_filters.Filter):  # type: ignore[misc]  # untyped library
    """`tenant=`: only the rows of this tenant."""

    field_class = TenantField

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(field_name="tenant", max_length=64, **kwargs)


def tenant_asked_for(filterset: StrictFilterSet) -> UUID | None:
    """The id of the tenant that a valid filterset's `tenant=` names, if any."""
    tenant = filterset.form.cleaned_data.get("tenant")
    return tenant.id if tenant else None


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

    sort = sort_filter(TENANT_SORTS)

    class Meta:
        model = Tenant
        fields: list[str] = []


class SubscriptionListFilter(StrictFilterSet):
    """Filters of the list of subscriptions."""

    tenant = TenantFilter(label="Tenant")
    sort = sort_filter(SUBSCRIPTION_SORTS)

    class Meta:
        model = Subscription
        fields: list[str] = []
