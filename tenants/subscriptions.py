"""The subscriptions of a tenant, as Azure shows them, as cost files name them, and as people say that they are gone."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from django.db import transaction

from governance.azure.arm import SubscriptionRecord
from governance.batches import in_batches
from governance.tenancy import Scope, entered
from tenants.models import Subscription, Tenant


def off_board(subscription: Subscription, *, now: datetime) -> None:
    """Expect this subscription no more. Raises ValueError when Azure still shows it."""
    if subscription.is_imported:
        raise ValueError(f"{subscription.name} is known from a cost file only; Azure is not expected to show it.")
    lost = Subscription.objects.for_tenant(subscription.tenant_id).exclude(access_lost_at=None)
    if not lost.filter(id=subscription.id).update(off_boarded_at=now):  # a sync may have found it again just now
        raise ValueError(f"{subscription.name} is still visible in Azure; only a lost subscription can be off-boarded.")


@transaction.atomic
def record_subscriptions(tenant: Tenant, seen: Sequence[SubscriptionRecord], *, now: datetime) -> list[Subscription]:
    """Store what the subscriptions list showed; one that is missing has lost access since now, and is kept.

    Returns every subscription a complete reading has to contain, whether visible or not. `seen` holds only those that
    belong to the tenant itself.
    """
    known = {row.subscription_id: row for row in Subscription.objects.for_tenant(tenant.id)}
    for shown in seen:
        row = known.get(shown.subscription_id) or Subscription(
            tenant=tenant, subscription_id=shown.subscription_id, first_seen_at=now
        )
        facts = (shown.name[:256], shown.state[:32], shown.quota_id[:128], None)
        is_news = row.is_imported or row.subscription_id not in known
        if is_news or facts != (row.name, row.state, row.quota_id, row.access_lost_at):
            row.name, row.state, row.quota_id, row.access_lost_at = facts
            row.off_boarded_at = None  # it is here: whoever said it was gone for good was mistaken
            row.is_imported = False
            row.save()
    visible = {shown.subscription_id for shown in seen}
    own = {key: row for key, row in known.items() if not row.is_imported}  # Azure never showed the others
    lost = [row.id for key, row in own.items() if key not in visible and row.access_lost_at is None]
    for key in lost:
        Subscription.objects.filter(id=key).update(access_lost_at=now)
    return list(Subscription.objects.for_tenant(tenant.id).expected().order_by("subscription_id"))


@transaction.atomic
def record_imported_subscriptions(
    tenant: Tenant, named: Mapping[str, str], *, now: datetime
) -> dict[str, Subscription]:
    """The tenant's subscriptions of these ids (lower case) and names; what it does not know yet is imported.

    The caller has checked that they are not another tenant's (`foreign_subscriptions`).
    """
    known: dict[str, Subscription] = {}
    for key, name in named.items():
        known[key], _ = Subscription.objects.get_or_create(
            tenant=tenant,
            subscription_id=key,
            defaults={"name": name[:256], "first_seen_at": now, "is_imported": True},
        )
    return known


def foreign_subscriptions(tenant: Tenant, keys: Collection[str]) -> set[str]:
    """Which of these subscriptions are another tenant's. Whose is to be told to nobody."""
    with entered(Scope.every_tenant(reason="A cost file may hold the subscriptions of another tenant.")):
        rows = Subscription.objects.exclude(tenant=tenant).values_list("subscription_id", flat=True)
        return {key for part in in_batches(sorted(keys)) for key in rows.filter(subscription_id__in=part)}
