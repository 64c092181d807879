"""Tag rules: on known answers, through the verbs and the worker's door, and in the sync."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from celery import current_app
from django.core.exceptions import ValidationError
from django.utils import timezone
from kombu.exceptions import OperationalError

from governance.azure.simulator.faults import Fault
from governance.azure.simulator.server import Simulator
from governance.keys import new_id
from governance.tenancy import Scope, entered
from inventory import tagging
from inventory.actions import (
    MOST_RULES,
    TagRuleWish,
    add_tag_rule,
    add_tag_rule_to_tenants,
    change_tag_rule,
    delete_tag_rule,
    off_board_subscription,
)
from inventory.compliance import by_type, compliance, together
from inventory.models import HygieneState, Resource, TagRule, TagViolation
from inventory.tagging import Kind, violations
from inventory.tasks import judge_tags
from inventory.violation_store import judge_tenant
from tenants.models import Subscription, Tenant, User
from tests.conftest import sync

RULE = new_id()
VM = "microsoft.compute/virtualmachines"


def kinds(rule: tagging.TagRule, tags: dict[str, str], kind: str = VM) -> list[Kind]:
    """How these tags break this one rule."""
    return [one.kind for one in violations([rule], kind, tags)]


def a_rule(key: str = "Environment", **wanted: Any) -> tagging.TagRule:
    """A rule of the pure part."""
    return tagging.TagRule(RULE, key, **wanted)


@pytest.mark.parametrize(
    ("rule", "tags", "found"),
    [
        (a_rule(), {"Environment": "x"}, []),
        (a_rule(), {}, [Kind.MISSING]),
        (a_rule(), {"owner": "x"}, [Kind.MISSING]),
        (a_rule(is_required=False), {}, []),
        (a_rule(), {"environment": "x"}, [Kind.KEY_CASE]),
        (a_rule(is_required=False), {"ENVIRONMENT": "x"}, [Kind.KEY_CASE]),
        (a_rule(allowed=("prod", "dev")), {"Environment": "prod"}, []),
        (a_rule(allowed=("prod", "dev")), {"Environment": "Prod"}, [Kind.VALUE_CASE]),
        (a_rule(allowed=("prod", "dev")), {"Environment": "production"}, [Kind.VALUE]),
        (a_rule(allowed=("prod",)), {"Environment": ""}, [Kind.VALUE]),
        (a_rule(allowed=("prod",)), {"environment": "Prod"}, [Kind.KEY_CASE, Kind.VALUE_CASE]),
        (a_rule(allowed=("prod",)), {"environment": "no", "Environment": "prod"}, []),
        (a_rule(types=frozenset({"microsoft.web/sites"})), {}, []),
        (a_rule(types=frozenset({VM})), {}, [Kind.MISSING]),
    ],
    ids=str,
)
def test_a_rule_on_known_answers(rule: tagging.TagRule, tags: dict[str, str], found: list[Kind]) -> None:
    assert kinds(rule, tags) == found


def test_a_violation_carries_the_tag_as_it_was_found() -> None:
    [found] = violations([a_rule(allowed=("prod",))], VM, {"Environment": "PROD"})

    assert (found.key, found.value, found.kind) == ("Environment", "PROD", Kind.VALUE_CASE)


# --- verbs, the worker, and the sync ----------------------------------------------------------------------------------

COMMIT = Callable[..., Any]


def held(tenant: Tenant) -> set[tuple[str, UUID, str, str, str]]:
    """The violations in the database: id, rule, kind, tag as found."""
    with entered(Scope.of(tenant.id)):
        rows = TagViolation.objects.filter(rule__deleted_at=None, resource__deleted_at=None).select_related("resource")
        return {(row.resource.azure_id.lower(), row.rule_id, row.kind, row.key, row.value) for row in rows}


def true(azure: Simulator, tenant: Tenant) -> set[tuple[str, UUID, str, str, str]]:
    """The violations that the simulated Azure's tags make, by the pure rules."""
    with entered(Scope.of(tenant.id)):
        rules = [
            tagging.TagRule(row.id, row.key, row.is_required, tuple(row.allowed_values), frozenset(row.types))
            for row in TagRule.objects.in_force()
        ]
    return {
        (row.id.lower(), found.rule, found.kind.value, found.key, found.value)
        for row in azure.truth(tenant.name).resources
        for found in violations(rules, row.type.lower(), row.tags or {})
    }


