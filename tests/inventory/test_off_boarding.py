"""Off-boarding: only a person's word turns a lost subscription into a deleted one."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from governance.azure.simulator.faults import Fault
from governance.azure.simulator.server import Simulator
from governance.tenancy import Scope, entered
from inventory.models import Orphan, Resource, ResourceChange, ResourceGroup
from tenants.models import Tenant
from tests.conftest import sync
from tests.inventory.orphan_truth import assert_orphans_are_true
from tests.inventory.truth import assert_equal_to_truth


def off_board(tenant: Tenant, subscription_id: str) -> dict[str, Any]:
    """What the command answers."""
    out = StringIO()
    call_command("offboard_subscription", tenant.name, subscription_id, "--json", stdout=out)
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


def test_an_off_boarded_subscription_no_longer_makes_runs_partial(azure: Simulator, contoso: Tenant) -> None:
    sync(contoso)
    lost = azure.tenants[0].subscription_ids[0].lower()
    azure.faults.add(Fault("missing_subscription", subscription=lost))
    assert sync(contoso).outcome == "partial"

    answer = off_board(contoso, lost.upper())

    assert sync(contoso).outcome == "ok"
    with entered(Scope.of(contoso.id)):
        gone = Resource.objects.filter(subscription__subscription_id=lost)
        assert gone.count() == gone.deleted().count() == answer["resources_deleted"] > 0
        assert ResourceChange.objects.filter(kind="deleted").count() == gone.count()


def test_off_boarding_ends_what_was_open_and_coming_back_begins_anew(azure: Simulator, contoso: Tenant) -> None:
    sync(contoso)
    lost = azure.tenants[0].subscription_ids[0].lower()
    azure.faults.add(Fault("missing_subscription", subscription=lost))
    sync(contoso)
    with entered(Scope.of(contoso.id)):
        open_before = Orphan.objects.open().filter(subscription__subscription_id=lost).count()

    off_board(contoso, lost)

    with entered(Scope.of(contoso.id)):
        ours = Orphan.objects.filter(subscription__subscription_id=lost)
        assert ours.filter(ending="off_boarded").count() == open_before > 0
        assert not ours.open().exists()
        assert not ResourceGroup.objects.live().filter(subscription__subscription_id=lost).exists()
    azure.faults.clear()
    sync(contoso)
    sync(contoso)  # a group that is back is judged by the reading after
    assert_orphans_are_true(azure, contoso)


def test_an_off_boarded_subscription_that_comes_back_is_read_again(azure: Simulator, contoso: Tenant) -> None:
    sync(contoso)
    lost = azure.tenants[0].subscription_ids[0].lower()
    azure.faults.add(Fault("missing_subscription", subscription=lost))
    sync(contoso)
    off_board(contoso, lost)
    azure.faults.clear()

    summary = sync(contoso)

    assert summary.outcome == "ok"
    assert summary.returned > 0
    assert_equal_to_truth(azure, contoso)


def test_a_visible_subscription_cannot_be_off_boarded(azure: Simulator, contoso: Tenant) -> None:
    sync(contoso)

    with pytest.raises(CommandError, match="still visible"):
        off_board(contoso, azure.tenants[0].subscription_ids[0])


def test_an_unknown_subscription_is_named(azure: Simulator, contoso: Tenant) -> None:
    with pytest.raises(CommandError, match="has no subscription"):
        off_board(contoso, "00000000-0000-0000-0000-000000000000")
