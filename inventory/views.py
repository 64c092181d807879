"""The page that lists resources."""

from typing import Any

from django.core.paginator import Paginator
from django.db.models import Count, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from governance.caching import kept
from governance.pages import page_number, signed_in
from inventory.lists import RESOURCE_SORTS, ResourceListFilter
from inventory.models import Resource, ResourceTag
from inventory.querysets import distinct_values
from tenants.freshness import coverage
from tenants.lists import tenant_asked_for
from tenants.models import Subscription, Tenant

PAGE_ROWS = 50


@require_safe
@signed_in
def resources(request: HttpRequest) -> HttpResponse:
    """Resources of all visible tenants: filter, search, sort, page."""
    rows = Resource.objects.select_related("tenant", "subscription")
    wanted = ResourceListFilter(request.GET, queryset=rows.defer("properties", "sku", "zones", "identity"))
    valid = wanted.is_valid()
    found = wanted.qs.order_by(*_order(wanted)) if valid else Resource.objects.none()
    page = Paginator(found, PAGE_ROWS).get_page(page_number(request))
    context = {
        "filter": wanted,
        "problems": {} if valid else wanted.problems(),
        "page": page,
        "choices": _choices(),
        "coverage": coverage("resources", now=timezone.now(), tenant_id=tenant_asked_for(wanted)),
        "is_filtered": any(value for name, value in request.GET.items() if name not in {"page", "sort"}),
    }
    return render(request, "inventory/resources.html", context, status=200 if valid else 400)


def _order(wanted: ResourceListFilter) -> list[str]:
    word = wanted.form.cleaned_data.get("sort") or "name"
    turned = "-" if word.startswith("-") else ""
    return [turned + RESOURCE_SORTS[word.removeprefix("-")], f"{turned}id"]


def _choices() -> dict[str, list[Any]]:
    """What the filters offer: types, regions and tag names there are in scope. Kept until a sync stores something."""
    versions = Tenant.objects.aggregate(total=Sum("data_version"), tenants=Count("id"))
    return kept("filter-choices", version=f"{versions['tenants']}-{versions['total']}", compute=_choices_now)


def _choices_now() -> dict[str, list[Any]]:
    return {
        "tenants": list(Tenant.objects.values_list("name", flat=True)),
        "subscriptions": list(Subscription.objects.order_by("name").values_list("subscription_id", "name")[:500]),
        "types": distinct_values(Resource.objects.all(), "type"),
        "regions": distinct_values(Resource.objects.all(), "location"),
        "tags": distinct_values(ResourceTag.objects.all(), "key_folded")[:200],
    }
