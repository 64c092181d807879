"""The sections of the monthly cost report, each by one function from the same figures as the pages.

A function gives the sections it has: one, or one for each currency.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Self

from audit.models import ReportFile
from costs.displayed import Displayed, displayed
from costs.explorer import Cut, Movers, cut, movers
from costs.figures import MONTH, Compared, Course, Summary, known, summary_of
from costs.finality import last_day
from costs.models import Finality, Metric
from costs.moved import moved_since
from costs.overview import STATE_WORDS, one_of, trend_chart
from costs.page_lists import MONTHS_KEPT, label_of
from costs.questions import Dimension, Question
from costs.spans import Span, months_before
from costs.standing import State
from costs.waste import lasting_orphans, most_wasted, waste_total, waste_unknown
from governance.exports import Value
from governance.portal.cost_display import in_one
from governance.portal.report_parts import Heading, Section, Table, Tabled
from governance.ui import charts
from governance.ui.cells import MINUS, grouped, money

TOP = 10  # of each kind in a table
MOST_MOVED = 4  # up, and down, by each dimension
WASTERS = 20  # of each currency that are named
BY = ("tenant", "subscription", "resource_group", "service", "resource")
MOVED_BY = ("service", "subscription", "resource_group")
FINALITY_WORDS = {
    Finality.ESTIMATE: "Estimate: the month was open when it was read. Days still arrive, and those told may move.",
    Finality.CLOSING: "Closing: the month was over but not closed when it was read. Late charges come until the 5th.",
    Finality.FINAL: "Final: everything was read after the month was closed.",
    None: "Unknown: nothing of this month was read, which does not mean that nothing was spent.",
}


@dataclass(frozen=True, slots=True)
class Figures:
    """What the sections tell, asked once. Constant queries."""

    total: Summary
    months: Course
    cuts: dict[str, Cut]
    moved: dict[str, Movers]
    display: Displayed | None

    @classmethod
    def of(cls, question: Question, *, currency: str, today: date) -> Self:
        """The figures of a month, and of the year before it; in a display currency too, if there is one."""
        year = known(question.on(Span(months_before(question.first, MONTHS_KEPT - 1), question.last)), today=today)
        total, months = summary_of(year, question, today=today), year.course(year.question.span, MONTH)
        return cls(
            total=total,
            months=months,
            display=displayed(months, currency) if currency else None,
            cuts={
                kind: cut(question, (Dimension(kind),), today=today, top=TOP, standing=total.standing) for kind in BY
            },
            moved={
                kind: movers(question, (Dimension(kind),), today=today, top=MOST_MOVED, known=year.marks)
                for kind in MOVED_BY
            },
        )

    @property
    def currencies(self) -> list[str]:
        """The currencies that occur, the largest amount of the month first."""
        named = [one.currency for one in self.total.total.amounts]
        return [*named, *(one for one in self.months.currencies if one not in named)]


@dataclass(slots=True, kw_only=True)
class Ground(Tabled):
    """What every section stands on. `since` is the moment of the report before, or a month ago."""

    made_at: datetime
    today: date
    question: Question
    figures: Figures
    since: datetime
    before: ReportFile | None
    state: dict[str, Any]


def totals(ground: Ground) -> Iterator[Section]:
    """The month in a few figures, each currency by itself."""
    found = ground.figures.total
    is_open = ground.question.last < last_day(ground.question.last)
    basis = found.to_date if is_open and found.to_date else found.total
    words = [FINALITY_WORDS[Finality(found.standing.finality) if found.standing.finality else None]]
    words.append(_whole_words(found.total.state))
    if len(ground.figures.currencies) > 1:
        words.append("Currencies are never added up.")
    figures: list[tuple[str, Value]] = []
    rows: list[tuple[Value, ...]] = []
    for currency in ground.figures.currencies:
        one = one_of(found.total, currency)
        figures.append((f"{ground.question.first:%B %Y}, {currency}", money(one.amount if one else None)))
        rows.append((currency, *_compared(one_of(basis, currency))))
    span, before = basis.span, basis.before
    note = f"{span.first} to {span.last}, compared with {before.first} to {before.last}"
    if basis.state_before is not State.COMPLETE:
        note += f": {STATE_WORDS[basis.state_before]}"
    table = ground.table("Against the month before", (Heading("Currency", 16), *_COMPARED), rows, f"{note}.")
    yield Section("totals", "Totals", tuple(words), figures=tuple(figures), tables=(table,) if rows else ())


def display(ground: Ground) -> Iterator[Section]:
    """All currencies in one, if that was asked for."""
    if ground.figures.display:
        yield in_one(ground.figures.display, ground, ground.question.first)


def standing(ground: Ground) -> Iterator[Section]:
    """What the figures stand on: read or not, when, from where; and what was not believed."""
    found = ground.figures.total.standing
    facts: list[tuple[Value, ...]] = [
        ("Metric", str(Metric(ground.question.metric).label)),
        ("Days", f"{ground.question.first} to {ground.question.last}"),
        ("Days that are whole", f"{grouped(found.days_known)} of {grouped(found.days)}"),
        ("Subscriptions read", f"{grouped(found.slices_read)} of {grouped(found.slices_expected)}"),
        ("Least fresh reading (UTC)", found.oldest_read_at or "never"),
        ("Newest reading (UTC)", found.newest_read_at or "never"),
        ("Read from", ", ".join(f"{source} ({grouped(number)})" for source, number in found.sources) or "nothing"),
        ("Without resources and tags", f"{grouped(found.without_resources)} of {grouped(found.slices_read)}"),
    ]
    tables = [ground.table("What it stands on", (Heading("What", 34), Heading("Value", 66)), facts)]
    if found.unread:
        rows = [(one.tenant, one.subscription, one.reason or "Nothing was tried yet.") for one in found.unread]
        note = f"and {grouped(found.more_unread)} more" if found.more_unread else ""
        tables.append(ground.table("Never read: unknown, not nothing", _UNREAD, rows, note))
    if found.refused:
        refused = [(one.tenant, one.subscription, one.refused_at, one.reason) for one in found.refused]
        note = f"and {grouped(found.more_refused)} more" if found.more_refused else ""
        tables.append(ground.table("Later readings that were not believed", _REFUSED, refused, note))
    yield Section("standing", "Finality, coverage, freshness", tables=tuple(tables))


def by_currency(ground: Ground) -> Iterator[Section]:
    """Each currency: thirteen months, where it went, what moved most."""
    for currency in ground.figures.currencies:
        months = ground.figures.months
        title = f"Costs in {currency}"
        bars = tuple(_bars(kind, found, currency) for kind, found in ground.figures.cuts.items())
        rows = [
            (f"{point.span.first:%B %Y}", _amount(point.amounts.get(currency)), _note(point)) for point in months.points
        ]
        yield Section(
            f"in-{currency.lower()}",
            title,
            columns=trend_chart(f"Thirteen months, {currency}", [(months, "cost")], currency),
            tables=(ground.table(f"By month, {currency}", _MONTHS, rows), *_moved_tables(ground, currency)),
        )
        yield Section(
            f"where-{currency.lower()}",
            f"Where it went, {currency}",
            bars=tuple(chart for chart in bars if len(chart.rows) > 1 or chart.title != "By tenant"),
        )


def restatements(ground: Ground) -> Iterator[Section]:
    """What was told before and is told otherwise now, since the report before."""
    found = moved_since(ground.since, metric=ground.question.metric, tenants=ground.question.tenants, top=TOP * 2)
    if ground.before:
        words = [f"Since the report before, made {ground.before.finished_at:%Y-%m-%d %H:%M} UTC, of any month:"]
    else:
        words = ["There is no report before this one on the same tenants, so this is what moved in the 30 days before:"]
    if not found.totals:
        words.append("nothing that had been told was told otherwise.")
        yield Section("restated", "Restatements", tuple(words))
        return
    words += [
        f"{_signed(one.moved)} {one.currency} of what had been told moved, and {_signed(one.arrived)} {one.currency}"
        f" arrived of days that had not been told as a whole, in {grouped(one.slices)} months of subscriptions."
        for one in found.totals
    ]
    rows: list[tuple[Value, ...]] = [
        (
            *(row.tenant, row.subscription, f"{row.month:%Y-%m}", row.currency),
            *(_amount(row.before), _signed(row.moved), _signed(row.arrived), _amount(row.after)),
        )
        for row in found.slices
    ]
    note = f"and {grouped(found.more_slices)} more, which moved less" if found.more_slices else ""
    services = [(part.label or "None", part.currency, _signed(part.moved)) for part in found.by_service[:TOP]]
    tables = [ground.table("By subscription and month", _SLICES, rows, note)]
    if services:
        tables.append(ground.table("Moved by service", _MOVED_SERVICES, services))
    yield Section("restated", "Restatements", tuple(words), tables=tuple(tables))


def wasted(ground: Ground) -> Iterator[Section]:
    """What orphans have cost since they are: in all, and those that wasted most."""
    tenants, metric = ground.question.tenants, ground.question.metric
    sums = waste_total(tenants, metric=metric)
    words = [
        f"{money(amount, currency)} wasted so far by what nothing uses now, as far as it is known."
        for currency, amount in sorted(sums.items())
    ] or ["No waste is known."]
    if unknown := waste_unknown(lasting_orphans(tenants), metric=metric):
        words.append(f"Of {grouped(unknown)} orphans it is unknown: no source told what they cost.")
    largest = most_wasted(tenants, today=ground.today, metric=metric, top=WASTERS)
    rows: list[tuple[Value, ...]] = [
        (
            *(row.orphan.name, row.orphan.tenant.name, f"{row.orphan.since:%Y-%m-%d}"),
            *(_amount(row.amount), currency, "at least" if row.waste.unknown else ""),
        )
        for currency in sorted(largest)
        for row in largest[currency]
    ]
    tables = (ground.table("Largest waste", _WASTE, rows, f"The {WASTERS} largest of each currency."),) if rows else ()
    yield Section("waste", "Waste so far", tuple(words), tables=tables)


def verify(ground: Ground) -> Iterator[Section]:
    """How somebody who doubts a number finds out."""
    state, month = ground.state, f"{ground.question.first:%Y-%m}"
    asked = f"?month={month}&metric={ground.question.metric}"
    slices = f"{grouped(state['slices'])} slices (all rows of one subscription and month)"
    proof = f"The SHA-256 over all of them, which the platform keeps with this report, is {state['sha256']}."
    words = (
        f"Every amount is in the billing currency, tax excluded, in the metric {ground.question.metric}.",
        f"It shows the state of {state['at']}: {slices}.",
        f"The file slices.csv inside this document names each with the SHA-256 of its content and its receipt. {proof}",
        f"What moved since then: the page What moved, and /api/v1/costs/restatements/?since={state['at']}.",
        f"The same totals: /api/v1/costs/summary/{asked}; the rows behind them: /api/v1/costs/records/{asked}.",
        "The SHA-256 of this document itself is in the list of files and in the audit trail.",
    )
    yield Section("verify", "How to verify this", words)


SECTIONS: tuple[Callable[[Ground], Iterator[Section]], ...] = (
    totals,
    display,
    standing,
    by_currency,
    restatements,
    wasted,
    verify,
)

_COMPARED = (
    Heading("This month", 22, number=True),
    Heading("Month before", 22, number=True),
    Heading("Change", 22, number=True),
    Heading("In percent", 18, number=True),
)
_UNREAD = (Heading("Tenant", 18), Heading("Subscription", 30), Heading("Why", 52))
_REFUSED = (Heading("Tenant", 16), Heading("Subscription", 26), Heading("Refused (UTC)", 18), Heading("Why", 40))
_MONTHS = (Heading("Month", 34), Heading("Cost", 26, number=True), Heading("State", 40))
_MOVED = (
    Heading("By", 18),
    Heading("What", 34),
    Heading("Before", 16, number=True),
    Heading("Now", 16, number=True),
    Heading("Change", 16, number=True),
)
_SLICES = (
    Heading("Tenant", 12),
    Heading("Subscription", 20),
    Heading("Month", 10),
    Heading("Currency", 10),
    Heading("Before", 12, number=True),
    Heading("Moved", 12, number=True),
    Heading("Arrived", 12, number=True),
    Heading("Now", 12, number=True),
)
_MOVED_SERVICES = (Heading("Service", 60), Heading("Currency", 20), Heading("Moved", 20, number=True))
_WASTE = (
    Heading("Orphan", 34),
    Heading("Tenant", 18),
    Heading("Since", 14),
    Heading("Waste", 14, number=True),
    Heading("Currency", 10),
    Heading("Known", 10),
)


def _whole_words(state: State) -> str:
    return {
        State.COMPLETE: "Every subscription was read, and every day is whole.",
        State.UNFINISHED: "Every subscription was read, but not every day of it is whole yet.",
        State.PARTIAL: "Some subscriptions were never read: the totals are at least what they say.",
        State.UNKNOWN: "What it cost is unknown.",
    }[state]


def _compared(one: Compared | None) -> tuple[Value, ...]:
    if one is None:
        return ("unknown", "unknown", "unknown", "–")
    percent = "–" if one.percent is None else f"{one.percent:+} %".replace("-", MINUS)
    return _amount(one.amount), _amount(one.before), _signed(one.change), percent


def _amount(amount: Decimal | None) -> str:
    return money(amount)


def _signed(amount: Decimal | None) -> str:
    return f"{'+' if amount is not None and amount > 0 else ''}{money(amount)}"


def _note(point: Any) -> str:
    return STATE_WORDS[point.state] or "whole"


def _bars(kind: str, found: Cut, currency: str) -> charts.Bars:
    one = next((one for one in found.currencies if one.currency == currency), None)
    counts = [(row.parts[0].label, row.amount) for row in one.rows] if one else []
    chart = charts.bars(f"By {label_of(Dimension(kind)).lower()}", counts, unit=currency, most=TOP)
    return charts.with_others(chart, one.rest_rows, one.rest) if one and one.rest_rows else chart


def _moved_tables(ground: Ground, currency: str) -> tuple[Table, ...]:
    rows: list[tuple[Value, ...]] = []
    for kind, found in ground.figures.moved.items():
        both: Sequence[Any] = [*found.up.get(currency, ()), *found.down.get(currency, ())]
        rows += [
            (
                label_of(Dimension(kind)),
                one.parts[0].label,
                *(_amount(one.amounts.before), _amount(one.amounts.amount), _signed(one.amounts.change)),
            )
            for one in sorted(both, key=lambda one: -abs(one.amounts.change or 0))[:MOST_MOVED]
        ]
    if not rows:
        return ()
    span, before = found.span, found.before
    note = f"{span.first} to {span.last} against {before.first} to {before.last}."
    return (ground.table(f"What moved most, {currency}", _MOVED, rows, note),)
