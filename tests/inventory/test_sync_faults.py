"""The resource sync on bad answers: the right outcome and receipt, nothing wrongly deleted, nothing lost, healed."""

from dataclasses import dataclass
from typing import Any

import pytest

from audit.models import CoverageReceipt, SetAsideRow, SyncRun
from governance.azure.simulator.faults import Fault
from governance.azure.simulator.server import Simulator
from governance.tenancy import Scope, entered
from inventory.models import Resource, ResourceChange
from tenants.models import Subscription, Tenant
from tests.conftest import SimulatedTime, StartAzure, connect, sync
from tests.inventory.truth import assert_equal_to_truth, held, true

GRAPH = "ResourceGraph"
ROWS = "order by id"  # in the question for resources, not in the one for counts


@dataclass(frozen=True)
class Case:
    """A fault during the second sync, after some days: what the run has to say."""

    name: str
    fault: dict[str, Any]
    outcome: str
    says: str = ""
    sweeps: bool = False  # complete all the same, so that deletions are known


CASES = [
    Case("429 with Retry-After", {"kind": "throttle", "path": GRAPH, "times": 1, "retry_after": 0}, "ok", sweeps=True),
    Case("429 without Retry-After", {"kind": "throttle", "path": GRAPH, "times": 2}, "ok", sweeps=True),
    Case("429 on the subscriptions", {"kind": "throttle", "path": "/subscriptions$", "times": 1}, "ok", sweeps=True),
    Case("503 on the token, once", {"kind": "server_error", "path": "oauth2", "times": 1}, "ok", sweeps=True),
    Case("503 on the token, always", {"kind": "server_error", "path": "oauth2"}, "failed", "Sign-in"),
    Case(
        "429 that asks for too long", {"kind": "throttle", "path": GRAPH, "retry_after": 372}, "failed", "372 seconds"
    ),
    Case("429 for ever", {"kind": "throttle", "path": GRAPH, "retry_after": 0}, "failed", "429"),
    Case("401 on every call", {"kind": "unauthorized", "path": GRAPH}, "partial", "refused"),
    Case("403 on Resource Graph", {"kind": "forbidden", "path": GRAPH}, "partial", "403"),
    Case("403 on everything", {"kind": "forbidden", "path": "/subscriptions|ResourceGraph"}, "failed", "403"),
    Case("500 once", {"kind": "server_error", "path": GRAPH, "times": 1, "status": 500}, "ok", sweeps=True),
    Case(
        "502 with HTML, once",
        {"kind": "server_error", "path": GRAPH, "times": 1, "status": 502, "body": "<h1>"},
        "ok",
        sweeps=True,
    ),
    Case("503 for ever", {"kind": "server_error", "path": GRAPH, "status": 503}, "failed", "503"),
    Case("slow, within the timeout", {"kind": "slow", "path": GRAPH, "seconds": 0.2, "times": 1}, "ok", sweeps=True),
    Case(
        "slow, beyond the timeout, once", {"kind": "slow", "path": GRAPH, "seconds": 2.5, "times": 1}, "ok", sweeps=True
    ),
    Case("reset in the middle, once", {"kind": "reset", "path": GRAPH, "times": 1}, "ok", sweeps=True),
    Case("reset in the middle, always", {"kind": "reset", "path": GRAPH}, "failed", ""),
    Case("half a page, once", {"kind": "half_page", "path": GRAPH, "times": 1}, "ok", sweeps=True),
    Case("half a page, always", {"kind": "half_page", "path": GRAPH}, "failed", "not JSON"),
    Case("not JSON", {"kind": "not_json", "path": GRAPH}, "failed", "not JSON"),
    Case("empty page with a token", {"kind": "empty_page", "path": GRAPH, "times": 1}, "ok", sweeps=True),
    Case(
        "truncated without a token", {"kind": "truncated_without_token", "path": GRAPH}, "partial", "rows are missing"
    ),
    Case("rows lost in silence", {"kind": "lost_rows", "path": GRAPH, "rows": 2}, "partial", "rows are missing"),
    Case(
        "next page on another host", {"kind": "foreign_next_link", "path": "/subscriptions$"}, "failed", "another host"
    ),
    *(
        Case(f"one bad row: {how}", {"kind": "bad_row", "path": GRAPH, "how": how, "row": 3}, "partial", "set aside")
        for how in ("null_name", "wrong_type", "oversized_name", "nul_character")
    ),
    Case("one bad row: missing_id", {"kind": "bad_row", "path": GRAPH, "how": "missing_id", "row": 3}, "partial", ""),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_fault_in_the_second_sync(azure: Simulator, contoso: Tenant, case: Case) -> None:
    sync(contoso)
    before = true(azure, contoso)
    azure.advance(days=20)
    after = true(azure, contoso)
    azure.faults.add(Fault(**case.fault))

    summary = sync(contoso)

    assert summary.outcome == case.outcome, summary
    assert case.says in summary.reason
    live = set(held(contoso))
    assert (set(before) & set(after)) <= live, "a resource that exists was marked deleted"
    assert live <= set(before) | set(after), "a resource that never existed was stored"
    if case.sweeps:
        assert_equal_to_truth(azure, contoso)
    with entered(Scope.of(contoso.id)):
        run = SyncRun.objects.order_by("-started_at", "-id").first()
        receipts = list(CoverageReceipt.objects.filter(run=run))
    assert {receipt.subscription_id for receipt in receipts} == {row.id for row in _subscriptions(contoso)}
    assert all(receipt.complete for receipt in receipts) == (case.outcome == "ok")
    assert all(receipt.reason for receipt in receipts if not receipt.complete)
    assert all(receipt.last_complete_at for receipt in receipts if receipt.source == "resource_graph")
    _assert_healed(azure, contoso)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_fault_in_the_first_sync(azure: Simulator, contoso: Tenant, case: Case) -> None:
    azure.faults.add(Fault(**case.fault))

    summary = sync(contoso)

    assert summary.outcome == case.outcome, summary
    assert set(held(contoso)) <= set(true(azure, contoso))
    _assert_healed(azure, contoso)
    with entered(Scope.of(contoso.id)):
        assert ResourceChange.objects.filter(kind="created").count() == len(true(azure, contoso))


def _assert_healed(azure: Simulator, tenant: Tenant) -> None:
    azure.faults.clear()
    summary = sync(tenant)
    assert summary.outcome == "ok", summary
    assert_equal_to_truth(azure, tenant)


def _subscriptions(tenant: Tenant) -> list[Subscription]:
    with entered(Scope.of(tenant.id)):
        return list(Subscription.objects.all())


def test_pages_before_the_fault_are_kept(start_azure: StartAzure, db: None) -> None:
    azure = start_azure(tenants=1, subscriptions_per_tenant=1, resources_per_tenant=2500)
    contoso = connect(azure, "contoso")
    azure.faults.add(Fault("server_error", path=GRAPH, query_contains=ROWS, after=2, status=503))

    summary = sync(contoso)

    assert (summary.outcome, summary.received, summary.expected) == ("partial", 2000, 2500)
    assert len(held(contoso)) == 2000
    _assert_healed(azure, contoso)


@pytest.mark.once
def test_a_repeated_skip_token_ends_the_reading(start_azure: StartAzure, db: None) -> None:
    azure = start_azure(tenants=1, subscriptions_per_tenant=1, resources_per_tenant=2500)
    contoso = connect(azure, "contoso")
    sync(contoso)
    azure.faults.add(Fault("repeated_token", path=GRAPH))

    summary = sync(contoso)

    assert (summary.outcome, summary.gone) == ("partial", 0)
    assert "same next page twice" in summary.reason
    _assert_healed(azure, contoso)


@pytest.mark.parametrize("kind", ["repeated_token", "foreign_next_link", "empty_page", "half_page", "bad_row"])
def test_faults_of_the_arm_list(start_azure: StartAzure, db: None, kind: str) -> None:
    azure = start_azure(tenants=1, subscriptions_per_tenant=1, resources_per_tenant=1500)
    contoso = connect(azure, "contoso")
    sync(contoso)
    azure.faults.add(Fault("forbidden", path=GRAPH))
    azure.faults.add(Fault(kind, path="/resources$", method="GET", times=1 if kind == "empty_page" else None))

    summary = sync(contoso)

    nothing_came = kind == "half_page"
    assert summary.outcome == ("failed" if nothing_came else "partial")
    assert (summary.gone, summary.changed) == (0, 0)
    with entered(Scope.of(contoso.id)):
        listed = CoverageReceipt.objects.get(source="arm")
    assert listed.complete == (kind == "empty_page")
    _assert_healed(azure, contoso)


@pytest.mark.once
@pytest.mark.parametrize("path", [GRAPH, "/subscriptions$"])
def test_empty_pages_without_end_are_ended(azure: Simulator, contoso: Tenant, path: str) -> None:
    sync(contoso)
    azure.faults.add(Fault("empty_page", path=path))

    summary = sync(contoso)

    assert summary.outcome == "failed"
    assert "empty pages" in summary.reason
    assert len(held(contoso)) == 60
    _assert_healed(azure, contoso)


@pytest.mark.once
def test_a_throttled_page_in_the_middle_is_waited_for(
    start_azure: StartAzure, db: None, azure_time: SimulatedTime
) -> None:
    azure = start_azure(tenants=1, subscriptions_per_tenant=1, resources_per_tenant=2500)
    contoso = connect(azure, "contoso")
    azure.faults.add(Fault("throttle", path=GRAPH, query_contains=ROWS, after=1, times=2))

    summary = sync(contoso)

    assert (summary.outcome, summary.received) == ("ok", 2500)
    assert azure_time.waited == [5.0, 5.0]  # no Retry-After, but Resource Graph says when its quota is filled again
    assert_equal_to_truth(azure, contoso)


@pytest.mark.once
def test_too_long_a_wait_is_passed_on_to_the_scheduler(azure: Simulator, contoso: Tenant) -> None:
    azure.faults.add(Fault("throttle", path=GRAPH, retry_after=372))

    assert sync(contoso).retry_after_seconds == 372


def test_one_bad_row_stops_none_of_the_others(azure: Simulator, contoso: Tenant) -> None:
    azure.faults.add(Fault("bad_row", path=GRAPH, query_contains=ROWS, how="oversized_name", row=5))

    summary = sync(contoso)

    assert (summary.outcome, summary.received, summary.set_aside) == ("partial", 59, 1)
    with entered(Scope.of(contoso.id)):
        assert Resource.objects.count() == 59
        assert "longer than 512" in SetAsideRow.objects.get().reason


def test_a_bad_row_with_a_readable_id_is_not_taken_for_deleted(azure: Simulator, contoso: Tenant) -> None:
    sync(contoso)
    azure.faults.add(Fault("bad_row", path=GRAPH, how="null_name", row=5))

    summary = sync(contoso)

    assert (summary.outcome, summary.gone, len(held(contoso))) == ("partial", 0, 60)


def test_the_arm_list_is_the_way_when_resource_graph_refuses(azure: Simulator, contoso: Tenant) -> None:
    azure.faults.add(Fault("forbidden", path=GRAPH))

    summary = sync(contoso)

    assert (summary.outcome, summary.expected, summary.received, summary.created) == ("partial", 60, 60, 60)
    with entered(Scope.of(contoso.id)):
        assert set(Resource.objects.values_list("properties", flat=True)) == {None}
        assert ResourceChange.objects.count() == 0
        sources = CoverageReceipt.objects.values_list("source", "complete").distinct()
        assert set(sources) == {("resource_graph", False), ("resource_groups", False), ("arm", True)}


def test_the_arm_list_changes_no_known_resource_and_deletes_none(azure: Simulator, contoso: Tenant) -> None:
    sync(contoso)
    before = held(contoso)
    azure.advance(days=20)
    azure.faults.add(Fault("forbidden", path=GRAPH))

    summary = sync(contoso)

    after = held(contoso)
    assert (summary.changed, summary.gone) == (0, 0)
    assert {key: after[key] for key in before} == before
    assert set(true(azure, contoso)) <= set(after)
    with entered(Scope.of(contoso.id)):
        assert ResourceChange.objects.filter(baseline=False).count() == 0


def test_what_only_the_arm_list_showed_is_logged_by_the_next_clean_sync(azure: Simulator, contoso: Tenant) -> None:
    sync(contoso)
    before = set(held(contoso))
    azure.advance(days=20)
    azure.faults.add(Fault("forbidden", path=GRAPH))
    sync(contoso)
    azure.faults.clear()

    sync(contoso)

    with entered(Scope.of(contoso.id)):
        logged = ResourceChange.objects.filter(kind="created", baseline=False).select_related("resource")
        assert {change.resource.azure_id.lower() for change in logged} == set(true(azure, contoso)) - before


def test_a_resource_graph_that_hides_a_subscription_deletes_nothing(azure: Simulator, contoso: Tenant) -> None:
    sync(contoso)
    hidden = azure.tenants[0].subscription_ids[0]
    azure.faults.add(Fault("missing_subscription", path=GRAPH, subscription=hidden))

    summary = sync(contoso)

    assert (summary.outcome, summary.gone) == ("partial", 0)
    assert "ARM list" in summary.reason
    _assert_healed(azure, contoso)


def test_a_subscription_that_vanishes_has_lost_access_and_keeps_its_data(azure: Simulator, contoso: Tenant) -> None:
    sync(contoso)
    lost = azure.tenants[0].subscription_ids[0].lower()
    azure.faults.add(Fault("missing_subscription", subscription=lost))

    summary = sync(contoso)

    assert (summary.outcome, summary.gone) == ("partial", 0)
    assert "not visible since" in summary.reason
    with entered(Scope.of(contoso.id)):
        assert Subscription.objects.get(subscription_id=lost).access_lost_at
        carried = CoverageReceipt.objects.filter(run__outcome="partial", subscription__subscription_id=lost)
        assert sorted(row.source for row in carried) == ["resource_graph", "resource_groups"]
        assert all(row.last_complete_at for row in carried)
    _assert_healed(azure, contoso)
    with entered(Scope.of(contoso.id)):
        assert Subscription.objects.get(subscription_id=lost).access_lost_at is None


def test_the_other_subscriptions_go_on_when_one_is_lost(azure: Simulator, contoso: Tenant) -> None:
    sync(contoso)
    lost = azure.tenants[0].subscription_ids[0].lower()
    azure.advance(days=20)
    azure.faults.add(Fault("missing_subscription", subscription=lost))

    sync(contoso)

    there = {key: value for key, value in true(azure, contoso).items() if value["subscription"] != lost}
    assert {key: value for key, value in held(contoso).items() if value["subscription"] != lost} == there


def test_a_wrong_secret_fails_with_its_remedy(
    azure: Simulator, contoso: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync(contoso)
    monkeypatch.setenv("CONTOSO_CLIENT_SECRET", "wrong")

    summary = sync(contoso)

    assert summary.outcome == "failed"
    assert "AADSTS7000215" in summary.reason
    assert "new client secret" in summary.reason
    assert len(held(contoso)) == 60


def test_a_missing_secret_fails_and_names_the_variable(contoso: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONTOSO_CLIENT_SECRET")

    summary = sync(contoso)

    assert summary.outcome == "failed"
    assert "CONTOSO_CLIENT_SECRET" in summary.reason


@pytest.mark.once
def test_the_quota_of_resource_graph_is_kept(start_azure: StartAzure, db: None, azure_time: SimulatedTime) -> None:
    azure = start_azure(tenants=1, subscriptions_per_tenant=1, resources_per_tenant=60)
    contoso = connect(azure, "contoso")
    azure.enforce_quota(True)

    outcomes = [sync(contoso).outcome for _ in range(10)]  # 20 questions; 15 are allowed in 5 seconds

    assert set(outcomes) == {"ok"}
    assert azure_time.waited
