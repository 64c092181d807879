"""What people do to the inventory and to the rules it is judged by."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from celery import current_app
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from kombu.exceptions import OperationalError

from audit.trail import Target, gathered, record
from audit.verbs import Verb
from governance import bulk
from governance.azure.records import MAX_TAG_VALUE, MAX_TYPE
from governance.batches import pages_by_key
from governance.keys import new_id
from inventory.models import HygieneState, Orphan, Resource, ResourceChange, ResourceGroup, TagRule
from inventory.querysets import fold
from inventory.store import CHANGE_COLUMNS
from inventory.violation_store import ViolationStore
from tenants.actions import bump_data_version
from tenants.models import Subscription, Tenant, User
from tenants.subscriptions import off_board

log = structlog.get_logger(__name__)

JUDGE_TAGS = "inventory.tasks.judge_tags"
MOST_RULES = 100  # in force, a tenant
MOST_VALUES = 200  # a rule
MOST_TYPES = 50  # a rule


@transaction.atomic
def off_board_subscription(subscription: Subscription, *, now: datetime) -> int:
    """A person says that this subscription is gone for good: it is expected no more, its resources count as deleted.

    Returns how many resources that were. Raises ValueError when Azure still shows the subscription.
    """
    off_board(subscription, now=now)
    live = Resource.objects.for_tenant(subscription.tenant_id).live().filter(subscription=subscription)
    ids = [key for page in pages_by_key(live, "id") for (key,) in page]
    kind = ResourceChange.Kind.DELETED.value
    changes = [(subscription.tenant_id, new_id(), key, None, kind, now, False, "[]", "") for key in ids]
    bulk.insert(ResourceChange, CHANGE_COLUMNS, changes)
    live.update(deleted_at=now, unrecorded_change="", stored_at=now, stored_by=None)
    _end_hygiene(subscription, ids, now)
    bump_data_version(subscription.tenant_id)
    after = {"off_boarded_at": now, "resources_deleted": len(ids), "subscription_id": subscription.subscription_id}
    record(Verb.SUBSCRIPTION_OFF_BOARDED, tenant_id=subscription.tenant_id, target=subscription, after=after)
    return len(ids)


def _end_hygiene(subscription: Subscription, resource_ids: list[UUID], now: datetime) -> None:
    """What was open about this subscription's resources and groups has ended; its groups count as deleted."""
    tenant_id = subscription.tenant_id
    Orphan.objects.for_tenant(tenant_id).open().filter(subscription=subscription).update(
        ended_at=now, ending=Orphan.Ending.OFF_BOARDED
    )
    ResourceGroup.objects.for_tenant(tenant_id).live().filter(subscription=subscription).update(
        deleted_at=now, stored_at=now
    )
    ViolationStore(tenant_id, (), now).forget(resource_ids)


# --- tag rules ---


@dataclass(frozen=True, slots=True)
class TagRuleWish:
    """What somebody wants of one tag. Without values any is right; without types it is for every resource."""

    key: str
    is_required: bool = True
    allowed_values: Sequence[str] = ()
    types: Sequence[str] = ()


@transaction.atomic
def add_tag_rule(tenant: Tenant, wish: TagRuleWish, *, by: User) -> TagRule:
    """Demand something of a tag from now on; the tenant is judged anew by a worker. For admins of the tenant.

    Raises ValidationError, by field, for what cannot be demanded.
    """
    if TagRule.objects.for_tenant(tenant.id).in_force().count() >= MOST_RULES:
        raise ValidationError({"key": f"A tenant has at most {MOST_RULES} tag rules; delete one first."})
    now = timezone.now()
    rule = TagRule(tenant=tenant, created_at=now)
    _write(rule, wish, by, now)
    record(Verb.TAG_RULE_ADDED, tenant_id=tenant.id, target=_named(rule), after=_demands(rule))
    return rule


@transaction.atomic
def add_tag_rule_to_tenants(tenants: Sequence[Tenant], wish: TagRuleWish, *, by: User) -> list[TagRule]:
    """The same rule for every tenant of a group, as it is now: in all of them, or in none."""
    with gathered():
        return [add_tag_rule(tenant, wish, by=by) for tenant in tenants]


