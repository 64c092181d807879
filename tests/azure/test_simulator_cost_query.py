"""Cost queries of the simulated Azure, over HTTP and with the official SDK."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.core.rest import HttpRequest
from azure.mgmt.costmanagement import CostManagementClient
from azure.mgmt.costmanagement.models import QueryDefinition, QueryResult

from governance.azure.simulator.server import Simulator
from tests.azure.conftest import SettableClock
from tests.azure.simulator_client import Caller

JANUARY = date(2026, 1, 1)


class Credential:
    """Hands the caller's token to the SDK."""

    def __init__(self, caller: Caller) -> None:
        self._token = caller.authorization.removeprefix("Bearer ")

    def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        return AccessToken(self._token, 4_000_000_000)


def sdk(caller: Caller) -> CostManagementClient:
    return CostManagementClient(
        Credential(caller),
        base_url=caller.azure.url,
        connection_verify=str(caller.azure.ca_file),
        retry_total=0,
    )


def scope_of(caller: Caller, number: int = 0) -> str:
    seen = caller.azure.world.subscriptions_seen_by(caller.tenant)
    return f"/subscriptions/{seen[number].subscription_id}"


def query_path(caller: Caller, number: int = 0) -> str:
    return f"{scope_of(caller, number)}/providers/Microsoft.CostManagement/query"


def query(*groupings: str, granularity: str = "None", kind: str = "ActualCost", **dataset: Any) -> dict[str, Any]:
    """All of January; a grouping that begins with ``tag:`` is a tag."""
    return {
        "type": kind,
        "timeframe": "Custom",
        "timePeriod": {"from": "2026-01-01T00:00:00Z", "to": "2026-01-31T23:59:59Z"},
        "dataset": {
            "granularity": granularity,
            "aggregation": {"totalCost": {"name": "Cost", "function": "Sum"}},
            "grouping": [
                {"type": "TagKey", "name": name[4:]} if name.startswith("tag:") else {"type": "Dimension", "name": name}
                for name in groupings
            ],
            **dataset,
        },
    }


def rows_of(caller: Caller, body: dict[str, Any], path: str = "") -> list[dict[str, Any]]:
    """All pages, by column; numbers exact."""
    found: list[dict[str, Any]] = []
    answer = caller.post(path or query_path(caller), body)
    while True:
        assert answer.status_code == 200, answer.text
        told = json.loads(answer.text, parse_float=Decimal)["properties"]
        names = [column["name"] for column in told["columns"]]
        found += [dict(zip(names, row, strict=True)) for row in told["rows"]]
        if not told["nextLink"]:
            return found
        answer = caller.repeat(told["nextLink"], body)


def totals(rows: list[dict[str, Any]], column: str = "Cost") -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for row in rows:
        sums[row["Currency"]] = sums.get(row["Currency"], Decimal(0)) + row[column]
    return sums


def truth(caller: Caller, metric: str = "actual", number: int = 0) -> dict[str, Decimal]:
    subscription = caller.azure.world.subscriptions_seen_by(caller.tenant)[number]
    return caller.azure.world.costs.total(subscription, JANUARY, metric)


@pytest.mark.parametrize("granularity", ["None", "Daily", "Monthly"])
@pytest.mark.parametrize(
    "groupings",
    [(), ("ServiceName", "ResourceGroupName"), ("ResourceId",), ("ResourceLocation", "ChargeType"), ("tag:Owner",)],
)
def test_every_cut_agrees_with_the_truth(paying: Caller, groupings: tuple[str, ...], granularity: str) -> None:
    rows = rows_of(paying, query(*groupings, granularity=granularity))

    assert totals(rows) == truth(paying)


def test_the_two_metrics_are_told_apart(paying: Caller) -> None:
    assert totals(rows_of(paying, query(kind="AmortizedCost"))) == truth(paying, "amortized")
    assert truth(paying) != truth(paying, "amortized")


def test_pay_as_you_go_answers_amortized_with_actual(paying: Caller) -> None:
    path = query_path(paying, 1)

    assert rows_of(paying, query(kind="AmortizedCost"), path) == rows_of(paying, query(), path)


def test_a_resource_group_is_a_scope(paying: Caller) -> None:
    groups = {row["ResourceGroupName"]: row for row in rows_of(paying, query("ResourceGroupName")) if row["Cost"] > 0}
    name = next(name for name in groups if name)

    path = f"{scope_of(paying)}/resourceGroups/{name.upper()}/providers/Microsoft.CostManagement/query"

    assert totals(rows_of(paying, query(), path)) == {"EUR": groups[name]["Cost"]}


