"""The simulated Cost Management answers in the shape of official examples and of recorded answers."""

import json
from datetime import date
from typing import Any

import pytest

from governance.azure.simulator.cost_tables import EA_COLUMNS, MCA_COLUMNS
from governance.azure.simulator.focus import FOCUS_COLUMNS
from tests.azure.simulator_client import Caller
from tests.azure.test_official_payloads import FOLDER
from tests.azure.test_simulator_cost_exports import container, manifests
from tests.azure.test_simulator_cost_query import query, query_path, scope_of

EXAMPLES = FOLDER / "examples" / "Microsoft.CostManagement" / "2021-10-01"
REPORT_RESULT = "CostDetailsOperationResultsBySubscriptionScope.json"


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


def keys_of(value: Any) -> Any:
    """The shape: names all the way down, lists by their first element."""
    if isinstance(value, dict):
        return {name: keys_of(inner) for name, inner in value.items()}
    return [keys_of(value[0])] if isinstance(value, list) and value else None


def lacking(wanted: Any, found: Any, path: str = "") -> set[str]:
    """Paths of the wanted shape that are not in the other."""
    if isinstance(wanted, dict):
        inner = (lacking(value, (found or {}).get(name), f"{path}/{name}") for name, value in wanted.items())
        missing = {f"{path}/{name}" for name in wanted if name not in (found or {})}
        return missing.union(*inner)
    if isinstance(wanted, list):
        return lacking(wanted[0], found[0] if found else None, f"{path}[]")
    return set()


@pytest.mark.parametrize("version", ["2022-05-01", "2025-03-01"])
def test_a_report_answers_as_in_the_examples(reporting: Caller, version: str) -> None:
    example = json.loads((EXAMPLES.parent / version / REPORT_RESULT).read_text(encoding="utf-8"))["responses"]
    body = {"metric": "ActualCost", "timePeriod": {"start": "2026-01-01", "end": "2026-01-31"}}
    path = f"{scope_of(reporting)}/providers/Microsoft.CostManagement/generateCostDetailsReport"

    asked = reporting.post(path, body, version=version)
    reporting.follow(asked.headers["Location"])
    answer = reporting.follow(asked.headers["Location"]).json()

    assert set(example["202"]["headers"]) <= set(asked.headers)
    assert lacking(keys_of(example["200"]["body"]), keys_of(answer)) == set()
    assert answer["status"] == example["200"]["body"]["status"]
    assert answer["manifest"]["dataFormat"] == example["200"]["body"]["manifest"]["dataFormat"]
    assert answer["manifest"]["manifestVersion"] == version


def test_an_offer_without_reports_is_refused_as_in_the_sample(paying: Caller) -> None:
    sample = json.loads((FOLDER / "arm" / "error_offer_not_supported_400.json").read_text(encoding="utf-8"))
    expected = sample["response"]["body"]["error"]
    path = f"{scope_of(paying, 1)}/providers/Microsoft.CostManagement/generateCostDetailsReport"

    answer = paying.post(path, {"metric": "ActualCost"})

    assert answer.status_code == sample["response"]["status"]
    assert answer.json()["error"]["code"] == expected["code"]
    assert answer.json()["error"]["message"].split("offerId")[0] == expected["message"].split("offerId")[0]


def test_throttled_as_in_the_sample(paying: Caller) -> None:
    sample = json.loads((FOLDER / "arm" / "throttle_costmanagement.json").read_text(encoding="utf-8"))
    answer = paying.post(query_path(paying), query())
    paying.control("POST", "faults", {"kind": "throttle", "path": "CostManagement/query"})

    refused = paying.post(query_path(paying), query())

    assert set(sample["ok_200_headers"]) <= set(answer.headers.keys())
    assert refused.json() == sample["throttled"]["body"]
    assert set(sample["throttled"]["header_names_to_honour"]) & {*refused.headers} == {
        "x-ms-ratelimit-microsoft.costmanagement-qpu-retry-after"
    }


def test_exports_are_listed_as_in_the_examples(paying: Caller) -> None:
    examples = [
        json.loads((EXAMPLES / "ExportsGetBySubscription.json").read_text(encoding="utf-8"))["responses"]["200"],
        json.loads((FOLDER / "recorded/CostManagementExportTest.last-execution.0.json").read_text())["response"],
    ]

    answer = paying.get(f"{scope_of(paying)}/providers/Microsoft.CostManagement/exports").json()

    one_off = "/value[]/properties/definition/timePeriod"
    columns = "/value[]/properties/definition/dataSet/configuration/columns"  # FOCUS has no choice of columns
    old = {f"/value[]/properties/definition/dataSet/{word}" for word in ("aggregation", "grouping", "sorting")}
    for example in examples:
        missing = lacking(keys_of(example["body"]), keys_of(answer))
        assert {path for path in missing if not path.startswith(one_off)} <= {columns, *old}


def test_the_manifest_is_like_the_sample(paying: Caller) -> None:
    sample = json.loads((FOLDER / "exports" / "manifest.json").read_text(encoding="utf-8"))
    with container(paying) as client:
        manifest = manifests(client, date(2026, 1, 1))[0]

    assert lacking(keys_of(sample), keys_of(manifest)) == set()
    assert lacking(keys_of(manifest), keys_of(sample)) == set()


def test_columns_are_the_documented_ones() -> None:
    details = json.loads((FOLDER / "schemas" / "cost_details_columns.json").read_text(encoding="utf-8"))
    focus = json.loads((FOLDER / "schemas" / "FocusCost_1.0.json").read_text(encoding="utf-8"))

    assert list(EA_COLUMNS) == details["EA 2023-12-01-preview"]
    assert list(MCA_COLUMNS) == details["MCA 2023-12-01-preview"]
    assert list(FOCUS_COLUMNS) == [column["ColumnName"] for column in focus["Columns"]]
