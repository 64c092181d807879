"""The cost sync against the simulated Azure: what is stored is true, slice by slice, however often it is read."""

import json
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import LazySettings
from structlog.testing import capture_logs

from audit.models import CoverageReceipt, SyncRun
from costs.models import CostReceipt, CostSlice, Finality, Restatement, Source
from costs.months import METRICS, month_before, readable_months
from costs.sync import UnreadableMonthError
from governance.azure.simulator.billing import ARRANGEMENTS
from governance.azure.simulator.faults import Fault
from governance.azure.simulator.server import Simulator
from governance.tenancy import Scope, entered
from tenants.models import Tenant
from tests.conftest import SimulatedTime, StartAzure, connect, read_costs, sync
from tests.costs.truth import assert_costs_are_true, assert_slice_is_true, receipts_of, slices_of, true_total

JANUARY, FEBRUARY = date(2026, 1, 1), date(2026, 2, 1)
QUERY = r"CostManagement/query"

pytestmark = pytest.mark.django_db


def one_subscription(start_azure: StartAzure, *sources: str, day: int = 40, **world: Any) -> tuple[Simulator, Tenant]:
    """Contoso, with one subscription for each of these ways to read its costs; by default on 10 February 2026."""
    wanted = {
        "tenants": 1,
        "subscriptions_per_tenant": len(sources),
        "resources_per_tenant": 20 * len(sources),
        **world,
    }
    azure = start_azure(cost_sources=list(sources), **wanted)
    azure.advance(days=day)
    return azure, connect(azure, "contoso")


def restatements(tenant: Tenant) -> list[Restatement]:
    """What moved, oldest first."""
    with entered(Scope.of(tenant.id)):
        return list(Restatement.objects.order_by("at", "id"))


def last_run(tenant: Tenant) -> SyncRun:
    """The newest run of the cost sync."""
    with entered(Scope.of(tenant.id)):
        row: SyncRun = SyncRun.objects.of_kind("costs").order_by("-started_at", "-id").first()
    return row


def coverage_receipts(tenant: Tenant) -> list[CoverageReceipt]:
    """The receipts of the newest run, by subscription."""
    with entered(Scope.of(tenant.id)):
        rows = CoverageReceipt.objects.filter(run=last_run(tenant)).select_related("subscription")
        return list(rows.order_by("subscription__subscription_id"))


def expected_source(arrangement: str, month: date) -> str:
    """Which source is the best one that has the month."""
    billing = ARRANGEMENTS[arrangement]
    if billing.export_types and month >= JANUARY:  # exports begin with the world
        return str(Source.EXPORT)
    return str(Source.REPORT if billing.has_reports else Source.QUERY)


@pytest.mark.parametrize("arrangement", [name for name, billing in ARRANGEMENTS.items() if billing.has_queries])
def test_every_way_to_read_costs_gives_the_truth(start_azure: StartAzure, arrangement: str) -> None:
    azure, contoso = one_subscription(start_azure, arrangement)

    for month in (JANUARY, FEBRUARY):
        summary = read_costs(contoso, today=azure.today, month=month)
        assert (summary.outcome, summary.reason) == ("ok", "")
        assert summary.received == summary.expected
        assert summary.received > 0

    held = assert_costs_are_true(azure, contoso)
    assert {(month, metric) for _, month, metric in held} == {
        (month, metric) for month in (JANUARY, FEBRUARY) for metric in METRICS
    }
    for (_, month, _), row in held.items():
        assert row.source == expected_source(arrangement, month), (month, row.receipt.source_reason)
        assert row.has_resources == (row.source != Source.QUERY)
        assert row.receipt.source_reason
        assert row.receipt.expected_rows == row.receipt.received_rows == row.row_count
        assert row.finality == (Finality.FINAL if month == JANUARY else Finality.ESTIMATE)


@pytest.mark.parametrize("arrangement", ["ea-report", "mca-focus-parquet"])
def test_a_file_has_a_control_total_of_a_query_beside_it(start_azure: StartAzure, arrangement: str) -> None:
    azure, contoso = one_subscription(start_azure, arrangement)

    read_costs(contoso, today=azure.today, month=JANUARY)

    for place, row in slices_of(contoso).items():
        told = json.loads(row.receipt.totals)
        controls = {code: Decimal(found["control"]) for code, found in told.items() if Decimal(found["control"])}
        assert controls == true_total(azure, place)