def test_columns_stand_in_varying_order_but_the_cost_first(paying: Caller) -> None:
    orders = set()
    for dimension in ("ServiceName", "MeterCategory", "ChargeType", "ResourceGroupName", "PricingModel"):
        told = paying.post(query_path(paying), query(dimension, granularity="Daily")).json()["properties"]["columns"]
        orders.add(tuple("group" if row["name"] == dimension else row["name"] for row in told))

    assert {order[0] for order in orders} == {"Cost"}
    assert len(orders) > 2


def test_days_are_numbers_and_months_are_dates(paying: Caller) -> None:
    daily = rows_of(paying, query(granularity="Daily"))
    monthly = rows_of(paying, query(granularity="Monthly"))

    assert {row["UsageDate"] for row in daily} == {20260100 + day for day in range(1, 32)}
    assert {row["BillingMonth"] for row in monthly} == {"2026-01-01T00:00:00"}


def test_rows_without_a_group_have_an_empty_one(paying: Caller) -> None:
    assert "" in {row["ResourceGroupName"] for row in rows_of(paying, query("ResourceGroupName"))}


def test_filters(paying: Caller) -> None:
    service = {"dimensions": {"name": "ServiceName", "operator": "In", "values": ["storage", "Key Vault"]}}
    everything = rows_of(paying, query("ServiceName", "tag:owner"))
    owner = next(row["TagValue"] for row in everything if row["ServiceName"] == "Storage" and row["TagValue"])
    tag = {"tags": {"name": "OWNER", "operator": "In", "values": [owner.upper()]}}

    both = rows_of(paying, query("ServiceName", "tag:owner", filter={"and": [service, tag]}))
    either = rows_of(paying, query(filter={"or": [service, tag]}))

    wanted = [row["ServiceName"] in ("Storage", "Key Vault") for row in everything]
    tagged = [row["TagValue"].lower() == owner.lower() for row in everything]
    assert both == [row for row, *is_met in zip(everything, wanted, tagged, strict=True) if all(is_met)]
    assert totals(either) == totals(
        [row for row, *is_met in zip(everything, wanted, tagged, strict=True) if any(is_met)]
    )
    assert 0 < len(both) < len(everything)


def test_pages_follow_by_post_with_the_same_body(paying: Caller) -> None:
    paying.azure.cost_settings.page_rows = 7
    body = query("ServiceName", granularity="Daily")
    link = paying.post(query_path(paying), body).json()["properties"]["nextLink"]

    assert totals(rows_of(paying, body)) == truth(paying)
    assert paying.repeat(link, query("ServiceName")).json()["error"]["code"] == "InvalidSkipToken"
    refused = paying.follow(link)
    assert (refused.status_code, refused.json()["error"]["code"]) == (405, "HttpMethodNotSupported")


def test_nothing_is_204(paying: Caller) -> None:
    body = query()
    body["timePeriod"] = {"from": "2026-03-01", "to": "2026-03-31"}

    answer = paying.post(query_path(paying), body)

    assert (answer.status_code, answer.content) == (204, b"")
    assert sdk(paying).query.usage(scope_of(paying), QueryDefinition(body)) is None


@pytest.mark.parametrize(
    ("spoilt", "complaint"),
    [
        ({"type": "Forecast"}, "type"),
        ({"timeframe": "Yesterday"}, "timeframe"),
        ({"timePeriod": {"from": "2026-01-01"}}, "time period"),
        ({"timePeriod": {"from": "2024-01-01", "to": "2026-01-31"}}, "1 year"),
        ({"dataset": {"granularity": "Hourly"}}, "granularity"),
        ({"dataset": {"grouping": [{"type": "Dimension", "name": "Weather"}]}}, "Weather"),
        ({"dataset": {"grouping": [{"type": "Dimension", "name": "Meter"}] * 3}}, "2 groupings"),
        ({"dataset": {"aggregation": {"a": {"name": "Cost", "function": "Max"}}}}, "aggregation"),
        ({"dataset": {"filter": {"dimensions": {"name": "Meter", "operator": "Like", "values": []}}}}, "Like"),
    ],
)
def test_what_is_not_understood_is_refused(paying: Caller, spoilt: dict[str, Any], complaint: str) -> None:
    answer = paying.post(query_path(paying), {**query(), **spoilt})

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "BadRequest"
    assert complaint in answer.json()["error"]["message"]


def test_strangers_see_no_costs(paying: Caller, fabrikam_caller: Caller) -> None:
    answer = fabrikam_caller.post(query_path(paying), query())

    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "SubscriptionNotFound")


def test_quota_headers_are_there_even_when_it_is_not_enforced(paying: Caller) -> None:
    headers = [paying.post(query_path(paying), query()).headers for _ in range(20)][-1]

    assert headers["x-ms-ratelimit-microsoft.costmanagement-qpu-consumed"] == "1"
    assert (
        headers["x-ms-ratelimit-microsoft.costmanagement-qpu-remaining"]
        == "QueriesPerHour:599,QueriesPerMin:59,QueriesPer10Sec:11"
    )


