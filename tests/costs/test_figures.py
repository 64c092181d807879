"""Totals and trends of small worlds, worked out by hand."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from costs.figures import summary, trend
from costs.models import Metric
from costs.questions import Narrowing, Question
from costs.spans import Span
from costs.standing import State
from governance.filters import Words
from governance.tenancy import Scope, entered
from tenants.models import Subscription, Tenant
from tests.costs.ledger import NOVEMBER, OCTOBER, SEPTEMBER, TODAY, line, store, subscription_of

pytestmark = pytest.mark.django_db
LAST = date(2025, 11, 25)


def november(day: int) -> date:
    return date(2025, 11, day)


def october(day: int) -> date:
    return date(2025, 10, day)


def asked(first: date = NOVEMBER, last: date = LAST, **told: object) -> Question:
    return Question(Metric.ACTUAL, first, last, **told)  # type: ignore[arg-type]


@pytest.fixture
def shop(contoso: Tenant) -> Subscription:
    return subscription_of(contoso, "shop")


@pytest.fixture
def lab(contoso: Tenant) -> Subscription:
    return subscription_of(contoso, "lab")


@pytest.fixture(autouse=True)
def _in_contoso(contoso: Tenant) -> object:
    with entered(Scope.of(contoso.id)):
        yield


def test_what_was_never_read_is_unknown_and_not_zero(shop: Subscription) -> None:
    found = summary(asked(), today=TODAY)

    assert found.standing.state is State.UNKNOWN
    assert found.total.amounts == ()
    assert found.standing.finality is None
    assert [(one.subscription, one.months) for one in found.standing.unread] == [("shop", (NOVEMBER,))]


def test_what_was_read_and_cost_nothing_is_known(shop: Subscription) -> None:
    store(shop, OCTOBER, [])

    found = summary(asked(OCTOBER, october(31)), today=TODAY)

    assert found.standing.state is State.COMPLETE
    assert found.total.amounts == ()
    assert (found.standing.days_known, found.standing.unread) == (31, ())


def test_currencies_stand_side_by_side(shop: Subscription) -> None:
    store(shop, NOVEMBER, [line(november(1), "10.5"), line(november(2), "0.25"), line(november(2), "7", "USD")])

    found = summary(asked(), today=TODAY)

    assert {one.currency: one.amount for one in found.total.amounts} == {"EUR": Decimal("10.75"), "USD": Decimal(7)}


def test_metrics_are_never_mixed(shop: Subscription) -> None:
    store(shop, NOVEMBER, [line(november(1), "10")])
    store(shop, NOVEMBER, [line(november(1), "3")], metric=Metric.AMORTIZED)

    found = summary(Question(Metric.AMORTIZED, NOVEMBER, LAST), today=TODAY)

    assert [one.amount for one in found.total.amounts] == [Decimal(3)]


def test_month_to_date_is_compared_with_the_same_whole_days_of_the_month_before(shop: Subscription) -> None:
    store(shop, OCTOBER, [line(october(day), "1") for day in range(1, 32)])
    store(shop, NOVEMBER, [line(november(day), "2") for day in range(1, 26)])

    found = summary(asked(), today=TODAY)

    assert found.to_date is not None
    assert (found.to_date.span, found.to_date.before) == (Span(NOVEMBER, november(23)), Span(OCTOBER, october(23)))
    (euros,) = found.to_date.amounts
    assert [euros.amount, euros.before, euros.change, euros.percent] == [
        Decimal(number) for number in (46, 23, 23, 100)
    ]


def test_the_time_before_is_unknown_when_it_was_never_read(shop: Subscription) -> None:
    store(shop, NOVEMBER, [line(november(1), "2")])

    found = summary(asked(), today=TODAY)

    assert found.total.state_before is State.UNKNOWN
    assert [(one.amount, one.before, one.change) for one in found.total.amounts] == [(Decimal(2), None, None)]


@pytest.mark.parametrize(
    ("span", "before"),
    [
        (Span(date(2025, 3, 1), date(2025, 3, 31)), Span(date(2025, 2, 1), date(2025, 2, 28))),
        (Span(date(2025, 3, 1), date(2025, 3, 30)), Span(date(2025, 2, 1), date(2025, 2, 28))),
        (Span(date(2025, 1, 1), date(2025, 1, 10)), Span(date(2024, 12, 1), date(2024, 12, 10))),
        (Span(date(2025, 1, 1), date(2025, 3, 31)), Span(date(2024, 10, 1), date(2024, 12, 31))),
        (Span(date(2025, 1, 5), date(2025, 1, 11)), Span(date(2024, 12, 29), date(2025, 1, 4))),
    ],
)
def test_what_a_span_is_compared_with(span: Span, before: Span) -> None:
    assert span.before() == before


def test_days_of_a_trend_say_how_whole_they_are(shop: Subscription) -> None:
    store(shop, NOVEMBER, [line(november(20), "2"), line(november(24), "1")])

    found = trend(asked(november(20), november(27)), today=TODAY)

    assert [(point.span.first.day, point.state.value, point.amounts) for point in found.points] == [
        (20, "complete", {"EUR": Decimal(2)}),
        (21, "complete", {"EUR": Decimal(0)}),
        (22, "complete", {"EUR": Decimal(0)}),
        (23, "complete", {"EUR": Decimal(0)}),
        (24, "unfinished", {"EUR": Decimal(1)}),
        (25, "unknown", {}),
        (26, "unknown", {}),
        (27, "unknown", {}),
    ]


def test_months_of_a_trend_tell_unknown_from_zero(shop: Subscription, lab: Subscription) -> None:
    store(shop, SEPTEMBER, [])
    store(lab, SEPTEMBER, [])
    store(shop, OCTOBER, [line(october(3), "5")])
    store(shop, NOVEMBER, [line(november(3), "6")])
    store(lab, NOVEMBER, [line(november(3), "1")])

    found = trend(asked(date(2025, 8, 1)), "month", today=TODAY)

    assert [(point.span.first.month, point.state.value, point.amounts) for point in found.points] == [
        (8, "unknown", {}),
        (9, "complete", {"EUR": Decimal(0)}),
        (10, "partial", {"EUR": Decimal(5)}),
        (11, "unfinished", {"EUR": Decimal(7)}),
    ]
    assert [(one.subscription, one.months) for one in found.standing.unread] == [
        ("lab", (date(2025, 8, 1), OCTOBER)),
        ("shop", (date(2025, 8, 1),)),
    ]


def test_a_figure_is_as_final_as_its_least_final_slice(shop: Subscription) -> None:
    store(shop, OCTOBER, [], read_at=datetime(2025, 11, 6, tzinfo=UTC))

    assert summary(asked(OCTOBER, october(31)), today=TODAY).standing.finality == "final"
    store(shop, NOVEMBER, [])
    assert summary(asked(OCTOBER), today=TODAY).standing.finality == "estimate"


def test_a_reading_that_was_not_believed_is_named(shop: Subscription) -> None:
    there = store(shop, OCTOBER, [line(october(1), "5")])
    there.refused_at, there.refusal = datetime(2025, 11, 20, tzinfo=UTC), "It came back empty."
    there.save()

    (refused,) = summary(asked(OCTOBER, october(31)), today=TODAY).standing.refused

    assert (refused.subscription, refused.month, refused.reason) == ("shop", OCTOBER, "It came back empty.")


def test_an_off_boarded_subscription_is_expected_until_it_was(shop: Subscription, lab: Subscription) -> None:
    lab.off_boarded_at = datetime(2025, 10, 20, tzinfo=UTC)
    lab.save()
    store(shop, OCTOBER, [])
    store(shop, NOVEMBER, [])

    both, later = (summary(asked(first), today=TODAY).standing for first in (OCTOBER, NOVEMBER))
    store(lab, OCTOBER, [])

    assert [(one.subscription, one.months) for one in both.unread] == [("lab", (OCTOBER,))]
    assert (later.unread, later.slices_expected) == ((), 1)
    assert summary(asked(OCTOBER), today=TODAY).standing.unread == ()


def test_costs_are_narrowed_by_what_rows_tell(shop: Subscription, lab: Subscription) -> None:
    store(
        shop,
        NOVEMBER,
        [
            line(november(1), "1", service="Storage", resource_group="rg-a", region="westeurope", charge_type="Usage"),
            line(november(1), "10", service="Compute", resource_group="rg-a", region="eastus", charge_type="Usage"),
            line(november(1), "100", service="Compute", resource_group="rg-b", region="eastus", charge_type="Refund"),
        ],
    )
    store(lab, NOVEMBER, [line(november(1), "1000", service="Compute")])

    def total(**narrowed: Words) -> Decimal:
        question = asked(narrowed=Narrowing(**narrowed))  # type: ignore[arg-type]
        return sum((one.amount for one in summary(question, today=TODAY).total.amounts), Decimal(0))

    assert total() == 1111
    assert total(service=Words(("Compute",), turned=False)) == 1110
    assert total(service=Words(("Compute",), turned=True)) == 1
    assert total(resource_group=Words(("rg-a", "rg-b"), turned=False)) == 111
    assert total(region=Words(("eastus",), turned=False)) == 110
    assert total(charge_type=Words(("Refund",), turned=False)) == 100
    assert total(subscription=Words((lab.subscription_id,), turned=False)) == 1000
