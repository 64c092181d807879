"""One file of a delivery: what it is by its content, and a CSV as plain records that duckdb cannot misread.

duckdb's own CSV reader is not used on what others wrote: depending on its options it passes over an unterminated quote
at the end, or fails on a line feed within quotes (seen with 2.0). Python's reader is strict about both.
"""

import csv
import gzip
import io
import re
import shutil
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from typing import IO, cast

from costs.dialects import UnreadableFileError

PARQUET, GZIP, ZIP = b"PAR1", b"\x1f\x8b", b"PK\x03\x04"
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
FIELD_END = "\x1f"  # between the fields of a plain record; a line feed ends it
CONTROLS = re.compile(r"[\x00-\x1e\x7f]")  # told as spaces: no column that is read can mean them
EVERY_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
LONGEST_FIELD = 2_000_000  # characters
BUFFER_BYTES = 1_000_000
AGAIN = "Nothing of it is taken; download or export it again."


def is_parquet(path: Path) -> bool:
    """True for Parquet, compressed or not. Raises UnreadableFileError for what is neither Parquet nor maybe text."""
    with _readable(path), _bytes_of(path) as raw:
        first = raw.read(4) or b""
    if not first:
        raise UnreadableFileError(f"{path.name} is empty. {AGAIN}")
    if first.startswith(ZIP):
        raise UnreadableFileError(f"{path.name} is a ZIP archive. Unpack it and give the files in it.")
    if first.startswith(UTF_16):
        raise UnreadableFileError(f"{path.name} is UTF-16 text. Save it as CSV in UTF-8.")
    return first.startswith(PARQUET)


def place_parquet(path: Path, to: Path) -> None:
    """Make a Parquet file stand at `to` as well. Raises UnreadableFileError when it is compressed and cut."""
    if not _is_gzip(path):
        to.symlink_to(path.resolve())
        return
    with _readable(path), gzip.open(path) as packed, to.open("wb") as unpacked:
        shutil.copyfileobj(packed, unpacked, BUFFER_BYTES)


@contextmanager
def records(path: Path) -> Iterator[Iterator[list[str]]]:
    """The records of a CSV, the header first; compressed or not. Raises UnreadableFileError while they are read."""
    csv.field_size_limit(LONGEST_FIELD)
    with _readable(path), _bytes_of(path) as raw:
        text = io.TextIOWrapper(raw, encoding="utf-8-sig", newline="")
        yield csv.reader(text, strict=True)


def plain(rows: Iterator[list[str]], *, name: str, width: int, picked: Sequence[int]) -> Iterator[str]:
    """Each record as a line of its number (from 1) and the fields that are picked. Blank lines are passed over."""
    number, pick, ends = 0, itemgetter(*picked), len(picked) - 1
    for row in rows:
        if len(row) != width:
            if not row:
                continue
            found = f"row {number + 1} has {len(row)} fields, and the header {width}"
            raise UnreadableFileError(f"{name}: {found}: the file is cut or damaged. {AGAIN}")
        number += 1
        told = FIELD_END.join(pick(row))
        if CONTROLS.search(told) or told.count(FIELD_END) != ends:
            told = FIELD_END.join([EVERY_CONTROL.sub(" ", field) for field in pick(row)])
        yield f"{number}{FIELD_END}{told}\n"


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == GZIP  # by content: names lie


def _bytes_of(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path)) if _is_gzip(path) else path.open("rb", BUFFER_BYTES)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UnreadableFileError(f"{path.name}: the compressed file is cut or damaged. {AGAIN}") from error
    except UnicodeDecodeError as error:
        raise UnreadableFileError(f"{path.name} is not UTF-8 text, nor Parquet. Save it as CSV in UTF-8.") from error
    except csv.Error as error:
        raise UnreadableFileError(f"{path.name}: the CSV is cut or damaged ({error}). {AGAIN}") from error
