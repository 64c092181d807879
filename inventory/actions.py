"""What people do to the inventory."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from governance import bulk
from governance.keys import new_id
from inventory.models import Orphan, Resource, ResourceChange, ResourceGroup
from inventory.store import CHANGE_COLUMNS
from inventory.violation_store import ViolationStore
from tenants.actions import bump_data_version, off_board
from tenants.models import Subscription


@transaction.atomic
def off_board_subscription(subscription: Subscription, *, now: datetime) -> int:
    """A person says that this subscription is gone for good: it is expected no more, its resources count as deleted.

    Returns how many resources that were. Raises ValueError when Azure still shows the subscription.
    """
    off_board(subscription, now=now)
    live = Resource.objects.for_tenant(subscription.tenant_id).live().filter(subscription=subscription)
    ids = [key for page in bulk.pages_by_key(live, "id") for (key,) in page]
    kind = ResourceChange.Kind.DELETED.value
    changes = [(subscription.tenant_id, new_id(), key, None, kind, now, False, "[]", "") for key in ids]
    bulk.insert(ResourceChange, CHANGE_COLUMNS, changes)
    live.update(deleted_at=now, unrecorded_change="", stored_at=now, stored_by=None)
    _end_hygiene(subscription, ids, now)
    bump_data_version(subscription.tenant_id)
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
