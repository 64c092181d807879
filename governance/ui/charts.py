"""Charts as plain shapes, drawn by `templates/ui/_bars.html` and `_columns.html`: the same in a page and in a PDF.

Each is printed with the table of its numbers. Sizes are in percent of the drawing, so that nothing depends on a screen.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from governance.ui.cells import grouped, money

MOST_BARS = 8
GAP_SHARE = 0.28  # of a column's place
REST = 3  # the number of the grey series: what is left over

Number = int | Decimal  # amounts are of one currency: a chart never adds up two


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: `share` is its length in percent of the longest, `part` its percent of the total, rounded.

    `shown` is the value as people read it. A value below nothing has no length.
    """

    label: str
    value: Number
    shown: str
    share: float
    part: float
    address: str = ""


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars, longest first. Of more than fit, the rest is one more row: `others` labels holding `others_value`."""

    title: str
    unit: str
    rows: tuple[Bar, ...]
    total: Number
    others: int = 0
    others_value: Number = 0

    @property
    def others_shown(self) -> str:
        """What the rest adds up to, as people read it."""
        return _shown(self.others_value)


def bars(
    title: str,
    counts: Sequence[tuple[str, Any]],
    *,
    unit: str,
    most: int = MOST_BARS,
    addresses: Mapping[str, str] | None = None,
    in_order: bool = False,
) -> Bars:
    """A bar per label, in the order of size; a label without words is "(none)". `addresses`: where a label leads.

    `in_order` keeps the order given, and labels of nothing too: for steps such as ages. Nothing at all has no bar.
    """
    leads_to = addresses or {}
    ordered = list(counts) if in_order and any(value for _, value in counts) else _by_size(counts)
    shown, rest = (ordered, []) if len(ordered) <= most + 1 else (ordered[:most], ordered[most:])
    total = sum(value for _, value in ordered)
    longest = max((value for _, value in shown), default=1)
    return Bars(
        title=title,
        unit=unit,
        rows=tuple(
            Bar(
                label or "(none)",
                value,
                _shown(value),
                _percent(value, longest),
                _percent(value, total),
                leads_to.get(label, ""),
            )
            for label, value in shown
        ),
        total=total,
        others=len(rest),
        others_value=sum(value for _, value in rest),
    )


def with_others(chart: Bars, others: int, value: Number) -> Bars:
    """The chart with more that it does not show: so many labels holding so much."""
    total = chart.total + value
    rows = tuple(replace(bar, part=_percent(bar.value, total)) for bar in chart.rows)
    return replace(chart, rows=rows, total=total, others=chart.others + others, others_value=chart.others_value + value)


def _shown(value: Number) -> str:
    return money(value) if isinstance(value, Decimal) else grouped(value)


def _by_size(counts: Sequence[tuple[str, Any]]) -> list[tuple[str, Any]]:
    return sorted(((label, value) for label, value in counts if value), key=lambda pair: (-pair[1], pair[0]))


@dataclass(frozen=True, slots=True)
class Block:
    """One coloured piece of a column, in percent of the drawing; y grows downwards. `series` is a colour's number."""

    series: int
    x: float
    y: float
    width: float
    height: float
    words: str
    state: str = ""  # of its label