def test_thirteen_months_back_are_read_at_first_and_only_what_moves_afterwards(start_azure: StartAzure) -> None:
    azure, contoso = one_subscription(start_azure, "payg-query", "ea-report", day=33)

    first = read_costs(contoso, today=azure.today)
    azure.forget_requests()
    second = read_costs(contoso, today=azure.today)

    assert (first.outcome, second.outcome) == ("ok", "ok")
    months = {month for _, month, _ in assert_costs_are_true(azure, contoso)}
    assert sorted(months, reverse=True) == readable_months(azure.today)
    assert min(months) == date(2025, 1, 1)
    assert (first.created, first.changed) == (2 * 14 * 2, 0)
    assert (second.created, second.changed) == (0, 0)
    assert {row.verdict for row in receipts_of(contoso, run=last_run(contoso))} == {CostReceipt.Verdict.UNCHANGED}
    assert {row.month for row in receipts_of(contoso, run=last_run(contoso))} == {JANUARY, FEBRUARY}  # it is the 3rd
    assert len(receipts_of(contoso, run=last_run(contoso))) == 2 * 2 * 2


@pytest.mark.parametrize("arrangement", ["payg-query", "ea-report", "ea-focus-csv", "ea-details-csv"])
def test_twice_is_the_same_as_once(start_azure: StartAzure, arrangement: str) -> None:
    azure, contoso = one_subscription(start_azure, arrangement)
    read_costs(contoso, today=azure.today, month=FEBRUARY)
    before = assert_costs_are_true(azure, contoso)

    again = read_costs(contoso, today=azure.today, month=FEBRUARY)

    after = assert_costs_are_true(azure, contoso)
    assert again.outcome == "ok"
    assert {place: (row.content_hash, row.receipt_id) for place, row in before.items()} == {
        place: (row.content_hash, row.receipt_id) for place, row in after.items()
    }
    assert restatements(contoso) == []


@pytest.mark.parametrize("arrangement", ["payg-query", "mca-report", "ea-focus-parquet"])
def test_the_open_month_grows_and_is_restated_also_downwards(start_azure: StartAzure, arrangement: str) -> None:
    azure, contoso = one_subscription(start_azure, arrangement, day=35)
    for _ in range(4):
        assert read_costs(contoso, today=azure.today, month=FEBRUARY).outcome == "ok"
        assert_costs_are_true(azure, contoso, [FEBRUARY])
        azure.advance(days=2)

    moved = restatements(contoso)

    assert moved
    assert all(row.before + row.arrived + row.moved == row.after for row in moved)
    assert any(row.arrived > 0 for row in moved)
    with entered(Scope.of(contoso.id)):
        lines = [line for row in moved for line in row.lines.all()]
    assert any(line.after < line.before for line in lines), "no day was ever told less"
    assert any(line.after > line.before for line in lines)


def test_a_month_closes_is_read_till_the_sixth_and_not_again(start_azure: StartAzure) -> None:
    azure, contoso = one_subscription(start_azure, "payg-query", day=30)  # 31 January
    finality: dict[date, str] = {}
    reads: dict[date, int] = {}
    for _ in range(9):
        read_costs(contoso, today=azure.today)
        place = next(place for place in slices_of(contoso) if place[1:] == (JANUARY, "actual"))
        finality[azure.today] = slices_of(contoso)[place].finality
        reads[azure.today] = len(receipts_of(contoso, run=last_run(contoso), month=JANUARY, metric="actual"))
        assert_costs_are_true(azure, contoso)
        azure.advance(days=1)

    assert finality.pop(date(2026, 1, 31)) == Finality.ESTIMATE
    assert {day.day for day, word in finality.items() if word == Finality.CLOSING} == {1, 2, 3, 4, 5}
    assert {day.day for day, word in finality.items() if word == Finality.FINAL} == {6, 7, 8}
    assert [reads[day] for day in sorted(reads)] == [1, 1, 1, 1, 1, 1, 1, 0, 0]


def test_a_month_that_was_not_read_when_it_became_final_is_read_later(start_azure: StartAzure) -> None:
    azure, contoso = one_subscription(start_azure, "payg-query", day=33)  # 3 February
    read_costs(contoso, today=azure.today)
    azure.advance(days=30)

    read_costs(contoso, today=azure.today)

    held = assert_costs_are_true(azure, contoso)
    assert {row.finality for place, row in held.items() if place[1] in (JANUARY, FEBRUARY)} == {
        Finality.FINAL,
        Finality.CLOSING,
    }


def test_one_month_can_be_read_by_itself(start_azure: StartAzure) -> None:
    azure, contoso = one_subscription(start_azure, "payg-query")

    summary = read_costs(contoso, today=azure.today, month=date(2025, 6, 17))

    assert summary.outcome == "ok"
    assert {place[1] for place in assert_costs_are_true(azure, contoso)} == {date(2025, 6, 1)}
    [receipt] = coverage_receipts(contoso)
    assert (receipt.complete, receipt.last_complete_at) == (False, None)
    assert receipt.reason == "Only 2025-06 was read so far."


