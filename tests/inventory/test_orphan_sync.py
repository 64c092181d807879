"""Orphans in the resource sync: what is open equals what Azure knows, for whatever days and faults lie between."""

from itertools import pairwise
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from audit.models import CoverageReceipt
from governance.azure.simulator.faults import Fault
from governance.azure.simulator.server import Simulator
from governance.tenancy import Scope, entered
from inventory.models import HygieneState, Orphan, Resource, ResourceGroup
from inventory.orphans import RULES, VERSION
from tenants.models import Tenant
from tests.conftest import StartAzure, connect, sync
from tests.inventory.orphan_truth import (
    assert_orphans_are_true,
    open_periods,
    orphans_held,
    orphans_true,
    period_of,
    since_of,
    state_of,
)
from tests.inventory.truth import assert_equal_to_truth

GRAPH = "ResourceGraph"
GROUPS = "resourcecontainers"


def test_first_sync_finds_every_orphan_and_says_at_least_since(azure: Simulator, contoso: Tenant) -> None:
    sync(contoso)

    assert_orphans_are_true(azure, contoso)
    with entered(Scope.of(contoso.id)):
        rows = list(Orphan.objects.open())
    assert len(rows) > 7
    assert {row.since_basis for row in rows} == {"at_least"}
    assert not any(row.since_is_known for row in rows)
    assert {row.rule for row in rows} <= {rule.key for rule in RULES} | {"resource-group-empty"}


@pytest.mark.parametrize("days", [(1, 1, 2, 3, 5, 8, 13, 21), (30, 1, 30)])
def test_after_any_sequence_of_days_the_open_periods_are_true(
    start_azure: StartAzure, db: None, days: tuple[int, ...]
) -> None:
    azure = start_azure(resources_per_tenant=300)
    contoso = connect(azure, "contoso")
    sync(contoso)

    for step in days:
        azure.advance(days=step)
        sync(contoso)
        assert_orphans_are_true(azure, contoso)

    with entered(Scope.of(contoso.id)):
        assert Orphan.objects.filter(ending="in_use").exists() or Orphan.objects.filter(ending="deleted").exists()
        begun = Orphan.objects.filter(since_basis="seen")
        assert begun.exists(), "nothing became an orphan in so many days"
        assert not Orphan.objects.filter(ended_at=None).exclude(ending="").exists()


def test_an_unchanged_estate_writes_no_row(azure: Simulator, contoso: Tenant) -> None:
    sync(contoso)

    with CaptureQueriesContext(connection) as captured:
        sync(contoso)

    tables = ("orphans", "resource_groups", "hygiene_states", "tag_violations", "resources")
    written = [
        query["sql"]
        for query in captured.captured_queries
        if not query["sql"].startswith("SELECT") and any(f'"{table}"' in query["sql"] for table in tables)
    ]
    assert written == []


def test_the_statements_of_a_sync_do_not_grow_with_its_rows(start_azure: StartAzure, db: None) -> None:
    counts: dict[int, int] = {}
    for resources in (60, 900):  # one page of resources either way
        azure = start_azure(tenants=1, subscriptions_per_tenant=1, resources_per_tenant=resources, seed=resources)
        tenant = connect(azure, "contoso") if not counts else _another(azure)
        with CaptureQueriesContext(connection) as captured:
            sync(tenant)
        counts[resources] = len([one for one in captured if "SAVEPOINT" not in one["sql"]])

    assert counts[900] <= counts[60] + 2, counts


def _another(azure: Simulator) -> Tenant:
    """The same name in another world: another Azure tenant, connected under another name."""
    from uuid import UUID

    from tenants.actions import connect_tenant

    there = azure.tenants[0]
    tenant, _ = connect_tenant(
        "contoso-again",
        azure_tenant_id=UUID(there.tenant_id),
        client_id=UUID(there.client_id),
        secret_ref="env:CONTOSO_CLIENT_SECRET",
    )
    return tenant


def test_a_second_open_period_of_one_resource_and_rule_is_refused_by_the_database(
    azure: Simulator, contoso: Tenant
) -> None:
    sync(contoso)
    with entered(Scope.of(contoso.id)):
        for row in (Orphan.objects.open().exclude(resource=None).first(), Orphan.objects.exclude(group=None).first()):
            row.pk = None
            row._state.adding = True
            row.id = ResourceGroup().id
            with pytest.raises(IntegrityError), transaction.atomic():
                row.save(force_insert=True)


# --- since when -------------------------------------------------------------------------------------------------------


