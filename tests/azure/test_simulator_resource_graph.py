from collections import Counter
from typing import Any

import pytest
from azure.core import PipelineClient
from azure.core.pipeline.policies import BearerTokenCredentialPolicy, RetryPolicy
from azure.core.rest import HttpRequest
from azure.identity import ClientSecretCredential

from governance.azure.simulator.resources import Resource
from governance.azure.simulator.server import Simulator
from tests.azure.conftest import SettableClock
from tests.azure.simulator_client import ARM_SCOPE, COUNT_QUERY, GRAPH_PATH, INVENTORY_QUERY, Caller

COLUMNS = [
    "id",
    "name",
    "type",
    "kind",
    "location",
    "resourceGroup",
    "subscriptionId",
    "tenantId",
    "tags",
    "sku",
    "managedBy",
    "zones",
    "identity",
    "properties",
]


def as_resource_graph_row(resource: Resource) -> dict[str, Any]:
    return {
        "id": resource.id,
        "name": resource.name,
        "type": resource.type.lower(),
        "kind": resource.kind,
        "location": resource.location,
        "resourceGroup": resource.resource_group.lower(),
        "subscriptionId": resource.subscription_id,
        "tenantId": resource.tenant_id,
        "tags": resource.tags,
        "sku": resource.sku,
        "managedBy": resource.managed_by,
        "zones": resource.zones,
        "identity": resource.identity,
        "properties": resource.properties,
    }


@pytest.mark.parametrize("day", [0, 12])
def test_pages_hold_exactly_the_truth(small_azure: Simulator, contoso_caller: Caller, day: int) -> None:
    small_azure.advance(days=day)

    rows = contoso_caller.graph_rows(top=7)

    assert rows == [as_resource_graph_row(row) for row in small_azure.truth("contoso").resources]


@pytest.mark.parametrize("result_format", ["objectArray", "table"])
def test_azure_core_pipeline_reads_both_formats(small_azure: Simulator, result_format: str) -> None:
    tenant = small_azure.tenant("contoso")
    ca_file = str(small_azure.ca_file)
    credential = ClientSecretCredential(
        tenant.tenant_id,
        tenant.client_id,
        tenant.client_secret,
        authority=small_azure.url,
        disable_instance_discovery=True,
        connection_verify=ca_file,
    )
    body = {"query": INVENTORY_QUERY, "options": {"$top": 1000, "resultFormat": result_format}}

    policies = [RetryPolicy(), BearerTokenCredentialPolicy(credential, ARM_SCOPE)]
    client: PipelineClient[Any, Any] = PipelineClient(small_azure.url, policies=policies)
    with credential, client:
        request = HttpRequest("POST", f"{small_azure.url}{GRAPH_PATH}?api-version=2024-04-01", json=body)
        answer = client.send_request(request, connection_verify=ca_file).json()

    ids = [row.id for row in small_azure.truth("contoso").resources]
    if result_format == "table":
        assert [column["name"] for column in answer["data"]["columns"]] == COLUMNS
        assert [row[0] for row in answer["data"]["rows"]] == ids
    else:
        assert [row["id"] for row in answer["data"]] == ids
    assert answer["resultTruncated"] == "false"
    assert answer["facets"] == []


def test_counts_by_subscription_add_up(small_azure: Simulator, contoso_caller: Caller) -> None:
    rows = contoso_caller.graph_rows(COUNT_QUERY)

    expected = Counter(row.subscription_id for row in small_azure.truth("contoso").resources)
    assert {row["subscriptionId"]: row["expected"] for row in rows} == expected


def test_count_without_a_name_is_called_count_(contoso_caller: Caller) -> None:
    rows = contoso_caller.graph_rows("Resources | summarize count() by subscriptionId")

    assert {tuple(row) for row in rows} == {("subscriptionId", "count_")}


def test_filters_narrow_the_result(contoso_caller: Caller) -> None:
    subscription_id = contoso_caller.tenant.subscription_ids[0]

    rows = contoso_caller.graph_rows(
        f"RESOURCES | WHERE type =~ 'Microsoft.Compute/Disks' | where subscriptionId == '{subscription_id}' "
        "| project id, type"
    )

    assert {row["type"] for row in rows} == {"microsoft.compute/disks"}
    assert all(subscription_id in row["id"].lower() for row in rows)


