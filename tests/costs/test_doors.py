"""The doors to the cost sync: the command, the worker's task, and what pages are told of its coverage."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from audit.models import SyncRun
from audit.runs import sync_run
from costs.months import month_before
from costs.tasks import sync_costs
from governance.azure.simulator.faults import Fault
from governance.azure.simulator.server import Simulator
from governance.tenancy import Scope, entered
from tenants.freshness import State, coverage, coverage_of_subscription
from tenants.models import Subscription, Tenant
from tests.conftest import StartAzure, connect, read_costs
from tests.costs.truth import assert_costs_are_true, slices_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def today() -> date:
    """The date; the simulated Azure has the same."""
    return timezone.now().date()


@pytest.fixture
def paying(start_azure: StartAzure, today: date) -> Simulator:
    """Contoso and fabrikam with one subscription each, whose costs are read by queries; their world is 20 days old."""
    azure = start_azure(
        subscriptions_per_tenant=1,
        resources_per_tenant=12,
        cost_sources=["payg-query"],
        day_zero=today - timedelta(days=20),
    )
    azure.advance(days=20)
    return azure


@pytest.fixture
def payer(paying: Simulator) -> Tenant:
    """Contoso."""
    return connect(paying, "contoso")


def run(*arguments: str) -> tuple[int, list[dict[str, Any]]]:
    """The exit status of `manage.py sync costs`, and each line as an object."""
    out, status = StringIO(), 0
    try:
        call_command("sync", "costs", *arguments, "--json", stdout=out)
    except SystemExit as exit_:
        status = int(exit_.code or 0)
    return status, [json.loads(line) for line in out.getvalue().splitlines()]


def test_the_command_reads_one_month(paying: Simulator, payer: Tenant, today: date) -> None:
    status, [summary] = run("--tenant", "contoso", "--month", f"{today:%Y-%m}")

    assert (status, summary["kind"], summary["outcome"]) == (0, "costs", "ok")
    assert summary["expected"] == summary["received"] > 0
    assert summary["created"] == 2
    assert {place[1] for place in assert_costs_are_true(paying, payer)} == {today.replace(day=1)}


def test_the_command_reads_what_is_due_of_all(paying: Simulator, payer: Tenant) -> None:
    fabrikam = connect(paying, "fabrikam")

    status, summaries = run("--all")

    assert (status, [row["outcome"] for row in summaries]) == (0, ["ok", "ok"])
    for tenant in (payer, fabrikam):
        assert len(assert_costs_are_true(paying, tenant)) == 14 * 2


@pytest.mark.parametrize("arguments", [("--month", "2026-13"), ("--month", "January"), ("--month", "2026-1-1")])
def test_what_is_not_a_month_is_wrong_usage(payer: Tenant, arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError, match="is not a month"):
        run("--tenant", "contoso", *arguments)


def test_a_month_out_of_reach_is_wrong_usage(payer: Tenant) -> None:
    with pytest.raises(CommandError, match="Azure tells the months from") as refused:
        run("--tenant", "contoso", "--month", "2001-01")

    assert refused.value.returncode == 2


def test_resources_have_no_months(payer: Tenant) -> None:
    with pytest.raises(CommandError, match="resources have no months"):
        call_command("sync", "resources", "--all", "--month", "2026-01")


def messages(broker: Any) -> list[dict[str, Any]]:
    """What waits for a worker, and what a worker holds until its time."""
    found = [json.loads(text) for text in broker.lrange("celery", 0, -1)]
    return [{"task": row["headers"]["task"], "eta": row["headers"]["eta"]} for row in found]


def test_the_task_reads_costs_and_asks_for_no_other(paying: Simulator, payer: Tenant, broker: Any) -> None:
    sync_costs.apply(args=[str(payer.id)])

    assert len(assert_costs_are_true(paying, payer)) == 14 * 2
    assert messages(broker) == []


def test_the_task_goes_on_when_azure_wants_to_be_asked_again(paying: Simulator, payer: Tenant, broker: Any) -> None:
    paying.faults.add(Fault("throttle", path="CostManagement/query", after=5, times=1, retry_after=400))
    before = datetime.now(UTC)

    sync_costs.apply(args=[str(payer.id)])

    [message] = messages(broker)
    assert message["task"] == "costs.tasks.sync_costs"
    assert 390 < (datetime.fromisoformat(message["eta"]) - before).total_seconds() < 420
    assert len(slices_of(payer)) == 5


def test_the_task_leaves_a_running_sync_alone(paying: Simulator, payer: Tenant, broker: Any) -> None:
    with sync_run(payer.id, "costs") as other:
        paying.forget_requests()
        sync_costs.apply(args=[str(payer.id)])
        assert paying.requests == []
        with other.page():
            other.conclude("failed", reason="The test is over.")  # type: ignore[arg-type]

    assert messages(broker) == []


@pytest.fixture
def told(payer: Tenant) -> Callable[[], tuple[State, Any]]:
    """State and date of the coverage of contoso's costs."""

    def ask() -> tuple[State, Any]:
        with entered(Scope.of(payer.id)):
            found = coverage("costs", now=timezone.now())
        return found.state, found.complete_as_of

    return ask


def test_pages_are_told_how_whole_and_fresh_the_costs_are(
    paying: Simulator, payer: Tenant, told: Callable[[], tuple[State, Any]]
) -> None:
    assert told() == (State.NEVER, None)

    read_costs(payer)

    state, as_of = told()
    assert state is State.COMPLETE
    assert timezone.now() - as_of < timedelta(minutes=5)
    with entered(Scope.of(payer.id)):
        of_one = coverage_of_subscription(Subscription.objects.get(), "costs", now=timezone.now())
    assert (of_one.state, of_one.complete_as_of) == (State.COMPLETE, as_of)


def test_a_month_read_by_itself_does_not_make_the_costs_whole(
    paying: Simulator, payer: Tenant, told: Callable[[], tuple[State, Any]], today: date
) -> None:
    assert read_costs(payer, month=month_before(today)).outcome == "ok"
    assert told() == (State.PARTIAL, None)

    read_costs(payer)
    whole = told()
    read_costs(payer, month=month_before(today))

    assert told() == whole  # as fresh as before, and no fresher


def test_a_throttled_run_is_told_and_keeps_what_was_known(
    paying: Simulator, payer: Tenant, told: Callable[[], tuple[State, Any]]
) -> None:
    read_costs(payer)
    _, as_of = told()
    paying.faults.add(Fault("throttle", path="CostManagement", retry_after=900))

    read_costs(payer)

    assert told() == (State.FAILED, as_of)
    with entered(Scope.of(payer.id)):
        assert SyncRun.objects.of_kind("costs").count() == 2
