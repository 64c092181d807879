"""Charts as plain shapes, drawn by `templates/ui/_bars.html` and `_columns.html`: the same in a page and in a PDF.

Each is printed with the table of its numbers. Sizes are in percent of the drawing, so that nothing depends on a screen.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

MOST_BARS = 8
GAP_SHARE = 0.28  # of a column's place


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: `share` is its length in percent of the longest, `part` its percent of the total, rounded."""

    label: str
    value: int
    share: float
    part: float
    address: str = ""


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars, longest first. Of more than fit, the rest is one more row: `others` labels holding `others_value`."""

    title: str
    unit: str
    rows: tuple[Bar, ...]
    total: int
    others: int = 0
    others_value: int = 0


def bars(
    title: str,
    counts: Sequence[tuple[str, int]],
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
            Bar(label or "(none)", value, _percent(value, longest), _percent(value, total), leads_to.get(label, ""))
            for label, value in shown
        ),
        total=total,
        others=len(rest),
        others_value=sum(value for _, value in rest),
    )


def _by_size(counts: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    return sorted(((label, value) for label, value in counts if value), key=lambda pair: (-pair[1], pair[0]))


@dataclass(frozen=True, slots=True)
class Block:
    """One coloured piece of a column, in percent of the drawing; y grows downwards. `series` is its number from 1."""

    series: int
    x: float
    y: float
    width: float
    height: float
    words: str


@dataclass(frozen=True, slots=True)
class Columns:
    """Stacked columns over an axis of labels. `table` holds a row per label: the label and a number per series."""

    title: str
    unit: str
    series: tuple[str, ...]
    blocks: tuple[Block, ...]
    table: tuple[tuple[str, tuple[int, ...]], ...]
    highest: int
    total: int
    first: str
    last: str


def columns(title: str, labels: Sequence[str], series: Mapping[str, Sequence[int]], *, unit: str) -> Columns:
    """A column per label, the series on top of each other in their order. Every series has a number for every label."""
    table = tuple((label, tuple(values[place] for values in series.values())) for place, label in enumerate(labels))
    highest = max((sum(values) for _, values in table), default=0)
    return Columns(
        title=title,
        unit=unit,
        series=tuple(series),
        blocks=tuple(_blocks(table, tuple(series), highest, unit)),
        table=table,
        highest=highest,
        total=sum(sum(values) for _, values in table),
        first=labels[0] if labels else "",
        last=labels[-1] if labels else "",
    )


def _blocks(
    table: Sequence[tuple[str, tuple[int, ...]]], names: Sequence[str], highest: int, unit: str
) -> Iterator[Block]:
    place = 100 / max(len(table), 1)
    width = round(place * (1 - GAP_SHARE), 2)
    for number, (label, values) in enumerate(table):
        x, y = round(place * (number + GAP_SHARE / 2), 2), 100.0
        for series, value in enumerate(values):
            height = _percent(value, highest)
            y = round(y - height, 2)
            if value:
                yield Block(series + 1, x, y, width, height, f"{label}: {value} {unit} {names[series]}")


def _percent(value: int, whole: int) -> float:
    return round(100 * value / whole, 2) if whole else 0.0
