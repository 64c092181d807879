"""Costs with words and amounts of one tenant's own, for the crawls: told twice, so that something moved."""

import hashlib
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from django.utils import timezone

from costs.models import CostedResource, CostReceipt, CostRecord, CostSlice, Restatement, RestatementLine
from costs.rows import CostLine
from governance.tenancy import Scope, entered
from inventory.models import Orphan
from tenants.models import Subscription, Tenant
from tests.costs.ledger import line, store

TABLES = (CostedResource, CostReceipt, CostRecord, CostSlice, Restatement, RestatementLine)


def spend(tenant: Tenant) -> None:
    """What the tenant's first subscription costs on the first of this month; a little later it was more.

    An orphan of it, if there is one, has wasted something since that day.
    """
    now = timezone.now()
    month = now.date().replace(day=1)
    first, second = amounts_of(tenant)
    with entered(Scope.of(tenant.id)):
        subscription: Subscription = Subscription.objects.order_by("name").first()
        wasting = _waste_since(month, subscription, waste_of(tenant))
    for amount, at in ((first, now - timedelta(minutes=1)), (second, now)):
        rows = [
            line(
                month,
                str(amount),
                name=f"disk-of-{tenant.name}",
                service=f"service-of-{tenant.name}",
                resource_group=f"rg-of-{tenant.name}",
                region=f"region-of-{tenant.name}",
                meter=f"meter-of-{tenant.name}",
                charge_type=f"charge-of-{tenant.name}",
                benefit=f"benefit-of-{tenant.name}",
                tags={f"costtag-of-{tenant.name}": f"costvalue-of-{tenant.name}"},
            )
        ]
        store(subscription, month, [*rows, *wasting], read_at=at)


def _waste_since(month: date, subscription: Subscription, amount: Decimal) -> list[CostLine]:
    """The row of an orphan that is one since then, at the latest."""
    lasting = Orphan.objects.orphaned().filter(subscription=subscription, resource__isnull=False)
    one = lasting.select_related("resource").order_by("name", "id").first()
    if one is None:
        return []
    since = datetime.combine(month, datetime.min.time(), tzinfo=UTC)
    Orphan.objects.filter(id=one.id).update(since=min(one.since, since))
    told = {"azure_id": one.resource.azure_id, "azure_id_hash": one.resource.azure_id_hash}
    return [line(month, str(amount))._replace(**told)]


def disk_of(tenant: Tenant) -> str:
    """The Azure id of what its costs are about."""
    return (
        f"/subscriptions/s/resourceGroups/rg-of-{tenant.name}/providers/Microsoft.Compute/disks/disk-of-{tenant.name}"
    )


def amounts_of(tenant: Tenant) -> tuple[Decimal, Decimal]:
    """What it was told to cost first and then: numbers that occur nowhere else."""
    number = int(hashlib.sha256(tenant.name.encode()).hexdigest()[:7], 16)
    return Decimal(number).scaleb(-3), Decimal(2 * number + 1234567).scaleb(-3)


def waste_of(tenant: Tenant) -> Decimal:
    """What its orphan has wasted: another number that occurs nowhere else."""
    return amounts_of(tenant)[0] * 3 + Decimal("7.654321")


def words_of(tenant: Tenant) -> set[str]:
    """All that only this tenant's costs say, within its scope: names, keys, amounts and what they differ by."""
    first, second = amounts_of(tenant)
    told = {
        f"{amount:{form}}" for amount in (first, second, second - first, waste_of(tenant)) for form in ("f", ",.2f")
    }
    kinds = ("disk", "service", "rg", "region", "meter", "charge", "benefit", "costtag", "costvalue")
    named = {f"{kind}-of-{tenant.name}" for kind in kinds}
    keys = {str(key) for model in TABLES for key in model.objects.values_list("id", flat=True)}
    hashes = {key for key in CostedResource.objects.values_list("azure_id_hash", flat=True) if key}
    return told | named | keys | hashes
