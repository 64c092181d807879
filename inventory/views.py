"""The page that lists resources."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from governance.access import Permission
from governance.caching import kept
from governance.gate import requires
from governance.ui.list_page import ListPage
from inventory.lists import RESOURCES
from inventory.models import Resource, ResourceTag
from inventory.querysets import distinct_values
from tenants.freshness import coverage_asked_for
from tenants.models import Subscription, Tenant, TenantGroup


@require_safe
@requires(Permission.SEE)
def resources(request: HttpRequest) -> HttpResponse:
    """Resources of all visible tenants: filter, search, sort, choose columns, page."""
    page = ListPage(request, RESOURCES)
    return page.render(
        "inventory/resources.html", choices=filter_choices(), coverage=coverage_asked_for(page.asked, "resources")
    )


def filter_choices() -> dict[str, list[Any]]:
    """What the filters offer: types, regions and tag names there are in scope. Kept until a sync stores something."""
    there = kept("filter-choices", version=Tenant.objects.version(), compute=_choices_now)
    return {**there, "groups": list(TenantGroup.objects.values_list("name", flat=True))}


def _choices_now() -> dict[str, list[Any]]:
    return {
        "tenants": list(Tenant.objects.values_list("name", flat=True)),
        "subscriptions": list(
            Subscription.objects.filter(is_imported=False)  # what only a cost file names has no resources
            .order_by("name")
            .values_list("subscription_id", "name")[:500]
        ),
        "types": distinct_values(Resource.objects.all(), "type"),
        "regions": distinct_values(Resource.objects.all(), "location"),
        "tags": distinct_values(ResourceTag.objects.all(), "key_folded")[:200],
    }
