"""Cost files of one delivery: CSV or Parquet, in one or several parts, read as slices without being held in memory.

Each part is read once into a table on disk (duckdb), where its text becomes days and exact decimals; a row that cannot
be taken stays there with the reason. An amount has at most 28 places, as Azure's own decimals; it is kept as what
`governance.money.rounded` makes of it and what that lost, both exact, so that totals can be told to the last digit.
"""

import hashlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Context, Decimal
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb

from costs import reading
from costs.dialects import (
    ACTUAL,
    AMORTIZED,
    AMOUNT,
    EFFECTIVE,
    Dialect,
    UnreadableFileError,
    canonical_tags,
    dialect_of,
    places,
    unknown_columns,
)
from costs.parts import AGAIN, is_parquet, place_parquet, plain, records
from costs.rows import CostLine, RefusedRow, SliceKey

__all__ = ["CostFiles", "NamedSubscription", "SliceContent", "UnreadableFileError"]

MEMORY_LIMIT = "96MB"  # of duckdb; what needs more goes to disk
RECORDS_AT_ONCE = 50_000
EXACT = Context(prec=60)  # the default of 28 digits would round the sum of many amounts
LONGEST_ID = 2048
# What duckdb raises for a Parquet file that is not whole: no footer, a page that cannot be unpacked or read.
DAMAGED = (duckdb.IOException, duckdb.InvalidInputException, duckdb.ConversionException, duckdb.OutOfRangeException)


@dataclass(frozen=True)
class SliceContent:
    """What the files tell of one slice. `totals` are exact, by currency; `residual` is what rounding each row lost.

    `content_hash` depends on the rows alone, neither on their order nor on how they are spread over files.
    """

    key: SliceKey
    rows: int
    totals: Mapping[str, Decimal]
    residual: Mapping[str, Decimal]
    content_hash: str


@dataclass(frozen=True)
class NamedSubscription:
    """A subscription as files name it. `is_account`: the billing account, for rows that belong to no subscription."""

    subscription_id: str
    name: str
    is_account: bool


