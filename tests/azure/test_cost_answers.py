"""Official and recorded answers of Cost Management through the parsers that read live data.

They are read where they lie, as in `test_official_payloads.py`; where they are absent this module is left out.
"""

import json
import os
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.rest import HttpRequest

from governance.azure.blobs import require_storage_host
from governance.azure.cost_exports import (
    ACTUAL,
    CostExport,
    is_whole_month,
    read_export,
    read_manifest,
)
from governance.azure.cost_reports import ReportBlob, read_report
from governance.azure.costs import decode_exactly, read_rows
from governance.azure.errors import BadShapeError, NotOfferedError, ThrottledError, UnavailableError
from governance.azure.transport import UNSTATED_WAIT_SECONDS, CappedRetry, DeferringRetry, error_message
from governance.azure.transport import _status_error as status_error
from governance.azure_budgets import CONSUMED, REMAINING, remaining
from tests.processes import ROOT

FOLDER = Path(os.environ.get("AZURE_PAYLOADS", ROOT.parent / "shared" / "azure"))
EXAMPLES = FOLDER / "examples" / "Microsoft.CostManagement"

if not FOLDER.is_dir():
    pytest.skip(f"No official Azure payloads in {FOLDER.name}/: set AZURE_PAYLOADS.", allow_module_level=True)


def document(*path: str) -> Any:
    """One file."""
    return json.loads(FOLDER.joinpath(*path).read_text(encoding="utf-8"))


def body_of(path: Path) -> dict[str, Any]:
    """The 200 body of an official example, its numbers as they stand there."""
    found: dict[str, Any] = decode_exactly(path.read_bytes())["responses"]["200"]["body"]
    return found


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*/*Query*.json")), ids=lambda path: path.stem)
def test_every_query_example_is_read_by_column_name(path: Path) -> None:
    body = body_of(path)
    names = [column["name"] for column in body["properties"]["columns"]]
    groups = [name for name in names if name in ("ResourceGroup", "ResourceType")]

    rows = read_rows(body, groups)

    assert len(rows) == len(body["properties"]["rows"]) > 0
    for row, given in zip(rows, body["properties"]["rows"], strict=True):
        assert row.amount == given[names.index("PreTaxCost")]
        assert row.groups == tuple(given[names.index(name)] for name in groups)
        assert row.currency == "USD"
        assert (row.day is not None) == ("UsageDate" in names)


def test_no_digit_of_an_amount_is_lost() -> None:
    body = body_of(EXAMPLES / "2021-10-01" / "SubscriptionQueryGrouping.json")

    amounts = [row.amount for row in read_rows(body, ["ResourceGroup"])]

    assert amounts[:2] == [Decimal("0.009865586851323632"), Decimal("218.68795741935486")]


def test_a_recorded_answer_keeps_the_row_without_a_group() -> None:
    exchange = decode_exactly((FOLDER / "recorded" / "CostFilterTest.test_cost_resource_group.1.json").read_bytes())

    rows = read_rows(exchange["response"]["body"], ["ResourceGroupName"])

    assert (rows[0].groups, rows[0].amount, rows[0].currency) == (("",), Decimal("1.852214"), "USD")
    assert rows[1].amount == Decimal("0.00006")


def test_an_answer_without_its_cost_or_its_currency_is_refused() -> None:
    body = body_of(EXAMPLES / "2021-10-01" / "SubscriptionQueryGrouping.json")
    for name in ("PreTaxCost", "Currency"):
        columns = [
            {**column, "name": "x" if column["name"] == name else column["name"]}
            for column in body["properties"]["columns"]
        ]
        with pytest.raises(BadShapeError):
            read_rows({"properties": {**body["properties"], "columns": columns}}, ["ResourceGroup"])


@pytest.mark.parametrize(
    "path",
    sorted(EXAMPLES.glob("*/*CostDetails*.json")) + sorted(EXAMPLES.glob("*/GenerateCostDetails*.json")),
    ids=lambda path: f"{path.parent.name}-{path.stem}",
)
def test_every_cost_details_example_is_read(path: Path) -> None:
    report = read_report(body_of(path))

    assert [blob.bytes for blob in report.blobs] == [32741]
    assert report.blobs[0].link.startswith("https://ccmreportstorageeastus.blob.core.windows.net/")
    assert "sig=" not in repr(report)


def test_the_links_of_the_examples_lead_to_a_storage_account_and_others_are_refused() -> None:
    endpoint = "https://{account}.blob.core.windows.net"
    report = read_report(body_of(EXAMPLES / "2025-03-01" / "CostDetailsOperationResultsBySubscriptionScope.json"))

    require_storage_host(endpoint, report.blobs[0].link)

    for link in (
        "http://ccmreportstorageeastus.blob.core.windows.net/armreports/1?sig=a",
        "https://evil.example/armreports/1?sig=a",
        "https://evil.example/.blob.core.windows.net/1?sig=a",
        "https://a.b.blob.core.windows.net/1?sig=a",
        "https://account.blob.core.windows.net.evil.example/1?sig=a",
        "https://account.blob.core.windows.net@evil.example/1?sig=a",
        "https://account.blob.core.windows.net:8443/1?sig=a",
    ):
        with pytest.raises(BadShapeError) as refused:
            require_storage_host(endpoint, link)
        assert "sig" not in str(refused.value)


