"""What is older than it is to be kept goes, of every tenant, and nothing else does."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import transaction
from django.utils import timezone

from costs.models import (
    CostReceipt,
    CostRecord,
    CostSlice,
    DailyCost,
    DailyResourceCost,
    DailyTagCost,
    Metric,
    Restatement,
    RestatementLine,
    Source,
)
from costs.retention import drop_old, oldest_kept
from costs.rows import CostLine, SliceKey
from costs.store import replace_slice
from governance.tenancy import Scope, entered
from tenants.models import Subscription, Tenant

pytestmark = pytest.mark.django_db
TODAY = date(2026, 11, 25)
OLD, KEPT = date(2025, 9, 1), date(2025, 10, 1)
SUMS: tuple[Any, ...] = (DailyCost, DailyResourceCost, DailyTagCost, Restatement, CostSlice, CostReceipt)


@pytest.fixture
def costs(contoso: Tenant, fabrikam: Tenant) -> None:
    """Two months of two tenants, each restated once."""
    for tenant in (contoso, fabrikam):
        with entered(Scope.of(tenant.id)):
            subscription = Subscription.objects.create(
                tenant=tenant, subscription_id="s", name="s", first_seen_at=timezone.now()
            )
            for month in (OLD, KEPT):
                for amount in (1, 2):
                    store(subscription, month, amount)


def store(subscription: Subscription, month: date, amount: int) -> None:
    """One tagged row."""
    with transaction.atomic():
        replace_slice(
            subscription.tenant_id,
            subscription,
            SliceKey("s", month, Metric.ACTUAL),
            [[CostLine(month, "EUR", Decimal(amount), tags='{"env":"prod"}')]],
            source=Source.EXPORT,
            has_resources=True,
            read_at=datetime(2025, 12, 1, tzinfo=UTC),
            today=date(2025, 12, 1),
            content_hash=str(amount),
        )


def months(model: Any) -> dict[date, int]:
    """How many rows of each month there are, in all tenants."""
    found = list(model.objects.values_list("month", flat=True))
    return {month: found.count(month) for month in set(found)}


@pytest.mark.parametrize(
    ("today", "months", "oldest"),
    [
        (date(2026, 11, 25), 13, date(2025, 10, 1)),
        (date(2026, 12, 1), 13, date(2025, 11, 1)),
        (date(2026, 1, 31), 13, date(2024, 12, 1)),
        (date(2026, 12, 31), 12, date(2025, 12, 1)),
        (date(2026, 1, 1), 0, date(2026, 1, 1)),
    ],
)
def test_so_many_months_are_kept_beside_the_open_one(today: date, months: int, oldest: date) -> None:
    assert oldest_kept(today, months) == oldest


@pytest.mark.usefixtures("costs", "everywhere")
def test_a_month_before_the_thirteenth_goes_with_all_that_belongs_to_it() -> None:
    dropped = drop_old(TODAY)

    assert (dropped.rows, dropped.months) == (2, 2)
    assert months(CostRecord) == {KEPT: 2}
    assert {model: set(months(model)) for model in SUMS} == {model: {KEPT} for model in SUMS}
    assert RestatementLine.objects.count() == 2


@pytest.mark.usefixtures("costs", "everywhere")
def test_sums_live_longer_where_the_setting_says_so(settings: LazySettings) -> None:
    settings.COST_SUMS_KEPT_MONTHS = 14

    dropped = drop_old(TODAY)

    assert (dropped.rows, dropped.months) == (2, 0)
    assert months(CostRecord) == {KEPT: 2}
    assert {model: set(months(model)) for model in SUMS} == {model: {OLD, KEPT} for model in SUMS}


@pytest.mark.usefixtures("costs", "everywhere")
def test_nothing_goes_while_its_time_is_not_over() -> None:
    dropped = drop_old(date(2026, 10, 31))

    assert (dropped.rows, dropped.months) == (0, 0)
    assert months(CostRecord) == {OLD: 2, KEPT: 2}


@pytest.mark.usefixtures("costs")
def test_what_was_dropped_makes_cached_answers_void(contoso: Tenant) -> None:
    with entered(Scope.of(contoso.id)):
        before = Tenant.objects.get().data_version

    drop_old(TODAY)

    with entered(Scope.of(contoso.id)):
        assert Tenant.objects.get().data_version == before + 1
