"""Two writers of one slice at once follow one another: no row is doubled, whoever comes second."""

import hashlib
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from threading import Event, Thread

import pytest
from django.db import connection, transaction
from django.utils import timezone

from costs.models import CostRecord, CostSlice, DailyCost, Metric, Restatement, Source
from costs.rows import CostLine, SliceKey
from costs.store import replace_slice
from governance.tenancy import Scope, entered
from tenants.models import Subscription, Tenant

pytestmark = pytest.mark.django_db(transaction=True)
MONTH = date(2026, 10, 1)
PATIENCE_SECONDS = 30.0


@pytest.fixture
def subscription(contoso: Tenant) -> Subscription:
    """A subscription of contoso."""
    with entered(Scope.of(contoso.id)):
        found: Subscription = Subscription.objects.create(
            tenant=contoso, subscription_id="s", name="s", first_seen_at=timezone.now()
        )
    return found


def lines(*amounts: int) -> list[CostLine]:
    """Rows of one day."""
    return [CostLine(MONTH, "EUR", Decimal(amount)) for amount in amounts]


def store(subscription: Subscription, batches: Iterator[Sequence[CostLine]], content: str) -> str:
    """Replace the slice in a transaction of its own, and say the verdict."""
    with entered(Scope.of(subscription.tenant_id)), transaction.atomic():
        receipt = replace_slice(
            subscription.tenant_id,
            subscription,
            SliceKey("s", MONTH, Metric.ACTUAL),
            batches,
            source=Source.IMPORT,
            has_resources=True,
            read_at=datetime(2026, 10, 20, tzinfo=UTC),
            today=date(2026, 10, 20),
            content_hash=hashlib.sha256(content.encode()).hexdigest(),
        )
    return str(receipt.verdict)


class Second(Thread):
    """Another process that stores the same slice."""

    def __init__(self, subscription: Subscription, rows: list[CostLine], content: str) -> None:
        super().__init__()
        self.subscription, self.rows, self.content = subscription, rows, content
        self.begins, self.verdict = Event(), ""

    def run(self) -> None:
        """Store it."""
        self.begins.set()
        try:
            self.verdict = store(self.subscription, iter([self.rows]), self.content)
        finally:
            connection.close()

    def come_to_wait(self) -> None:
        """Return when it waits for the other one; on SQLite the whole database is held, and it cannot be seen."""
        self.start()
        assert self.begins.wait(PATIENCE_SECONDS)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while connection.vendor == "postgresql" and not _anybody_waits():
            assert time.monotonic() < deadline, "the second writer did not come to the slice"


def _anybody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted)")
        return bool(cursor.fetchone()[0])


@pytest.mark.parametrize("is_known", [False, True])
@pytest.mark.parametrize("is_same", [False, True])
def test_two_writers_of_a_slice_follow_one_another(
    subscription: Subscription, *, is_known: bool, is_same: bool
) -> None:
    if is_known:
        store(subscription, iter([lines(100)]), "before")
    second = Second(subscription, lines(1, 2) if is_same else lines(5), "first" if is_same else "second")

    def first() -> Iterator[Sequence[CostLine]]:
        yield lines(1)
        second.come_to_wait()  # in the middle of the first
        yield lines(2)

    verdict = store(subscription, first(), "first")
    second.join(PATIENCE_SECONDS)

    assert (verdict, second.verdict) == ("stored", "unchanged" if is_same else "stored")
    with entered(Scope.of(subscription.tenant_id)):
        amounts = sorted(CostRecord.objects.values_list("amount", flat=True))
        assert amounts == ([1, 2] if is_same else [5])
        assert [row.amount for row in DailyCost.objects.all()] == [3 if is_same else 5]
        assert CostSlice.objects.get().row_count == len(amounts)
        moved = [(row.before, row.after) for row in Restatement.objects.order_by("id")]
        assert moved == ([(100, 3)] if is_known else []) + ([] if is_same else [(3, 5)])
