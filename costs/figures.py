"""Costs in figures: totals against the time before, and trends. Read from the daily sums, set-based, by currency.

Where nothing was read the answer is unknown, never zero: `Standing` says what is missing.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from costs.exchange import Conversion, converted
from costs.questions import Question
from costs.spans import Span, months_before
from costs.standing import Marks, Standing, State, marks_of, standing_of
from costs.sums import Group, groups
from governance.money import NOTHING

DAY, MONTH = "day", "month"


@dataclass(frozen=True, slots=True)
class Compared:
    """An amount of one currency, and that of the time before; None where that is unknown."""

    currency: str
    amount: Decimal
    before: Decimal | None

    @property
    def change(self) -> Decimal | None:
        """By how much it is more."""
        return None if self.before is None else self.amount - self.before

    @property
    def percent(self) -> Decimal | None:
        """The change in percent of the time before, to one place; None where there is nothing to compare with."""
        if self.change is None or not self.before:
            return None
        return (100 * self.change / abs(self.before)).quantize(Decimal("0.1"))


@dataclass(frozen=True, slots=True)
class Comparison:
    """One span against another, by currency, the largest amount first. The states say how whole each is."""

    span: Span
    before: Span
    state: State
    state_before: State
    amounts: tuple[Compared, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """The total of a question, and its last month as far as its days are whole against the same days of the month
    before (`to_date`; None when no day of it is whole).
    """

    question: Question
    total: Comparison
    to_date: Comparison | None
    standing: Standing


@dataclass(frozen=True, slots=True)
class Point:
    """What one day, or the days of one month that were asked for, cost; by currency. No amounts: unknown."""

    span: Span
    state: State
    amounts: dict[str, Decimal]


@dataclass(frozen=True, slots=True)
class Course:
    """Costs over time. A currency that occurs has an amount, if zero, in each point that is not unknown."""

    question: Question
    by: str
    currencies: tuple[str, ...]
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Trend(Course):
    """Costs over time, and what they stand on."""

    standing: Standing


@dataclass(frozen=True, slots=True)
class Known:
    """What the figures of any days within a question's are worked out from: its daily sums, how whole its days are."""

    question: Question
    marks: Marks
    daily: tuple[Group, ...]

    def compared(self, span: Span, before: Span) -> Comparison:
        """The total of some days against that of others, all within these."""
        state, state_before = self.marks.on(span).of_span(), self.marks.on(before).of_span()
        now, then = self._totals(span), self._totals(before)
        is_unknown = state_before is State.UNKNOWN
        amounts = [
            Compared(currency, now.get(currency, NOTHING), None if is_unknown else then.get(currency, NOTHING))
            for currency in now.keys() | then.keys()
        ]
        by_size = sorted(amounts, key=lambda one: (-abs(one.amount), one.currency))
        return Comparison(span, before, state, state_before, tuple(by_size))

    def course(self, span: Span, by: str) -> Course:
        """Costs by day or month of some days within these."""
        sums: dict[tuple[date, str], Decimal] = defaultdict(Decimal)
        for day, currency, amount in self._days(span):
            sums[day if by == DAY else day.replace(day=1), currency] += amount
        currencies = tuple(sorted({currency for _, currency in sums}))
        points = tuple(_point(begin, part, self.marks, sums, currencies) for begin, part in _spans(span, by))
        return Course(self.question.on(span), by, currencies, points)

    def _totals(self, span: Span) -> dict[str, Decimal]:
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for _, currency, amount in self._days(span):
            sums[currency] += amount
        return dict(sums)

    def _days(self, span: Span) -> Iterator[tuple[date, str, Decimal]]:
        for group in self.daily:
            if group.day is not None and span.first <= group.day <= span.last:
                yield group.day, group.currency, group.amount


def known(question: Question, *, today: date) -> Known:
    """What figures of these days are worked out from. At most nine queries."""
    return Known(question, marks_of(question, today=today), tuple(groups(question, per_day=True)))


def summary(question: Question, *, today: date) -> Summary:
    """Totals by currency against the time before. At most thirteen queries."""
    first = min(question.span.before().first, months_before(question.last.replace(day=1), 1))
    return summary_of(known(question.on(Span(first, question.last)), today=today), question, today=today)


def summary_of(found: Known, question: Question, *, today: date) -> Summary:
    """The same out of what is known of these days, of those before, and of the month before. Four queries at most."""
    standing = standing_of(question, today=today, marks=found.marks)
    last, to_date = standing.marks.finished_until, None
    if last is not None:
        span = Span(last.replace(day=1), last)
        to_date = found.compared(span, span.before())
    return Summary(question, found.compared(question.span, question.span.before()), to_date, standing)


def trend(question: Question, by: str = DAY, *, today: date) -> Trend:
    """Costs by day or month. At most thirteen queries."""
    found = known(question, today=today)
    course = found.course(question.span, by)
    standing = standing_of(question, today=today, marks=found.marks)
    return Trend(question, by, course.currencies, course.points, standing)


def _spans(span: Span, by: str) -> list[tuple[date, Span]]:
    if by == DAY:
        return [(day, Span(day, day)) for day in span.each_day]
    return [(month, span.within(month)) for month in span.months]


def _point(
    begin: date, span: Span, marks: Marks, sums: dict[tuple[date, str], Decimal], currencies: tuple[str, ...]
) -> Point:
    state = marks.of_span(span)
    amounts = {currency: sums.get((begin, currency), NOTHING) for currency in currencies}
    return Point(span, state, {} if state is State.UNKNOWN else amounts)


def trend_converted(question: Question, by: str, currency: str) -> Conversion:
    """The points of a trend in this currency, by the first day of each. At most eight queries."""
    begins = {day: span.first for _, span in _spans(question.span, by) for day in span.each_day}
    found = groups(question, per_day=True)
    return converted(found, currency, question.span, lambda group: begins[group.day] if group.day else None)


def total_converted(question: Question, currency: str) -> Conversion:
    """The total of a question in this currency. At most eight queries."""
    return converted(groups(question, per_day=True), currency, question.span, lambda _: None)