class CostFiles:
    """One delivery, read on entering. Raises UnreadableFileError unless every part can be read to its end.

    `metric`: which one the files tell; None lets the content say it (`metric_reason`). FOCUS tells both in each row,
    and is then read for that one only. `scratch` is a folder for what is kept on disk meanwhile: about as much as the
    files unpacked (None: the system's temporary folder).
    """

    def __init__(self, paths: Sequence[Path], *, metric: str | None = None, scratch: Path | None = None) -> None:
        self._paths = [Path(path) for path in paths]
        self._wanted = metric
        self._scratch = scratch
        self._dialect: Dialect | None = None
        self._amounts: dict[str, str] = {}  # metric -> which amount of a row tells it
        self.columns_unknown: tuple[str, ...] = ()
        self.metric_reason = ""
        self.has_resources = True  # False when a part has no column for them
        self.rows = 0
        self.refused_count = 0

    def __enter__(self) -> Self:
        if not self._paths:
            raise UnreadableFileError("No file is given.")
        self._folder = tempfile.TemporaryDirectory(dir=self._scratch, prefix="costs-")
        try:
            self._connection = self._connect(Path(self._folder.name))
            for number, path in enumerate(self._paths):
                self._read(number, path)
            self._conclude()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    @property
    def dialect(self) -> str:
        """Which kind of file it is: ea, mca, focus-1.0-preview, focus-1.0, focus-1.2."""
        return self._known.name

    @property
    def metrics(self) -> tuple[str, ...]:
        """Which metrics are read from each row."""
        return tuple(self._amounts)

    def slices(self) -> list[SliceContent]:
        """What is there, slice by slice: one pass over the rows for each metric."""
        found = [content for metric, amount in self._amounts.items() for content in self._slices_of(metric, amount)]
        return sorted(found, key=lambda content: content.key)

    def lines(self, key: SliceKey, *, size: int = 5000) -> Iterator[list[CostLine]]:
        """The rows of one slice in the order of the files, so many at a time."""
        if key.metric not in self._amounts:
            return
        cursor = self._connection.cursor()
        try:
            cursor.execute(reading.lines_of(self._amounts[key.metric]), [key.subscription_id, key.month])
            while batch := cursor.fetchmany(size):
                yield [_line(row) for row in batch]
        finally:
            cursor.close()

    def refused(self, subscription_id: str | None = None) -> Iterator[RefusedRow]:
        """Every row that was not taken, or every one of a subscription, in the order of the files."""
        cursor = self._connection.cursor()
        try:
            cursor.execute(reading.REFUSED, [subscription_id, subscription_id])
            while batch := cursor.fetchmany(1000):
                yield from (RefusedRow(self._paths[number].name, line, reason) for number, line, reason in batch)
        finally:
            cursor.close()

    def refused_counts(self) -> dict[str, int]:
        """How many rows were not taken, by subscription; "" for those that name neither one nor a billing account."""
        return dict(self._connection.execute(reading.REFUSED_COUNTS).fetchall())

    def refuse(self, subscription_id: str, reason: str, *, month: date | None = None) -> None:
        """Take no row of a subscription, or of one month of it: from now on they are among the refused."""
        self._connection.execute(reading.REFUSE, [reason, subscription_id, month, month])
        self.refused_count = self._counts()[1]

    def subscriptions(self) -> list[NamedSubscription]:
        """Every subscription that has a row, by the name told last."""
        return [NamedSubscription(*row) for row in self._connection.execute(reading.SUBSCRIPTIONS).fetchall()]

    def newest_days(self) -> dict[date, date]:
        """The last day that has a row, of each month."""
        return dict(self._connection.execute(reading.NEWEST_DAYS).fetchall())

    def totals(self) -> dict[str, dict[str, Decimal]]:
        """The exact sum of what is taken, by metric and currency."""
        sums: dict[str, dict[str, Decimal]] = {metric: {} for metric in self._amounts}
        for content in self.slices():
            of_metric = sums[content.key.metric]
            for currency, amount in content.totals.items():
                of_metric[currency] = EXACT.add(of_metric.get(currency, Decimal(0)), amount)
        return sums

    # --- reading in ---

    @property
    def _known(self) -> Dialect:
        if self._dialect is None:
            raise RuntimeError("Enter it first: with CostFiles(…) as files.")
        return self._dialect

    def _connect(self, folder: Path) -> duckdb.DuckDBPyConnection:
        """A database of this delivery alone, which reaches no other file and fetches nothing."""
        connection = duckdb.connect(
            str(folder / "costs.duckdb"),
            config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false", "threads": "1"},
        )
        self._plain = folder / "plain"
        reachable = [str(self._plain), *(str(self._parquet(number)) for number in range(len(self._paths)))]
        reachable += [str(path.resolve()) for path in self._paths]  # where the links to Parquet files lead
        settings = {
            "memory_limit": f"'{MEMORY_LIMIT}'",
            "temp_directory": _quoted(str(folder / "spill")),
            "TimeZone": "'UTC'",
            "preserve_insertion_order": "true",
            "allowed_paths": f"[{', '.join(_quoted(path) for path in reachable)}]",
            "enable_external_access": "false",
            "lock_configuration": "true",
        }
        for name, value in settings.items():
            connection.execute(f"SET {name} = {value}")
        connection.execute(reading.TABLE)
        return connection

    def _parquet(self, number: int) -> Path:
        return Path(self._folder.name) / f"part-{number}.parquet"  # a name of our own: duckdb would expand * and [

    def _read(self, number: int, path: Path) -> None:
        try:
            if is_parquet(path):
                place_parquet(path, self._parquet(number))
                self._read_parquet(number, path)
            else:
                self._read_csv(number, path)
        except OSError as error:
            raise UnreadableFileError(f"{path.name}: {error.strerror or error}. Nothing of it is taken.") from error
        except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
            raise UnreadableFileError(f"{path.name}: {_first_line(error)}. Nothing of it is taken.") from error

    def _read_csv(self, number: int, path: Path) -> None:
        with records(path) as rows:
            header = next(rows, [])
            at = self._understand(header, path)
            picked = sorted({index for indices in at.values() for index in indices})
            columns = {index: f"c{index}" for index in picked}
            statement = reading.from_plain(self._known, at, list(columns.values()))
            lines = plain(rows, name=path.name, width=len(header), picked=picked)
            while self._write_plain(lines):
                self._connection.execute(statement, [number, str(self._plain)])

    def _write_plain(self, lines: Iterator[str]) -> int:
        written = 0
        with self._plain.open("w", encoding="utf-8", newline="") as file:
            for line in lines:
                file.write(line)
                written += 1
                if written == RECORDS_AT_ONCE:
                    break
        return written

    def _read_parquet(self, number: int, path: Path) -> None:
        part = str(self._parquet(number))
        try:
            described = self._connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [part]).fetchall()
            header, types = [row[0] for row in described], [row[1] for row in described]
            at = self._understand(header, path)
            self._connection.execute(reading.from_parquet(self._known, at, header, types), [number, part])
        except DAMAGED as error:
            raise UnreadableFileError(f"{path.name} is cut or damaged: {_first_line(error)}. {AGAIN}") from error

    def _understand(self, header: Sequence[str], path: Path) -> dict[str, tuple[int, ...]]:
        """Where everything stands in this part. All parts are of one dialect, but may order their columns anyhow."""
        try:
            dialect = dialect_of(header)
        except UnreadableFileError as error:
            raise UnreadableFileError(f"{path.name}: {error}") from error
        if self._dialect is not None and dialect != self._dialect:
            raise UnreadableFileError(
                f"{path.name} is {dialect.name}, and the files before it are {self._dialect.name}. Import them apart."
            )
        self._dialect = dialect
        unknown = dict.fromkeys([*self.columns_unknown, *unknown_columns(header, dialect)])
        self.columns_unknown = tuple(unknown)
        at = places(header, dialect)
        self.has_resources = self.has_resources and bool(at["azure_id"])
        return at

    def _conclude(self) -> None:
        self.rows, self.refused_count = self._counts()
        both = {ACTUAL: AMOUNT, AMORTIZED: EFFECTIVE}
        if self._known.tells_both:
            self.metric_reason = "Each row tells both metrics."
            self._amounts = {metric: both[metric] for metric in both if self._wanted in (None, metric)}
        else:
            self._amounts = {self._metric_told(): AMOUNT}

    def _counts(self) -> tuple[int, int]:
        rows, refused = self._connection.execute(reading.COUNTS).fetchone() or (0, 0)
        return rows, refused

    def _metric_told(self) -> str:
        if self._wanted is not None:
            self.metric_reason = "It was given."
            return self._wanted
        spread, bought = self._connection.execute(reading.COMMITMENTS).fetchone() or (0, 0)
        if spread and bought:
            raise UnreadableFileError(
                f"{bought} row(s) buy a commitment as only actual cost has them, and {spread} spread one as only "
                "amortized cost does. Say which metric it is (--metric), or import the files apart."
            )
        if spread:
            self.metric_reason = f"{spread} row(s) spread a reservation or savings plan: amortized cost."
            return AMORTIZED
        self.metric_reason = (
            f"{bought} row(s) buy a reservation or savings plan: actual cost."
            if bought
            else "Nothing in it tells actual from amortized cost; it is taken as actual. Say --metric if it is not."
        )
        return ACTUAL

    # --- asking ---

    def _slices_of(self, metric: str, amount: str) -> Iterator[SliceContent]:
        groups: dict[SliceKey, list[tuple[Any, ...]]] = {}
        for subscription, month, *group in self._connection.execute(reading.slices_of(amount)).fetchall():
            groups.setdefault(SliceKey(subscription, month, metric), []).append(tuple(group))
        for key, parts in groups.items():
            digest = hashlib.sha256(repr([key.metric, *(tuple(map(str, part)) for part in parts)]).encode())
            yield SliceContent(
                key=key,
                rows=sum(rows for _, rows, *_ in parts),
                totals={currency: EXACT.add(kept, lost) for currency, _, kept, lost, _ in parts},
                residual={currency: lost for currency, _, _, lost, _ in parts},
                content_hash=digest.hexdigest(),
            )

    def _close(self) -> None:
        if hasattr(self, "_connection"):
            self._connection.close()
        self._folder.cleanup()


@lru_cache(maxsize=50_000)
def hash_of(azure_id: str) -> str:
    """What a resource's id is looked up by; "" for none. Python folds case: duckdb folds some letters otherwise."""
    return hashlib.sha256(azure_id.lower().encode()).hexdigest() if azure_id else ""


def _line(row: tuple[Any, ...]) -> CostLine:
    day, code, amount, azure_id, group, service, meter, region, charge, model, benefit, quantity, unit, tags = row
    key, tags = hash_of(azure_id), canonical_tags(tags)
    azure_id = azure_id[:LONGEST_ID]
    return CostLine(
        day,
        code,
        amount,
        azure_id,
        key,
        group,
        service,
        meter,
        region,
        charge,
        model,
        benefit,
        quantity,
        unit,
        tags,
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(".")[:300]
