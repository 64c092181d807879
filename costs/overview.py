"""The first page of costs, put together: this month, the months before, what moved most, and where it goes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from costs.explorer import Cut, Movers, cut, movers
from costs.figures import DAY, MONTH, Compared, Comparison, Course, Summary, known, summary, summary_of
from costs.finality import last_day
from costs.models import Metric
from costs.questions import Dimension, Question
from costs.spans import Span, months_before
from costs.standing import Standing, State
from governance.money import NOTHING
from governance.ui import charts

MONTHS = 13
TOP = 8  # of a chart of bars
MOST_MOVED = 5
MOVERS_BY = ("service", "subscription", "resource_group")
SPLIT_BY = ("tenant", "subscription", "service")
STATE_WORDS = {
    State.COMPLETE: "",
    State.UNFINISHED: "not whole yet",
    State.PARTIAL: "some subscriptions were never read",
    State.UNKNOWN: "never read",
}
BLOCKS = {State.COMPLETE: "", State.UNFINISHED: "unfinished", State.PARTIAL: "", State.UNKNOWN: ""}


@dataclass(frozen=True, slots=True)
class OfCurrency:
    """All figures of one currency: this month to date, the last whole month, charts. None: unknown."""

    currency: str
    to_date: Compared | None
    so_far: Decimal | None
    last_month: Compared | None
    months: charts.Columns
    days: charts.Columns
    splits: tuple[charts.Bars, ...]
    moved: tuple["MovedMost", ...]


@dataclass(frozen=True, slots=True)
class MovedMost:
    """What rose and fell most by one dimension, in one currency."""

    dimension: str
    movers: Movers
    rows: tuple["Movement", ...]


@dataclass(frozen=True, slots=True)
class Movement:
    """One that rose or fell, and what the explorer's filter of it is."""

    label: str
    detail: str
    parameter: str
    word: str
    amounts: Compared


@dataclass(frozen=True, slots=True)
class CostOverview:
    """What the page prints. `currencies` is empty when nothing that was read cost anything, or nothing was read."""

    question: Question
    month: Summary
    last: Comparison
    last_finality: str | None
    by_month: Course
    currencies: tuple[OfCurrency, ...]

    @property
    def standing(self) -> Standing:
        """What this month's figures stand on."""
        return self.month.standing

    @property
    def is_unread(self) -> bool:
        """Whether nothing was read of this month nor of the last."""
        return not self.standing.slices_read and self.last_finality is None


def cost_overview(tenants: frozenset[UUID] | None, metric: str, *, today: date) -> CostOverview:
    """All of it, in a fixed number of queries."""
    month = today.replace(day=1)
    now = Question(metric, month, today, tenants)
    first = months_before(month, 1)
    year = known(now.on(Span(months_before(month, MONTHS - 1), today)), today=today)
    span = Span(first, last_day(first))
    last = year.compared(span, span.before())
    this = summary_of(year, now, today=today)
    by_month, by_day = year.course(year.question.span, MONTH), year.course(now.span, DAY)
    cuts = {kind: cut(now, (Dimension(kind),), today=today, top=TOP, standing=this.standing) for kind in SPLIT_BY}
    moved = {kind: movers(now, (Dimension(kind),), today=today, top=MOST_MOVED, known=year.marks) for kind in MOVERS_BY}
    named = {*by_month.currencies, *by_day.currencies}
    named |= {one.currency for one in (*this.total.amounts, *last.amounts)}
    found = [_of_currency(currency, this, last, by_month, by_day, cuts=cuts, moved=moved) for currency in sorted(named)]
    found.sort(key=lambda one: -abs(one.so_far or NOTHING))
    return CostOverview(now, this, last, year.marks.on(span).finality, by_month, tuple(found))


