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
from costs.store import StoredOtherwiseError, note_failure, replace_slice
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


def test_a_slice_is_replaced_whole_and_added_up(subscription: Subscription) -> None:
    store(subscription, line(1, "1"), line(2, "2"), line(2, "3"))

    receipt = store(subscription, line(1, "10"), line(2, "20.000000001"))

    assert receipt.verdict == "stored"
    assert total(CostRecord) == total(DailyCost) == total(DailyResourceCost) == {"EUR": Decimal("30.000000001")}
    row = CostSlice.objects.get()
    assert (row.row_count, row.through, row.finality) == (2, date(2026, 10, 2), "estimate")
    assert (row.read_at, row.receipt_id, row.has_resources) == (NOW, receipt.id, True)


def test_the_same_content_is_not_written_again(subscription: Subscription) -> None:
    first = store(subscription, line(1, "1"))
    written = CostRecord.objects.get().id

    unread = (pytest.fail("The rows were asked for.") for _ in range(1))
    again = datetime(2026, 11, 7, 2, tzinfo=UTC)
    receipt = store(subscription, line(1, "1"), batches=unread, read_at=again, today=again.date())

    assert (receipt.verdict, receipt.received_rows) == ("unchanged", 1)
    assert CostRecord.objects.get().id == written
    row = CostSlice.objects.get()
    assert (row.read_at, row.finality, row.receipt_id) == (again, "final", first.id)
    assert not Restatement.objects.exists()


def test_currencies_and_metrics_stand_beside_each_other(subscription: Subscription) -> None:
    store(subscription, line(1, "1"), line(1, "7", currency="USD"))
    store(subscription, line(1, "5"), metric=Metric.AMORTIZED)

    sums = {(row.metric, row.currency): row.amount for row in DailyCost.objects.all()}

    assert sums == {("actual", "EUR"): 1, ("actual", "USD"): 7, ("amortized", "EUR"): 5}
    receipt = CostReceipt.objects.get(metric="actual")
    assert json.loads(receipt.totals) == {
        "EUR": {"stored": "1", "control": None, "residual": "0"},
        "USD": {"stored": "7", "control": None, "residual": "0"},
    }


def test_letters_beyond_ascii_are_folded_too(subscription: Subscription) -> None:
    store(
        subscription,
        line(1, "1", resource_group="RG-ÄRGER", region="ÎLE"),
        line(1, "2", resource_group="rg-ärger", region="île"),
    )

    row = DailyCost.objects.get()

    assert (row.resource_group, row.region, row.amount) == ("rg-ärger", "île", Decimal(3))


def test_sums_fold_groups_and_regions_and_count_rows(subscription: Subscription) -> None:
    store(
        subscription,
        line(1, "1", resource_group="RG-A", region="WestEurope", charge_type="Usage"),
        line(1, "2", resource_group="rg-a", region="westeurope", charge_type="Usage"),
        line(1, "4", resource_group="rg-a", region="westeurope", charge_type="Purchase"),
    )

    found = {
        (row.resource_group, row.region, row.charge_type): (row.amount, row.rows) for row in DailyCost.objects.all()
    }

    assert found == {("rg-a", "westeurope", "Usage"): (3, 2), ("rg-a", "westeurope", "Purchase"): (4, 1)}


def test_a_row_counts_in_the_sum_of_each_of_its_tags(subscription: Subscription) -> None:
    store(
        subscription,
        line(1, "1", tags='{"CostCenter":"4711","Env":"prod"}'),
        line(1, "2", tags='{"CostCenter":"4712"}'),
        line(1, "4", tags='{"CostCenter":"4711","Env":"prod"}'),
        line(1, "8"),
    )

    found = {(row.name, row.value): row.amount for row in DailyTagCost.objects.all()}

    assert found == {("costcenter", "4711"): 5, ("costcenter", "4712"): 2, ("env", "prod"): 5}
    assert {(tag.key, tag.name, tag.value) for tag in CostTag.objects.all()} == {
        ("costcenter", "CostCenter", "4711"),
        ("env", "Env", "prod"),
        ("costcenter", "CostCenter", "4712"),
    }


def test_of_two_tags_that_differ_in_case_the_first_in_order_is_kept(subscription: Subscription) -> None:
    store(subscription, line(1, "1", tags='{"ENV":"a","Env":"b","env":"c"}'))

    assert [(tag.name, tag.value) for tag in CostTag.objects.all()] == [("ENV", "a")]
    assert total(DailyTagCost) == {"EUR": 1}


def test_a_resource_is_known_by_its_id_once(subscription: Subscription) -> None:
    store(subscription, line(1, "1", azure_id=DISK, region="WestEurope"), line(2, "1", azure_id=DISK.upper()))
    store(subscription, line(1, "5", azure_id=DISK.lower()))

    row = CostedResource.objects.get()

    assert (row.name.lower(), row.type, row.resource_group) == ("disk1", "microsoft.compute/disks", "rg-orders")
    assert DailyResourceCost.objects.get().azure_id_hash == row.azure_id_hash


