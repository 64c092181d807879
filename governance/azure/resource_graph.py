"""Azure Resource Graph: resources with their properties, over many subscriptions at once.

Reference: https://learn.microsoft.com/rest/api/azureresourcegraph/resourcegraph/resources/resources
Facts the code stands on: pages hold at most 1,000 rows; a `$skipToken` comes only when `id` is projected; a result
that is "true"(a string)-truncated without a token has lost rows in silence; 15 questions in 5 seconds per principal.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from governance.azure.errors import BadShapeError
from governance.azure.records import GroupRecord, ResourceRecord, Unreadable, read_group, read_resource
from governance.azure.transport import Answer, AzureConnection, PageProgress, quota_reset_seconds

PATH = "/providers/Microsoft.ResourceGraph/resources?api-version=2021-03-01"
PAGE_ROWS = 1000  # the most Resource Graph gives at once
MAX_SUBSCRIPTIONS = 200  # a question; the documentation advises to stay below 300

RESOURCES_QUERY = (
    "resources | project id, name, type, kind, location, resourceGroup, subscriptionId, tenantId, tags, sku, "
    "managedBy, zones, identity, properties | order by id asc"
)
COUNT_QUERY = "resources | summarize expected = count() by subscriptionId"
GROUPS = "resourcecontainers | where type =~ 'microsoft.resources/subscriptions/resourcegroups'"
GROUPS_QUERY = f"{GROUPS} | project id, name, location, subscriptionId, managedBy, tags | sort by id asc"
COUNT_GROUPS_QUERY = f"{GROUPS} | summarize expected = count() by subscriptionId"


@dataclass(frozen=True, slots=True)
class ResourcePage:
    """Up to 1,000 rows of one question. `total` is how many rows the whole question has, as Azure says."""

    rows: tuple[ResourceRecord | Unreadable, ...]
    total: int


def count_by_subscription(azure: AzureConnection, subscription_ids: Sequence[str]) -> dict[str, int]:
    """How many resources each subscription holds. One without resources, or not visible, is not in the answer."""
    return _counts(azure, COUNT_QUERY, subscription_ids)


def count_groups_by_subscription(azure: AzureConnection, subscription_ids: Sequence[str]) -> dict[str, int]:
    """How many resource groups each subscription holds. One without groups, or not visible, is not in the answer."""
    return _counts(azure, COUNT_GROUPS_QUERY, subscription_ids)


def _counts(azure: AzureConnection, query: str, subscription_ids: Sequence[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for group in batches(subscription_ids, MAX_SUBSCRIPTIONS):
        for body in _pages(azure, query, group):
            for row in read_rows(body):
                counts[_required(row, "subscriptionId").lower()] = int(_required(row, "expected"))
    return counts


def resource_pages(azure: AzureConnection, subscription_ids: Sequence[str]) -> Iterator[ResourcePage]:
    """All resources of up to 200 subscriptions, page by page in the order of their ids.

    Raises when a page cannot be had or does not fit the one before; the pages already given stay true.
    """
    for body in _pages(azure, RESOURCES_QUERY, subscription_ids):
        yield read_page(body)


def group_pages(azure: AzureConnection, subscription_ids: Sequence[str]) -> Iterator[list[GroupRecord | Unreadable]]:
    """All resource groups of up to 200 subscriptions, page by page. Raises as `resource_pages` does."""
    for body in _pages(azure, GROUPS_QUERY, subscription_ids):
        yield [read_group(row) for row in read_rows(body)]


def read_page(body: dict[str, Any]) -> ResourcePage:
    """One answer, in either result format. Raises BadShapeError when it is not an answer of Resource Graph."""
    return ResourcePage(tuple(map(read_resource, read_rows(body))), total_records(body))


def read_rows(body: dict[str, Any]) -> list[Any]:
    """The rows of an answer as objects: `objectArray` as they are, `table` put together by column name."""
    data = body.get("data")
    if isinstance(data, list):
        return data
    if isinstance(data, dict) and isinstance(data.get("columns"), list) and isinstance(data.get("rows"), list):
        names = [column.get("name") for column in data["columns"]]
        return [dict(zip(names, row, strict=True)) for row in data["rows"]]
    raise BadShapeError("Resource Graph's answer has no data.")


def total_records(body: dict[str, Any]) -> int:
    """`totalRecords`. Raises BadShapeError when it is missing."""
    total = body.get("totalRecords")
    if not isinstance(total, int):
        raise BadShapeError("Resource Graph's answer has no totalRecords.")
    return total


def _pages(azure: AzureConnection, query: str, subscription_ids: Sequence[str]) -> Iterator[dict[str, Any]]:
    options: dict[str, Any] = {"$top": PAGE_ROWS, "resultFormat": "objectArray"}
    progress = PageProgress()
    while True:
        answer = azure.post(PATH, {"subscriptions": list(subscription_ids), "query": query, "options": options})
        yield answer.body
        token = answer.body.get("$skipToken")
        if not token:
            if str(answer.body.get("resultTruncated")).lower() == "true":
                raise BadShapeError("Resource Graph cut its answer and gave no token for the rest: rows are missing.")
            return
        progress.after_page(len(read_rows(answer.body)), token)
        options["$skipToken"] = token
        _pace(azure, answer)


def _pace(azure: AzureConnection, answer: Answer) -> None:
    """Wait for the quota to refill when this answer was the last one it allowed."""
    if answer.headers.get("x-ms-user-quota-remaining") == "0":
        azure.wait(quota_reset_seconds(answer.headers) or 0)


def _required(row: Any, field: str) -> Any:
    if not isinstance(row, dict) or row.get(field) is None:
        raise BadShapeError(f"Resource Graph's answer lacks {field}.")
    return row[field]


def batches(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """`items` in consecutive parts of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
