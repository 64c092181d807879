"""The page of one resource: what it is, what happened to it, what it has to do with others, and how sure we are."""

from dataclasses import dataclass
from datetime import UTC
from typing import Any
from urllib.parse import quote, urlencode

from django.core.paginator import Page, Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from governance.access import Permission, get_visible_or_404
from governance.gate import requires
from governance.pages import page_number
from governance.portal.resource_costs import costs_of
from governance.ui.document import Budget, Text, Tree, text_of, tree
from inventory.hygiene import hygiene_of
from inventory.models import Resource, ResourceChange
from inventory.relations import Relations, relations_of
from inventory.timeline import Entry, entries
from tenants.freshness import coverage_of_subscription

CHANGES_SHOWN = 10
AZURE_PORTAL = "https://portal.azure.com/#@{tenant}/resource{azure_id}"
# What a page may hold of somebody else's words, so that it stays below 100 KB. `size` is in bytes of escaped text.
PROPERTIES = {"rows": 220, "size": 16_000}
DETAILS = {"rows": 60, "size": 4_000}  # SKU, zones and identity
TIMELINE = {"rows": 60, "size": 10_000}
TAGS = {"rows": 60, "size": 8_000}
LONGEST_TAG = 120  # characters of a name or of a value


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag, and the list of the resources that have it."""

    name: Text
    value: Text
    address: str


@dataclass(frozen=True, slots=True)
class Links:
    """Where the page leads. `portal` is "" when the id is not one that Azure's portal could open."""

    tenant: str
    subscription: str
    resource_group: str
    type: str
    region: str
    api: str
    changes_api: str
    portal: str


@require_safe
@requires(Permission.SEE)
def resource(request: HttpRequest, resource_id: str) -> HttpResponse:
    """One resource, deleted ones too."""
    row = get_visible_or_404(Resource.objects.select_related("tenant", "subscription", "stored_by"), resource_id)
    relations = relations_of(row)
    known = {one.azure_id.lower(): address_of(one.resource) for one in relations.named if one.resource}
    page = _changes(row, page_number(request))
    hygiene = hygiene_of(row)
    tags, more_tags = _tags(row)
    context = {
        "resource": row,
        "links": _links(row),
        "tags": tags,
        "more_tags": more_tags,
        "details": _details(row, known),
        "properties": None if row.properties is None else tree(row.properties, Budget(**PROPERTIES), known),
        "page": page,
        "timeline": _timeline(page),
        "relations": relations,
        "manager": _manager(row, relations),
        "hygiene": hygiene,
        "costs": costs_of(row, hygiene, today=timezone.now().astimezone(UTC).date()),
        "freshness": coverage_of_subscription(row.subscription, "resources", now=timezone.now()),
    }
    return render(request, "portal/resource.html", context)


def address_of(row: Resource) -> str:
    """The page of a resource."""
    return reverse("portal:resource", args=[row.pk])


def _changes(row: Resource, number: int) -> Page[Any]:
    changes = ResourceChange.objects.for_tenant(row.tenant_id).filter(resource=row)
    return Paginator(changes.newest_first(), CHANGES_SHOWN).get_page(number)


def _timeline(page: Page[Any]) -> list[Entry]:
    return entries(page, Budget(**TIMELINE))


def _tags(row: Resource) -> tuple[list[Tag], int]:
    """The tags that fit, and how many do not."""
    budget = Budget(**TAGS)
    shown: list[Tag] = []
    for name, value in sorted(row.tags.items()):
        tag = Tag(text_of(name, LONGEST_TAG), text_of(value, LONGEST_TAG), _list(row, tag=f"{name}:{value}"))
        if not budget.takes(tag.name.shown, tag.value.shown, tag.address):
            break
        shown.append(tag)
    return shown, len(row.tags) - len(shown)


def _details(row: Resource, known: dict[str, str]) -> Tree:
    """SKU, zones and identity, those there are."""
    found = {"SKU": row.sku, "Zones": row.zones, "Identity": row.identity}
    return tree({name: value for name, value in found.items() if value}, Budget(**DETAILS), known)


def _manager(row: Resource, relations: Relations) -> Resource | None:
    """The known resource that manages this one."""
    named = (one.resource for one in relations.named if one.path == "managedBy")
    return next(named, None)


def _links(row: Resource) -> Links:
    in_group = {"subscription": row.subscription.subscription_id, "resource_group": row.resource_group}
    return Links(
        tenant=_list(row),
        subscription=_list(row, subscription=row.subscription.subscription_id),
        resource_group=_list(row, **in_group) if row.resource_group else "",
        type=_list(row, type=row.type),
        region=_list(row, region=row.location) if row.location else "",
        api=reverse("resource-detail", kwargs={"version": "v1", "pk": row.pk}),
        changes_api=reverse("changes", kwargs={"version": "v1", "resource_id": row.pk}),
        portal=_portal(row),
    )


def _list(row: Resource, **filters: str) -> str:
    """The list of resources of this tenant, narrowed."""
    return f"{reverse('inventory:resources')}?{urlencode({'tenant': row.tenant.name, **filters})}"


def _portal(row: Resource) -> str:
    if not row.azure_id.lower().startswith("/subscriptions/"):
        return ""
    return AZURE_PORTAL.format(tenant=row.tenant.azure_tenant_id, azure_id=quote(row.azure_id))
