"""Writes charges to files, in parts: CSV, CSV in gzip, Parquet. Faults spoil them while they are written."""

import gzip
import io
import itertools
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from governance.azure.simulator.charges import Charge
from governance.azure.simulator.cost_settings import CostSettings
from governance.azure.simulator.cost_tables import Table, csv_line
from governance.azure.simulator.faults import Fault, Faults
from governance.azure.simulator.focus import MOMENTS, NUMBERS

CUT_PERCENT = 60  # of a truncated file that are left
SPOILS_ROWS = ("lost_rows", "unknown_currency", "missing_column")
GZIP_LEVEL = 1  # quick
WRONG_BYTES, WRONG_ROWS = 7, 3  # more than there are


@dataclass(frozen=True)
class Part:
    """A written file; ``byte_count`` and ``row_count`` are what the manifest says of it."""

    name: str
    path: Path
    byte_count: int
    row_count: int


@dataclass(frozen=True)
class Form:
    """How a file is written."""

    ending: str = ".csv"
    is_gzip: bool = False
    is_parquet: bool = False
    compression: str = "none"


PLAIN = Form()


def form_of(file_format: str, compression: str) -> Form:
    """By the words of an export."""
    if file_format == "Parquet":
        ending = ".snappy.parquet" if compression == "snappy" else ".parquet"
        return Form(ending, is_parquet=True, compression=compression)
    return Form(".csv.gz", is_gzip=True) if compression == "gzip" else PLAIN


class Workshop:
    """Keeps written files in a temporary folder until ``close()``."""

    def __init__(self, faults: Faults, settings: CostSettings) -> None:
        self._faults = faults
        self._settings = settings
        self._folder: Path | None = None
        self._numbers = itertools.count(1)

    def close(self) -> None:
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def new_path(self) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="azure-simulator-"))
        return self._folder / str(next(self._numbers))

    def write(self, place: str, table: Table, charges: Sequence[Charge], form: Form = PLAIN) -> list[Part]:
        """``place`` is the path of the folder: ``/account/container/...``. At least one part, even without rows."""
        size = max(1, self._settings.partition_rows)
        starts = range(0, len(charges), size) or range(1)
        return [
            self._write_part(f"{place}/part_0_{number:04d}{form.ending}", table, charges[start : start + size], form)
            for number, start in enumerate(starts, start=1)
        ]

    def spoils_manifest(self, place: str) -> list[Fault]:
        return self._faults.claim_for_file(f"{place}/manifest.json")

    def _write_part(self, place: str, table: Table, charges: Sequence[Charge], form: Form) -> Part:
        faults = self._faults.claim_for_file(place)
        path = self.new_path()
        columns, lines, count = _spoilt(table, charges, faults)
        if form.is_parquet:
            _write_parquet(path, columns, lines, form.compression)
        else:
            _write_csv(path, columns, lines, has_mark=table.has_mark, is_gzip=form.is_gzip)
        size = path.stat().st_size
        kinds = {fault.kind for fault in faults}
        if "truncated_csv" in kinds:
            with path.open("r+b") as file:
                file.truncate(size * CUT_PERCENT // 100)
        told = size + WRONG_BYTES if "wrong_byte_count" in kinds else size
        rows = count + WRONG_ROWS if "wrong_row_count" in kinds else count
        return Part(place.rsplit("/", 1)[1], path, told, rows)


def _spoilt(table: Table, charges: Sequence[Charge], faults: Sequence[Fault]) -> tuple[list[str], Iterator[str], int]:
    """Columns, lines and how many there are, after what the faults do to them."""
    columns, count = list(table.columns), len(charges)
    if not any(fault.kind in SPOILS_ROWS for fault in faults):
        return columns, table.lines(charges), count
    rows: Iterator[list[str]] = map(table.cells, charges)
    for fault in faults:
        if fault.kind == "lost_rows":
            count = max(0, count - fault.rows)
            rows = itertools.islice(rows, count)
        elif fault.kind == "unknown_currency":
            rows = _in_currency(rows, columns.index(table.currency_column), fault)
        elif fault.kind == "missing_column" and (fault.column or table.amount_column) in columns:
            gone = columns.index(fault.column or table.amount_column)
            del columns[gone]
            rows = _without(rows, gone)
    return columns, map(csv_line, rows), count


def _in_currency(rows: Iterable[list[str]], place: int, fault: Fault) -> Iterator[list[str]]:
    spoilt = range(fault.row, fault.row + fault.rows)
    for number, row in enumerate(rows):
        if number in spoilt:
            row[place] = fault.currency
        yield row


def _without(rows: Iterable[list[str]], place: int) -> Iterator[list[str]]:
    for row in rows:
        del row[place]
        yield row


def _write_csv(path: Path, columns: Sequence[str], lines: Iterable[str], *, has_mark: bool, is_gzip: bool) -> None:
    encoding = "utf-8-sig" if has_mark else "utf-8"
    with _opened(path, is_gzip=is_gzip) as raw, io.TextIOWrapper(raw, encoding=encoding, newline="") as file:
        file.write(csv_line(columns))
        file.writelines(lines)


@contextmanager
def _opened(path: Path, *, is_gzip: bool) -> Iterator[Any]:
    """The same bytes for the same rows: gzip would note the time."""
    with path.open("wb") as file:
        if not is_gzip:
            yield file
            return
        with gzip.GzipFile("", "wb", GZIP_LEVEL, file, mtime=0) as packed:
            yield packed


def _write_parquet(path: Path, columns: Sequence[str], lines: Iterable[str], compression: str) -> None:
    """Through a CSV file, so that a million rows need not be held."""
    plain = path.with_suffix(".plain")
    _write_csv(plain, columns, lines, has_mark=False, is_gzip=False)
    cells = ", ".join(f"{_cell(name)} AS {_quoted(name)}" for name in columns)
    codec = "uncompressed" if compression == "none" else compression
    try:
        with duckdb.connect(config={"threads": 1}) as connection:
            connection.execute(
                f"COPY (SELECT {cells} FROM read_csv(?, header=true, all_varchar=true, delim=',', quote='\"', "  # noqa: S608 - our own names
                f"escape='\"', new_line='\\r\\n', auto_detect=false, columns={_types(columns)})) "
                f"TO '{path}' (FORMAT parquet, COMPRESSION {codec})",
                [str(plain)],
            )
    finally:
        plain.unlink()


def _types(columns: Sequence[str]) -> str:
    return "{" + ", ".join(f"'{name}': 'VARCHAR'" for name in columns) + "}"


def _cell(name: str) -> str:
    """Amounts as exact decimals, moments as timestamps, an empty text as null."""
    value = f"nullif({_quoted(name)}, '')"
    if name in NUMBERS:
        return f"CAST({value} AS DECIMAL(38, 18))"
    return f"CAST({value} AS TIMESTAMP)" if name in MOMENTS else value


def _quoted(name: str) -> str:
    return f'"{name}"'
