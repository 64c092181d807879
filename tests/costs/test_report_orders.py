"""Reports are ordered ahead and waited for together, by a run that shows that it is alive."""

from datetime import datetime

import pytest

from audit.models import SyncRun
from audit.runs import RunLostError
from costs.models import Source
from costs.report_orders import LONGEST_SILENCE_SECONDS, MOST_IN_THE_MAKING
from governance.azure.simulator.faults import Fault
from governance.tenancy import Scope, entered
from tests.conftest import SimulatedTime, StartAzure, read_costs
from tests.costs.test_sync import FEBRUARY, one_subscription
from tests.costs.truth import assert_costs_are_true, receipts_of

ORDERED, LOOKED_AT = "generateCostDetailsReport", "costDetailsOperationResults"
RETRY_SECONDS = 60
REPORTS = 14 * 2

pytestmark = pytest.mark.django_db


@pytest.mark.once
def test_a_backfill_waits_far_less_than_once_for_each_report(
    start_azure: StartAzure, azure_time: SimulatedTime
) -> None:
    azure, contoso = one_subscription(start_azure, "ea-report")
    azure.cost_settings.retry_seconds, azure.cost_settings.polls = RETRY_SECONDS, 0

    summary = read_costs(contoso, today=azure.today)

    assert summary.outcome == "ok"
    held = assert_costs_are_true(azure, contoso)
    assert [row.source for row in held.values()] == [Source.REPORT] * REPORTS
    assert sum(azure_time.waited) < REPORTS * RETRY_SECONDS / 4
    calls = [path for _, path in azure.requests if ORDERED in path or LOOKED_AT in path]
    assert len([path for path in calls if ORDERED in path]) == REPORTS
    before_the_first_look = next(place for place, path in enumerate(calls) if LOOKED_AT in path)
    assert before_the_first_look == MOST_IN_THE_MAKING


@pytest.mark.once
def test_the_reports_of_several_subscriptions_share_one_window(
    start_azure: StartAzure, azure_time: SimulatedTime
) -> None:
    azure, contoso = one_subscription(start_azure, *["ea-report"] * 6)
    azure.cost_settings.retry_seconds, azure.cost_settings.polls = RETRY_SECONDS, 0

    assert read_costs(contoso, today=azure.today, month=FEBRUARY).outcome == "ok"

    assert len(assert_costs_are_true(azure, contoso)) == 12
    calls = [path for _, path in azure.requests if ORDERED in path or LOOKED_AT in path]
    assert next(place for place, path in enumerate(calls) if LOOKED_AT in path) == MOST_IN_THE_MAKING
    assert sum(azure_time.waited) < 4 * RETRY_SECONDS


def test_reports_that_are_made_are_taken_before_a_run_is_throttled(
    start_azure: StartAzure, azure_time: SimulatedTime
) -> None:
    azure, contoso = one_subscription(start_azure, "ea-report")
    taken = 3  # before the order ahead that is refused
    azure.faults.add(
        Fault(kind="throttle", path=ORDERED, method="POST", after=MOST_IN_THE_MAKING + taken - 1, retry_after=372)
    )

    summary = read_costs(contoso, today=azure.today)

    assert summary.outcome == "partial"
    assert len(assert_costs_are_true(azure, contoso)) == MOST_IN_THE_MAKING
    azure.faults.clear()
    azure_time.sleep(372)
    assert read_costs(contoso, today=azure.today).outcome == "ok"
    assert len(assert_costs_are_true(azure, contoso)) == REPORTS


def test_a_run_that_waits_gives_signs_of_life(
    start_azure: StartAzure, azure_time: SimulatedTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    azure, contoso = one_subscription(start_azure, "ea-report")
    azure.cost_settings.retry_seconds = 300
    beats: list[datetime] = []
    sleep = azure_time.sleep

    def noted(seconds: float) -> None:
        sleep(seconds)
        if seconds > 1:  # a wait for reports, not for the quota
            with entered(Scope.of(contoso.id)):
                beats.append(SyncRun.objects.running().get().heartbeat_at)

    monkeypatch.setattr(azure_time, "sleep", noted)

    assert read_costs(contoso, today=azure.today, month=FEBRUARY).outcome == "ok"

    assert max(azure_time.waited) <= LONGEST_SILENCE_SECONDS
    assert len(beats) >= 300 / LONGEST_SILENCE_SECONDS
    assert len(set(beats)) == len(beats)


def test_a_run_that_was_taken_over_while_it_waited_stores_nothing(
    start_azure: StartAzure, azure_time: SimulatedTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    azure, contoso = one_subscription(start_azure, "ea-report")

    def taken_over(_seconds: float) -> None:
        with entered(Scope.of(contoso.id)):
            SyncRun.objects.running().update(outcome="failed")

    monkeypatch.setattr(azure_time, "sleep", taken_over)

    with pytest.raises(RunLostError):
        read_costs(contoso, today=azure.today, month=FEBRUARY)

    assert receipts_of(contoso) == []
