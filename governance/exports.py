"""Lists as CSV and Excel: rows come in pages and go to a file on disk, so that memory does not grow with them.

A cell holds text, a whole or decimal number, a yes or no, a date, an aware time, or nothing. Nobody's text becomes a
formula or a link: in CSV a text that a spreadsheet would compute gets an apostrophe before it, in Excel it is stored as
text. Characters that no file may hold are written as their pictures (NUL as ␀), a text longer than an Excel cell ends
with how much was cut; the sheet About counts both. Why so: docs/adr/0010-exports.md.
"""

import csv
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from io import TextIOWrapper
from typing import IO, Any

Value = str | int | float | Decimal | bool | date | datetime | None
Page = Sequence[Sequence[Value]]
Table = Sequence[Sequence[Value]]

FORMULA_STARTS = tuple("=+-@＝＋－＠\t\r\n")  # what spreadsheets compute, in both widths; OWASP's list
UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
EXCEL_CELL_CHARACTERS = 32_767
EXCEL_SHEET_ROWS = 1_048_576  # with the header
EXCEL_EXACT_INTEGER = 10**15  # larger ones lose digits as Excel's numbers, so they are written as text
SHEET_NAME_CHARACTERS = 31
WIDEST_COLUMN = 60  # characters
FIRST_EXCEL_DAY = date(1900, 3, 1)  # before it Excel's calendar is wrong


@dataclass(slots=True)
class Written:
    """What went into a file."""

    rows: int = 0
    replaced: int = 0  # texts in which a character was replaced by its picture
    guarded: int = 0  # texts that got an apostrophe (CSV)
    cut: int = 0  # texts longer than a cell (Excel)


def write_csv(out: IO[bytes], titles: Sequence[str], pages: Iterable[Page]) -> Written:
    """RFC 4180 in UTF-8 without a byte order mark: one header line, then the rows. Times in UTC as ISO 8601."""
    written = Written()
    text = TextIOWrapper(out, encoding="utf-8", newline="", write_through=False)
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([_csv_text(title, written) for title in titles])
    for page in pages:
        writer.writerows([_csv_cell(value, written) for value in row] for row in page)
        written.rows += len(page)
    text.flush()
    text.detach()
    return written


def write_xlsx(
    out: IO[bytes], title: str, titles: Sequence[str], pages: Iterable[Page], about: Callable[[Written], Table]
) -> Written:
    """A sheet of rows (more of them beyond Excel's limit) and the sheet About, told by `about` of what was written."""
    from xlsxwriter import Workbook

    written = Written()
    options = {
        "constant_memory": True,  # a row goes to disk when the next one begins
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "nan_inf_to_errors": True,
        "default_date_format": "yyyy-mm-dd",
    }
    with Workbook(out, options) as book:
        sheets = _Sheets(book, title, titles, written)
        for page in pages:
            for row in page:
                sheets.add(row)
            written.rows += len(page)
        sheets.finish()
        _write_about(book, about(written), written)
    return written


class _Sheets:
    """The sheets of rows, one after the other: a full one is closed and the next begun."""

    def __init__(self, book: Any, title: str, titles: Sequence[str], written: Written) -> None:
        self.book, self.title, self.titles, self.written = book, title, titles, written
        self.bold = book.add_format({"bold": True, "bottom": 1})
        self.moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        self.number = 0
        self._begin()

    def add(self, row: Sequence[Value]) -> None:
        """One row."""
        if self.next_row == EXCEL_SHEET_ROWS:
            self.finish()
            self._begin()
        for column, value in enumerate(row):
            _write_cell(self.sheet, (self.next_row, column), value, self.moment, self.written)
        self.next_row += 1

    def finish(self) -> None:
        """Make the rows of this sheet a filterable table."""
        self.sheet.autofilter(0, 0, max(1, self.next_row - 1), max(0, len(self.titles) - 1))

    def _begin(self) -> None:
        self.number += 1
        suffix = "" if self.number == 1 else f" {self.number}"
        name = re.sub(r"[\[\]:*?/\\']", " ", self.title)[: SHEET_NAME_CHARACTERS - len(suffix)] + suffix
        self.sheet = self.book.add_worksheet(name)
        self.sheet.freeze_panes(1, 0)
        for column, title in enumerate(self.titles):
            self.sheet.set_column(column, column, min(WIDEST_COLUMN, max(12, len(title) + 4)))
            self.sheet.write_string(0, column, _writable(title, self.written), self.bold)
        self.next_row = 1


def _write_about(book: Any, table: Table, written: Written) -> None:
    sheet = book.add_worksheet("About")
    moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss", "align": "left"})
    sheet.set_column(0, 0, 28)
    sheet.set_column(1, 7, 24)
    for number, row in enumerate(table):
        for column, value in enumerate(row):
            _write_cell(sheet, (number, column), value, moment, written)


def _write_cell(sheet: Any, place: tuple[int, int], value: Value, moment: Any, written: Written) -> None:
    """One value as Excel's own type; nothing stays an empty cell. What Excel would round or misdate stays text."""
    if isinstance(value, str):
        if value:
            sheet.write_string(*place, _excel_text(value, written))
    elif isinstance(value, bool):
        sheet.write_boolean(*place, value)
    elif isinstance(value, date):
        _write_date(sheet, place, value, moment)
    elif value is not None and -EXCEL_EXACT_INTEGER < value < EXCEL_EXACT_INTEGER:
        sheet.write_number(*place, value)
    elif value is not None:
        sheet.write_string(*place, str(value))


def _write_date(sheet: Any, place: tuple[int, int], value: date, moment: Any) -> None:
    at = value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) else None
    if (at.date() if at else value) < FIRST_EXCEL_DAY:
        sheet.write_string(*place, str(at or value))
    else:
        sheet.write_datetime(*place, at or value, moment if at else None)


def _excel_text(value: str, written: Written) -> str:
    text = _writable(value, written)
    if len(text) <= EXCEL_CELL_CHARACTERS:
        return text
    written.cut += 1
    note = f" … (cut: {len(text):,} characters)"
    return text[: EXCEL_CELL_CHARACTERS - len(note)] + note


def _csv_cell(value: Value, written: Written) -> Any:
    if isinstance(value, str):
        return _csv_text(value, written)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    if isinstance(value, Decimal):
        return f"{value:f}"  # never 0E-9
    return value  # csv writes numbers and dates as they print, and None as nothing


def _csv_text(value: str, written: Written) -> str:
    text = _writable(value, written)
    if text.startswith(FORMULA_STARTS) or text.lstrip().startswith(FORMULA_STARTS):
        written.guarded += 1
        return f"'{text}"
    return text


def _writable(value: str, written: Written) -> str:
    if UNWRITABLE.search(value) is None:
        return value
    written.replaced += 1
    return UNWRITABLE.sub(_picture, value)


def _picture(found: "re.Match[str]") -> str:
    code = ord(found.group())
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else "\ufffd"