def _of_currency(
    currency: str,
    this: Summary,
    last: Comparison,
    by_month: Course,
    by_day: Course,
    *,
    cuts: dict[str, Cut],
    moved: dict[str, Movers],
) -> OfCurrency:
    so_far = one_of(this.total, currency)
    return OfCurrency(
        currency=currency,
        to_date=one_of(this.to_date, currency) if this.to_date else None,
        so_far=None if so_far is None else so_far.amount,
        last_month=one_of(last, currency),
        months=trend_chart(f"By month, {currency}", [(by_month, "cost")], currency),
        days=trend_chart(f"By day of this month, {currency}", [(by_day, "cost")], currency),
        splits=tuple(_split(kind, found, currency) for kind, found in cuts.items() if kind != "tenant" or _many(found)),
        moved=tuple(_moved(kind, found, currency) for kind, found in moved.items()),
    )


def one_of(found: Comparison, currency: str) -> Compared | None:
    """The amounts of one currency: nothing where there was none, None where all is unknown."""
    if found.state is State.UNKNOWN:
        return None
    before = None if found.state_before is State.UNKNOWN else NOTHING
    return next((one for one in found.amounts if one.currency == currency), Compared(currency, NOTHING, before))


def trend_chart(title: str, trends: Sequence[tuple[Course, str]], currency: str) -> charts.Columns:
    """Costs over time as columns: what is not whole is paler and says so, what was not read is a gap."""
    first = trends[0][0]
    labels = [label_of_span(point.span, first.by) for point in first.points]
    marks = [charts.Mark(BLOCKS[point.state], STATE_WORDS[point.state]) for point in first.points]
    series = {name: [point.amounts.get(currency) for point in found.points] for found, name in trends}
    return charts.columns(title, labels, series, unit=currency, marks=marks)


def label_of_span(span: Span, by: str) -> str:
    """A month or a day on an axis."""
    return f"{span.first:%b %Y}" if by == MONTH else f"{span.first:%d %b}"


def _many(found: Cut) -> bool:
    return any(len(one.rows) > 1 for one in found.currencies)


def _split(kind: str, found: Cut, currency: str) -> charts.Bars:
    rows = next((one for one in found.currencies if one.currency == currency), None)
    counts = [(row.parts[0].label, row.amount) for row in rows.rows] if rows else []
    bars = charts.bars(f"By {kind}", counts, unit=currency, most=TOP)
    if rows is None or not rows.rest_rows:
        return bars
    return charts.with_others(bars, rows.rest_rows, rows.rest)


def _moved(kind: str, found: Movers, currency: str) -> MovedMost:
    both = [*found.up.get(currency, ()), *found.down.get(currency, ())]
    both.sort(key=lambda one: -abs(one.amounts.change or NOTHING))
    rows = tuple(
        Movement(one.parts[0].label, one.parts[0].detail, kind, one.parts[0].word, one.amounts)
        for one in both[:MOST_MOVED]
    )
    return MovedMost(kind.replace("_", " "), found, rows)


# --- the card on the first page of the portal ---


@dataclass(frozen=True, slots=True)
class CardLine:
    """One currency of the card."""

    currency: str
    to_date: Compared | None
    so_far: Decimal | None


@dataclass(frozen=True, slots=True)
class CostCard:
    """This month in a few words: by currency, to date against the same days of the last, and what it stands on."""

    month: Summary
    lines: tuple[CardLine, ...]

    @property
    def standing(self) -> Standing:
        """What it stands on."""
        return self.month.standing


def cost_card(tenants: frozenset[UUID] | None, *, today: date) -> CostCard:
    """This month's actual costs. At most twenty queries."""
    month = summary(Question(Metric.ACTUAL, today.replace(day=1), today, tenants), today=today)
    lines = []
    for one in month.total.amounts:
        so_far = one_of(month.total, one.currency)
        to_date = one_of(month.to_date, one.currency) if month.to_date else None
        lines.append(CardLine(one.currency, to_date, so_far.amount if so_far else None))
    return CostCard(month, tuple(lines))
