"""How far a reading told its month as a whole, so that what comes later of it is known to be a restatement."""

from datetime import date

import pytest

from costs.spans import told_until

JANUARY = date(2026, 1, 1)


@pytest.mark.parametrize("state", ["estimate", "closing"])
@pytest.mark.parametrize(
    ("through", "read_on", "until"),
    [
        (date(2026, 1, 20), date(2026, 1, 20), date(2026, 1, 18)),  # the day itself, and usage that is a day late
        (date(2026, 1, 19), date(2026, 1, 20), date(2026, 1, 18)),
        (date(2026, 1, 15), date(2026, 1, 20), date(2026, 1, 15)),  # later ones may only not have come
        (date(2026, 1, 31), date(2026, 2, 1), date(2026, 1, 30)),
        (date(2026, 1, 31), date(2026, 2, 3), date(2026, 1, 31)),
        (date(2026, 1, 1), date(2026, 1, 1), date(2025, 12, 30)),  # none of its days
        (None, date(2026, 1, 20), None),
    ],
)
def test_days_that_were_not_whole_when_they_were_told_have_not_been_told(
    state: str, through: date | None, read_on: date, until: date | None
) -> None:
    assert told_until(JANUARY, state, through, read_on) == until


@pytest.mark.parametrize("through", [date(2026, 1, 20), None])
def test_a_final_month_has_told_the_days_without_a_row_too(through: date | None) -> None:
    assert told_until(JANUARY, "final", through, date(2026, 2, 6)) == date(2026, 1, 31)
