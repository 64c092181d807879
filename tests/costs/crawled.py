"""Costs with words and amounts of one tenant's own, for the crawls: told twice, so that something moved."""

import hashlib
from datetime import timedelta
from decimal import Decimal

from django.utils import timezone

from costs.models import CostedResource, CostReceipt, CostRecord, CostSlice, Restatement, RestatementLine
from governance.tenancy import Scope, entered
from tenants.models import Subscription, Tenant
from tests.costs.ledger import line, store

TABLES = (CostedResource, CostReceipt, CostRecord, CostSlice, Restatement, RestatementLine)


def spend(tenant: Tenant) -> None:
    """What the tenant's first subscription costs on the first of this month; a little later it was more."""
    now = timezone.now()
    month = now.date().replace(day=1)
    first, second = amounts_of(tenant)
    with entered(Scope.of(tenant.id)):
        subscription: Subscription = Subscription.objects.order_by("name").first()
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
        store(subscription, month, rows, read_at=at)


def disk_of(tenant: Tenant) -> str:
    """The Azure id of what its costs are about."""
    return (
        f"/subscriptions/s/resourceGroups/rg-of-{tenant.name}/providers/Microsoft.Compute/disks/disk-of-{tenant.name}"
    )


def amounts_of(tenant: Tenant) -> tuple[Decimal, Decimal]:
    """What it was told to cost first and then: numbers that occur nowhere else."""
    number = int(hashlib.sha256(tenant.name.encode()).hexdigest()[:7], 16)
    return Decimal(number).scaleb(-3), Decimal(2 * number + 1234567).scaleb(-3)


def words_of(tenant: Tenant) -> set[str]:
    """All that only this tenant's costs say, within its scope: names, keys, amounts and what they differ by."""
    first, second = amounts_of(tenant)
    told = {f"{amount:{form}}" for amount in (first, second, second - first) for form in ("f", ",.2f")}
    kinds = ("disk", "service", "rg", "region", "meter", "charge", "benefit", "costtag", "costvalue")
    named = {f"{kind}-of-{tenant.name}" for kind in kinds}
    keys = {str(key) for model in TABLES for key in model.objects.values_list("id", flat=True)}
    hashes = {key for key in CostedResource.objects.values_list("azure_id_hash", flat=True) if key}
    return told | named | keys | hashes
