"""What cells of CSV and Excel hold: the value, and never a formula, a link or half a text in silence."""

import csv
import io
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance import exports
from governance.exports import Value, Written, write_csv, write_xlsx

FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "  =1",
    "＝1",
    "＋1",
    "－1",
    "＠x",
    "=cmd|' /C calc'!A0",
]
HARMLESS = [
    "",
    "a=1",
    "vm-1",
    "1",
    "'quoted",
    'with "quotes", commas\r\nand lines',
    "ümläut ☃",
    "http://contoso.example",
]
AT = datetime(2026, 11, 23, 18, 10, 5, tzinfo=UTC)


def as_csv(*rows: Sequence[Value]) -> tuple[list[list[str]], Written]:
    """The cells as a CSV reader sees them, and what was counted."""
    out = io.BytesIO()
    written = write_csv(out, ["column"] * len(rows[0]), [rows])
    return list(csv.reader(io.StringIO(out.getvalue().decode(), newline="")))[1:], written


def as_xlsx(*rows: Sequence[Value]) -> tuple[list[Any], Written]:
    """The cells of the first sheet, as openpyxl reads them, and what was counted."""
    out = io.BytesIO()
    written = write_xlsx(out, "List", ["column"] * len(rows[0]), [rows], lambda written: [("Rows", written.rows)])
    book = openpyxl.load_workbook(out)
    return [list(row) for row in book.worksheets[0].iter_rows(min_row=2)], written


@pytest.mark.parametrize("text", FORMULAS)
def test_in_csv_no_text_begins_as_a_formula(text: str) -> None:
    ((cell,),), written = as_csv([text])

    assert cell == f"'{text}"
    assert written.guarded == 1


@pytest.mark.parametrize("text", HARMLESS)
def test_in_csv_any_other_text_stays_as_it_is(text: str) -> None:
    ((cell,),), written = as_csv([text])

    assert cell == text
    assert written.guarded == 0


@given(st.text())
def test_in_csv_no_text_at_all_begins_with_what_spreadsheets_compute(text: str) -> None:
    ((cell,),), _ = as_csv([text])

    assert not cell.lstrip().startswith(tuple("=+-@＝＋－＠"))


@given(st.lists(st.lists(st.text(), min_size=2, max_size=2), min_size=1, max_size=5))
def test_a_csv_is_read_back_cell_by_cell(rows: list[list[str]]) -> None:
    cells, _ = as_csv(*rows)

    assert len(cells) == len(rows)
    for row, found in zip(rows, cells, strict=True):
        assert [one.removeprefix("'") for one in found] == [
            exports._writable(one, Written()).removeprefix("'") for one in row
        ]


def test_a_csv_writes_numbers_dates_and_truth_as_machines_read_them() -> None:
    there = AT.astimezone(timezone(timedelta(hours=5)))

    (cells,), written = as_csv([-3, Decimal("1.50"), True, None, date(2026, 1, 2), there])

    assert cells == ["-3", "1.50", "true", "", "2026-01-02", "2026-11-23T18:10:05Z"]
    assert written == Written(rows=1)


@pytest.mark.parametrize("amount", ["0E-9", "1E-9", "-2.5E-8", "1E+3"])
def test_a_csv_writes_no_amount_with_an_exponent(amount: str) -> None:
    ((cell,),), _ = as_csv([Decimal(amount)])

    assert "E" not in cell
    assert Decimal(cell) == Decimal(amount)


def test_a_csv_has_no_byte_order_mark_and_ends_lines_as_rfc_4180_says() -> None:
    out = io.BytesIO()
    write_csv(out, ["name"], [[["vm-1"]]])

    assert out.getvalue() == b"name\r\nvm-1\r\n"


@pytest.mark.parametrize("text", [*FORMULAS, *HARMLESS[1:], "mailto:a@contoso.example", "00123", "_x0041_"])
def test_in_excel_every_text_is_text(text: str) -> None:
    ((cell,),), _ = as_xlsx([text])

    assert cell.data_type == "s"
    assert cell.hyperlink is None
    # Excel writes line ends as LF, and "_x0041_" as an escape that it reads back as itself.
    assert cell.value.replace("_x005F_", "_") in {
        text,
        text.replace("\r\n", "\n").replace("\r", "\n"),
        text.replace("\r", "_x000D_"),
    }


def test_in_excel_numbers_dates_and_truth_are_their_own_types() -> None:
    (cells,), _ = as_xlsx(
        [5, Decimal("1.5"), True, date(2026, 1, 2), AT.astimezone(timezone(timedelta(hours=5))), None]
    )

    assert [cell.data_type for cell in cells] == ["n", "n", "b", "d", "d", "n"]
    assert [cell.value for cell in cells] == [
        5,
        1.5,
        True,
        datetime(2026, 1, 2),  # noqa: DTZ001 - Excel knows no zone
        datetime(2026, 11, 23, 18, 10, 5),  # noqa: DTZ001
        None,
    ]


def test_what_excel_would_round_or_misdate_stays_text() -> None:
    (cells,), _ = as_xlsx([10**17 + 1, date(1899, 12, 31), datetime(1, 1, 1, tzinfo=UTC)])

    assert [cell.value for cell in cells] == ["100000000000000001", "1899-12-31", "0001-01-01 00:00:00"]


@pytest.mark.parametrize("write", [as_csv, as_xlsx])
def test_characters_that_no_file_may_hold_are_seen(write: Any) -> None:
    ((cell,),), written = write(["a\x00b\x1bc\ud800d\ufffe"])

    assert getattr(cell, "value", cell) == "a␀b␛c\ufffdd\ufffd"
    assert written.replaced == 1


def test_a_text_too_long_for_excel_says_how_much_was_cut() -> None:
    ((cell,),), written = as_xlsx(["x" * 40_000])

    assert len(cell.value) == exports.EXCEL_CELL_CHARACTERS
    assert cell.value.endswith(" … (cut: 40,000 characters)")
    assert written.cut == 1


def test_beyond_the_rows_of_a_sheet_another_one_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "EXCEL_SHEET_ROWS", 4)
    out = io.BytesIO()

    written = write_xlsx(out, "A [list]: of/things", ["n"], [[[1], [2]], [[3], [4], [5]]], lambda _: [("Rows", 5)])

    book = openpyxl.load_workbook(out)
    assert book.sheetnames == ["A  list   of things", "A  list   of things 2", "About"]
    cells = [[row[0].value for row in sheet.iter_rows()] for sheet in book.worksheets[:2]]
    assert cells == [["n", 1, 2, 3], ["n", 4, 5]]
    assert written.rows == 5


def test_the_last_sheet_is_told_what_was_written() -> None:
    out = io.BytesIO()

    write_xlsx(
        out,
        "List",
        ["n"],
        [[["=1"]], [["b\x00"]]],
        lambda written: [("Rows", written.rows), (), ("Bad", written.replaced)],
    )

    about = openpyxl.load_workbook(out)["About"]
    assert [[cell.value for cell in row] for row in about.iter_rows()] == [["Rows", 2], [None, None], ["Bad", 1]]
