"""What people do to the inventory."""

from datetime import datetime

from django.db import transaction

from governance import bulk
from governance.keys import new_id
from inventory.models import Resource, ResourceChange
from inventory.store import CHANGE_COLUMNS
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
    changes = [(subscription.tenant_id, new_id(), key, None, kind, now, False, "[]") for key in ids]
    bulk.insert(ResourceChange, CHANGE_COLUMNS, changes)
    live.update(deleted_at=now, unrecorded_change="", stored_at=now, stored_by=None)
    bump_data_version(subscription.tenant_id)
    return len(ids)
