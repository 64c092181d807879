"""Storing a slice: replaced whole, added up exactly, refused where it is not to be believed."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from costs.models import (
    CostedResource,
    CostReceipt,
    CostRecord,
    CostSlice,
    CostTag,
    DailyCost,
    DailyResourceCost,
    DailyTagCost,
    Metric,
    Restatement,
    RestatementLine,
    Source,
)
from costs.rows import CostLine, SliceKey
from costs.store import note_failure, replace_slice
from governance.tenancy import Scope, UnscopedError, entered
from tenants.models import Subscription, Tenant

pytestmark = pytest.mark.django_db
MONTH, TODAY = date(2026, 10, 1), date(2026, 10, 20)
NOW = datetime(2026, 10, 20, 2, tzinfo=UTC)
DISK = "/subscriptions/S/resourceGroups/RG-Orders/providers/Microsoft.Compute/disks/Disk1"


@pytest.fixture
def subscription(contoso: Tenant) -> Iterator[Subscription]:
    """A subscription of contoso, in whose scope the test is."""
    with entered(Scope.of(contoso.id)):
        yield Subscription.objects.create(
            tenant=contoso, subscription_id="s-1", name="one", first_seen_at=timezone.now()
        )


def line(day: int, amount: str, **values: Any) -> CostLine:
    """A row of October."""
    given = {"currency": "EUR", "service": "Storage", **values}
    if azure_id := given.get("azure_id"):
        given["azure_id_hash"] = hashlib.sha256(azure_id.lower().encode()).hexdigest()
    return CostLine(day=MONTH.replace(day=day), amount=Decimal(amount), **given)


def store(subscription: Subscription, *lines: CostLine, size: int = 2, **values: Any) -> CostReceipt:
    """Replace October's actual cost by these rows, in batches."""
    given: dict[str, Any] = {
        "source": Source.EXPORT,
        "has_resources": True,
        "read_at": NOW,
        "today": TODAY,
        "content_hash": hashlib.sha256(repr(lines).encode()).hexdigest(),
        **values,
    }
    key = SliceKey(subscription.subscription_id, MONTH, given.pop("metric", Metric.ACTUAL))
    batches: list[Sequence[CostLine]] = [lines[start : start + size] for start in range(0, len(lines), size)]
    with transaction.atomic():
        return replace_slice(subscription.tenant_id, subscription, key, given.pop("batches", batches), **given)


def total(model: Any) -> dict[str, Decimal]:
    """The sum of a table by currency."""
    return dict(model.objects.values_list("currency").annotate(total=Sum("amount")))


def test_a_row_is_stored_as_it_came(subscription: Subscription) -> None:
    store(
        subscription,
        line(
            3, "0.123456789", azure_id=DISK, resource_group="RG-Orders", meter="P10", quantity=Decimal("1.5"), unit="1"
        ),
    )

    row = CostRecord.objects.get()

    assert (row.day, row.amount, row.currency) == (date(2026, 10, 3), Decimal("0.123456789"), "EUR")
    assert (row.azure_id, row.resource_group, row.meter, row.quantity) == (DISK, "RG-Orders", "P10", Decimal("1.5"))
    assert (row.month, row.metric, row.tag_set) == (MONTH, "actual", "")