def test_a_source_without_resources_gives_no_sums_by_resource(subscription: Subscription) -> None:
    store(subscription, line(1, "1"), has_resources=False, source=Source.QUERY)

    assert not DailyResourceCost.objects.exists()
    assert total(DailyCost) == {"EUR": 1}


def test_a_slice_that_never_had_a_row_is_read_and_zero(subscription: Subscription) -> None:
    receipt = store(subscription)

    row = CostSlice.objects.get()
    assert (receipt.verdict, row.row_count, row.through) == ("stored", 0, None)
    assert not Restatement.objects.exists()


# --- what is not believed ---


def refused(subscription: Subscription, *lines: CostLine, **values: Any) -> CostReceipt:
    """A later reading that must not replace what is there: 10 EUR."""
    store(subscription, line(1, "10"))
    receipt = store(subscription, *lines, **values)
    assert receipt.verdict == "refused"
    assert total(CostRecord) == total(DailyCost) == {"EUR": 10}
    row = CostSlice.objects.get()
    assert (row.refused_at, row.refusal) == (NOW, receipt.reason)
    return receipt


def test_an_empty_slice_where_there_was_cost_is_refused(subscription: Subscription) -> None:
    receipt = refused(subscription)

    assert receipt.reason.startswith("Nothing came where 10 EUR had been stored")


def test_an_empty_slice_is_refused_while_azure_tells_a_total(subscription: Subscription) -> None:
    receipt = refused(subscription, control={"EUR": Decimal("9.5")})

    assert receipt.reason == "0 EUR came, and Azure's own total is 9.5: less than 80% of it."
    assert json.loads(receipt.totals) == {"EUR": {"came": "0", "control": "9.5", "residual": "0", "stored": "10"}}


def test_a_month_restated_to_zero_is_stored_when_azure_says_so(subscription: Subscription) -> None:
    store(subscription, line(1, "10"))

    receipt = store(subscription, control={})

    assert receipt.verdict == "stored"
    assert (total(CostRecord), total(DailyCost)) == ({}, {})
    moved = Restatement.objects.get()
    assert (moved.before, moved.arrived, moved.moved, moved.after) == (10, 0, -10, 0)


def test_much_less_than_the_control_total_is_refused(subscription: Subscription) -> None:
    refused(subscription, line(1, "79.99"), control={"EUR": Decimal(100)})


def test_a_currency_that_is_missing_altogether_is_refused(subscription: Subscription) -> None:
    refused(subscription, line(1, "79.99"), control={"EUR": Decimal(80), "USD": Decimal(1)})


def test_a_little_less_than_the_control_total_is_stored(subscription: Subscription) -> None:
    assert store(subscription, line(1, "80"), control={"EUR": Decimal(100)}).verdict == "stored"


def test_other_rows_than_announced_are_refused(subscription: Subscription) -> None:
    receipt = refused(subscription, line(1, "10"), line(2, "1"), expected_rows=3)

    assert receipt.reason == "3 rows were announced and 2 came."
    assert (receipt.expected_rows, receipt.received_rows) == (3, 2)


def test_a_delivery_that_stays_behind_azure_is_flagged(subscription: Subscription) -> None:
    store(subscription, line(1, "10"))

    assert store(subscription, line(1, "10"), control={"EUR": Decimal(20)}).verdict == "refused"
    assert CostSlice.objects.get().refused_at == NOW


def test_a_first_reading_that_is_refused_leaves_the_slice_unknown(subscription: Subscription) -> None:
    receipt = store(subscription, line(1, "1"), expected_rows=2)

    assert receipt.verdict == "refused"
    assert not CostSlice.objects.exists()
    assert not CostRecord.objects.exists()


def test_the_next_believed_reading_clears_the_flag(subscription: Subscription) -> None:
    refused(subscription)

    assert store(subscription, line(1, "10")).verdict == "unchanged"

    row = CostSlice.objects.get()
    assert (row.refused_at, row.refusal) == (None, "")


# --- what must not happen ---


def test_a_reader_that_fails_in_the_middle_changes_nothing(subscription: Subscription) -> None:
    store(subscription, line(1, "1"))

    def broken() -> Iterator[Sequence[CostLine]]:
        yield [line(1, "99", tags='{"a":"b"}')]
        raise RuntimeError("The download broke.")

    with pytest.raises(RuntimeError, match="The download broke"):
        store(subscription, batches=broken(), content_hash="other")

    assert total(CostRecord) == total(DailyCost) == {"EUR": 1}
    assert not CostTag.objects.exists()
    assert CostReceipt.objects.count() == 1


def test_after_a_failed_reading_its_caller_can_go_on(subscription: Subscription) -> None:
    with transaction.atomic():
        with pytest.raises(ValueError, match="another month"):
            store(subscription, line(1, "1"), line(1, "1")._replace(day=date(2026, 11, 1)), size=1)

        assert not CostReceipt.objects.exists()
        assert not CostSlice.objects.exists()
        assert store(subscription, line(1, "2")).verdict == "stored"


def test_a_day_of_another_month_is_not_stored(subscription: Subscription) -> None:
    with pytest.raises(ValueError, match="another month"):
        store(subscription, line(1, "1")._replace(day=date(2026, 11, 1)))


