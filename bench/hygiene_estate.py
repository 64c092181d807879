"""In a fresh process, after `bench.estate:fill`: what syncs leave beside the resources: changes, orphans, tag rules."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from bench.estate import settle
from governance import bulk
from governance.batches import pages_by_key
from governance.keys import new_id
from governance.tenancy import Scope, entered
from inventory.models import HygieneState, Orphan, Resource, ResourceChange, TagRule
from inventory.orphans import RULES, VERSION
from inventory.period_store import ORPHAN_COLUMNS
from inventory.store import CHANGE_COLUMNS
from inventory.violation_store import judge_tenant
from tenants.models import Tenant

ORPHAN_EVERY = 20  # one in twenty is orphaned
CHANGED_WITHIN = timedelta(days=60)  # each resource changed once since then
MISSING_TAG = "data-owner"  # demanded, and on no resource
FIELDS = json.dumps([{"field": "sku.name", "before": "Standard_LRS", "after": "Premium_LRS"}])


def fill() -> dict[str, Any]:
    """One change and one broken tag rule for each resource, and orphans, in every tenant."""
    with entered(Scope.every_tenant(reason="A bench fills every tenant.")):
        for tenant in Tenant.objects.all():
            _fill_tenant(tenant, timezone.now())
    settle()
    return {}


def _fill_tenant(tenant: Tenant, now: datetime) -> None:
    rows = Resource.objects.for_tenant(tenant.id)
    columns = ("id", "subscription_id", "name", "type", "location", "resource_group")
    for page in pages_by_key(rows, *columns):
        with transaction.atomic():
            bulk.insert(ResourceChange, CHANGE_COLUMNS, list(_changes(tenant.id, page, now)))
            bulk.insert(Orphan, ORPHAN_COLUMNS, list(_orphans(tenant.id, page, now)))
    TagRule.objects.create(
        tenant=tenant,
        key=MISSING_TAG,
        key_folded=MISSING_TAG,
        allowed_values=[],
        types=[],
        created_at=now,
        changed_at=now,
    )
    HygieneState.objects.create(
        tenant=tenant, orphan_rules=VERSION, orphans_judged_at=now, tag_version=1, tags_pending_since=now
    )
    judge_tenant(tenant.id, now=now)


def _changes(tenant: UUID, page: list[tuple[Any, ...]], now: datetime) -> Iterator[tuple[Any, ...]]:
    for number, (resource, *_) in enumerate(page):
        at = now - CHANGED_WITHIN * (number / len(page))
        yield tenant, new_id(), resource, None, ResourceChange.Kind.CHANGED, at, False, FIELDS, "\nsku.name\n"


def _orphans(tenant: UUID, page: list[tuple[Any, ...]], now: datetime) -> Iterator[tuple[Any, ...]]:
    for number, (resource, subscription, *place) in enumerate(page[::ORPHAN_EVERY]):
        since = now - timedelta(days=number % 400)
        judged = (RULES[number % len(RULES)].key, Orphan.Verdict.ORPHANED, "", since, Orphan.Basis.SEEN, None, None, "")
        yield tenant, new_id(), resource, None, subscription, *place, *judged