def test_a_report_that_failed_or_is_short_of_a_file_is_no_report() -> None:
    with pytest.raises(UnavailableError, match="too large"):
        read_report({"status": "Failed", "error": {"code": "x", "message": "The report is too large."}})
    blob = {"blobLink": "https://a.blob.core.windows.net/b/c", "byteCount": 1}
    with pytest.raises(BadShapeError, match="announces 2"):
        read_report({"status": "Completed", "manifest": {"blobCount": 2, "blobs": [blob]}})
    assert read_report({"status": "NoDataFound"}).blobs == ()
    assert read_report({"status": "Completed", "manifest": {"blobs": [blob], "compressData": True}}).is_compressed


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("2021-10-01/ExportsGetBy*.json")), ids=lambda path: path.stem)
def test_every_example_of_an_export_says_where_it_lies(path: Path) -> None:
    exports = [read_export(row) for row in body_of(path)["value"]]

    assert all(
        export and (export.account, export.container, export.data_set) == ("ccmeastusdiag182", "exports", "ActualCost")
        for export in exports
    )
    assert exports[0] and exports[0].prefix == "ad-hoc/TestExport1/"


def test_a_recorded_export_of_usage_alone_is_none_of_costs() -> None:
    [row] = document("recorded", "CostManagementExportTest.last-execution.0.json")["response"]["body"]["value"]

    assert read_export(row) is None


def test_the_official_manifest_is_read_and_is_of_another_data_set() -> None:
    content = (FOLDER / "exports" / "manifest.json").read_bytes()
    export = CostExport("sample", ACTUAL, "samplestorage", "exports", "folder")

    assert read_manifest(content, export) is None
    run = read_manifest(content.replace(b"ReservationRecommendations", b"ActualCost"), export)
    assert run is not None
    assert (run.month, run.rows, [(file.bytes, file.rows) for file in run.files]) == (
        date(2025, 3, 1),
        36,
        [(8032, 36)],
    )
    assert run.submitted_at == datetime(2025, 3, 21, 21, 4, 6, 523444, tzinfo=UTC)


@pytest.mark.parametrize(
    ("first", "last", "submitted", "is_whole"),
    [
        ("2026-11-01", "2026-11-30", "2026-11-21", True),  # the range of the folder
        ("2026-11-01", "2026-11-21", "2026-11-21", True),  # month to date
        ("2026-11-01", "2026-11-20", "2026-11-21", True),
        ("2026-11-01", "2026-12-01", "2026-12-02", True),  # an end that is not included
        ("2026-11-01", "2026-11-10", "2026-11-21", False),  # a part, asked for by hand
        ("2026-11-02", "2026-11-30", "2026-12-01", False),
        ("2026-10-01", "2026-11-30", "2026-12-01", False),  # two months
    ],
)
def test_only_a_delivery_of_a_whole_month_counts(first: str, last: str, submitted: str, *, is_whole: bool) -> None:
    moment = datetime.fromisoformat(submitted).replace(tzinfo=UTC)

    assert is_whole_month(date.fromisoformat(first), date.fromisoformat(last), moment) is is_whole


class Throttled:
    """A 429 as azure-core's policies see it."""

    status_code = 429

    def __init__(self, **headers: str) -> None:
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def throttled(**headers: str) -> PipelineResponse[Any, Any]:
    """The answer, in the middle of the pipeline."""
    request = PipelineRequest[Any](HttpRequest("POST", "https://x"), None)  # type: ignore[arg-type]
    return PipelineResponse(request.http_request, Throttled(**headers), None)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", document("arm", "throttle_costmanagement.json")["throttled"]["header_names_to_honour"])
def test_every_documented_header_says_how_long_to_wait(name: str) -> None:
    assert CappedRetry(30).get_retry_after(throttled(**{name: "17"})) == 17


def test_the_longest_wait_holds() -> None:
    names = document("arm", "throttle_costmanagement.json")["throttled"]["header_names_to_honour"]
    waits = {name: str(5 + number) for number, name in enumerate(names)}

    assert CappedRetry(30).get_retry_after(throttled(**waits)) == 4 + len(names)


def test_a_429_about_costs_is_never_slept_out_in_the_pipeline() -> None:
    with pytest.raises(ThrottledError) as stated:
        DeferringRetry(30).is_retry({}, throttled(**{"x-ms-ratelimit-microsoft.costmanagement-qpu-retry-after": "9"}))
    with pytest.raises(ThrottledError) as unstated:
        DeferringRetry(30).is_retry({}, throttled())

    assert (stated.value.retry_after_seconds, unstated.value.retry_after_seconds) == (9, UNSTATED_WAIT_SECONDS)


def test_the_quota_in_the_official_headers_is_understood() -> None:
    headers = document("arm", "throttle_costmanagement.json")["ok_200_headers"]

    assert remaining(headers[REMAINING]) == {3600: 597, 60: 57, 10: 9}
    assert headers[CONSUMED] == "2"


def test_an_offer_that_is_not_supported_is_told_from_a_bad_question() -> None:
    content = json.dumps(document("arm", "error_offer_not_supported_400.json")["response"]["body"]).encode()

    assert isinstance(status_error(400, error_message(content)), NotOfferedError)
    for message in ("BadRequest: Invalid query definition: the grouping 'x' is not supported.", "400: Bad dataset"):
        assert isinstance(status_error(400, message), BadShapeError)