def test_a_period_that_lasts_keeps_its_beginning(azure: Simulator, contoso: Tenant) -> None:
    sync(contoso)
    before = since_of(contoso)
    azure.advance(days=9)

    sync(contoso)

    after = since_of(contoso)
    assert set(before) & set(after)
    assert all(before[key] == after[key] for key in set(before) & set(after))


def test_a_resource_that_returns_begins_a_new_period(start_azure: StartAzure, db: None) -> None:
    azure = start_azure(resources_per_tenant=1500, tenants=1)
    contoso = connect(azure, "contoso")
    sync(contoso)
    for _ in range(12):
        azure.advance(days=3)
        sync(contoso)

    with entered(Scope.of(contoso.id)):
        ended = Orphan.objects.filter(ending="deleted").exclude(resource=None)
        again = ended.filter(resource__deleted_at=None).values_list("resource_id", flat=True)
        returned = Resource.objects.filter(id__in=list(again), changes__kind="returned").distinct()
        assert returned.exists(), "no orphan went and came back in these days"
        for resource in returned:
            periods = list(Orphan.objects.filter(resource=resource).order_by("since", "id"))
            assert all(earlier.ended_at <= later.since for earlier, later in pairwise(periods))
    assert_orphans_are_true(azure, contoso)


def test_a_snapshot_is_an_orphan_since_its_disk_was_missed(start_azure: StartAzure, db: None) -> None:
    azure = start_azure(resources_per_tenant=400, tenants=1)
    contoso = connect(azure, "contoso")
    sync(contoso)
    for _ in range(20):
        azure.advance(days=4)
        sync(contoso)

    with entered(Scope.of(contoso.id)):
        begun = Orphan.objects.filter(rule="snapshot-without-source", since_basis="seen").select_related("resource")
        assert begun, "no disk with a snapshot went in these days"
        for row in begun:
            source = row.resource.properties["creationData"]["sourceResourceId"]
            gone = Resource.objects.filter(type="microsoft.compute/disks", azure_id__iexact=source).first()
            assert gone is not None


# --- rules that change, and estates from before -----------------------------------------------------------------------


def test_an_estate_from_before_is_not_judged_until_its_next_sync(azure: Simulator, contoso: Tenant) -> None:
    sync(contoso)
    with entered(Scope.of(contoso.id)):  # as the migration leaves it
        Orphan.objects.all().delete()
        ResourceGroup.objects.all().delete()
        HygieneState.objects.all().delete()
        CoverageReceipt.objects.filter(source="resource_groups").delete()
    assert state_of(contoso) is None

    sync(contoso)

    assert_orphans_are_true(azure, contoso)
    state = state_of(contoso)
    assert state is not None
    assert state.orphan_rules == VERSION
    with entered(Scope.of(contoso.id)):
        assert set(Orphan.objects.values_list("since_basis", flat=True)) == {"at_least"}


def test_changed_rules_judge_everything_once_and_end_what_has_no_rule(azure: Simulator, contoso: Tenant) -> None:
    sync(contoso)
    before = since_of(contoso)
    with entered(Scope.of(contoso.id)):
        HygieneState.objects.update(orphan_rules="older")
        lost, renamed = Orphan.objects.open().exclude(resource=None).order_by("id")[:2]
        Orphan.objects.filter(id=lost.id).delete()
        Orphan.objects.filter(id=renamed.id).update(rule="a-rule-of-old")

    sync(contoso)

    assert_orphans_are_true(azure, contoso)
    after = since_of(contoso)
    assert set(before) - {lost.id, renamed.id} <= set(after)
    with entered(Scope.of(contoso.id)):
        assert Orphan.objects.get(id=renamed.id).ending == "no_rule"
    version = data_version(contoso)
    sync(contoso)
    assert data_version(contoso) == version


def data_version(tenant: Tenant) -> int:
    """The version of the tenant's data."""
    with entered(Scope.of(tenant.id)):
        return int(Tenant.objects.get(id=tenant.id).data_version)


# --- partial answers --------------------------------------------------------------------------------------------------