@pytest.mark.parametrize("month", [date(2024, 12, 31), date(2026, 3, 1)])
def test_a_month_that_azure_does_not_tell_is_refused(start_azure: StartAzure, month: date) -> None:
    azure, contoso = one_subscription(start_azure, "payg-query")

    with pytest.raises(UnreadableMonthError, match="from 2025-01 to 2026-02"):
        read_costs(contoso, today=azure.today, month=month)


def test_the_whole_of_a_run_is_on_its_receipts(start_azure: StartAzure) -> None:
    azure, contoso = one_subscription(start_azure, "payg-query", "ea-report")

    summary = read_costs(contoso, today=azure.today)

    receipts = coverage_receipts(contoso)
    assert [row.source for row in receipts] == ["costs", "costs"]
    assert all(row.complete and row.last_complete_at and not row.reason for row in receipts)
    assert sum(row.received for row in receipts) == sum(row.expected or 0 for row in receipts) == summary.received
    assert summary.received == sum(row.row_count for row in slices_of(contoso).values())
    run = last_run(contoso)
    assert (run.outcome, run.requests > 0) == ("ok", True)
    assert {row.run_id for row in receipts_of(contoso)} == {run.id}


@pytest.mark.once
@pytest.mark.parametrize("has_ledger", [True, False])
def test_the_ledger_keeps_a_backfill_below_azures_quota(
    start_azure: StartAzure, settings: LazySettings, azure_time: SimulatedTime, *, has_ledger: bool
) -> None:
    azure, contoso = one_subscription(start_azure, "payg-query", "ea-report", "ea-report")
    azure.cost_settings.retry_seconds = 0  # so that time passes by the ledger's waits alone
    azure.enforce_quota(True)
    if not has_ledger:
        settings.AZURE_COST_QUOTAS = {60: 6000}

    with capture_logs() as logs:
        summary = read_costs(contoso, today=azure.today)

    refusals = [log for log in logs if log["event"] == "cost_calls_paused"]
    assert summary.outcome == "ok"
    assert bool(refusals) is not has_ledger, "Azure says 429 where nobody counts, and only there"
    assert sum(azure_time.waited) > 20  # there was more to ask than a minute allows


def test_a_backfill_goes_on_where_throttling_ended_it(start_azure: StartAzure, azure_time: SimulatedTime) -> None:
    azure, contoso = one_subscription(start_azure, "payg-query", "payg-query")
    azure.faults.add(Fault("throttle", path=QUERY, after=17, times=1, retry_after=400))

    first = read_costs(contoso, today=azure.today)
    halted = read_costs(contoso, today=azure.today)  # too early: nothing is asked
    azure_time.sleep(400)
    last = read_costs(contoso, today=azure.today)

    assert (first.outcome, halted.outcome, last.outcome) == ("partial", "failed", "ok")
    assert first.retry_after_seconds == pytest.approx(400, abs=1)
    assert 0 < (halted.retry_after_seconds or 0) <= 401
    assert "wait" in first.reason
    assert first.created == 17
    assert first.created + last.created == 2 * 14 * 2
    stored = receipts_of(contoso, verdict=CostReceipt.Verdict.STORED)
    places = [(row.subscription_id, row.month, row.metric) for row in stored]
    closed = [place for place in places if place[1] < month_before(FEBRUARY)]
    assert len(closed) == len(set(closed)), "a slice that is final was read again"
    months = [row.month for row in stored if row.run_id == stored[0].run_id]
    assert months == sorted(months, reverse=True)  # the newest first
    assert_costs_are_true(azure, contoso)


@pytest.mark.once
def test_throttling_without_a_time_is_waited_out(start_azure: StartAzure, azure_time: SimulatedTime) -> None:
    azure, contoso = one_subscription(start_azure, "payg-query")
    azure.faults.add(Fault("throttle", path=QUERY, times=2))

    assert read_costs(contoso, today=azure.today, month=FEBRUARY).outcome == "ok"
    assert sum(azure_time.waited) > 20
    assert_costs_are_true(azure, contoso)


def test_one_tenants_throttling_stops_neither_another_nor_its_own_resources(start_azure: StartAzure) -> None:
    azure = start_azure(
        tenants=2, subscriptions_per_tenant=1, resources_per_tenant=30, cost_sources=["payg-query", "ea-report"]
    )
    azure.advance(days=10)
    contoso, fabrikam = connect(azure, "contoso"), connect(azure, "fabrikam")
    [throttled] = azure.tenants[0].subscription_ids
    azure.faults.add(Fault("throttle", path=f"{throttled}/providers/Microsoft.CostManagement", retry_after=900))

    costs = read_costs(contoso, today=azure.today)

    assert costs.outcome == "failed"
    assert costs.retry_after_seconds == pytest.approx(900, abs=1)
    assert sync(contoso).outcome == "ok"
    assert read_costs(fabrikam, today=azure.today, month=azure.today).outcome == "ok"
    assert_costs_are_true(azure, fabrikam)


