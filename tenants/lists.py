"""The lists of tenants and subscriptions: their filters, once for page, API and export."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import django_filters
from django import forms
from django.db.models import Q, QuerySet

from governance.filters import StrictFilterSet, TextFilter
from tenants.models import Subscription, Tenant

TENANT_SORTS = {"name": "name", "connected_at": "connected_at"}
SUBSCRIPTION_SORTS = {"name": "name", "first_seen_at": "first_seen_at"}


class TenantFilter(TextFilter):
    """`tenant=` takes a name or an id. A foreign and a missing tenant are refused with the same words."""

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        """The rows of that tenant."""
        if not value:
            return qs
        tenant = find_tenant(value)
        return qs.none() if tenant is None else qs.filter(tenant_id=tenant.id)

    @property
    def field(self) -> forms.Field:
        """A text field that knows which tenants there are for this person."""
        field: forms.Field = super().field
        field.validators = [*type(field).default_validators, *field.validators, _known_tenant]
        return field


def tenant_asked_for(parameters: Mapping[str, str]) -> UUID | None:
    """The id of the visible tenant that `tenant=` names; None when it is not given or names none."""
    tenant = find_tenant(parameters["tenant"]) if parameters.get("tenant") else None
    return tenant.id if tenant else None


def find_tenant(name_or_id: str) -> Tenant | None:
    """The visible tenant of this name or id."""
    try:
        key: UUID | None = UUID(name_or_id)
    except ValueError:
        key = None
    found: Tenant | None = Tenant.objects.filter(Q(name=name_or_id.strip().lower()) | Q(id=key)).first()
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


def _known_tenant(value: str) -> None:
    if find_tenant(value) is None:
        raise forms.ValidationError("There is no such tenant, or you may not see it.")
