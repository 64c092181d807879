"""Days and months as money is asked for, and how far a reading of an open month reaches. Pure."""

from dataclasses import dataclass
from datetime import date, timedelta

from costs.finality import State, last_day, next_month

# Usage arrives 8 to 24 hours after it happened, so the day before a reading is not whole yet:
# https://learn.microsoft.com/azure/cost-management-billing/costs/understand-cost-mgt-data
LATE_DAYS = 1


@dataclass(frozen=True, slots=True)
class Span:
    """Days from `first` to `last`, both included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.last - self.first).days + 1

    @property
    def each_day(self) -> list[date]:
        """Its days, in order."""
        return [self.first + timedelta(days=number) for number in range(self.days)]

    @property
    def months(self) -> list[date]:
        """The months it touches, by their first day, in order."""
        found = [self.first.replace(day=1)]
        while (following := next_month(found[-1])) <= self.last:
            found.append(following)
        return found

    @property
    def is_whole_months(self) -> bool:
        """Whether it begins with a month and ends with one."""
        return self.first.day == 1 and self.last == last_day(self.last)

    def within(self, month: date) -> "Span":
        """The part of it in this month, which it touches."""
        return Span(max(self.first, month), min(self.last, last_day(month)))

    def before(self) -> "Span":
        """What it is compared with: whole months with as many before, days of one month with the same of the last.

        Any other span is compared with as many days just before it.
        """
        months = len(self.months)
        if self.is_whole_months or (months == 1 and self.first.day == 1):
            first, last = months_before(self.first, months), months_before(self.last.replace(day=1), months)
            end = last_day(last)
            return Span(first, end if self.is_whole_months else min(end, last.replace(day=min(self.last.day, end.day))))
        return Span(self.first - timedelta(days=self.days), self.first - timedelta(days=1))


def months_before(month: date, number: int) -> date:
    """The first day of the month so many months before."""
    years, index = divmod(month.year * 12 + month.month - 1 - number, 12)
    return date(years, index + 1, 1)


def finished_until(read_on: date) -> date:
    """The last day that is whole in a reading of an open month."""
    return read_on - timedelta(days=LATE_DAYS + 1)


def told_until(month: date, state: str, through: date | None, read_on: date) -> date | None:
    """The last day that a reading told as a whole: all of the month once that is final, none before its first row.

    Until then the days after the last one with a row may only not have come yet, and of the last days before the
    reading only a part had.
    """
    if state == State.FINAL:
        return last_day(month)
    return min(through, finished_until(read_on)) if through else None
