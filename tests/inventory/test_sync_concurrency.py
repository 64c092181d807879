"""Two syncs at once, and one that is killed in the middle: seen from other processes, as in a fleet."""

import json
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from audit.models import CoverageReceipt, SyncRun
from audit.runs import SILENCE_MEANS_DEAD, RunInProgressError, RunLostError, sync_run
from governance.azure.simulator.faults import Fault
from governance.azure.simulator.server import Simulator
from governance.tenancy import Scope, entered
from inventory.models import Resource
from tenants.models import Tenant
from tests.conftest import StartAzure, connect, sync
from tests.inventory.truth import assert_equal_to_truth, held
from tests.processes import start_command

GRAPH = "ResourceGraph"
PATIENCE_SECONDS = 60.0

pytestmark = pytest.mark.django_db(transaction=True)


def until(condition: Callable[[], bool]) -> None:
    """Wait for another process, at most a minute."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the other process did not come to that point"
        time.sleep(0.02)


def runs(tenant: Tenant) -> list[SyncRun]:
    """The runs of a tenant, oldest first."""
    with entered(Scope.of(tenant.id)):
        return list(SyncRun.objects.order_by("started_at", "id"))


def rows(tenant: Tenant) -> int:
    """How many resources are stored."""
    with entered(Scope.of(tenant.id)):
        return int(Resource.objects.count())


def test_two_syncs_at_once_become_one_run(azure: Simulator, contoso: Tenant) -> None:
    azure.faults.add(Fault("slow", path=GRAPH, seconds=20))
    first = start_command("sync", "resources", "--tenant", "contoso", "--json", AZURE_READ_TIMEOUT_SECONDS="60")
    until(lambda: len(runs(contoso)) == 1)

    second = start_command("sync", "resources", "--tenant", "contoso", "--json")
    answer, _ = second.communicate(timeout=PATIENCE_SECONDS)
    azure.application.stopping.set()  # the slow answers end now
    first.communicate(timeout=PATIENCE_SECONDS)

    refused = json.loads(answer)
    assert first.returncode == 0
    assert (second.returncode, refused["outcome"]) == (1, "failed")
    assert "already running" in refused["reason"]
    assert [run.outcome for run in runs(contoso)] == ["ok"]
    assert_equal_to_truth(azure, contoso)


def test_a_killed_sync_is_recognised_and_the_next_one_heals_it(start_azure: StartAzure) -> None:
    azure = start_azure(tenants=1, subscriptions_per_tenant=1, resources_per_tenant=2500)
    contoso = connect(azure, "contoso")
    azure.faults.add(Fault("slow", path=GRAPH, query_contains="order by id", after=2, seconds=20))
    doomed = start_command("sync", "resources", "--tenant", "contoso", AZURE_READ_TIMEOUT_SECONDS="60")
    until(lambda: rows(contoso) == 2000)

    doomed.kill()
    doomed.communicate()
    azure.application.stopping.set()
    azure.faults.clear()

    assert [run.outcome for run in runs(contoso)] == ["running"]
    assert rows(contoso) == 2000
    summary = sync(contoso)
    assert (summary.outcome, summary.created) == ("ok", 500)
    dead, healed = runs(contoso)
    assert (dead.outcome, healed.outcome) == ("failed", "ok")
    assert "process ended" in dead.reason
    assert_equal_to_truth(azure, contoso)


def test_a_killed_sync_between_two_good_ones_keeps_the_dates_of_the_first(azure: Simulator, contoso: Tenant) -> None:
    sync(contoso)
    azure.faults.add(Fault("slow", path=GRAPH, seconds=20))
    doomed = start_command("sync", "resources", "--tenant", "contoso", AZURE_READ_TIMEOUT_SECONDS="60")
    until(lambda: len(runs(contoso)) == 2)
    doomed.kill()
    doomed.communicate()
    azure.application.stopping.set()
    azure.faults.clear()

    sync(contoso)

    first, dead, _ = runs(contoso)
    with entered(Scope.of(contoso.id)):
        carried = CoverageReceipt.objects.filter(run=dead)
        assert len(carried) == 4  # two subscriptions, each with its resources and its groups
        assert not any(receipt.complete for receipt in carried)
        assert all(first.started_at <= receipt.last_complete_at <= first.finished_at for receipt in carried)
    assert len(held(contoso)) == 60


def test_a_run_on_another_host_is_dead_only_after_long_silence(contoso: Tenant) -> None:
    now = timezone.now()
    with entered(Scope.of(contoso.id)):
        elsewhere = SyncRun(
            tenant=contoso, kind="resources", started_at=now, heartbeat_at=now, host="elsewhere", process="1@1"
        )
        elsewhere.save()

    with pytest.raises(RunInProgressError):
        sync(contoso)

    with entered(Scope.of(contoso.id)):
        SyncRun.objects.filter(id=elsewhere.id).update(heartbeat_at=now - SILENCE_MEANS_DEAD - timedelta(seconds=1))
    assert sync(contoso).outcome == "ok"


def test_a_run_that_was_taken_over_writes_nothing_more(azure: Simulator, contoso: Tenant) -> None:
    def lose_the_run() -> None:
        with sync_run(contoso.id, "resources") as lost:
            SyncRun.objects.filter(id=lost.id).update(outcome="failed")
            with lost.page():
                pytest.fail("the page of a lost run was opened")

    with pytest.raises(RunLostError):
        lose_the_run()

    assert [run.outcome for run in runs(contoso)] == ["failed"]
