"""The simulated Cost Management answers in the shape of official examples and of recorded answers."""

import json

import pytest

from tests.azure.simulator_client import Caller
from tests.azure.test_official_payloads import FOLDER
from tests.azure.test_simulator_cost_query import query, query_path

EXAMPLES = FOLDER / "examples" / "Microsoft.CostManagement" / "2021-10-01"


@pytest.mark.parametrize("name", ["SubscriptionQuery.json", "SubscriptionQueryGrouping.json"])
def test_official_examples_are_answered_in_their_shape(paying: Caller, name: str) -> None:
    example = json.loads((EXAMPLES / name).read_text())
    body = example["parameters"]["parameters"]
    body["dataset"].pop("filter", None)
    expected = example["responses"]["200"]["body"]

    answer = paying.post(query_path(paying), body, version="2021-10-01").json()

    assert answer.keys() >= expected.keys()
    assert answer["properties"].keys() == expected["properties"].keys()
    told = {column["name"]: column["type"] for column in answer["properties"]["columns"]}
    wanted = {column["name"]: column["type"] for column in expected["properties"]["columns"]}
    assert told.items() <= wanted.items()  # one example shows a column that it did not ask for
    assert "PreTaxCost" in told


def test_a_recorded_answer_has_the_same_keys(paying: Caller) -> None:
    recorded = json.loads((FOLDER / "recorded/CostFilterTest.test_cost_resource_group.1.json").read_text())
    body = query("ResourceGroupName", aggregation={"totalCost": {"name": "PreTaxCost", "function": "Sum"}})

    answer = paying.post(query_path(paying), body, version="2019-01-01").json()

    expected = recorded["response"]["body"]
    assert answer.keys() == expected.keys()
    assert answer["type"] == expected["type"]
    assert {column["name"] for column in answer["properties"]["columns"]} == {
        column["name"] for column in expected["properties"]["columns"]
    }