@dataclass(frozen=True, slots=True)
class Series:
    """One series of a chart: its name and the number of its colour."""

    name: str
    colour: int


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table of a chart: the label, a number per series as people read it, and what is to be said."""

    label: str
    values: tuple[str, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Columns:
    """Stacked columns over an axis of labels; what is below nothing hangs from the line at `zero` percent.

    `gaps` are the places of labels of which nothing is known.
    """

    title: str
    unit: str
    series: tuple[Series, ...]
    blocks: tuple[Block, ...]
    gaps: tuple[Block, ...]
    table: tuple[Line, ...]
    highest: Number
    total: Number
    zero: float
    first: str
    last: str

    @property
    def highest_shown(self) -> str:
        """The top of the axis, as people read it."""
        return _shown(self.highest)

    @property
    def total_shown(self) -> str:
        """What is known, added up, as people read it."""
        return _shown(self.total)

    @property
    def has_notes(self) -> bool:
        """Whether anything is to be said of any label."""
        return any(line.note for line in self.table)


@dataclass(frozen=True, slots=True)
class Mark:
    """What is special about a label: a class of its blocks, and words for its row of the table."""

    state: str = ""
    note: str = ""


def columns(
    title: str,
    labels: Sequence[str],
    series: Mapping[str, Sequence[Any]],
    *,
    unit: str,
    marks: Sequence[Mark] = (),
    with_rest: bool = False,
) -> Columns:
    """A column per label, the series on top of each other in their order. Every series has a number for every label.

    None is: unknown, and a label of which all is unknown is a gap. `marks`: one for each label. `with_rest`: the last
    series is what is left over, and grey.
    """
    colours = _colours(len(series), with_rest=with_rest)
    table = [[values[place] for values in series.values()] for place in range(len(labels))]
    top = max((sum(value for value in values if value and value > 0) for values in table), default=0)
    bottom = min((sum(value for value in values if value and value < 0) for values in table), default=0)
    drawn = _Drawing(tuple(labels), tuple(series), colours, tuple(marks) or tuple(Mark() for _ in labels), top, bottom)
    every = [value for values in table for value in values if value is not None]
    return Columns(
        title=title,
        unit=unit,
        series=tuple(Series(name, colour) for name, colour in zip(series, colours, strict=True)),
        blocks=tuple(drawn.blocks(table, unit)),
        gaps=tuple(drawn.gaps(table)),
        table=tuple(
            Line(label, tuple("unknown" if value is None else _shown(value) for value in values), mark.note)
            for label, values, mark in zip(labels, table, drawn.marks, strict=True)
        ),
        highest=top,
        total=sum(every),
        zero=drawn.zero,
        first=labels[0] if labels else "",
        last=labels[-1] if labels else "",
    )


def _colours(number: int, *, with_rest: bool) -> tuple[int, ...]:
    """The numbers of the colours: in order; where one series is the rest, grey is kept for it."""
    if not with_rest:
        return tuple(range(1, number + 1))
    named = [place for place in range(1, number + 2) if place != REST]
    return (*named[: max(0, number - 1)], REST)[:number]


@dataclass(frozen=True, slots=True)
class _Drawing:
    """Where the blocks of a chart of columns are."""

    labels: tuple[str, ...]
    names: tuple[str, ...]
    colours: tuple[int, ...]
    marks: tuple[Mark, ...]
    top: Number
    bottom: Number

    @property
    def zero(self) -> float:
        """Where the line of nothing is, from above."""
        return _percent(self.top, self.top - self.bottom) if self.bottom else 100.0

    def _place(self, number: int) -> tuple[float, float]:
        """Left edge and width of a column."""
        place = 100 / max(len(self.labels), 1)
        return round(place * (number + GAP_SHARE / 2), 2), round(place * (1 - GAP_SHARE), 2)

    def blocks(self, table: Sequence[Sequence[Any]], unit: str) -> Iterator[Block]:
        """The coloured pieces, from the line upwards and downwards."""
        for number, values in enumerate(table):
            x, width = self._place(number)
            up = down = self.zero
            for series, value in enumerate(values):
                height = _percent(abs(value or 0), self.top - self.bottom)
                if not value:
                    continue
                up, down = (round(up - height, 2), down) if value > 0 else (up, round(down + height, 2))
                y = up if value > 0 else round(down - height, 2)
                words = f"{self.labels[number]}: {_shown(value)} {unit} {self.names[series]}"
                yield Block(self.colours[series], x, y, width, height, words, self.marks[number].state)

    def gaps(self, table: Sequence[Sequence[Any]]) -> Iterator[Block]:
        """The places of labels of which nothing is known."""
        for number, values in enumerate(table):
            if values and all(value is None for value in values):
                x, width = self._place(number)
                yield Block(0, x, 0.0, width, 100.0, f"{self.labels[number]}: unknown")


def _percent(value: Number, whole: Number) -> float:
    return round(max(0.0, 100 * float(value) / float(whole)), 2) if whole else 0.0
