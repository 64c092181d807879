"""The resource sync on clean answers: what it stores, what it leaves alone, and what it writes into the log."""

from collections import Counter

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from governance.azure.simulator.server import Simulator
from governance.tenancy import Scope, entered
from inventory.models import Resource, ResourceChange
from tenants.models import Subscription, Tenant
from tests.conftest import StartAzure, connect, sync
from tests.inventory.truth import assert_equal_to_truth, held, true


def changes(tenant: Tenant) -> Counter[tuple[str, bool]]:
    """How many log entries there are of each kind, and whether they are the baseline."""
    with entered(Scope.of(tenant.id)):
        return Counter(ResourceChange.objects.values_list("kind", "baseline"))


def test_first_sync_holds_exactly_what_azure_holds(azure: Simulator, contoso: Tenant) -> None:
    summary = sync(contoso)

    assert (summary.outcome, summary.expected, summary.received, summary.created) == ("ok", 60, 60, 60)
    assert_equal_to_truth(azure, contoso)


def test_first_sync_marks_what_it_found_as_baseline(azure: Simulator, contoso: Tenant) -> None:
    sync(contoso)

    assert changes(contoso) == {("created", True): 60}


def test_second_sync_of_an_unchanged_estate_writes_no_resource(azure: Simulator, contoso: Tenant) -> None:
    sync(contoso)

    with CaptureQueriesContext(connection) as captured:
        summary = sync(contoso)

    written = [
        query["sql"]
        for query in captured.captured_queries
        if not query["sql"].startswith("SELECT")
        and any(f'"{table}"' in query["sql"] for table in ("resources", "resource_tags", "resource_changes"))
    ]
    assert written == []
    assert (summary.outcome, summary.created, summary.changed, summary.gone) == ("ok", 0, 0, 0)


def test_sync_twice_gives_the_same_rows(azure: Simulator, contoso: Tenant) -> None:
    sync(contoso)
    once = held(contoso)

    sync(contoso)

    assert held(contoso) == once
    assert changes(contoso) == {("created", True): 60}


def test_each_day_makes_the_database_equal_to_azure_again(azure: Simulator, contoso: Tenant) -> None:
    sync(contoso)

    for _ in range(12):
        before = set(held(contoso))
        azure.advance(days=3)
        summary = sync(contoso)

        assert summary.outcome == "ok"
        assert_equal_to_truth(azure, contoso)
        assert summary.created + summary.returned == len(set(true(azure, contoso)) - before)
        assert summary.gone == len(before - set(true(azure, contoso)))


def test_the_log_tells_what_happened(azure: Simulator, contoso: Tenant) -> None:
    sync(contoso)
    before = true(azure, contoso)
    azure.advance(days=20)
    after = true(azure, contoso)

    sync(contoso)

    kinds = changes(contoso)
    assert kinds["deleted", False] == len(set(before) - set(after))
    assert kinds["created", False] == len(set(after) - set(before))
    changed = {key for key in set(before) & set(after) if before[key] != after[key]}
    assert kinds["changed", False] == len(changed) > 0


def test_a_change_names_each_field_before_and_after(azure: Simulator, contoso: Tenant) -> None:
    sync(contoso)
    before = true(azure, contoso)
    azure.advance(days=20)
    after = true(azure, contoso)

    sync(contoso)

    with entered(Scope.of(contoso.id)):
        logged = ResourceChange.objects.filter(kind="changed").select_related("resource")
        for change in logged:
            key = change.resource.azure_id.lower()
            assert change.fields
            for field in change.fields:
                path = field["field"].split(".", 1)
                if path[0] == "tags":
                    assert before[key]["tags"].get(path[1]) == field["before"]
                    assert after[key]["tags"].get(path[1]) == field["after"]


def test_a_deleted_resource_is_kept_with_its_date(azure: Simulator, contoso: Tenant) -> None:
    sync(contoso)
    before = set(true(azure, contoso))
    azure.advance(days=20)
    gone = before - set(true(azure, contoso))

    sync(contoso)

    with entered(Scope.of(contoso.id)):
        tombstones = Resource.objects.deleted()
        assert {row.azure_id.lower() for row in tombstones} == gone
        assert all(row.deleted_at for row in tombstones)


def test_a_resource_that_returns_is_the_same_row(azure: Simulator, contoso: Tenant) -> None:
    sync(contoso)
    with entered(Scope.of(contoso.id)):
        ids = dict(Resource.objects.values_list("azure_id_hash", "id"))

    returned = 0
    for _ in range(15):
        azure.advance(days=3)
        returned += sync(contoso).returned

    assert returned > 0
    with entered(Scope.of(contoso.id)):
        now = dict(Resource.objects.values_list("azure_id_hash", "id"))
        assert all(now[key] == ids[key] for key in ids)
        assert ResourceChange.objects.filter(kind="returned").count() == returned


def test_letter_case_of_ids_makes_no_second_resource_and_no_change(azure: Simulator, contoso: Tenant) -> None:
    sync(contoso)

    for _ in range(6):
        azure.advance(days=1)
        sync(contoso)

    with entered(Scope.of(contoso.id)):
        ids = [azure_id.lower() for azure_id in Resource.objects.values_list("azure_id", flat=True)]
        assert len(ids) == len(set(ids))
        for change in ResourceChange.objects.filter(kind="changed"):
            for field in change.fields:
                assert str(field["before"]).lower() != str(field["after"]).lower() or field["field"].startswith("tags.")


def test_the_data_version_grows_only_when_something_was_stored(
    azure: Simulator, contoso: Tenant, everywhere: None
) -> None:
    sync(contoso)
    first = Tenant.objects.get(id=contoso.id).data_version
    sync(contoso)
    second = Tenant.objects.get(id=contoso.id).data_version
    azure.advance(days=20)
    sync(contoso)

    assert first == second == 1
    assert Tenant.objects.get(id=contoso.id).data_version == 2


def test_tenants_do_not_mix(azure: Simulator, contoso: Tenant, fabrikam: Tenant) -> None:
    sync(contoso)
    sync(fabrikam)

    assert_equal_to_truth(azure, contoso)
    assert_equal_to_truth(azure, fabrikam)


def test_a_delegated_subscription_of_another_tenant_is_not_read(start_azure: StartAzure, db: None) -> None:
    azure = start_azure(resources_per_tenant=20, has_delegation=True)
    contoso = connect(azure, "contoso")

    summary = sync(contoso)

    assert summary.outcome == "ok"
    own = {tenant.name: {key.lower() for key in tenant.subscription_ids} for tenant in azure.tenants}["contoso"]
    with entered(Scope.of(contoso.id)):
        assert set(Subscription.objects.values_list("subscription_id", flat=True)) <= own


@pytest.mark.parametrize("resources", [0, 1, 999, 1000, 1001, 2000])
def test_page_borders(start_azure: StartAzure, db: None, resources: int) -> None:
    azure = start_azure(tenants=1, subscriptions_per_tenant=1, resources_per_tenant=resources)
    contoso = connect(azure, "contoso")

    summary = sync(contoso)

    assert (summary.outcome, summary.expected, summary.received) == ("ok", resources, resources)
    assert set(held(contoso)) == set(true(azure, contoso))