def test_twelve_units_in_ten_seconds(paying: Caller, simulator_clock: SettableClock) -> None:
    paying.azure.enforce_quota(True)
    year = {**query(), "timePeriod": {"from": "2025-02-01", "to": "2026-01-31"}}
    own = {"ClientType": "Governance"}

    first = paying.post(query_path(paying), year, **own)
    refused = paying.post(query_path(paying), query(), **own)
    simulator_clock.offset += 11
    again = paying.post(query_path(paying), query(), **own)

    assert first.headers["x-ms-ratelimit-microsoft.costmanagement-qpu-consumed"] == "12"
    assert "QueriesPer10Sec:0" in first.headers["x-ms-ratelimit-microsoft.costmanagement-qpu-remaining"]
    assert refused.status_code == 429
    assert refused.json()["error"] == {"code": "429", "message": "Too many requests. Please retry."}
    assert 1 <= int(refused.headers["x-ms-ratelimit-microsoft.costmanagement-qpu-retry-after"]) <= 10
    assert "Retry-After" not in refused.headers
    assert again.status_code == 200


def test_sixty_units_a_minute(paying: Caller, simulator_clock: SettableClock) -> None:
    paying.azure.enforce_quota(True)
    year = {**query(), "timePeriod": {"from": "2025-02-01", "to": "2026-01-31"}}
    for _ in range(5):
        assert paying.post(query_path(paying), year, ClientType="Governance").status_code == 200
        simulator_clock.offset += 10.5

    refused = paying.post(query_path(paying), query(), ClientType="Governance")

    assert refused.status_code == 429
    assert int(refused.headers["x-ms-ratelimit-microsoft.costmanagement-qpu-retry-after"]) <= 10


def test_without_client_type_the_bucket_is_small(paying: Caller, simulator_clock: SettableClock) -> None:
    paying.azure.enforce_quota(True)
    for _ in range(8):
        assert paying.post(query_path(paying), query()).status_code == 200

    refused = paying.post(query_path(paying), query())
    own = paying.post(query_path(paying), query(), ClientType="Governance")

    assert refused.status_code == 429
    assert "x-ms-ratelimit-microsoft.costmanagement-clienttype-retry-after" in refused.headers
    assert own.status_code == 200


def test_the_sdk_reads_a_page_and_follows_by_hand(paying: Caller) -> None:
    paying.azure.cost_settings.page_rows = 20
    body = query("ServiceName", granularity="Daily")
    client = sdk(paying)
    page = client.query.usage(scope_of(paying), QueryDefinition(body))
    assert page
    rows = list(page.rows or [])
    while page.next_link:
        answer = client.send_request(HttpRequest("POST", page.next_link, json=body))
        answer.raise_for_status()
        page = QueryResult(answer.json())
        rows += page.rows or []

    assert len(rows) == len(rows_of(paying, body))


def test_faults_reach_cost_queries(paying: Caller, small_azure: Simulator) -> None:
    paying.azure.cost_settings.page_rows = 10
    body, path = query("ServiceName", granularity="Daily"), query_path(paying)

    def answered(**fault: Any) -> Any:
        small_azure.faults.clear()
        paying.control("POST", "faults", {"path": "CostManagement/query", "times": 1, **fault})
        return paying.post(path, body)

    throttled = answered(kind="throttle", retry_after=7, bucket="entity")
    assert throttled.status_code == 429
    assert throttled.headers["x-ms-ratelimit-microsoft.costmanagement-entity-retry-after"] == "7"
    assert "Retry-After" not in throttled.headers
    assert answered(kind="forbidden").status_code == 403
    assert answered(kind="server_error", status=503, retry_after=3).headers["Retry-After"] == "3"
    assert answered(kind="empty_page").json()["properties"]["rows"] == []
    assert answered(kind="foreign_next_link").json()["properties"]["nextLink"].startswith("https://evil.example/")
    assert len(answered(kind="lost_rows", rows=4).json()["properties"]["rows"]) == 6
    assert "a lot" in [row[0] for row in answered(kind="bad_row", how="wrong_type").json()["properties"]["rows"]]
    assert len(answered(kind="bad_row", how="missing_id", row=3).json()["properties"]["rows"][3]) == 3
    assert answered(kind="truncated_without_token").json()["properties"]["nextLink"] is None


def test_a_repeated_next_link(paying: Caller, small_azure: Simulator) -> None:
    paying.azure.cost_settings.page_rows = 10
    body = query("ServiceName", granularity="Daily")
    link = paying.post(query_path(paying), body).json()["properties"]["nextLink"]
    paying.control("POST", "faults", {"kind": "repeated_token", "path": "CostManagement/query"})

    assert paying.repeat(link, body).json()["properties"]["nextLink"] == link