@transaction.atomic
def change_tag_rule(rule: TagRule, wish: TagRuleWish, *, by: User) -> TagRule:
    """Demand something else of a tag. For admins of the tenant. Raises ValidationError as `add_tag_rule` does."""
    before = _demands(TagRule.objects.for_tenant(rule.tenant_id).get(id=rule.id))
    _write(rule, wish, by, timezone.now())
    record(Verb.TAG_RULE_CHANGED, tenant_id=rule.tenant_id, target=_named(rule), before=before, after=_demands(rule))
    return rule


@transaction.atomic
def delete_tag_rule(rule: TagRule, *, by: User) -> None:
    """Demand this no more. What it found is dropped when the tenant is judged anew. For admins of the tenant."""
    now = timezone.now()
    rule.deleted_at, rule.changed_at, rule.changed_by = now, now, by
    rule.save()
    _judge_anew(rule.tenant_id, now)
    record(Verb.TAG_RULE_DELETED, tenant_id=rule.tenant_id, target=_named(rule), before=_demands(rule))


def _named(rule: TagRule) -> Target:
    return Target.of(rule, label=f"tag {rule.key}")


def _demands(rule: TagRule) -> dict[str, Any]:
    """What a rule asks for, for the audit trail: "tag" is its key, which is no secret."""
    return {
        "tag": rule.key,
        "is_required": rule.is_required,
        "allowed_values": rule.allowed_values,
        "types": rule.types,
    }


def _write(rule: TagRule, wish: TagRuleWish, by: User, now: datetime) -> None:
    rule.key, rule.key_folded = wish.key.strip(), fold(wish.key)
    rule.is_required = wish.is_required
    rule.allowed_values = list(dict.fromkeys(value.strip() for value in wish.allowed_values if value.strip()))
    rule.types = sorted({kind.strip().lower() for kind in wish.types if kind.strip()})
    rule.changed_at, rule.changed_by = now, by
    _check(rule)
    rule.save()
    _judge_anew(rule.tenant_id, now)


def _check(rule: TagRule) -> None:
    texts = [rule.key, *rule.allowed_values, *rule.types]
    problems = {
        "key": "Give the name of the tag."
        if not rule.key
        else ""
        if len(rule.key) <= 512
        else "This name is too long.",
        "allowed_values": _too_many(rule.allowed_values, MOST_VALUES, MAX_TAG_VALUE),
        "types": _too_many(rule.types, MOST_TYPES, MAX_TYPE),
    }
    if any("\x00" in text for text in texts):
        problems["key"] = "A NUL character cannot be stored."
    elif _has_twin(rule):
        problems["key"] = "There is a rule for this tag and these types already; change that one."
    if found := {field: problem for field, problem in problems.items() if problem}:
        raise ValidationError(found)


def _has_twin(rule: TagRule) -> bool:
    same = TagRule.objects.for_tenant(rule.tenant_id).in_force().filter(key_folded=rule.key_folded).exclude(id=rule.id)
    return any(other.types == rule.types for other in same)


def _too_many(values: Sequence[str], most: int, longest: int) -> str:
    if len(values) > most:
        return f"At most {most} are possible."
    return f"None may be longer than {longest} characters." if any(len(value) > longest for value in values) else ""


def _judge_anew(tenant_id: UUID, now: datetime) -> None:
    """Say that the tenant is to be judged, and tell a worker once this is committed."""
    HygieneState.objects.get_or_create(tenant_id=tenant_id)
    mine: Any = HygieneState.objects.for_tenant(tenant_id)
    mine.update(tag_version=F("tag_version") + 1, tags_pending_since=now)
    transaction.on_commit(lambda: _tell_worker(tenant_id))


def _tell_worker(tenant_id: UUID) -> None:
    """Hand the judging to a worker. Without a broker it stays pending, says so, and the next sync does it."""
    try:
        current_app.send_task(JUDGE_TAGS, args=[str(tenant_id)])
    except OperationalError:
        log.exception("tag_judging_not_enqueued", tenant_id=str(tenant_id))
