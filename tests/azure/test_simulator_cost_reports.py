"""Cost details reports of the simulated Azure: asked for, polled, downloaded, and all that goes wrong with them."""

import csv
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError, ResourceNotFoundError
from azure.mgmt.costmanagement.models import CostDetailsTimePeriod, GenerateCostDetailsReportRequestDefinition
from azure.storage.blob import BlobClient

from governance.azure.simulator.cost_tables import (
    EA_COLUMNS,
    MCA_COLUMNS,
    CustomerTable,
    EnterpriseTable,
    Table,
    details_table,
)
from governance.azure.simulator.focus import FocusTable
from governance.azure.simulator.server import Simulator
from governance.azure.simulator.world import Subscription, World
from tests.azure.conftest import SettableClock
from tests.azure.simulator_client import TIMEOUT_SECONDS, Caller
from tests.azure.test_simulator_cost_query import scope_of, sdk

JANUARY = date(2026, 1, 1)
PERIOD = {"start": "2026-01-01", "end": "2026-01-31"}
REPORT = "providers/Microsoft.CostManagement/generateCostDetailsReport"


def subscription_of(caller: Caller, number: int = 0) -> Subscription:
    return caller.azure.world.subscriptions_seen_by(caller.tenant)[number]


def ask(caller: Caller, number: int = 0, **body: Any) -> requests.Response:
    wanted = {"metric": "ActualCost", "timePeriod": PERIOD, **body}
    return caller.post(f"{scope_of(caller, number)}/{REPORT}", {k: v for k, v in wanted.items() if v})


def finished(caller: Caller, number: int = 0, **body: Any) -> dict[str, Any]:
    """The result of a report, polled until it is there."""
    answer = ask(caller, number, **body)
    while answer.status_code == 202:
        answer = caller.follow(answer.headers["Location"])
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def links(result: dict[str, Any]) -> list[str]:
    return [blob["blobLink"] for blob in result["manifest"]["blobs"]]


def download(caller: Caller, link: str) -> bytes:
    with BlobClient.from_blob_url(link, connection_verify=str(caller.azure.ca_file), retry_total=0) as blob:
        return blob.download_blob().readall()


def rows_in(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))


def totals(rows: list[dict[str, str]], amount: str, currency: str) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for row in rows:
        sums[row[currency]] = sums.get(row[currency], Decimal(0)) + Decimal(row[amount])
    return sums


def ea_totals(rows: list[dict[str, str]]) -> dict[str, Decimal]:
    return totals(rows, "CostInBillingCurrency", "BillingCurrencyCode")


@pytest.mark.parametrize(("asked", "metric"), [("ActualCost", "actual"), ("AmortizedCost", "amortized")])
def test_a_report_tells_the_truth(reporting: Caller, asked: str, metric: str) -> None:
    result = finished(reporting, metric=asked)

    (link,) = links(result)
    rows = rows_in(download(reporting, link))
    subscription = subscription_of(reporting)
    assert ea_totals(rows) == reporting.azure.world.costs.total(subscription, JANUARY, metric)
    assert len(rows) == len(reporting.azure.world.costs.rows(subscription, JANUARY, metric))
    assert {row["SubscriptionId"] for row in rows} == {subscription.subscription_id}


def test_files_of_enterprise_agreements_look_as_they_do(reporting: Caller) -> None:
    content = download(reporting, links(finished(reporting, metric="AmortizedCost"))[0])

    rows = rows_in(content)
    assert content.startswith(b"\xef\xbb\xbf")
    assert tuple(rows[0]) == EA_COLUMNS
    assert {datetime.strptime(row["Date"], "%m/%d/%Y").replace(tzinfo=UTC).month for row in rows} == {1}
    tagged = [row for row in rows if row["Tags"]]
    assert all(row["Tags"].startswith('"') for row in tagged)
    assert {json.loads(f"{{{row['Tags']}}}")["owner"] for row in tagged if '"owner"' in row["Tags"]}
    assert {row["ChargeType"] for row in rows} >= {"Usage", "UnusedReservation", "Purchase", "Refund", "Tax"}
    assert all(
        Decimal(row["Quantity"]) * Decimal(row["EffectivePrice"]) == Decimal(row["CostInBillingCurrency"])
        for row in rows
    )