PARTIAL: list[dict[str, Any]] = [
    {"kind": "forbidden", "path": GRAPH},
    {"kind": "unauthorized", "path": GRAPH},
    {"kind": "server_error", "path": GRAPH, "status": 503},
    {"kind": "throttle", "path": GRAPH, "retry_after": 372},
    {"kind": "lost_rows", "path": GRAPH, "rows": 3},
    {"kind": "truncated_without_token", "path": GRAPH},
    {"kind": "bad_row", "path": GRAPH, "how": "null_name", "row": 3},
    {"kind": "bad_row", "path": GRAPH, "how": "missing_id", "row": 3},
    {"kind": "forbidden", "query_contains": GROUPS},
    {"kind": "throttle", "query_contains": GROUPS, "retry_after": 372},
    {"kind": "server_error", "query_contains": GROUPS, "status": 503},
    {"kind": "bad_row", "query_contains": GROUPS, "how": "null_name"},
    {"kind": "bad_row", "query_contains": GROUPS, "how": "missing_id"},
    {"kind": "lost_rows", "query_contains": GROUPS, "rows": 1},
    {"kind": "truncated_without_token", "query_contains": GROUPS},
    {"kind": "half_page", "query_contains": GROUPS},
    {"kind": "not_json", "query_contains": GROUPS},
]


@pytest.mark.parametrize("fault", PARTIAL, ids=lambda fault: "-".join(map(str, fault.values())))
def test_a_partial_reading_ends_nothing_falsely_and_heals(
    azure: Simulator, contoso: Tenant, fault: dict[str, Any]
) -> None:
    sync(contoso)
    azure.advance(days=20)
    azure.faults.add(Fault(**fault))
    before = orphans_held(contoso)

    summary = sync(contoso)

    assert summary.outcome in {"partial", "failed"}
    wrongly = before & orphans_true(azure, contoso) - orphans_held(contoso)
    doubted = {key for key, verdict in open_periods(contoso).items() if verdict == "unknown"}
    assert wrongly <= doubted, "the period of something that nothing uses was ended"
    azure.faults.clear()
    assert sync(contoso).outcome == "ok"
    assert_orphans_are_true(azure, contoso)


@pytest.mark.parametrize("fault", PARTIAL, ids=lambda fault: "-".join(map(str, fault.values())))
def test_a_fault_in_the_first_reading_calls_nothing_an_orphan_that_is_none(
    azure: Simulator, contoso: Tenant, fault: dict[str, Any]
) -> None:
    azure.faults.add(Fault(**fault))

    sync(contoso)

    assert orphans_held(contoso) <= orphans_true(azure, contoso)
    azure.faults.clear()
    assert sync(contoso).outcome == "ok"
    assert_orphans_are_true(azure, contoso)
    assert_equal_to_truth(azure, contoso)


def test_what_only_the_arm_list_showed_is_unknown(azure: Simulator, contoso: Tenant) -> None:
    azure.faults.add(Fault("forbidden", path=GRAPH))

    sync(contoso)

    assert orphans_held(contoso) == set()
    unknown = [key for key, verdict in open_periods(contoso).items() if verdict == "unknown"]
    with entered(Scope.of(contoso.id)):
        ruled = Resource.objects.filter(type__in=[rule.type for rule in RULES]).count()
    assert len(unknown) == ruled > 0
    azure.faults.clear()
    sync(contoso)
    assert_orphans_are_true(azure, contoso)
    with entered(Scope.of(contoso.id)):
        assert set(Orphan.objects.orphaned().values_list("since_basis", flat=True)) == {"at_least"}


def test_an_orphan_whose_deciding_property_is_gone_is_doubted_and_not_ended(azure: Simulator, contoso: Tenant) -> None:
    sync(contoso)
    with entered(Scope.of(contoso.id)):
        row = Orphan.objects.open().filter(rule="disk-unattached").select_related("resource").first()
        disk = row.resource.azure_id
    subscription = azure.world.truth("contoso")  # the world's own objects are changed, as Azure might
    shown = next(one for one in subscription.resources if one.id.lower() == disk.lower())
    state = shown.properties.pop("diskState")

    sync(contoso)

    [period] = period_of(contoso, disk)
    assert (period.verdict, period.ended_at, period.since) == ("unknown", None, row.since)
    assert period.unreadable_since is not None
    shown.properties["diskState"] = state
    sync(contoso)
    [period] = period_of(contoso, disk)
    assert (period.verdict, period.unreadable_since, period.since) == ("orphaned", None, row.since)


