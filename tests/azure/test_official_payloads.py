"""Official and recorded answers of Azure through the parsers that read live data.

They are read where they lie: in the folder named by AZURE_PAYLOADS, by default `shared/azure` beside the checkout.
Where that folder is absent, as on a user's machine, this module is left out with one line.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from governance.azure import resource_graph
from governance.azure.arm import read_subscription
from governance.azure.records import GroupRecord, ResourceRecord, read_group, read_resource
from governance.azure.transport import error_message, quota_reset_seconds
from inventory.orphans import Subject, judge
from inventory.shape import key_of, shape
from tests.azure.simulator_client import Caller
from tests.processes import ROOT

FOLDER = Path(os.environ.get("AZURE_PAYLOADS", ROOT.parent / "shared" / "azure"))
GRAPH = FOLDER / "examples" / "Microsoft.ResourceGraph"

if not FOLDER.is_dir():
    pytest.skip(f"No official Azure payloads in {FOLDER.name}/: set AZURE_PAYLOADS.", allow_module_level=True)


def recorded(name: str) -> dict[str, Any]:
    """The response of a recorded exchange."""
    response: dict[str, Any] = json.loads((FOLDER / "recorded" / name).read_text(encoding="utf-8"))["response"]
    return response


def example(*path: str) -> dict[str, Any]:
    """The 200 body of an official example."""
    document = json.loads(FOLDER.joinpath("examples", *path).read_text(encoding="utf-8"))
    body: dict[str, Any] = document["responses"]["200"]["body"]
    return body


RECORDED_GRAPH = "ResourceGraphSource.test_resource_graph_and_arm_sources_vm_are_equivalent.1.json"
RECORDED_LIST = "ArmResourceTest.common.0.json"


@pytest.mark.parametrize("path", sorted(GRAPH.glob("20[12][19]-0[34]-01/*.json")), ids=lambda path: path.stem)
def test_every_resource_graph_example_is_read_in_either_format(path: Path) -> None:
    body = example("Microsoft.ResourceGraph", path.parent.name, path.name)

    rows = resource_graph.read_rows(body)

    assert len(rows) == body["count"] > 0
    assert resource_graph.total_records(body) == body["totalRecords"]
    assert all(isinstance(row, dict) for row in rows)


def test_both_formats_of_the_same_question_give_the_same_rows() -> None:
    table = resource_graph.read_rows(example("Microsoft.ResourceGraph", "2019-04-01", "ResourcesBasicQuery.json"))
    objects = resource_graph.read_rows(example("Microsoft.ResourceGraph", "2021-03-01", "ResourcesBasicQuery.json"))

    assert table == objects


def test_a_recorded_virtual_machine_is_read_whole() -> None:
    [machine] = resource_graph.read_page(recorded(RECORDED_GRAPH)["body"]).rows

    assert isinstance(machine, ResourceRecord)
    assert (machine.name, machine.type, machine.location) == (
        "cctestvm",
        "microsoft.compute/virtualmachines",
        "southcentralus",
    )
    assert machine.resource_group == "test_vm"
    assert machine.tags == {"schedule": "on=(M-U,8);off=(M-U,18);tz=pt", "testtag": "testvalue"}
    assert (machine.sku_json, machine.zones_json, machine.identity_json) == ("{}", "[]", "{}")
    assert json.loads(machine.properties or "")["hardwareProfile"] == {"vmSize": "Basic_A0"}


def test_a_recorded_list_of_resources_is_read_row_by_row() -> None:
    rows = recorded(RECORDED_LIST)["body"]["value"]

    records = [read_resource({**row, "properties": None, "subscriptionId": row["id"].split("/")[2]}) for row in rows]

    assert len(records) == 7
    assert all(isinstance(record, ResourceRecord) for record in records)
    [disk, *_] = records
    assert isinstance(disk, ResourceRecord)
    assert (disk.type, disk.resource_group, disk.properties) == ("microsoft.compute/disks", "TEST_VM", None)
    assert disk.managed_by.endswith("/virtualMachines/cctestvm")
    assert json.loads(disk.sku_json) == {"name": "Standard_LRS", "tier": "Standard"}


def test_the_same_machine_from_both_sources_is_one_resource() -> None:
    """Resource Graph wrote /resourceGroups/test_vm/, the list of machines /resourceGroups/TEST_VM/."""
    [graph] = resource_graph.read_page(recorded(RECORDED_GRAPH)["body"]).rows
    listed = recorded(RECORDED_GRAPH.replace(".1.json", ".0.json"))["body"]["value"][0]["id"]

    assert isinstance(graph, ResourceRecord)
    assert graph.azure_id != listed
    assert shape(graph).key == key_of(listed)


@pytest.mark.parametrize(
    ("name", "verdicts"),
    [
        ("NetworkInterfaceListAll.json", {"test-nic": "in_use", "test-nic2": "orphaned"}),
        ("PublicIpAddressListAll.json", {"testDNS-ip": "in_use", "ip01": "in_use"}),
        # Its pool names no member, and its NAT rule no target: a scale set of no machine looks the same.
        ("LoadBalancerListAll.json", {"lb": "unknown", "lb3": "orphaned"}),
    ],
)
def test_official_network_resources_are_judged(name: str, verdicts: dict[str, str]) -> None:
    rows = example("Microsoft.Network", "2022-01-01", name)["value"]

    judged = {row["name"]: judge(Subject(row["type"].lower(), row["name"], row["properties"])).verdict for row in rows}

    assert judged == verdicts


def test_recorded_resource_groups_are_read() -> None:
    rows = recorded("CostFilterTest.test_cost_resource_group.0.json")["body"]["value"]

    groups = [read_group({**row, "subscriptionId": row["id"].split("/")[2]}) for row in rows]

    assert len(groups) > 4
    assert all(isinstance(group, GroupRecord) for group in groups)
    assert {group.name for group in groups if isinstance(group, GroupRecord)} == {row["name"] for row in rows}


def test_subscriptions_and_their_tenants_are_read() -> None:
    records = [
        read_subscription(row) for row in example("Microsoft.Resources", "2021-01-01", "GetSubscriptions.json")["value"]
    ]

    assert [(record.subscription_id, record.tenant_id, record.state, record.quota_id) for record in records] == [
        (
            "291bba3f-e0a5-47bc-a099-3bdcb2a50a05",
            "31c75423-32d6-4322-88b7-c478bdde4858",
            "Enabled",
            "Internal_2014-09-01",
        ),
        (
            "72ac930a-f34e-42d8-b06d-dc2a9e12ed71",
            "2a0ff0de-96b2-4859-bb7c-a430d07a3e0c",
            "Enabled",
            "Internal_2014-09-01",
        ),
    ]


@pytest.mark.parametrize(
    ("name", "starts"),
    [
        ("throttle_arm_429.json", "SubscriptionRequestsThrottled: Number of requests for subscription"),
        ("throttle_provider_429.json", "ResourceRequestsThrottled: Number of requests for action"),
        ("throttle_resourcegraph_429.json", "RateLimiting: Please provide below info"),
        ("error_offer_not_supported_400.json", "400: Cost Management supports only"),
        ("error_policystates_get_not_supported.json", "HttpMethodNotSupported: The http method 'GET'"),
    ],
)
def test_official_errors_are_told_by_code_and_message(name: str, starts: str) -> None:
    response = json.loads((FOLDER / "arm" / name).read_text(encoding="utf-8"))["response"]

    assert error_message(json.dumps(response["body"]).encode()).startswith(starts)


def test_recorded_errors_with_and_without_an_envelope_are_told() -> None:
    bare = recorded("ArmResourceTest.test_metric_filter_invalid_metric.1.json")
    wrapped = recorded("FunctionAppUtilsTest.test_deploy_function_app.0.json")

    assert error_message(json.dumps(bare["body"]).encode()).startswith("BadRequest: ")
    assert error_message(json.dumps(wrapped["body"]).encode()).startswith("ResourceNotFound: ")


def test_the_official_quota_header_is_understood() -> None:
    headers = json.loads((FOLDER / "arm" / "throttle_resourcegraph_429.json").read_text(encoding="utf-8"))["response"][
        "headers"
    ]

    assert quota_reset_seconds(headers) == 4
    assert quota_reset_seconds(recorded(RECORDED_GRAPH)["headers"]) == 5


def test_the_simulator_answers_in_the_shape_that_was_recorded(contoso_caller: Caller) -> None:
    simulated = contoso_caller.graph(resource_graph.RESOURCES_QUERY, result_format="table").json()

    real = recorded(RECORDED_GRAPH)["body"]
    assert set(real) <= set(simulated)
    columns = {column["name"]: column["type"] for column in real["data"]["columns"]}
    ours = {column["name"]: column["type"] for column in simulated["data"]["columns"]}
    assert {name: columns[name] for name in ours} == ours
