"""A list described once: what it can be filtered and sorted by, and its columns. Page, export and report read it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from django.utils.html import escape
from django.utils.safestring import SafeString

from governance.filters import StrictFilterSet

Value = str | int | float | Decimal | bool | date | datetime | None


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `value` is what a file gets, `html` what a page prints (default: the value, escaped).

    `key` is its name in `?columns=`, in files and in saved views: never change it. `title` holds the unit, if any.
    `sort` is the word of `?sort=` that orders by this column. `shown`: part of the list unless chosen otherwise.
    """

    key: str
    title: str
    value: Callable[[Any], Value]
    html: Callable[[Any], SafeString] | None = None
    sort: str = ""
    shown: bool = True
    number: bool = False
    style: str = ""  # classes of the cell

    def cell(self, row: Any) -> SafeString:
        """The cell's content on a page."""
        if self.html is not None:
            return self.html(row)
        value = self.value(row)
        return escape("–" if value is None or value == "" else value)

    def whole(self, row: Any) -> str:
        """What the cell says in full where the page may cut it, else ""."""
        return str(self.value(row)) if "cut" in self.style.split() else ""


@dataclass(frozen=True, slots=True)
class Listing:
    """One list. `rows()` gives everything in scope, with what the columns read already joined (constant queries).

    `sorts` maps the words of `?sort=` to columns that are never null; `default_sort` may begin with "-".
    `coverage_kind` names the sync whose receipts say how complete the rows are; "" where no sync makes them.
    The first column names the row: it is its header, and cannot be left out.
    """

    key: str
    title: str
    one: str
    many: str
    filterset: type[StrictFilterSet]
    columns: tuple[Column, ...]
    sorts: dict[str, str]
    default_sort: str
    rows: Callable[[], QuerySet[Any]]
    coverage_kind: str = "resources"
    page: str = ""  # the name of its page's address; where there is one, it is exported and views of it are saved
    page_only: frozenset[str] = frozenset()  # keys of columns that its page adds for one person, and no file has
    completed: Callable[[Sequence[Any]], None] | None = None  # see `complete`

    def complete(self, rows: Sequence[Any]) -> None:
        """Bring what columns read and no join does, for some rows at once. Called before any of them is printed."""
        if self.completed is not None:
            self.completed(rows)

    def order(self, word: str | None) -> tuple[str, str]:
        """`order_by` for a word of `?sort=` (checked by the filterset before), made total by the key."""
        wanted = word or self.default_sort
        turned = "-" if wanted.startswith("-") else ""
        return f"{turned}{self.sorts[wanted.removeprefix('-')]}", f"{turned}pk"

    def chosen(self, keys: Iterable[str]) -> tuple[Column, ...]:
        """The columns of these keys in the list's own order, the first always; the usual ones for no key.

        Raises KeyError, with the key, for a column there is not.
        """
        wanted = set(keys) - self.page_only
        unknown = wanted - {column.key for column in self.columns}
        if unknown:
            raise KeyError(min(unknown))
        if not wanted:
            return tuple(column for column in self.columns if column.shown)
        return tuple(column for place, column in enumerate(self.columns) if place == 0 or column.key in wanted)


def column_keys(values: Sequence[str]) -> list[str]:
    """The keys of `?columns=`, whether given once with commas or several times."""
    return [key.strip() for value in values for key in value.split(",") if key.strip()]
