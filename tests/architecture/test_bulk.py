"""The bulk writes on the engine at hand: all or nothing, in the caller's transaction, within the scope."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Sum
from django.utils import timezone

from audit.models import SetAsideRow, SyncRun
from costs.models import CostRecord, DailyCost
from costs.rows import CostLine
from costs.store import COLUMNS as COST_COLUMNS
from governance import bulk
from governance.batches import pages_by_key
from governance.keys import new_id
from governance.tenancy import Scope, UnscopedError, entered
from tenants.models import Subscription, Tenant

COLUMNS = (
    "tenant",
    "id",
    "subscription_id",
    "name",
    "state",
    "quota_id",
    "first_seen_at",
    "access_lost_at",
    "is_imported",
)
MONTH = date(2026, 10, 1)
HOSTILE = '\'; DROP TABLE x; -- \t\\N \\. "quoted" ünïcode 🙂 %s {} $1'


def row(tenant: Tenant, key: str, **values: Any) -> tuple[Any, ...]:
    """A subscription as a bulk row."""
    columns = {
        "tenant": tenant.id,
        "id": new_id(),
        "subscription_id": key,
        "name": key,
        "state": "Enabled",
        "quota_id": "",
        "first_seen_at": timezone.now(),
        "access_lost_at": None,
        "is_imported": False,
    }
    return tuple({**columns, **values}.values())


def test_rows_arrive_as_they_are(contoso: Tenant) -> None:
    now = timezone.now()
    with entered(Scope.of(contoso.id)), transaction.atomic():
        bulk.insert(Subscription, COLUMNS, [row(contoso, "a", name=HOSTILE, first_seen_at=now)])

        stored = Subscription.objects.get()

    assert (stored.name, stored.first_seen_at, stored.access_lost_at) == (HOSTILE, now, None)


def test_an_upsert_changes_what_is_there_and_adds_what_is_not(contoso: Tenant) -> None:
    with entered(Scope.of(contoso.id)), transaction.atomic():
        bulk.insert(Subscription, COLUMNS, [row(contoso, "a"), row(contoso, "b")])
        kept = Subscription.objects.get(subscription_id="a").id

        changed = [row(contoso, "a", name="new name", state="Disabled"), row(contoso, "c")]
        bulk.upsert(Subscription, COLUMNS, changed, key=("tenant", "subscription_id"), update=("name",))

        found = {one.subscription_id: (one.name, one.state) for one in Subscription.objects.all()}
        assert Subscription.objects.get(subscription_id="a").id == kept
    assert found == {"a": ("new name", "Enabled"), "b": ("b", "Enabled"), "c": ("c", "Enabled")}


def test_nothing_is_half_written(contoso: Tenant) -> None:
    with entered(Scope.of(contoso.id)):
        with pytest.raises(IntegrityError), transaction.atomic():
            bulk.insert(Subscription, COLUMNS, [row(contoso, "a"), row(contoso, "a")])

        assert not Subscription.objects.exists()


def test_a_foreign_tenant_is_refused(contoso: Tenant, fabrikam: Tenant) -> None:
    with entered(Scope.of(contoso.id)), transaction.atomic(), pytest.raises(UnscopedError):
        bulk.insert(Subscription, COLUMNS, [row(contoso, "a"), row(fabrikam, "b")])


@pytest.mark.django_db(transaction=True)
def test_a_write_outside_a_transaction_is_refused(contoso: Tenant) -> None:
    with entered(Scope.of(contoso.id)), pytest.raises(transaction.TransactionManagementError):
        bulk.insert(Subscription, COLUMNS, [row(contoso, "a")])


def test_thousands_of_rows_come_back_in_pages_each_once(contoso: Tenant) -> None:
    now = timezone.now()
    with entered(Scope.of(contoso.id)), transaction.atomic():
        run = SyncRun.objects.create(
            tenant=contoso, kind="resources", started_at=now, heartbeat_at=now, host="h", process="1@1"
        )
        rows = [(contoso.id, new_id(), run.id, str(number), "why") for number in range(2500)]
        bulk.insert(SetAsideRow, ("tenant", "id", "run", "azure_id", "reason"), rows)

        pages = list(pages_by_key(SetAsideRow.objects.filter(run=run), "azure_id", size=1000))

    assert [len(page) for page in pages] == [1000, 1000, 500]
    assert sorted(int(number) for page in pages for (number,) in page) == list(range(2500))


# --- streams and sums, on the tables of costs ---


def cost(**values: Any) -> tuple[Any, ...]:
    """A row of cost, in the order of COST_COLUMNS."""
    line = CostLine(MONTH, "EUR", Decimal(1))._replace(**values)
    return (*line[:-1], "")


def costs_of(tenant: Tenant) -> dict[str, Any]:
    """What rows of one slice share."""
    subscription = Subscription.objects.create(
        tenant=tenant, subscription_id="s", name="s", first_seen_at=timezone.now()
    )
    return {"tenant": tenant.id, "month": MONTH, "subscription": subscription.id, "metric": "actual"}


def test_a_stream_takes_batches_of_any_size_and_keeps_their_order(contoso: Tenant) -> None:
    amounts = [Decimal(number).scaleb(-9) for number in (-1, 0, 1, 10**18, 10**9)]
    with entered(Scope.of(contoso.id)), transaction.atomic():
        alike = costs_of(contoso)
        with bulk.stream(CostRecord, COST_COLUMNS, alike=alike) as write:
            write([[] for _ in COST_COLUMNS])
            write([*zip(cost(amount=amounts[0], meter=HOSTILE, quantity=None))])
            Subscription.objects.count()  # something else between two batches
            write([*zip(*(cost(amount=amount, quantity=amount) for amount in amounts[1:]), strict=True)])

        stored = CostRecord.objects.order_by("id")
        assert [row.amount for row in stored] == amounts
        assert [row.quantity for row in stored] == [None, *amounts[1:]]
        assert stored[0].meter == HOSTILE
        assert {(row.tenant_id, row.month, row.subscription_id, row.metric) for row in stored} == {
            tuple(alike.values())
        }
        assert stored[0].id.version == 7


def broken(alike: dict[str, Any]) -> None:
    """A stream whose source dies after a batch."""
    with transaction.atomic(), bulk.stream(CostRecord, COST_COLUMNS, alike=alike) as write:
        write([*zip(cost())])
        raise ConnectionError


def test_a_stream_that_breaks_leaves_nothing(contoso: Tenant) -> None:
    with entered(Scope.of(contoso.id)):
        alike = costs_of(contoso)

        with pytest.raises(ConnectionError):
            broken(alike)

        assert not CostRecord.objects.exists()


def test_a_stream_into_a_foreign_tenant_is_refused(contoso: Tenant, fabrikam: Tenant) -> None:
    with entered(Scope.of(contoso.id)), transaction.atomic():
        alike = {**costs_of(contoso), "tenant": fabrikam.id}

        with pytest.raises(UnscopedError), bulk.stream(CostRecord, COST_COLUMNS, alike=alike):
            pass
        with pytest.raises(UnscopedError):
            bulk.insert_select(DailyCost, ("day",), "SELECT '2026-10-01'", {}, alike=alike)


def test_sums_are_made_within_the_database_each_with_a_key(contoso: Tenant) -> None:
    with entered(Scope.of(contoso.id)), transaction.atomic():
        alike = costs_of(contoso)
        with bulk.stream(CostRecord, COST_COLUMNS, alike=alike) as write:
            write([*zip(*(cost(amount=Decimal("0.1"), service=service) for service in "aba"), strict=True)])
        sums = CostRecord.objects.order_by().values_list("day", "currency", "service").annotate(total=Sum("amount"))
        fields = [CostRecord._meta.get_field(name) for name in ("day", "currency", "service", "amount")]

        with bulk.set_aside(fields, sums) as aside:
            select = f"SELECT day, currency, service, amount, 1, '', '', '' FROM {aside} WHERE service <> %s"
            columns = ("day", "currency", "service", "amount", "rows", "resource_group", "region", "charge_type")
            made = [
                bulk.insert_select(DailyCost, columns, select, {}, given=(left_out,), alike=alike)
                for left_out in ("", "b")
            ]

        rows = DailyCost.objects.order_by("id")
        assert made == [2, 1]
        assert sorted(row.amount for row in rows) == [Decimal("0.1"), Decimal("0.2"), Decimal("0.2")]
        assert {row.id.version for row in rows} == {7}
        assert len({row.id for row in rows}) == 3
