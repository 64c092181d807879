"""Resource Graph: pages of resources with their properties, and counts by subscription.

https://learn.microsoft.com/rest/api/azureresourcegraph/resourcegraph/resources/resources
"""

from collections import Counter
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

from governance.azure.simulator.access import Access, require_api_version
from governance.azure.simulator.exchange import Refusal, Request, Response, json_response
from governance.azure.simulator.pages import Page, Pages, Row
from governance.azure.simulator.query_language import Condition, InvalidQueryError, Query, parse_query
from governance.azure.simulator.quota import SUPPORT_MESSAGE, Quota
from governance.azure.simulator.resources import Resource
from governance.azure.simulator.world import Subscription, World

API_VERSIONS = ("2021-03-01", "2022-10-01", "2024-04-01")
LARGEST_PAGE = 1000
USUAL_PAGE = 100
FORMATS = ("objectArray", "table")
STRING_COLUMNS = frozenset(
    ("id", "name", "type", "kind", "location", "resourceGroup", "subscriptionId", "tenantId", "managedBy")
)
CELLS: dict[str, Callable[[Resource], Any]] = {
    "id": attrgetter("id"),
    "name": attrgetter("name"),
    "type": lambda row: row.type.lower(),
    "tenantId": attrgetter("tenant_id"),
    "kind": attrgetter("kind"),
    "location": attrgetter("location"),
    "resourceGroup": lambda row: row.resource_group.lower(),
    "subscriptionId": attrgetter("subscription_id"),
    "managedBy": attrgetter("managed_by"),
    "sku": attrgetter("sku"),
    "plan": lambda _row: None,
    "properties": attrgetter("properties"),
    "tags": attrgetter("tags"),
    "identity": attrgetter("identity"),
    "zones": attrgetter("zones"),
    "extendedLocation": lambda _row: None,
}


class ResourceGraph:
    def __init__(self, world: World, access: Access, pages: Pages, quota: Quota) -> None:
        self._world = world
        self._access = access
        self._pages = pages
        self._quota = quota

    def answer(self, request: Request) -> Response:
        tenant = self._access.caller(request)
        if require_api_version(request) not in API_VERSIONS:
            known = ", ".join(API_VERSIONS)
            raise Refusal(400, "InvalidApiVersionParameter", f"The api-version is invalid. Known are {known}.")
        headers = self._quota.spend(tenant.client_id)
        body = request.json()
        query = _query(body)
        options = body.get("options") or {}
        seen = _asked_for(body, self._access.subscriptions(request, tenant))
        found = self._found(query, seen)
        if query.count_as:
            rows = _counts(found, query.count_as)
            page = self._pages.page(rows, offset=0, total=len(rows), bound_to="", came_with=None)
            page = self._pages.spoil(page, request, is_summary=True)
        else:
            place = f"{tenant.tenant_id} {body.get('query')} {[row.subscription_id for row in seen]}"
            page = self._pages.spoil(self._page(query, found, options, place), request)
        return json_response(_payload(page, query, _format(options)), headers=headers)

    def _found(self, query: Query, subscriptions: Sequence[Subscription]) -> list[Resource]:
        """By lower-cased ID: it begins with the subscription's, and those are in order."""
        held = self._world.resources_of if query.table == "resources" else self._world.groups_of
        found = [row for subscription in subscriptions for row in held(subscription)]
        for condition in query.conditions:
            found = _filtered(found, condition)
        return found

    def _page(self, query: Query, found: Sequence[Resource], options: Row, place: str) -> Page:
        token = options.get("$skipToken") or None
        start = self._pages.offset(token, bound_to=place) if token else _number(options, "$skip", 0, largest=len(found))
        size = _number(options, "$top", USUAL_PAGE, largest=LARGEST_PAGE, smallest=1)
        cells = [(name, CELLS[name]) for name in query.columns]
        rows = [{name: cell(row) for name, cell in cells} for row in found[start : start + size]]
        return self._pages.page(
            rows,
            offset=start,
            total=len(found),
            bound_to=place,
            came_with=token,
            can_continue="id" in query.columns,
        )


def bad_request(code: str, message: str) -> Refusal:
    return Refusal(400, "BadRequest", SUPPORT_MESSAGE, details=[{"code": code, "message": message}])


def _query(body: Row) -> Query:
    text = body.get("query")
    if not isinstance(text, str):
        raise bad_request("InvalidQuery", "Query is missing.")
    if body.get("managementGroups"):
        raise bad_request("UnsupportedScope", "The simulator answers for subscriptions only.")
    try:
        return parse_query(text)
    except InvalidQueryError as error:
        raise bad_request("InvalidQuery", f"Query is invalid. {error}") from error


def _asked_for(body: Row, seen: list[Subscription]) -> list[Subscription]:
    """A subscription that the principal does not see is absent without a word; no list means all."""
    wanted = body.get("subscriptions")
    if wanted is None:
        return seen
    if not isinstance(wanted, list):
        raise bad_request("InvalidSubscriptions", "Subscriptions must be a list.")
    names = {str(name).lower() for name in wanted}
    return [row for row in seen if row.subscription_id in names]


def _filtered(found: Sequence[Resource], condition: Condition) -> list[Resource]:
    cell, value = CELLS[condition.column], condition.value
    if condition.ignores_case:
        value = value.lower()
        return [row for row in found if cell(row).lower() == value]
    return [row for row in found if cell(row) == value]


def _counts(found: Sequence[Resource], count_as: str) -> list[Row]:
    counted = Counter(row.subscription_id for row in found)
    return [{"subscriptionId": name, count_as: count} for name, count in sorted(counted.items())]


def _number(options: Row, name: str, usual: int, *, largest: int, smallest: int = 0) -> int:
    value = options.get(name)
    if value is None:
        return usual
    if isinstance(value, bool) or not isinstance(value, int) or value < smallest:
        raise bad_request("InvalidQueryOptions", f"{name} must be a whole number of at least {smallest}.")
    if name == "$top" and value > largest:
        raise bad_request("InvalidQueryOptions", f"{name} must not exceed {largest}.")
    return min(value, largest)


def _format(options: Row) -> str:
    wanted = options.get("resultFormat") or FORMATS[0]
    if wanted not in FORMATS:
        raise bad_request("InvalidQueryOptions", f"resultFormat must be one of {', '.join(FORMATS)}.")
    return str(wanted)


def _payload(page: Page, query: Query, result_format: str) -> Row:
    payload: Row = {
        "totalRecords": page.total,
        "count": len(page.rows),
        "data": page.rows if result_format == "objectArray" else _table(page.rows, query),
        "facets": [],
        "resultTruncated": "true" if page.is_truncated else "false",
    }
    if page.next_token:
        payload["$skipToken"] = page.next_token
    return payload


def _table(rows: Sequence[Row], query: Query) -> Row:
    columns = [{"name": name, "type": _column_type(name, query)} for name in query.columns]
    return {"columns": columns, "rows": [[row.get(name) for name in query.columns] for row in rows]}


def _column_type(name: str, query: Query) -> str:
    if name == query.count_as:
        return "integer"
    return "string" if name in STRING_COLUMNS else "object"
