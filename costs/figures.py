"""Costs in figures: totals against the time before, and trends. Read from the daily sums, set-based, by currency.

Where nothing was read the answer is unknown, never zero: `Standing` says what is missing.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from costs.exchange import Conversion, converted
from costs.questions import Question
from costs.spans import Span
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
class Trend:
    """Costs over time. A currency that occurs has an amount, if zero, in each point that is not unknown."""

    question: Question
    by: str
    currencies: tuple[str, ...]
    points: tuple[Point, ...]
    standing: Standing


def summary(question: Question, *, today: date) -> Summary:
    """Totals by currency against the time before. At most twenty queries."""
    standing = standing_of(question, today=today)
    return Summary(
        question=question,
        total=compared(question, question.span.before(), standing.marks, today=today),
        to_date=_to_date(question, standing.marks, today=today),
        standing=standing,
    )


def _to_date(question: Question, marks: Marks, *, today: date) -> Comparison | None:
    last = marks.finished_until
    if last is None:
        return None
    span = Span(last.replace(day=1), last)
    asked = question.on(span)
    return compared(asked, span.before(), marks_of(asked, today=today), today=today)


def compared(question: Question, before: Span, marks: Marks, *, today: date) -> Comparison:
    """A question's total against that of other days."""
    asked = question.on(before)
    marks_before = marks_of(asked, today=today)
    state_before = marks_before.of_span()
    now, then = by_currency(groups(question)), by_currency(groups(asked))
    amounts = [
        Compared(
            currency, now.get(currency, NOTHING), None if state_before is State.UNKNOWN else then.get(currency, NOTHING)
        )
        for currency in now.keys() | then.keys()
    ]
    return Comparison(
        span=question.span,
        before=before,
        state=marks.of_span(question.span),
        state_before=state_before,
        amounts=tuple(sorted(amounts, key=lambda one: (-abs(one.amount), one.currency))),
    )


def trend(question: Question, by: str = DAY, *, today: date) -> Trend:
    """Costs by day or month. At most twelve queries."""
    standing = standing_of(question, today=today)
    found = groups(question, per_day=True)
    currencies = tuple(sorted({group.currency for group in found}))
    sums: dict[tuple[date, str], Decimal] = defaultdict(Decimal)
    for group in found:
        if group.day is not None:
            sums[group.day if by == DAY else group.day.replace(day=1), group.currency] += group.amount
    points = tuple(_point(begin, span, standing.marks, sums, currencies) for begin, span in _spans(question.span, by))
    return Trend(question, by, currencies, points, standing)


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


def by_currency(found: Iterable[Group]) -> dict[str, Decimal]:
    """Groups added up by currency."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for group in found:
        sums[group.currency] += group.amount
    return dict(sums)