def test_a_customer_agreement_has_columns_of_its_own() -> None:
    world = World(tenants=1, subscriptions_per_tenant=1, cost_sources=["mca-report"], day=36)
    (subscription,) = world.subscriptions_seen_by(world.tenants[0])
    table = details_table(subscription, JANUARY, "actual")

    charges = world.costs.rows(subscription, JANUARY, "actual")
    rows = [dict(zip(MCA_COLUMNS, table.cells(charge), strict=True)) for charge in charges]

    assert totals(rows, "costInBillingCurrency", "billingCurrency") == world.costs.total(
        subscription, JANUARY, "actual"
    )
    assert not table.has_mark
    assert all(json.loads(row["tags"]) for row in rows if row["tags"])


@pytest.mark.parametrize("make", [EnterpriseTable, CustomerTable, FocusTable])
def test_lines_are_what_the_cells_say(make: type[Table]) -> None:
    world = World(tenants=1, day=36)
    subscription = world.subscriptions_seen_by(world.tenants[0])[0]
    charges = world.costs.charges(subscription, JANUARY)
    table = make(subscription, JANUARY, "actual")

    read = list(csv.reader(io.StringIO("".join(table.lines(charges)), newline="")))

    assert read == [table.cells(charge) for charge in charges]
    assert sorted(table.varying, key=table.columns.index) == list(table.varying)


def test_large_reports_come_in_several_blobs(reporting: Caller) -> None:
    reporting.azure.cost_settings.partition_rows = 300

    result = finished(reporting)

    parts = [rows_in(download(reporting, link)) for link in links(result)]
    assert result["manifest"]["blobCount"] == len(parts) > 2
    assert {len(part) for part in parts[:-1]} == {300}
    assert ea_totals([row for part in parts for row in part]) == reporting.azure.world.costs.total(
        subscription_of(reporting), JANUARY, "actual"
    )


def test_it_has_to_be_polled(reporting: Caller) -> None:
    reporting.azure.cost_settings.polls = 2
    answer = ask(reporting)
    location = answer.headers["Location"]

    seen = [reporting.follow(location).status_code for _ in range(4)]

    assert (answer.status_code, answer.content) == (202, b"")
    assert int(answer.headers["Retry-After"]) > 0
    assert seen == [202, 202, 200, 200]
    assert "costDetailsOperationResults" in location


def test_the_manifest_counts_bytes(reporting: Caller) -> None:
    result = finished(reporting)

    assert [blob["byteCount"] for blob in result["manifest"]["blobs"]] == [
        len(download(reporting, link)) for link in links(result)
    ]
    assert result["manifest"]["requestContext"]["requestBody"] == {"metric": "ActualCost", "timePeriod": PERIOD}


def test_links_expire(reporting: Caller, simulator_clock: SettableClock) -> None:
    result = finished(reporting)
    valid_till = datetime.fromisoformat(result["validTill"])
    (link,) = links(result)
    assert download(reporting, link)

    simulator_clock.offset += 3601

    assert 3500 < (valid_till - datetime.now(UTC)).total_seconds() < 3700
    with pytest.raises(ClientAuthenticationError, match="AuthenticationFailed"):
        download(reporting, link)


def test_reports_are_forgotten_once_their_links_are(reporting: Caller, simulator_clock: SettableClock) -> None:
    location = ask(reporting).headers["Location"]
    reporting.follow(location)
    assert reporting.follow(location).status_code == 200

    simulator_clock.offset += 3601
    reporting.authorization = f"Bearer {reporting.token()}"
    ask(reporting)

    assert reporting.follow(location).status_code == 404


def test_a_link_is_good_for_its_own_blob_only(reporting: Caller) -> None:
    reporting.azure.cost_settings.partition_rows = 300
    first, second, *_ = links(finished(reporting))
    mixed = first.split("?")[0] + "?" + second.split("?")[1]

    with pytest.raises(ClientAuthenticationError):
        download(reporting, mixed)
    with pytest.raises(ClientAuthenticationError):
        download(reporting, first.split("?")[0])