def test_an_amount_without_currency_is_not_stored(subscription: Subscription) -> None:
    with pytest.raises(ValueError, match="currency"):
        store(subscription, line(1, "1", currency=""))


def test_an_amount_that_is_not_rounded_is_not_stored(subscription: Subscription) -> None:
    with pytest.raises((ValueError, StoredOtherwiseError)):
        store(subscription, line(1, "0.0000000001"))

    assert not CostRecord.objects.exists()


def test_a_foreign_tenant_is_refused(subscription: Subscription, fabrikam: Tenant) -> None:
    with entered(Scope.of(fabrikam.id)):
        theirs = Subscription.objects.create(
            tenant=fabrikam, subscription_id="s-1", name="theirs", first_seen_at=timezone.now()
        )

    with pytest.raises(UnscopedError):
        store(theirs, line(1, "1"))
    with pytest.raises(ValueError, match="not the one of this tenant"):
        replace_slice(
            subscription.tenant_id,
            theirs,
            SliceKey("s-1", MONTH, Metric.ACTUAL),
            [[line(1, "1")]],
            source=Source.EXPORT,
            has_resources=True,
            read_at=NOW,
            today=TODAY,
            content_hash="x",
        )


def test_every_change_makes_cached_answers_void(subscription: Subscription) -> None:
    def version() -> int:
        return int(Tenant.objects.get(id=subscription.tenant_id).data_version)

    start = version()
    store(subscription, line(1, "1"))
    store(subscription, line(1, "1"))
    store(subscription)

    assert version() == start + 2  # stored, unchanged, refused


def test_a_failure_is_written_down_and_the_slice_stays(subscription: Subscription) -> None:
    store(subscription, line(1, "1"))

    receipt = note_failure(
        subscription.tenant_id,
        subscription,
        SliceKey("s-1", MONTH, Metric.ACTUAL),
        source=Source.REPORT,
        source_reason="No export was found.",
        verdict=CostReceipt.Verdict.NOT_OFFERED,
        reason="The offer has no cost details report.",
        at=NOW,
        run=None,
    )

    assert (receipt.verdict, receipt.totals) == ("not_offered", "{}")
    assert total(CostRecord) == {"EUR": 1}
    assert CostSlice.objects.get().refused_at is None


# --- what moved ---


def moves(subscription: Subscription) -> list[tuple[Any, ...]]:
    """Day, service, hash, before and after of each line that moved."""
    lines = RestatementLine.objects.order_by("day", "service", "azure_id_hash")
    return list(lines.values_list("day", "service", "azure_id_hash", "before", "after"))


def test_what_moved_is_told_by_day_service_and_resource(subscription: Subscription) -> None:
    one, other = line(1, "1", azure_id=DISK), line(1, "2", azure_id=f"{DISK}-2")
    store(subscription, one, other, line(2, "4"))

    receipt = store(subscription, one, other._replace(amount=Decimal("1.5")), line(2, "4"), line(3, "8"), line(2, "1"))

    moved = Restatement.objects.get()
    assert (moved.before, moved.arrived, moved.moved, moved.after) == (7, 8, Decimal("0.5"), Decimal("15.5"))
    assert (moved.receipt_id, moved.at, moved.currency, moved.finality_before) == (receipt.id, NOW, "EUR", "estimate")
    assert moves(subscription) == [
        (date(2026, 10, 1), "Storage", other.azure_id_hash, 2, Decimal("1.5")),
        (date(2026, 10, 2), "Storage", "", 4, 5),
    ]


def test_what_is_named_more_finely_has_not_moved(subscription: Subscription) -> None:
    store(subscription, line(1, "3"), has_resources=False, source=Source.QUERY)

    store(subscription, line(1, "1", azure_id=DISK), line(1, "2", azure_id=f"{DISK}-2"))

    assert total(DailyResourceCost) == {"EUR": 3}
    assert not Restatement.objects.exists()


def test_a_late_charge_of_a_final_month_has_moved(subscription: Subscription) -> None:
    store(subscription, line(1, "3"), today=date(2026, 11, 6))

    store(subscription, line(1, "3"), line(30, "2"), today=date(2026, 11, 7))

    moved = Restatement.objects.get()
    assert (moved.arrived, moved.moved, moved.finality_before) == (0, 2, "final")
    assert moves(subscription) == [(date(2026, 10, 30), "Storage", "", 0, 2)]


def test_a_currency_that_came_and_one_that_went_are_told_apart(subscription: Subscription) -> None:
    store(subscription, line(1, "3", currency="EUR"))

    store(subscription, line(1, "4", currency="USD"))

    found = {row.currency: (row.before, row.moved, row.after) for row in Restatement.objects.all()}
    assert found == {"EUR": (3, -3, 0), "USD": (0, 4, 4)}


def test_other_tags_alone_have_moved_no_money(subscription: Subscription) -> None:
    store(subscription, line(1, "3", tags='{"env":"prod"}'))

    assert store(subscription, line(1, "3", tags='{"env":"test"}')).verdict == "stored"

    assert not Restatement.objects.exists()
    assert DailyTagCost.objects.get().value == "test"
