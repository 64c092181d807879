"""Two writers of one slice at once follow one another: no row is doubled or lost, whoever comes second."""

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from threading import Event, Thread

import pytest
from django.db import connection, transaction
from django.utils import timezone

from costs.files import CostFiles, NamedSubscription
from costs.importing import Imported, import_costs
from costs.models import CostReceipt, CostRecord, CostSlice, DailyCost, Metric, Restatement, Source
from costs.retention import drop_old
from costs.rows import CostLine, SliceKey
from costs.store import replace_slice
from governance.tenancy import Scope, entered
from tenants.models import Subscription, Tenant
from tests.costs.cost_files import ea, write

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


def store(
    subscription: Subscription,
    batches: Iterator[Sequence[CostLine]],
    content: str,
    source: Source = Source.IMPORT,
) -> str:
    """Replace the slice in a transaction of its own, and say the verdict."""
    with entered(Scope.of(subscription.tenant_id)), transaction.atomic():
        receipt = replace_slice(
            subscription.tenant_id,
            subscription,
            SliceKey("s", MONTH, Metric.ACTUAL),
            batches,
            source=source,
            has_resources=True,
            read_at=datetime(2026, 10, 20, tzinfo=UTC),
            today=date(2026, 10, 20),
            content_hash=hashlib.sha256(content.encode()).hexdigest(),
        )
    return str(receipt.verdict)


class Second(Thread):
    """Another process that stores the same slice: `work` says the verdict."""

    def __init__(self, work: Callable[[], str]) -> None:
        super().__init__()
        self.work, self.begins, self.verdict = work, Event(), ""

    def run(self) -> None:
        """Store it."""
        self.begins.set()
        try:
            self.verdict = self.work()
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
    rows, content = (lines(1, 2), "first") if is_same else (lines(5), "second")
    second = Second(lambda: store(subscription, iter([rows]), content))

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


def test_a_month_that_is_dropped_waits_for_whoever_stores_it(subscription: Subscription) -> None:
    store(subscription, iter([lines(100)]), "before")
    second = Second(lambda: f"{drop_old(date(2036, 10, 1)).months} dropped")

    def first() -> Iterator[Sequence[CostLine]]:
        second.come_to_wait()  # before the first comes to the sums
        yield lines(1)

    verdict = store(subscription, first(), "first")
    second.join(PATIENCE_SECONDS)

    assert (verdict, second.verdict) == ("stored", "1 dropped")
    with entered(Scope.of(subscription.tenant_id)):
        for model in (CostRecord, DailyCost, CostSlice, CostReceipt, Restatement):
            assert not model.objects.exists()


# --- an import, and a sync that stores the same month meanwhile ---


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of the same slice."""
    return write(tmp_path / "ea.csv", [ea(SubscriptionId="s", Date="10/01/2026", Cost="7")])


class Overtaken(CostFiles):
    """Files whose slice `meanwhile` stores, once the import has planned what it stores."""

    looks = 0
    meanwhile: Callable[[], str]

    def subscriptions(self) -> list[NamedSubscription]:
        """Asked for first for whose they are, and again for the plan."""
        self.looks += 1
        if self.looks == 2:
            self.meanwhile()
        return super().subscriptions()


def import_file(subscription: Subscription, files: CostFiles, *, replace: bool = False) -> Imported:
    """Import the file for contoso, within its scope."""
    with entered(Scope.of(subscription.tenant_id)), files:
        return import_costs(subscription.tenant, files, ["ea.csv"], now=timezone.now(), replace=replace)


def assert_the_sync_won(subscription: Subscription) -> None:
    """The slice is as the sync stored it, and the import has left no receipt."""
    with entered(Scope.of(subscription.tenant_id)):
        assert [row.amount for row in CostRecord.objects.all()] == [1]
        assert CostSlice.objects.get().source == Source.EXPORT
        assert CostReceipt.objects.filter(source=Source.IMPORT, run=None).count() == 0


@pytest.mark.parametrize("is_known", [False, True])
def test_an_import_that_waits_for_a_sync_leaves_what_it_stored(
    subscription: Subscription, file: Path, *, is_known: bool
) -> None:
    if is_known:
        store(subscription, iter([lines(100)]), "before", Source.QUERY)
    second = Second(lambda: str(import_file(subscription, CostFiles([file])).taken))

    def sync() -> Iterator[Sequence[CostLine]]:
        second.come_to_wait()
        yield lines(1)

    store(subscription, sync(), "export", Source.EXPORT)
    second.join(PATIENCE_SECONDS)

    assert second.verdict == "0"
    assert_the_sync_won(subscription)


@pytest.mark.parametrize("is_known", [False, True])
def test_what_a_sync_stores_after_the_import_has_planned_stays_too(
    subscription: Subscription, file: Path, *, is_known: bool
) -> None:
    if is_known:
        store(subscription, iter([lines(100)]), "before", Source.QUERY)
    files = Overtaken([file])
    files.meanwhile = lambda: store(subscription, iter([lines(1)]), "export", Source.EXPORT)

    report = import_file(subscription, files)

    assert (report.taken, report.refused, report.totals) == (0, 1, {})
    assert [told.verdict for told in report.slices] == ["kept"]
    assert_the_sync_won(subscription)


def test_it_is_replaced_where_that_was_said(subscription: Subscription, file: Path) -> None:
    files = Overtaken([file])
    files.meanwhile = lambda: store(subscription, iter([lines(1)]), "export", Source.EXPORT)

    report = import_file(subscription, files, replace=True)

    assert (report.taken, [told.verdict for told in report.slices]) == (1, ["stored"])
    with entered(Scope.of(subscription.tenant_id)):
        assert [row.amount for row in CostRecord.objects.all()] == [7]