def test_ranges(reporting: Caller) -> None:
    (link,) = links(finished(reporting))
    verify = str(reporting.azure.ca_file)
    whole = requests.get(link, verify=verify, timeout=TIMEOUT_SECONDS)

    part = requests.get(link, headers={"Range": "bytes=10-19"}, verify=verify, timeout=TIMEOUT_SECONDS)
    beyond = requests.get(
        link, headers={"Range": f"bytes={len(whole.content)}-"}, verify=verify, timeout=TIMEOUT_SECONDS
    )
    head = requests.head(link, verify=verify, timeout=TIMEOUT_SECONDS)

    assert (part.status_code, part.content) == (206, whole.content[10:20])
    assert part.headers["Content-Range"] == f"bytes 10-19/{len(whole.content)}"
    assert beyond.status_code == 416
    assert int(head.headers["Content-Length"]) == len(whole.content)


def test_the_sdk_polls_it_to_the_end(reporting: Caller) -> None:
    period = CostDetailsTimePeriod(start="2026-01-01", end="2026-01-31")
    definition = GenerateCostDetailsReportRequestDefinition(metric="ActualCost", time_period=period)

    poller = sdk(reporting).generate_cost_details_report.begin_create_operation(
        scope_of(reporting), definition, polling_interval=0
    )
    done = poller.result()

    assert done.status == "Completed"
    assert done.manifest
    assert done.manifest.blobs
    assert ea_totals(rows_in(download(reporting, str(done.manifest.blobs[0].blob_link))))


def test_a_month_without_rows_is_no_data_found(reporting: Caller) -> None:
    subscription = subscription_of(reporting)
    reporting.azure.world.costs.restate_to_zero(subscription.subscription_id, JANUARY, keeps_rows=False)

    assert finished(reporting)["status"] == "NoDataFound"


def test_pay_as_you_go_has_no_reports(paying: Caller) -> None:
    answer = ask(paying, 1)

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "400"
    assert "offerId: MS-AZR-0003P is associated with offerType: None" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("spoilt", "complaint"),
    [
        ({"metric": "ListCost"}, "metric"),
        ({"timePeriod": {"start": "2026-01-01", "end": "2026-02-01"}}, "one month"),
        ({"timePeriod": {"start": "2024-12-01", "end": "2024-12-31"}}, "13 months"),
        ({"timePeriod": {"start": "2026-01-31", "end": "2026-01-01"}}, "after the end"),
        ({"timePeriod": {"start": "yesterday"}}, "not valid"),
        ({"billingPeriod": "202601"}, "Only one"),
    ],
)
def test_periods_have_limits(reporting: Caller, spoilt: dict[str, Any], complaint: str) -> None:
    answer = ask(reporting, **spoilt)

    assert answer.status_code == 400
    assert complaint in answer.json()["error"]["message"]


def test_the_thirteenth_month_back_is_still_there(reporting: Caller) -> None:
    result = finished(reporting, timePeriod={"start": "2025-01-01", "end": "2025-01-31"})

    assert ea_totals(rows_in(download(reporting, links(result)[0]))) == reporting.azure.world.costs.total(
        subscription_of(reporting), date(2025, 1, 1), "actual"
    )


def test_a_billing_period_is_a_month(reporting: Caller) -> None:
    result = finished(reporting, timePeriod=None, billingPeriod="202601")

    assert ea_totals(rows_in(download(reporting, links(result)[0]))) == reporting.azure.world.costs.total(
        subscription_of(reporting), JANUARY, "actual"
    )


def test_strangers_get_neither_report_nor_result(reporting: Caller, contoso_caller: Caller) -> None:
    location = ask(reporting).headers["Location"]
    subscription = subscription_of(reporting).subscription_id

    asked = contoso_caller.post(f"/subscriptions/{subscription}/{REPORT}", {"metric": "ActualCost"})

    assert asked.status_code == contoso_caller.follow(location).status_code == 404


