"""Sets of tags and resources that nothing refers to go; none that a sync relies on does, whoever comes first."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from costs import costed, tag_sets
from costs.models import CostedResource, CostRecord, CostTag, DailyResourceCost, DailyTagCost, RestatementLine
from costs.naming import drop_unnamed
from costs.retention import drop_old
from costs.rows import CostLine
from governance.tenancy import Scope, entered
from tenants.models import Subscription, Tenant
from tests.costs.ledger import NOVEMBER, OCTOBER, line, store, subscription_of
from tests.costs.test_store_concurrency import PATIENCE_SECONDS, Second
from tests.costs.test_store_concurrency import store as store_in_batches
from tests.costs.test_store_concurrency import subscription as concurrent_subscription

__all__ = ["concurrent_subscription"]  # a fixture

GONE = date(2024, 1, 1)  # a month that is older than anything is kept
READ_THEN = datetime(2024, 1, 25, tzinfo=UTC)
TODAY = date(2025, 11, 25)


def names(tenant: Tenant) -> tuple[list[str], list[str]]:
    """The values of tags and the names of resources that are there."""
    with entered(Scope.of(tenant.id)):
        tags = CostTag.objects.order_by("value").values_list("value", flat=True)
        return list(tags), list(CostedResource.objects.order_by("name").values_list("name", flat=True))


def tagged(month: date, name: str, amount: str = "1") -> CostLine:
    """A row whose resource and whose tag's value have this name."""
    return line(month, amount, name=name, tags={"env": name})


# --- what goes ---


@pytest.mark.django_db
def test_what_only_dropped_months_named_goes_and_nothing_else(contoso: Tenant, fabrikam: Tenant) -> None:
    for tenant in (contoso, fabrikam):
        store(subscription_of(tenant, "s"), NOVEMBER, [tagged(NOVEMBER, "kept"), tagged(NOVEMBER, "both")])
    own = subscription_of(contoso, "old")
    store(own, GONE, [tagged(GONE, "gone"), tagged(GONE, "both")], read_at=READ_THEN)

    dropped = drop_old(TODAY)

    assert (dropped.rows, dropped.months, dropped.names) == (2, 1, 2)
    assert names(contoso) == names(fabrikam) == (["both", "kept"], ["both", "kept"])


@pytest.mark.django_db
def test_a_resource_of_which_only_what_moved_is_told_keeps_its_name(contoso: Tenant) -> None:
    own = subscription_of(contoso, "s")
    store(own, OCTOBER, [tagged(OCTOBER, "left")])
    store(own, OCTOBER, [tagged(OCTOBER, "came")])

    with entered(Scope.of(contoso.id)):
        dropped = drop_unnamed(contoso.id)
        lines = RestatementLine.objects.count()

    assert (dropped, lines) == (1, 2)
    assert names(contoso) == (["came"], ["came", "left"])


@pytest.mark.django_db
def test_what_rows_have_left_to_their_sums_stays(contoso: Tenant) -> None:
    store(subscription_of(contoso, "s"), NOVEMBER, [tagged(NOVEMBER, "summed")])

    with entered(Scope.of(contoso.id)):
        CostRecord.objects.all().delete()  # as the rows of a month whose sums are kept longer
        assert drop_unnamed(contoso.id) == 0
        DailyResourceCost.objects.all().delete()
        assert drop_unnamed(contoso.id) == 2

    assert names(contoso) == ([], [])


@pytest.mark.django_db
def test_cached_answers_are_void_only_where_something_went(contoso: Tenant) -> None:
    own = subscription_of(contoso, "s")
    store(own, NOVEMBER, [tagged(NOVEMBER, "kept")])

    with entered(Scope.of(contoso.id)):
        before = Tenant.objects.get().data_version
        drop_unnamed(contoso.id)
        assert Tenant.objects.get().data_version == before
        CostTag.objects.update(tag_set="other")
        drop_unnamed(contoso.id)
        assert Tenant.objects.get().data_version == before + 1


# --- beside a sync ---


def rely_on_it(subscription: Subscription) -> Iterator[Sequence[CostLine]]:
    """A row that names what nothing refers to any more."""
    yield [tagged(date(2026, 10, 1), "again", "3")]


@pytest.fixture
def unnamed(contoso: Tenant, concurrent_subscription: Subscription) -> Subscription:
    """A subscription whose only set of tags and only resource nothing refers to."""
    store_in_batches(concurrent_subscription, rely_on_it(concurrent_subscription), "1")
    with entered(Scope.of(contoso.id)):
        for model in (CostRecord, DailyResourceCost, DailyTagCost):
            model.objects.all().delete()
    return concurrent_subscription


def assert_named(tenant: Tenant) -> None:
    """All that the rows name is there."""
    assert names(tenant) == (["again"], ["again"])
    with entered(Scope.of(tenant.id)):
        (row,) = CostRecord.objects.all()
        assert row.tag_set == CostTag.objects.get().tag_set
        assert row.azure_id_hash == CostedResource.objects.get().azure_id_hash
        assert [row.amount for row in DailyTagCost.objects.all()] == [Decimal(3)]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("module", "bound"), [(tag_sets, "SETS_WRITTEN_TOGETHER"), (costed, "RESOURCES_WRITTEN_TOGETHER")]
)
def test_a_sync_that_has_seen_a_name_keeps_it(
    contoso: Tenant, unnamed: Subscription, monkeypatch: pytest.MonkeyPatch, module: Any, bound: str
) -> None:
    monkeypatch.setattr(module, bound, 0)  # it looks at once, not at the end

    def drop() -> str:
        with entered(Scope.of(contoso.id)):
            return str(drop_unnamed(contoso.id))

    second = Second(drop)

    def batches() -> Iterator[Sequence[CostLine]]:
        yield from rely_on_it(unnamed)
        second.come_to_wait()

    store_in_batches(unnamed, batches(), "2")
    second.join(PATIENCE_SECONDS)

    assert second.verdict == "0"
    assert_named(contoso)


@pytest.mark.django_db(transaction=True)
def test_a_sync_that_comes_while_names_are_dropped_writes_them_again(contoso: Tenant, unnamed: Subscription) -> None:
    second = Second(lambda: store_in_batches(unnamed, rely_on_it(unnamed), "2"))

    with entered(Scope.of(contoso.id)), transaction.atomic():
        dropped = drop_unnamed(contoso.id)
        second.come_to_wait()
    second.join(PATIENCE_SECONDS)

    assert (dropped, second.verdict) == (2, "stored")
    assert_named(contoso)
