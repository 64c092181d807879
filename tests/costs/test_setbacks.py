"""A source that refuses a subscription is asked once a run; one that keeps failing three times."""

import pytest

from costs.models import CostReceipt, Source
from costs.report_orders import MOST_IN_THE_MAKING
from costs.setbacks import MOST_IN_A_ROW, Setbacks
from governance.azure.simulator.faults import Fault
from governance.azure.simulator.server import Simulator
from tests.conftest import StartAzure, read_costs
from tests.costs.test_sync import FEBRUARY, JANUARY, QUERY, one_subscription
from tests.costs.truth import assert_costs_are_true, receipts_of

ORDERED, PARTS = "generateCostDetailsReport", "/exports/.*part_"
SLICES = 14 * 2

pytestmark = [pytest.mark.django_db, pytest.mark.once]  # what Azure refuses does not depend on the engine


def calls(azure: Simulator, word: str) -> int:
    """How often something was asked for."""
    return len([path for _, path in azure.requests if word in path])


def test_three_failures_in_a_row_are_enough_unless_something_came_between() -> None:
    setbacks = Setbacks()
    for what in (1, 2):
        setbacks.note(what, "503", is_final=False)
    setbacks.note_success()
    for what in (3, 4, 4):
        setbacks.note(what, "503", is_final=False)
    assert setbacks.given_up == ""

    setbacks.note(5, "503", is_final=False)

    assert setbacks.given_up == "503 It failed 3 times in a row and is not asked again in this run."


def test_a_refusal_holds_for_the_run() -> None:
    setbacks = Setbacks()

    setbacks.note(1, "403", is_final=True)
    setbacks.note_success()

    assert setbacks.given_up == "403"


def test_reports_that_are_forbidden_are_asked_for_once_and_told_on_each_receipt(start_azure: StartAzure) -> None:
    azure, contoso = one_subscription(start_azure, "ea-report")
    azure.faults.add(Fault("forbidden", path=ORDERED))

    summary = read_costs(contoso, today=azure.today)

    assert summary.outcome == "partial"
    assert calls(azure, ORDERED) <= 2  # at most once for each metric
    told = receipts_of(contoso, verdict=CostReceipt.Verdict.STORED)
    assert len(told) == SLICES
    assert all("403" in row.source_reason for row in told)
    azure.faults.clear()
    assert read_costs(contoso, today=azure.today).outcome == "ok"
    assert {row.source for row in assert_costs_are_true(azure, contoso).values()} == {Source.REPORT}


def test_storage_that_is_forbidden_is_asked_once_and_told_on_each_receipt(start_azure: StartAzure) -> None:
    azure, contoso = one_subscription(start_azure, "ea-focus-csv")
    azure.faults.add(Fault("forbidden", path=PARTS))

    summary = read_costs(contoso, today=azure.today)

    assert summary.outcome == "partial"
    assert len([path for _, path in azure.requests if "/exports/" in path and "part_" in path]) == 1
    told = [row for row in receipts_of(contoso, verdict=CostReceipt.Verdict.STORED) if "403" in row.source_reason]
    delivered = {row.month for row in told}
    assert len(told) == 2 * len(delivered) < SLICES  # a month without a delivery lacks nothing
    assert {JANUARY, FEBRUARY} <= delivered
    assert all("Storage Blob Data Reader" in row.source_reason for row in told)


def test_queries_that_are_forbidden_are_asked_once_and_told_on_each_receipt(start_azure: StartAzure) -> None:
    azure, contoso = one_subscription(start_azure, "payg-query")
    azure.faults.add(Fault("forbidden", path=QUERY))

    assert read_costs(contoso, today=azure.today).outcome == "failed"

    assert calls(azure, QUERY) == 1
    failed = receipts_of(contoso, verdict=CostReceipt.Verdict.FAILED)
    assert len(failed) == SLICES
    assert all("403" in row.reason for row in failed)


def test_reports_that_cannot_be_made_are_not_ordered_for_ever(start_azure: StartAzure) -> None:
    azure, contoso = one_subscription(start_azure, "ea-report")
    azure.faults.add(Fault("report_failed"))

    assert read_costs(contoso, today=azure.today).outcome == "partial"

    assert calls(azure, ORDERED) <= MOST_IN_THE_MAKING + MOST_IN_A_ROW
    told = receipts_of(contoso, verdict=CostReceipt.Verdict.STORED)
    assert len(told) == SLICES
    assert all("could not make" in row.source_reason for row in told)


def test_one_broken_report_stops_no_other(start_azure: StartAzure) -> None:
    azure, contoso = one_subscription(start_azure, "ea-report")
    azure.faults.add(Fault("report_failed", times=1))

    assert read_costs(contoso, today=azure.today).outcome == "partial"

    sources = [row.source for row in assert_costs_are_true(azure, contoso).values()]
    assert (sources.count(Source.QUERY), sources.count(Source.REPORT)) == (1, SLICES - 1)