def test_azures_own_word_on_since_when_is_taken(start_azure: StartAzure, db: None) -> None:
    azure = start_azure(resources_per_tenant=300, tenants=1)
    contoso = connect(azure, "contoso")
    sync(contoso)
    with entered(Scope.of(contoso.id)):
        first, second = Orphan.objects.open().filter(rule="disk-unattached").select_related("resource")[:2]
    shown = {row.id.lower(): row for row in azure.world.truth("contoso").resources}
    told = shown[first.resource.azure_id.lower()].properties
    told["LastOwnershipUpdateTime"] = "2026-01-05T10:00:00.1234567+00:00"
    shown[second.resource.azure_id.lower()].properties["LastOwnershipUpdateTime"] = "no time at all"
    with entered(Scope.of(contoso.id)):  # it was noticed long after the fact
        Orphan.objects.filter(id=first.id).delete()

    sync(contoso)

    [period] = period_of(contoso, first.resource.azure_id)
    assert (period.since.isoformat(), period.since_basis) == ("2026-01-05T10:00:00.123456+00:00", "azure")
    [untold] = period_of(contoso, second.resource.azure_id)
    assert (untold.since, untold.since_basis) == (second.since, "at_least")


# --- groups -----------------------------------------------------------------------------------------------------------


def test_groups_are_held_as_azure_holds_them_through_deletion_and_return(azure: Simulator, contoso: Tenant) -> None:
    was_gone: set[Any] = set()
    for day in (0, 2, 3, 40):
        azure.advance(days=day - azure.day)
        sync(contoso)

        with entered(Scope.of(contoso.id)):
            held = {
                (row.azure_id.lower(), row.name, row.location, tuple(sorted(row.tags.items())))
                for row in ResourceGroup.objects.live()
            }
            gone = set(ResourceGroup.objects.exclude(deleted_at=None).values_list("id", flat=True))
            there = set(ResourceGroup.objects.live().values_list("id", flat=True))
        truth = azure.truth("contoso").resource_groups
        assert held == {
            (row.id.lower(), row.name, row.location, tuple(sorted((row.tags or {}).items()))) for row in truth
        }
        assert (gone | (was_gone & there) != set()) == (day >= 3)
        was_gone |= gone
        assert_orphans_are_true(azure, contoso)
    assert was_gone


def test_a_group_that_is_younger_than_its_resources_reading_is_not_taken_for_an_empty_one(
    azure: Simulator, contoso: Tenant
) -> None:
    sync(contoso)
    with entered(Scope.of(contoso.id)):  # as if it had been made since
        period = Orphan.objects.open().exclude(group=None).select_related("group").first()
        group = period.group.azure_id
        ResourceGroup.objects.filter(id=period.group_id).delete()

    sync(contoso)

    assert open_periods(contoso)[group.lower()] == "unknown"
    sync(contoso)
    [young, known] = period_of(contoso, group)
    assert (young.ending, known.verdict, known.since_basis) == ("told_anew", "orphaned", "at_least")
    assert_orphans_are_true(azure, contoso)


def test_groups_have_a_receipt_of_their_own(azure: Simulator, contoso: Tenant) -> None:
    sync(contoso)

    with entered(Scope.of(contoso.id)):
        receipts = CoverageReceipt.objects.filter(source="resource_groups")
        assert receipts.count() == 2
        assert all(row.complete and row.expected == row.received > 0 for row in receipts)
        assert sum(row.received for row in receipts) == len(azure.truth("contoso").resource_groups)


@pytest.mark.parametrize("fault", [fault for fault in PARTIAL if "query_contains" in fault], ids=str)
def test_groups_that_were_not_received_make_the_run_partial_and_nothing_else(
    azure: Simulator, contoso: Tenant, fault: dict[str, Any]
) -> None:
    sync(contoso)
    with entered(Scope.of(contoso.id)):
        groups = ResourceGroup.objects.live().count()
    azure.faults.add(Fault(**fault))

    summary = sync(contoso)

    assert (summary.outcome, summary.received, summary.gone) == ("partial", 60, 0)
    assert summary.reason
    with entered(Scope.of(contoso.id)):
        assert ResourceGroup.objects.live().count() == groups
        run = CoverageReceipt.objects.filter(run__outcome="partial")
        assert all(row.complete for row in run.filter(source="resource_graph"))
        of_groups = run.filter(source="resource_groups")
        assert not all(row.complete for row in of_groups)
        assert all(row.reason for row in of_groups if not row.complete)
        assert all(row.last_complete_at for row in of_groups)


def test_a_subscription_whose_groups_are_hidden_is_not_taken_for_one_without_groups(
    azure: Simulator, contoso: Tenant
) -> None:
    sync(contoso)
    hidden = azure.tenants[0].subscription_ids[0]
    azure.faults.add(Fault("missing_subscription", query_contains=GROUPS, subscription=hidden))

    summary = sync(contoso)

    assert summary.outcome == "partial"
    assert "Resource Manager does" in summary.reason
    assert_orphans_are_true(azure, contoso)
