"""Which months of cost are read, and when again. Pure.

The open month is read at every run, and the month before until the 6th: late charges come up to the 5th. A month that
was never read, or never read whole after that, is read once more, the newest first. Azure makes reports of 13 months
back; older months are not asked for.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import date, timedelta

MONTHS_BACK = 13  # before the open one
LAST_DAY_OF_CLOSING = 6  # through it the month before is read again; from it on, what is read is final
METRICS = ("actual", "amortized")
FINAL = "final"

Place = tuple[date, str]  # a month's first day, and a metric


def first_of(day: date) -> date:
    """The first day of the month."""
    return day.replace(day=1)


def month_before(month: date) -> date:
    """The first day of the month before."""
    return first_of(first_of(month) - timedelta(days=1))


def last_of(month: date) -> date:
    """The last day of the month."""
    return first_of(first_of(month) + timedelta(days=31)) - timedelta(days=1)


def last_day_of_closing(month: date, today: date) -> date:
    """Today, but not later than the last day on which the month is not final yet."""
    return min(today, last_of(month) + timedelta(days=LAST_DAY_OF_CLOSING - 1))


def readable_months(today: date) -> list[date]:
    """The months that can be read, the open one first."""
    months = [first_of(today)]
    while len(months) <= MONTHS_BACK:
        months.append(month_before(months[-1]))
    return months


def still_moving(today: date) -> tuple[date, ...]:
    """The months whose costs Azure still changes as a rule."""
    open_month = first_of(today)
    return (open_month, month_before(open_month)) if today.day <= LAST_DAY_OF_CLOSING else (open_month,)


def due(today: date, held: Mapping[Place, str], not_offered: Collection[Place]) -> list[Place]:
    """What is read today of one subscription, the newest month first.

    `held` is the finality of what is stored; of what the offer did not have, only months that still move are asked
    for again: an offer may change.
    """
    moving = still_moving(today)
    return [
        (month, metric)
        for month in readable_months(today)
        for metric in METRICS
        if month in moving or (held.get((month, metric)) != FINAL and (month, metric) not in not_offered)
    ]


def spans(months: Collection[date], longest: int) -> Iterator[list[date]]:
    """The months in runs without a gap, the newest first, each at most `longest` months."""
    span: list[date] = []
    for month in sorted(set(months), reverse=True):
        if span and (len(span) == longest or month != month_before(span[-1])):
            yield span
            span = []
        span.append(month)
    if span:
        yield span
