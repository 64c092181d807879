"""Violations of tag rules in the database: judged for resources that a sync stored, and for a whole tenant."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from governance import bulk
from governance.batches import in_batches, pages_by_key
from governance.keys import new_id
from inventory import tagging
from inventory.models import HygieneState, Resource, TagRule, TagViolation
from tenants.actions import bump_data_version

VIOLATION_COLUMNS = ("tenant", "id", "rule", "resource", "kind", "key", "value", "found_at")
Tagged = tuple[UUID, str, Mapping[str, str]]  # a resource's key, type and tags
PAGE_ROWS = 1000


def rules_of(tenant_id: UUID) -> tuple[tagging.TagRule, ...]:
    """The tenant's rules in force, as they are judged by."""
    rows = TagRule.objects.for_tenant(tenant_id).in_force().order_by("key_folded", "id")
    return tuple(
        tagging.TagRule(row.id, row.key, row.is_required, tuple(row.allowed_values), frozenset(row.types))
        for row in rows
    )


@dataclass(frozen=True, slots=True)
class ViolationStore:
    """Writes of one judging into the violations of one tenant."""

    tenant_id: UUID
    rules: Sequence[tagging.TagRule]
    now: datetime

    def judge(self, resources: Sequence[Tagged], *, are_new: bool = False) -> None:
        """Make the violations of these resources what their tags say. New resources have none to forget."""
        if not are_new:
            self.forget(key for key, _, _ in resources)
        rows = [
            (self.tenant_id, new_id(), found.rule, key, found.kind.value, found.key, found.value, self.now)
            for key, type_, tags in resources
            for found in tagging.violations(self.rules, type_, tags)
        ]
        # Two judgings at once (a sync, and a rule that was changed meanwhile) may find the same.
        key_columns = ("tenant", "rule", "resource", "kind")
        bulk.upsert(TagViolation, VIOLATION_COLUMNS, rows, key=key_columns, update=("key", "value"))

    def forget(self, resource_ids: Iterable[UUID]) -> None:
        """These resources break no rule (any more)."""
        for batch in in_batches(resource_ids):
            TagViolation.objects.for_tenant(self.tenant_id).filter(resource_id__in=batch).delete()


def judge_tenant(tenant_id: UUID, *, now: datetime) -> bool:
    """Judge every live resource of a tenant by its rules as they are now.

    Returns False when the rules were changed meanwhile: then somebody else was told to judge, and this counts as
    nothing. Must run within the tenant's scope.
    """
    state = HygieneState.objects.for_tenant(tenant_id).first()
    if state is None:
        return True
    store = ViolationStore(tenant_id, rules_of(tenant_id), now)
    rows = Resource.objects.for_tenant(tenant_id).live()
    for page in pages_by_key(rows, "id", "type", "tags", size=PAGE_ROWS):
        with transaction.atomic():
            store.judge(page)
    return _close(state, [rule.id for rule in store.rules], now)


@transaction.atomic
def _close(state: HygieneState, in_force: Sequence[UUID], now: datetime) -> bool:
    """Say that the tenant is judged, unless its rules changed since; then drop what deleted rules had found."""
    mine: Any = HygieneState.objects.for_tenant(state.tenant_id).filter(id=state.id, tag_version=state.tag_version)
    if not mine.update(tags_pending_since=None, tags_judged_at=now):
        return False
    TagViolation.objects.for_tenant(state.tenant_id).exclude(rule_id__in=in_force).delete()
    TagViolation.objects.for_tenant(state.tenant_id).exclude(resource__deleted_at=None).delete()
    bump_data_version(state.tenant_id)
    return True
