"""How much a month may still move."""

from datetime import date

import pytest

from costs.finality import State, finality, last_day, next_month
from costs.models import Finality


@pytest.mark.parametrize(
    ("read_on", "expected"),
    [
        (date(2026, 1, 1), "estimate"),
        (date(2026, 1, 31), "estimate"),
        (date(2026, 2, 1), "closing"),
        (date(2026, 2, 5), "closing"),
        (date(2026, 2, 6), "final"),
        (date(2027, 1, 15), "final"),
    ],
)
def test_a_month_is_an_estimate_then_closing_then_final(read_on: date, expected: str) -> None:
    assert finality(date(2026, 1, 1), read_on) == expected


def test_a_year_ends_like_any_month() -> None:
    assert finality(date(2026, 12, 1), date(2027, 1, 5)) == "closing"
    assert (next_month(date(2026, 12, 31)), last_day(date(2028, 2, 1))) == (date(2027, 1, 1), date(2028, 2, 29))


def test_the_words_are_those_of_the_table() -> None:
    assert {state.value for state in State} == set(Finality.values)
