"""How long costs are kept: rows for thirteen months and the open one, as far as Azure gives them; their sums longer.

A slice stays as long as its sums do. What moved of it, and its receipts, go with the sums; sets of tags and resources
go once nothing refers to them.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F

from costs.models import (
    CostReceipt,
    CostRecord,
    CostSlice,
    DailyCost,
    DailyResourceCost,
    DailyTagCost,
    Restatement,
    RestatementLine,
)
from costs.naming import drop_unnamed
from costs.slices import OneSlice
from governance.schedules import COST_ROWS_KEPT_MONTHS
from governance.tenancy import Scope, entered
from tenants.actions import bump_data_version
from tenants.models import Tenant


@dataclass(slots=True)
class Dropped:
    """What a round of the job deleted: rows as they came, whole months of a tenant with their sums, and names."""

    rows: int = 0
    months: int = 0
    names: int = 0


def oldest_kept(today: date, months: int) -> date:
    """The first day of the oldest month that is kept, beside the open one."""
    year, month = divmod(today.year * 12 + today.month - 1 - months, 12)
    return date(year, month + 1, 1)


def drop_old(today: date) -> Dropped:
    """Delete what is older than it is to be kept, of every tenant. One slice, or one month, a transaction."""
    with entered(Scope.every_tenant(reason="The platform keeps costs only so long, whosever they are.")):
        tenants = list(Tenant.objects.order_by("id").values_list("id", flat=True))
    dropped = Dropped()
    for tenant_id in tenants:
        before = dropped.rows + dropped.months
        with entered(Scope.of(tenant_id)):
            _drop_rows(tenant_id, oldest_kept(today, COST_ROWS_KEPT_MONTHS), dropped)
            _drop_months(tenant_id, oldest_kept(today, settings.COST_SUMS_KEPT_MONTHS), dropped)
            if dropped.rows + dropped.months > before:
                dropped.names += drop_unnamed(tenant_id)
    return dropped


def _drop_rows(tenant_id: Any, oldest: date, dropped: Dropped) -> None:
    old = CostSlice.objects.for_tenant(tenant_id).filter(month__lt=oldest).order_by("month", "id")
    for subscription, month, metric in list(old.values_list("subscription_id", "month", "metric")):
        with transaction.atomic():
            one = OneSlice(tenant_id, subscription, month, metric)
            one.held()
            deleted, _ = one.of(CostRecord).delete()
        dropped.rows += deleted


def _drop_months(tenant_id: Any, oldest: date, dropped: Dropped) -> None:
    old = CostReceipt.objects.for_tenant(tenant_id).filter(month__lt=oldest).order_by("month")
    for month in list(old.values_list("month", flat=True).distinct()):
        with transaction.atomic():
            # First what every writer takes first (OneSlice.held), so that no two wait for one another.
            CostSlice.objects.for_tenant(tenant_id).filter(month=month).update(read_at=F("read_at"))
            RestatementLine.objects.for_tenant(tenant_id).filter(restatement__month=month).delete()
            # Slices and what moved point to their receipts.
            for model in (DailyCost, DailyResourceCost, DailyTagCost, Restatement, CostSlice, CostReceipt):
                model.objects.for_tenant(tenant_id).filter(month=month).delete()
            bump_data_version(tenant_id)
        dropped.months += 1