def test_an_expired_link_by_fault(reporting: Caller, small_azure: Simulator) -> None:
    (link,) = links(finished(reporting))
    reporting.control("POST", "faults", {"kind": "expired_link", "path": "armreports", "times": 1})

    with pytest.raises(ClientAuthenticationError):
        download(reporting, link)
    assert download(reporting, link)


def test_the_second_blob_is_missing(reporting: Caller) -> None:
    reporting.azure.cost_settings.partition_rows = 300
    first, second, *_ = links(finished(reporting))
    reporting.control("POST", "faults", {"kind": "missing_blob", "path": "part_0_0002"})

    assert download(reporting, first)
    with pytest.raises(ResourceNotFoundError, match="BlobNotFound"):
        download(reporting, second)


def test_a_truncated_file_is_shorter_than_its_manifest_says(reporting: Caller) -> None:
    whole = len(download(reporting, links(finished(reporting))[0]))
    reporting.control("POST", "faults", {"kind": "truncated_csv", "path": "armreports"})

    result = finished(reporting)

    assert result["manifest"]["byteCount"] == whole
    assert len(download(reporting, links(result)[0])) == whole * 60 // 100


def test_a_wrong_byte_count(reporting: Caller) -> None:
    reporting.control("POST", "faults", {"kind": "wrong_byte_count"})
    result = finished(reporting)

    assert result["manifest"]["byteCount"] == len(download(reporting, links(result)[0])) + 7


@pytest.mark.parametrize("column", [None, "MeterCategory"])
def test_a_column_is_missing(reporting: Caller, column: str | None) -> None:
    reporting.control("POST", "faults", {"kind": "missing_column", "column": column})

    result = finished(reporting)

    rows = rows_in(download(reporting, links(result)[0]))
    assert set(EA_COLUMNS) - set(rows[0]) == {column or "CostInBillingCurrency"}
    assert result["manifest"]["byteCount"] == len(download(reporting, links(result)[0]))


@pytest.mark.parametrize("currency", ["XXQ", ""])
def test_an_unknown_currency(reporting: Caller, currency: str) -> None:
    fault = {"kind": "unknown_currency", "currency": currency, "row": 2, "rows": 3}
    reporting.control("POST", "faults", fault)

    rows = rows_in(download(reporting, links(finished(reporting))[0]))

    assert [number for number, row in enumerate(rows) if row["BillingCurrencyCode"] == currency] == [2, 3, 4]


def test_a_report_that_lost_its_rows(reporting: Caller) -> None:
    reporting.control("POST", "faults", {"kind": "lost_rows", "rows": 1_000_000, "path": "armreports"})

    assert rows_in(download(reporting, links(finished(reporting))[0])) == []


def test_a_report_can_fail(reporting: Caller) -> None:
    reporting.control("POST", "faults", {"kind": "report_failed", "times": 1})

    failed, done = finished(reporting), finished(reporting)

    assert (failed["status"], failed["error"]["code"]) == ("Failed", "InternalServerError")
    assert done["status"] == "Completed"


def test_general_faults_reach_reports_and_their_files(reporting: Caller) -> None:
    (link,) = links(finished(reporting))

    def fault(**fields: Any) -> None:
        reporting.control("DELETE", "faults")
        reporting.control("POST", "faults", {"times": 1, **fields})

    fault(kind="throttle", path="generateCostDetailsReport", retry_after=9)
    assert ask(reporting).headers["x-ms-ratelimit-microsoft.costmanagement-qpu-retry-after"] == "9"
    fault(kind="half_page", path="armreports")
    verify = str(reporting.azure.ca_file)
    half = requests.get(link, verify=verify, timeout=TIMEOUT_SECONDS)
    whole = requests.get(link, verify=verify, timeout=TIMEOUT_SECONDS)
    assert len(half.content) == len(whole.content) // 2
    fault(kind="reset", path="armreports")
    with pytest.raises(requests.RequestException):
        requests.get(link, verify=verify, timeout=TIMEOUT_SECONDS)
    fault(kind="throttle", path="armreports", retry_after=2)
    busy = requests.get(link, verify=verify, timeout=TIMEOUT_SECONDS)
    assert (busy.status_code, busy.headers["x-ms-error-code"]) == (503, "ServerBusy")
