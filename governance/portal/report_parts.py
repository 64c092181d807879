"""What a report is made of: frozen values that a template prints, and the ground its sections stand on."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from governance.exports import Value, write_csv
from governance.pdf import Attached
from governance.ui import charts
from inventory import summaries
from tenants.freshness import Coverage


@dataclass(frozen=True, slots=True)
class Heading:
    """A column of a table: its words, its share of the width in percent, and whether it holds numbers."""

    words: str
    width: int
    number: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a section. With `attached` its rows are in that file and only counted here."""

    title: str
    headings: tuple[Heading, ...]
    rows: tuple[tuple[Value, ...], ...]
    total: int
    attached: str = ""
    note: str = ""

    @property
    def lines(self) -> Iterator[list[tuple[Value, bool]]]:
        """The rows as cells: each value, and whether its column holds numbers."""
        numbers = [heading.number for heading in self.headings]
        return (list(zip(row, numbers, strict=True)) for row in self.rows)


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the report, with its own entry in the contents."""

    key: str
    title: str
    words: tuple[str, ...] = ()
    figures: tuple[tuple[str, Value], ...] = ()
    bars: tuple[charts.Bars, ...] = ()
    columns: charts.Columns | None = None
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True, slots=True)
class InventoryReport:
    """What the template prints. `attachments` are the files inside the PDF."""

    scope: str
    tenants: tuple[str, ...]
    made_at: datetime
    made_for: str
    coverage: Coverage
    state_words: str
    resources: int
    sections: tuple[Section, ...]
    attachments: tuple[Attached, ...]

    @property
    def title(self) -> str:
        """The title of the document."""
        return f"Inventory report of {self.scope}"

    @property
    def rows(self) -> int:
        """What the list of files counts."""
        return self.resources


@dataclass(slots=True)
class Tabled:
    """What gives tables to sections: how many rows may still be printed, and the files of those that do not fit."""

    rows_left: int
    attachments: list[Attached] = field(default_factory=list)

    def table(
        self, title: str, headings: tuple[Heading, ...], rows: Sequence[tuple[Value, ...]], note: str = ""
    ) -> Table:
        """A table of the report: printed while there is room, else attached."""
        if len(rows) <= self.rows_left:
            self.rows_left -= len(rows)
            return Table(title, headings, tuple(rows), len(rows), note=note)
        out = io.BytesIO()
        write_csv(out, [heading.words for heading in headings], [rows])
        return self.attached(title, headings, len(rows), out.getvalue(), note)

    def attached(self, title: str, headings: tuple[Heading, ...], total: int, content: bytes, note: str = "") -> Table:
        """A table whose rows are in a file inside the PDF."""
        name = f"{title.lower().replace(' ', '-')}.csv"
        self.attachments.append(Attached(name, f"{title}: {total:,} rows", content))
        return Table(title, headings, (), total, attached=name, note=note)


@dataclass(slots=True, kw_only=True)
class Ground(Tabled):
    """What every section of the inventory report stands on."""

    query: str
    made_for: str
    tenants: frozenset[Any] | None
    coverage: Coverage
    estate: summaries.Estate
    by_subscription: Sequence[tuple[str, int]]
    activity: summaries.Activity
