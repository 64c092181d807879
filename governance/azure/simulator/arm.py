"""Resource Manager: tenants, subscriptions, resource groups and resources, without the resources' properties.

https://learn.microsoft.com/rest/api/resources/
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from governance.azure.simulator.access import Access, require_api_version
from governance.azure.simulator.exchange import Refusal, Request, Response, json_response
from governance.azure.simulator.pages import Pages, Row, next_link, page_size
from governance.azure.simulator.resources import Resource
from governance.azure.simulator.world import Subscription, Tenant, World

LARGEST_PAGE = 1000
SUBSCRIPTIONS_A_PAGE = 100
READS_LEFT = {
    "x-ms-ratelimit-remaining-subscription-global-reads": "3749",
    "x-ms-ratelimit-remaining-subscription-reads": "249",
}
TENANT_READS_LEFT = {"x-ms-ratelimit-remaining-tenant-reads": "249"}
EXPANSIONS = {"createdtime": "createdTime", "changedtime": "changedTime", "provisioningstate": "provisioningState"}
BY_TYPE = re.compile(r"resourceType\s+eq\s+'([^']*)'", re.IGNORECASE)
BY_TAG = re.compile(r"tagName\s+eq\s+'([^']*)'\s+and\s+tagValue\s+eq\s+'([^']*)'", re.IGNORECASE)
CHILD_TYPE_SEGMENTS = 2

Item = TypeVar("Item")


class Arm:
    def __init__(self, world: World, access: Access, pages: Pages) -> None:
        self._world = world
        self._access = access
        self._pages = pages

    def tenants(self, request: Request) -> Response:
        tenant = self._caller(request)
        row = {
            "id": f"/tenants/{tenant.tenant_id}",
            "tenantId": tenant.tenant_id,
            "countryCode": "CH",
            "displayName": tenant.name.title(),
            "domains": [tenant.domain],
            "defaultDomain": tenant.domain,
            "tenantCategory": "Home",
            "tenantType": "AAD",
        }
        return self._list(request, tenant, [row], lambda found: found, headers=TENANT_READS_LEFT)

    def subscriptions(self, request: Request) -> Response:
        tenant = self._caller(request)
        found = self._access.subscriptions(request, tenant)
        return self._list(
            request,
            tenant,
            found,
            subscription_row,
            usual=SUBSCRIPTIONS_A_PAGE,
            headers=TENANT_READS_LEFT,
            is_counted=True,
        )

    def subscription(self, request: Request, subscription_id: str) -> Response:
        found = self._access.subscription(request, self._caller(request), subscription_id)
        return json_response(subscription_row(found), headers=READS_LEFT)

    def resource_groups(self, request: Request, subscription_id: str) -> Response:
        tenant = self._caller(request)
        found = self._access.subscription(request, tenant, subscription_id)
        return self._list(request, tenant, self._world.groups_of(found), _group_row)

    def resources(self, request: Request, subscription_id: str) -> Response:
        tenant = self._caller(request)
        found = self._access.subscription(request, tenant, subscription_id)
        accepts = _resource_filter(request.query.get("$filter", ""))
        expansions = _expansions(request.query.get("$expand", ""))
        rows = [row for row in self._world.resources_of(found) if accepts(row)]
        return self._list(request, tenant, rows, lambda row: _resource_row(row, expansions))

    def _caller(self, request: Request) -> Tenant:
        tenant = self._access.caller(request)
        require_api_version(request)
        return tenant

    def _list(
        self,
        request: Request,
        tenant: Tenant,
        found: Sequence[Item],
        row: Callable[[Item], Row],
        *,
        usual: int = LARGEST_PAGE,
        headers: Mapping[str, str] = READS_LEFT,
        is_counted: bool = False,
    ) -> Response:
        """One page of the list, with the link to the next."""
        bound_to = f"{tenant.tenant_id} {request.path} {request.query.get('$filter')}"
        came_with = request.query.get("$skiptoken")
        start = self._pages.offset(came_with, bound_to=bound_to)
        size = page_size(request.query.get("$top"), largest=LARGEST_PAGE, usual=usual)
        rows = [row(item) for item in found[start : start + size]]
        page = self._pages.page(rows, offset=start, total=len(found), bound_to=bound_to, came_with=came_with)
        page = self._pages.spoil(page, request)
        payload: Row = {"value": page.rows}
        if is_counted:
            payload["count"] = {"type": "Total", "value": len(found)}
        link = next_link(request, page)
        if link:
            payload["nextLink"] = link
        return json_response(payload, headers=headers)


def subscription_row(subscription: Subscription) -> Row:
    return {
        "id": f"/subscriptions/{subscription.subscription_id}",
        "authorizationSource": "Legacy" if subscription.managed_by_tenants else "RoleBased",
        "managedByTenants": [{"tenantId": tenant_id} for tenant_id in subscription.managed_by_tenants],
        "subscriptionId": subscription.subscription_id,
        "tenantId": subscription.tenant_id,
        "displayName": subscription.display_name,
        "state": subscription.state,
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": subscription.quota_id,
            "spendingLimit": "Off",
        },
    }


def _group_row(group: Resource) -> Row:
    row: Row = {
        "id": group.id,
        "name": group.name,
        "type": "Microsoft.Resources/resourceGroups",
        "location": group.location,
        "properties": group.properties,
    }
    return {**row, "tags": group.tags} if group.tags else row


def _resource_row(resource: Resource, expansions: Sequence[str]) -> Row:
    """Fields without a value are left out, as Resource Manager does."""
    optional = {
        "kind": resource.kind,
        "tags": resource.tags,
        "sku": resource.sku,
        "managedBy": resource.managed_by,
        "zones": resource.zones,
        "identity": resource.identity,
    }
    row: Row = {
        "id": resource.id,
        "name": _full_name(resource),
        "type": resource.type,
        "location": resource.location,
        **{name: value for name, value in optional.items() if value},
    }
    expanded: dict[str, Any] = {
        "createdTime": resource.created_time,
        "changedTime": resource.changed_time,
        "provisioningState": resource.properties.get("provisioningState", "Succeeded"),
    }
    return row | {name: expanded[name] for name in expansions}


def _full_name(resource: Resource) -> str:
    """Resource Manager names a child with its parent: server/database."""
    if resource.type.count("/") < CHILD_TYPE_SEGMENTS:
        return resource.name
    return f"{resource.id.split('/')[-3]}/{resource.name}"


def _expansions(text: str) -> list[str]:
    wanted = [part.strip().lower() for part in text.split(",") if part.strip()]
    unknown = [part for part in wanted if part not in EXPANSIONS]
    if unknown:
        raise Refusal(400, "InvalidExpand", f"The $expand value '{unknown[0]}' is not supported.")
    return [EXPANSIONS[part] for part in wanted]


def _resource_filter(text: str) -> Callable[[Resource], bool]:
    if not text:
        return lambda _row: True
    by_type = BY_TYPE.fullmatch(text.strip())
    if by_type:
        wanted = by_type[1].lower()
        return lambda row: row.type.lower() == wanted
    by_tag = BY_TAG.fullmatch(text.strip())
    if by_tag:
        name, value = by_tag[1].lower(), by_tag[2].lower()
        return lambda row: any(key.lower() == name and held.lower() == value for key, held in (row.tags or {}).items())
    raise Refusal(400, "InvalidFilterInQueryString", f"Invalid $filter '{text}' specified in the query string.")