def state(tenant: Tenant) -> HygieneState:
    """How far the tenant is judged."""
    with entered(Scope.of(tenant.id)):
        row: HygieneState = HygieneState.objects.get()
        return row


def demand(tenant: Tenant, by: User, key: str = "Environment", **wanted: Any) -> TagRule:
    """Add a rule, as an admin does."""
    with entered(Scope.of(tenant.id)):
        return add_tag_rule(tenant, TagRuleWish(key, **wanted), by=by)


def test_a_new_rule_waits_for_the_worker_and_says_so(azure: Simulator, contoso: Tenant, alice: User) -> None:
    sync(contoso)

    demand(contoso, alice)

    assert state(contoso).tags_pending_since is not None
    assert held(contoso) == set()
    judge_tags(str(contoso.id))
    assert state(contoso).tags_pending_since is None
    assert state(contoso).tags_judged_at is not None
    assert held(contoso) == true(azure, contoso) != set()


def test_a_changed_rule_is_handed_to_a_worker_on_commit(
    contoso: Tenant, alice: User, broker: Any, django_capture_on_commit_callbacks: COMMIT
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        demand(contoso, alice)

    assert broker.llen("celery") == 1
    assert b"inventory.tasks.judge_tags" in broker.lrange("celery", 0, -1)[0]


def test_without_a_broker_the_rule_is_saved_and_the_next_sync_judges(
    azure: Simulator,
    contoso: Tenant,
    alice: User,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: COMMIT,
) -> None:
    sync(contoso)

    def refuse(*arguments: object, **more: object) -> None:
        raise OperationalError

    monkeypatch.setattr(current_app, "send_task", refuse)

    with django_capture_on_commit_callbacks(execute=True):
        demand(contoso, alice, allowed_values=["prod"])

    assert state(contoso).tags_pending_since is not None
    sync(contoso)
    assert state(contoso).tags_pending_since is None
    assert held(contoso) == true(azure, contoso) != set()


def test_each_day_the_sync_makes_the_violations_true_again(azure: Simulator, contoso: Tenant, alice: User) -> None:
    sync(contoso)
    demand(contoso, alice, allowed_values=["prod", "dev"])
    demand(contoso, alice, key="owner", types=["Microsoft.Compute/virtualMachines", VM])
    judge_tags(str(contoso.id))

    for _ in range(8):
        azure.advance(days=5)
        sync(contoso)
        assert held(contoso) == true(azure, contoso)
    with entered(Scope.of(contoso.id)):
        gone = TagViolation.objects.exclude(resource__deleted_at=None)
        assert not gone.exists(), "a deleted resource breaks no rule"


def test_what_only_the_arm_list_showed_is_judged_by_its_tags(azure: Simulator, contoso: Tenant, alice: User) -> None:
    demand(contoso, alice)
    azure.faults.add(Fault("forbidden", path="ResourceGraph"))

    sync(contoso)

    assert held(contoso) == true(azure, contoso) != set()


def test_a_changed_and_a_deleted_rule_leave_only_what_is_true(azure: Simulator, contoso: Tenant, alice: User) -> None:
    sync(contoso)
    first, second = demand(contoso, alice), demand(contoso, alice, key="owner")
    judge_tags(str(contoso.id))
    with entered(Scope.of(contoso.id)):
        change_tag_rule(first, TagRuleWish("env", allowed_values=["prod"]), by=alice)
        delete_tag_rule(second, by=alice)

    judge_tags(str(contoso.id))

    assert held(contoso) == true(azure, contoso)
    with entered(Scope.of(contoso.id)):
        assert set(TagViolation.objects.values_list("rule_id", flat=True)) == {first.id}


def test_a_rule_that_changes_while_it_is_judged_stays_pending(
    azure: Simulator, contoso: Tenant, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync(contoso)
    rule = demand(contoso, alice)
    real = tagging.violations
    changed: list[int] = []

    def meanwhile(*arguments: Any) -> Any:
        """The judging itself; a person changes the rule in the middle of it."""
        if not changed:
            changed.append(1)
            change_tag_rule(rule, TagRuleWish("owner"), by=alice)
        return real(*arguments)

    monkeypatch.setattr(tagging, "violations", meanwhile)
    with entered(Scope.of(contoso.id)):
        assert judge_tenant(contoso.id, now=timezone.now()) is False
    assert state(contoso).tags_pending_since is not None
    monkeypatch.undo()
    with entered(Scope.of(contoso.id)):
        assert judge_tenant(contoso.id, now=timezone.now()) is True
    assert held(contoso) == true(azure, contoso)


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        (TagRuleWish("  "), "key"),
        (TagRuleWish("k" * 513), "key"),
        (TagRuleWish("k\x00"), "key"),
        (TagRuleWish("k", allowed_values=["v" * 257]), "allowed_values"),
        (TagRuleWish("k", allowed_values=[str(number) for number in range(201)]), "allowed_values"),
        (TagRuleWish("k", types=[str(number) for number in range(51)]), "types"),
        (TagRuleWish("ENVIRONMENT"), "key"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_demanded_is_refused_by_field(
    contoso: Tenant, alice: User, wish: TagRuleWish, field: str
) -> None:
    demand(contoso, alice)

    with entered(Scope.of(contoso.id)), pytest.raises(ValidationError) as refused:
        add_tag_rule(contoso, wish, by=alice)

    assert set(refused.value.message_dict) == {field}


def test_a_tenant_has_so_many_rules_at_most(contoso: Tenant, alice: User) -> None:
    for number in range(MOST_RULES):
        demand(contoso, alice, key=f"tag-{number}")

    with pytest.raises(ValidationError, match="at most"):
        demand(contoso, alice, key="one-more")


def test_a_rule_for_many_tenants_is_in_all_of_them_or_in_none(
    contoso: Tenant, fabrikam: Tenant, alice: User, everywhere: None
) -> None:
    add_tag_rule(fabrikam, TagRuleWish("owner"), by=alice)

    with pytest.raises(ValidationError):
        add_tag_rule_to_tenants([contoso, fabrikam], TagRuleWish("owner"), by=alice)
    assert not TagRule.objects.for_tenant(contoso.id).exists()

    add_tag_rule_to_tenants([contoso, fabrikam], TagRuleWish("cost-centre"), by=alice)
    assert {rule.tenant_id for rule in TagRule.objects.filter(key="cost-centre")} == {contoso.id, fabrikam.id}


def test_off_boarding_forgets_violations(azure: Simulator, contoso: Tenant, alice: User) -> None:
    demand(contoso, alice)
    sync(contoso)
    lost = azure.tenants[0].subscription_ids[0].lower()
    azure.faults.add(Fault("missing_subscription", subscription=lost))
    sync(contoso)
    with entered(Scope.of(contoso.id)):
        off_board_subscription(Subscription.objects.get(subscription_id=lost), now=timezone.now())

        assert not TagViolation.objects.filter(resource__subscription__subscription_id=lost).exists()
        assert TagViolation.objects.exists()


# --- compliance -------------------------------------------------------------------------------------------------------


def test_compliance_counts_what_is_true(azure: Simulator, contoso: Tenant, fabrikam: Tenant, alice: User) -> None:
    sync(contoso)
    sync(fabrikam)
    demand(contoso, alice, allowed_values=["prod"])
    with entered(Scope.of(contoso.id, fabrikam.id)):
        [ours, other] = compliance()
        assert (ours.total.not_judged, ours.total.violating, ours.total.percent) == (60, 0, None)
        assert (other.rules, other.total.resources, other.types) == (0, 0, ())
        judge_tenant(contoso.id, now=timezone.now())

        [ours, other] = compliance()
        violating = {key for key, *_ in true(azure, contoso)}
        assert ours.total.violating == len(violating)
        assert ours.total.compliant == 60 - len(violating)
        assert ours.total.percent == 100 * ours.total.compliant // 60
        assert sum(tally.resources for tally in by_type([ours, other])) == together([ours, other]).resources == 60


def test_a_rule_for_some_types_says_nothing_about_others(azure: Simulator, contoso: Tenant, alice: User) -> None:
    sync(contoso)
    demand(contoso, alice, key="nobody-has-it", types=[VM])
    judge_tags(str(contoso.id))

    with entered(Scope.of(contoso.id)):
        [ours] = compliance()
        machines = Resource.objects.live().filter(type=VM).count()
    assert [tally.label for tally in ours.types] == [VM]
    assert (ours.total.resources, ours.total.violating, ours.total.percent) == (machines, machines, 0)
