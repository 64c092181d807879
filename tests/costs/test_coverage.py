"""What is due, and what a run is worth: pure arithmetic."""

from datetime import date
from decimal import Decimal

import pytest

from costs.coverage import SliceReading, SubscriptionReading, judge, shortfall, totals
from costs.months import due, last_of, readable_months, spans, still_moving

TODAY = date(2026, 11, 25)
NOVEMBER, OCTOBER = date(2026, 11, 1), date(2026, 10, 1)


def stored(month: date = NOVEMBER, metric: str = "actual", *, rows: int = 5, failure: str = "") -> SliceReading:
    """A slice that was received."""
    return SliceReading(month, metric, "stored", rows=rows, expected=rows, failure=failure)


def failed(month: date = NOVEMBER, metric: str = "actual", why: str = "Azure failed.") -> SliceReading:
    """A slice that was not."""
    return SliceReading(month, metric, "failed", failure=why)


def test_the_open_month_and_thirteen_before_it_can_be_read() -> None:
    months = readable_months(TODAY)

    assert (months[0], months[-1], len(months)) == (NOVEMBER, date(2025, 10, 1), 14)


@pytest.mark.parametrize(("day", "months"), [(1, 2), (6, 2), (7, 1), (28, 1)])
def test_the_month_before_is_read_through_the_sixth(day: int, months: int) -> None:
    assert still_moving(date(2026, 11, day)) == (NOVEMBER, OCTOBER)[:months]


def test_at_first_everything_is_due_the_newest_month_first() -> None:
    places = due(TODAY, {}, ())

    assert len(places) == 14 * 2
    assert [month for month, _ in places] == sorted((month for month, _ in places), reverse=True)


def test_what_is_final_or_not_offered_is_not_due_again() -> None:
    held = {(month, metric): "final" for month in readable_months(TODAY) for metric in ("actual", "amortized")}
    held[OCTOBER, "actual"] = "closing"  # nobody read it when it was final
    held[NOVEMBER, "actual"] = held[NOVEMBER, "amortized"] = "estimate"
    del held[date(2026, 3, 1), "amortized"], held[date(2026, 4, 1), "amortized"]

    assert due(TODAY, held, {(date(2026, 3, 1), "amortized"), (NOVEMBER, "amortized")}) == [
        (NOVEMBER, "actual"),
        (NOVEMBER, "amortized"),  # an offer may change
        (OCTOBER, "actual"),
        (date(2026, 4, 1), "amortized"),
    ]


def test_one_question_covers_months_without_a_gap_up_to_its_length() -> None:
    months = readable_months(TODAY)

    assert [len(span) for span in spans(months, 12)] == [12, 2]
    assert list(spans([OCTOBER, NOVEMBER, date(2026, 3, 1)], 12)) == [[NOVEMBER, OCTOBER], [date(2026, 3, 1)]]
    assert list(spans([], 12)) == []


def test_the_last_day_of_a_month() -> None:
    assert [last_of(date(2024, month, 5)).day for month in range(1, 13)] == [
        31,
        29,
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ]


def test_everything_received_is_ok() -> None:
    readings = [SubscriptionReading("a", [stored(), SliceReading(NOVEMBER, "amortized", "not_offered")])]

    assert judge(readings).outcome == "ok"
    assert totals(readings) == (5, 5)
    assert readings[0].missing == ""


def test_a_gap_makes_the_run_partial_and_names_the_slice() -> None:
    reading = SubscriptionReading("a", [stored(), failed(metric="amortized")])

    judgement = judge([reading])

    assert (judgement.outcome, judgement.reason) == ("partial", "2026-11 amortized: Azure failed.")
    assert totals([reading]) == (None, 5)


def test_the_same_reason_is_told_once_for_many_slices() -> None:
    reading = SubscriptionReading("a", [failed(month) for month in (NOVEMBER, OCTOBER, date(2026, 9, 1))])

    assert reading.missing == "3 slices from 2026-09 to 2026-11: Azure failed."


def test_nothing_received_is_failed_and_one_subscription_more_is_partial() -> None:
    dark = SubscriptionReading("a", [failed()])

    assert judge([dark]).outcome == "failed"
    assert judge([dark, SubscriptionReading("b", [stored()])]).outcome == "partial"
    assert judge([dark, SubscriptionReading("b", failure="It is gone.")]).outcome == "failed"
    assert judge([]).outcome == "failed"


def test_a_fallback_is_received_and_not_whole() -> None:
    reading = SubscriptionReading("a", [stored(failure="The export has stopped.")])

    assert (judge([reading]).outcome, reading.is_complete, reading.received) == ("partial", False, 5)


def test_a_refused_slice_is_not_received() -> None:
    reading = SubscriptionReading(
        "a", [SliceReading(NOVEMBER, "actual", "refused", rows=1, expected=1, failure="Less.")]
    )

    assert (judge([reading]).outcome, reading.received) == ("failed", 0)


def test_rows_that_do_not_add_up_to_azures_total_are_told() -> None:
    came = {"EUR": Decimal("999.5"), "USD": Decimal(10)}

    assert shortfall(came, {"EUR": Decimal(1000), "USD": Decimal(10)}) == ""
    assert shortfall(came, {"EUR": Decimal(900)}) == ""
    assert shortfall(came, None) == ""
    assert "10 USD, and Azure's own total is 10.02" in shortfall(came, {"USD": Decimal("10.02")})
    assert shortfall({}, {"EUR": Decimal("0.005")}) == ""