def test_a_subscription_that_is_forbidden_is_missing_alone(start_azure: StartAzure) -> None:
    azure, contoso = one_subscription(start_azure, "payg-query", "ea-report")
    dark, bright = azure.tenants[0].subscription_ids
    azure.faults.add(Fault("forbidden", path=f"{dark}/providers/Microsoft.CostManagement"))

    summary = read_costs(contoso, today=azure.today, month=FEBRUARY)

    assert summary.outcome == "partial"
    assert "Cost Management Reader" in summary.reason
    assert {place[0] for place in assert_costs_are_true(azure, contoso)} == {bright}
    by_id = {row.subscription.subscription_id: row for row in coverage_receipts(contoso)}
    assert (by_id[bright].complete, by_id[dark].complete) == (True, False)
    assert "403" in by_id[dark].reason
    failed = receipts_of(contoso, verdict=CostReceipt.Verdict.FAILED)
    assert {(row.subscription.subscription_id, row.metric) for row in failed} == {(dark, metric) for metric in METRICS}

    azure.faults.clear()
    assert read_costs(contoso, today=azure.today, month=FEBRUARY).outcome == "ok"
    assert {place[0] for place in assert_costs_are_true(azure, contoso)} == {bright, dark}


def test_a_subscription_that_vanished_is_told_and_its_costs_are_kept(start_azure: StartAzure) -> None:
    azure, contoso = one_subscription(start_azure, "payg-query", "payg-query")
    read_costs(contoso, today=azure.today, month=FEBRUARY)
    lost, there = azure.tenants[0].subscription_ids
    azure.faults.add(Fault("missing_subscription", subscription=lost))

    summary = read_costs(contoso, today=azure.today, month=FEBRUARY)

    assert summary.outcome == "partial"
    assert "access lost or deleted" in summary.reason
    assert {place[0] for place in slices_of(contoso)} == {lost, there}
    by_id = {row.subscription.subscription_id: row for row in coverage_receipts(contoso)}
    assert (by_id[there].complete, by_id[lost].complete) == (True, False)
    assert by_id[lost].last_complete_at


def test_a_run_that_is_killed_in_the_middle_leaves_whole_slices(
    start_azure: StartAzure, monkeypatch: pytest.MonkeyPatch
) -> None:
    azure, contoso = one_subscription(start_azure, "payg-query", "ea-report")
    saved: Any = CostSlice.objects.model.save

    def killed(self: CostSlice, *args: Any, **kwargs: Any) -> None:
        saved(self, *args, **kwargs)
        if (self.month, self.metric) == (JANUARY, "amortized"):
            raise SystemExit("killed")  # in the transaction that stores this slice

    with monkeypatch.context() as hook:
        hook.setattr(CostSlice, "save", killed)
        with pytest.raises(SystemExit):
            read_costs(contoso, today=azure.today)

    held = assert_costs_are_true(azure, contoso)
    assert {place[1:] for place in held} == {(FEBRUARY, "actual"), (FEBRUARY, "amortized"), (JANUARY, "actual")}
    assert last_run(contoso).outcome == "failed"
    assert read_costs(contoso, today=azure.today).outcome == "ok"
    assert len(assert_costs_are_true(azure, contoso)) == 2 * 14 * 2


def test_a_slice_that_comes_back_empty_is_refused_and_flagged(start_azure: StartAzure) -> None:
    azure, contoso = one_subscription(start_azure, "payg-query")
    read_costs(contoso, today=azure.today, month=JANUARY)
    before = slices_of(contoso)
    azure.faults.add(Fault("lost_rows", path=QUERY, query_contains="ServiceName", rows=100_000))

    summary = read_costs(contoso, today=azure.today, month=JANUARY)

    assert summary.outcome == "failed"
    held = assert_costs_are_true(azure, contoso)
    assert all(row.refused_at and row.refusal for row in held.values())
    assert {place: row.content_hash for place, row in held.items()} == {
        place: row.content_hash for place, row in before.items()
    }

    azure.faults.clear()
    assert read_costs(contoso, today=azure.today, month=JANUARY).outcome == "ok"
    assert not any(row.refused_at for row in assert_costs_are_true(azure, contoso).values())


def test_what_was_true_then_is_what_was_stored_then(start_azure: StartAzure) -> None:
    azure, contoso = one_subscription(start_azure, "payg-query")
    read_costs(contoso, today=azure.today, month=FEBRUARY)
    then = azure.today

    azure.advance(days=3)

    for place, row in slices_of(contoso).items():
        assert_slice_is_true(azure, contoso, place, row, as_of=then)
    assert then + timedelta(days=3) == azure.today