def test_resource_groups_are_containers(small_azure: Simulator, contoso_caller: Caller) -> None:
    rows = contoso_caller.graph_rows("ResourceContainers | project id, name, type")

    assert {row["type"] for row in rows} == {"microsoft.resources/subscriptions/resourcegroups"}
    assert len(rows) == len(small_azure.truth("contoso").resource_groups)


def test_page_holds_a_hundred_rows_unless_told(simulator_folder: object, small_azure: Simulator) -> None:
    with (
        Simulator(folder=small_azure.ca_file.parent, tenants=1, resources_per_tenant=150) as large,
        Caller(large, large.tenant("contoso")) as caller,
    ):
        answer = caller.graph().json()

    assert (answer["count"], answer["totalRecords"], answer["resultTruncated"]) == (100, 150, "true")


def test_no_token_without_the_id_column(contoso_caller: Caller) -> None:
    answer = contoso_caller.graph("resources | project name", top=5).json()

    assert answer["resultTruncated"] == "true"
    assert "$skipToken" not in answer


def test_skip_leaves_rows_out(contoso_caller: Caller) -> None:
    everything = contoso_caller.graph(top=1000).json()["data"]

    assert contoso_caller.graph(top=5, skip=3).json()["data"] == everything[3:8]


def test_invisible_subscription_is_absent_without_a_word(contoso_caller: Caller) -> None:
    answer = contoso_caller.graph(subscriptions=["00000000-0000-4000-8000-000000000000"])

    assert answer.status_code == 200
    assert answer.json()["data"] == []


@pytest.mark.parametrize(
    "query",
    [
        "",
        "securityresources",
        "resources | limit 5",
        "resources | where name contains 'x'",
        "resources | where tags == 'x'",
        "resources | project id, nonsense",
        "resources | project id | order by name asc",
        "resources | summarize count() by type",
        "resources | project id | order by id asc | project name",
        "resources | summarize expected = count() by subscriptionId | project expected",
    ],
)
def test_query_that_is_not_understood_is_refused(contoso_caller: Caller, query: str) -> None:
    answer = contoso_caller.graph(query)

    error = answer.json()["error"]
    assert answer.status_code == 400
    assert error["code"] == "BadRequest"
    assert error["message"].startswith("Please provide below info when asking for support")
    assert error["details"][0]["code"] == "InvalidQuery"


@pytest.mark.parametrize(
    "options",
    [{"top": 0}, {"top": 1001}, {"top": "5"}, {"skip": -1}, {"result_format": "csv"}, {"skip_token": "forged"}],
)
def test_options_out_of_range_are_refused(contoso_caller: Caller, options: dict[str, Any]) -> None:
    assert contoso_caller.graph(**options).status_code == 400


def test_token_belongs_to_its_query(contoso_caller: Caller) -> None:
    token = contoso_caller.graph(top=5).json()["$skipToken"]

    assert contoso_caller.graph("resources | project id", skip_token=token).status_code == 400


def test_unknown_api_version_is_refused(contoso_caller: Caller) -> None:
    assert contoso_caller.graph(version="2018-09-01-preview").status_code == 400
    assert contoso_caller.graph(version="").json()["error"]["code"] == "MissingApiVersionParameter"


def test_quota_is_shown_and_not_enforced_by_default(contoso_caller: Caller) -> None:
    answers = [contoso_caller.graph(top=1) for _ in range(16)]

    assert {answer.status_code for answer in answers} == {200}
    assert answers[-1].headers["x-ms-user-quota-remaining"] == "14"
    assert answers[-1].headers["x-ms-user-quota-resets-after"] == "00:00:05"


def test_sixteenth_query_in_five_seconds_is_throttled(
    small_azure: Simulator, contoso_caller: Caller, fabrikam_caller: Caller, simulator_clock: SettableClock
) -> None:
    small_azure.enforce_quota(True)

    answers = [contoso_caller.graph(top=1) for _ in range(16)]

    assert [answer.status_code for answer in answers] == [200] * 15 + [429]
    assert answers[14].headers["x-ms-user-quota-remaining"] == "0"
    assert answers[15].json()["error"]["code"] == "RateLimiting"
    assert "Retry-After" not in answers[15].headers
    assert fabrikam_caller.graph(top=1).status_code == 200
    simulator_clock.offset = 5.5
    assert contoso_caller.graph(top=1).status_code == 200
