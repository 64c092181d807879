"""What moved since a moment, worked out by hand."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from costs.models import CostReceipt, Finality, Metric, Restatement, RestatementLine, Source
from costs.moved import moved_since
from governance.tenancy import Scope, entered
from tenants.models import Subscription, Tenant
from tests.costs.ledger import OCTOBER, SEPTEMBER, subscription_of

pytestmark = pytest.mark.django_db
SECOND, THIRD, FOURTH = (datetime(2025, 11, day, 2, tzinfo=UTC) for day in (2, 3, 4))


@pytest.fixture
def shop(contoso: Tenant) -> Subscription:
    return subscription_of(contoso, "shop")


@pytest.fixture(autouse=True)
def _in_contoso(contoso: Tenant) -> Iterator[None]:
    with entered(Scope.of(contoso.id)):
        yield


def restate(
    subscription: Subscription,
    at: datetime,
    told: tuple[str, str, str, str],
    lines: dict[tuple[date, str, str], tuple[str, str]],
    *,
    month: date = OCTOBER,
    currency: str = "EUR",
    metric: str = Metric.ACTUAL,
) -> None:
    """Before, arrived, moved, after; and the lines of what moved."""
    own = {"tenant_id": subscription.tenant_id, "subscription": subscription, "month": month, "metric": metric}
    receipt = CostReceipt.objects.create(**own, source=Source.EXPORT, verdict=CostReceipt.Verdict.STORED, at=at)
    before, arrived, moved, after = (Decimal(text) for text in told)
    assert before + arrived + moved == after
    amounts = {"before": before, "arrived": arrived, "moved": moved, "after": after}
    row = Restatement.objects.create(
        **own, **amounts, receipt=receipt, at=at, currency=currency, finality_before=Finality.ESTIMATE
    )
    for (day, service, key), (old, new) in lines.items():
        RestatementLine.objects.create(
            tenant_id=subscription.tenant_id,
            restatement=row,
            day=day,
            service=service,
            azure_id_hash=key,
            before=Decimal(old),
            after=Decimal(new),
        )


@pytest.fixture
def history(shop: Subscription) -> None:
    """October of the shop, told three times; September once more; October in dollars, and amortized."""
    first, second = date(2025, 10, 1), date(2025, 10, 2)
    restate(shop, SECOND, ("100", "10", "-5", "105"), {(first, "Compute", "a"): ("50", "45")})
    lines = {(first, "Compute", "a"): ("45", "47"), (second, "Storage", ""): ("10", "0")}
    restate(shop, THIRD, ("105", "0", "-8", "97"), lines)
    restate(shop, FOURTH, ("97", "3", "0", "100"), {})
    restate(shop, THIRD, ("7", "0", "1", "8"), {(date(2025, 9, 1), "Compute", "a"): ("7", "8")}, month=SEPTEMBER)
    restate(shop, THIRD, ("1", "0", "2", "3"), {(first, "Compute", "a"): ("1", "3")}, currency="USD")
    restate(shop, THIRD, ("1", "0", "500", "501"), {(first, "X", "x"): ("1", "501")}, metric=Metric.AMORTIZED)


@pytest.mark.usefixtures("history")
def test_a_slice_tells_what_it_said_then_and_says_now() -> None:
    found = moved_since(THIRD, metric=Metric.ACTUAL)

    rows: list[Any] = [
        (one.month.month, one.currency, one.before, one.arrived, one.moved, one.after) for one in found.slices
    ]
    assert rows == [(10, "EUR", 105, 3, -8, 100), (10, "USD", 1, 0, 2, 3), (9, "EUR", 7, 0, 1, 8)]
    assert [one.restatements for one in found.slices] == [2, 1, 1]
    assert found.more_slices == 0


@pytest.mark.usefixtures("history")
def test_totals_are_by_currency_and_tell_growth_from_restatement() -> None:
    found = moved_since(SECOND, metric=Metric.ACTUAL)

    told: list[Any] = [(one.currency, one.slices, one.arrived, one.moved) for one in found.totals]
    assert told == [("EUR", 2, 13, -12), ("USD", 1, 0, 2)]


@pytest.mark.usefixtures("history")
def test_lines_say_which_day_service_and_resource_moved() -> None:
    found = moved_since(THIRD, metric=Metric.ACTUAL)

    days: list[Any] = [(one.key.day, one.key.month, one.currency, one.moved) for one in found.by_day]
    assert days == [
        (2, 10, "EUR", -10),
        (1, 10, "EUR", 2),
        (1, 10, "USD", 2),
        (1, 9, "EUR", 1),
    ]
    services: list[Any] = [(one.label, one.currency, one.moved) for one in found.by_service]
    assert services == [
        ("Storage", "EUR", -10),
        ("Compute", "EUR", 3),
        ("Compute", "USD", 2),
    ]
    resources: list[Any] = [(one.label, one.currency, one.moved) for one in found.by_resource]
    assert resources == [
        ("None", "EUR", -10),
        ("a", "EUR", 3),
        ("a", "USD", 2),
    ]


@pytest.mark.usefixtures("history")
def test_moved_of_the_lines_is_moved_of_the_slices() -> None:
    found = moved_since(SECOND, metric=Metric.ACTUAL)

    for total in found.totals:
        for parts in (found.by_day, found.by_service, found.by_resource):
            assert sum(one.moved for one in parts if one.currency == total.currency) == total.moved


@pytest.mark.usefixtures("history")
def test_nothing_moved_since_then() -> None:
    found = moved_since(datetime(2025, 11, 5, tzinfo=UTC), metric=Metric.ACTUAL)

    assert (found.totals, found.slices, found.by_day) == ((), (), ())


@pytest.mark.usefixtures("history")
def test_it_asks_as_often_of_many_slices_as_of_few(contoso: Tenant) -> None:
    with CaptureQueriesContext(connection) as few:
        moved_since(SECOND, metric=Metric.ACTUAL)
    for number in range(5):
        lines = {(date(2025, 10, 1), f"s{number}", f"r{number}"): ("1", "2")}
        restate(subscription_of(contoso, f"s{number}"), THIRD, ("1", "0", "1", "2"), lines)

    with CaptureQueriesContext(connection) as many:
        found = moved_since(SECOND, metric=Metric.ACTUAL, top=3)

    assert len(many) == len(few) <= 8
    assert (len(found.slices), found.more_slices) == (3, 5)
