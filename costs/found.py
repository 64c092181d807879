"""What a source gives of one slice, in one form whatever it came from, or why none gave it."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from itertools import chain

from costs.files import EXACT, CostFiles, SliceContent
from costs.models import CostReceipt, Source
from costs.rows import CostLine, RefusedRow, SliceKey
from governance.azure.costs import Spent
from governance.azure.errors import BadShapeError
from governance.money import rounded

LINES = 5000  # handed to the store at once

Totals = Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Found:
    """The content of one slice, ready to be stored, for as long as the reading of its month is open."""

    key: SliceKey
    source: Source
    reason: str  # why from there
    until: date  # the last day it can tell of: what a control total is asked for
    rows: int
    content_hash: str
    totals: Totals
    residual: Totals
    lines: Callable[[], Iterable[Sequence[CostLine]]]
    refused: tuple[RefusedRow, ...] = ()
    refused_count: int = 0
    fallback_for: str = ""  # what failed that should have given it

    @property
    def has_resources(self) -> bool:
        """Whether it names resources."""
        return self.source != Source.QUERY


@dataclass(frozen=True, slots=True)
class Missing:
    """No source gave the slice."""

    key: SliceKey
    source: Source
    verdict: CostReceipt.Verdict  # FAILED or NOT_OFFERED
    reason: str


class LackError(Exception):
    """A source does not have the slice, as is to be expected. Its text says why."""


def of_rows(
    key: SliceKey, rows: Sequence[Spent], source: Source, reason: str, failures: Sequence[str], *, until: date
) -> Found:
    """What a query gave, or nothing at all, in the form of a file's slice."""
    lines = sorted(_line(row, key) for row in rows)
    return Found(
        key=key,
        source=source,
        reason=reason,
        until=until,
        rows=len(lines),
        content_hash=hashlib.sha256(repr((source.value, lines)).encode()).hexdigest(),
        totals=added({row.currency: row.amount} for row in rows),
        residual=added({row.currency: row.amount - rounded(row.amount)} for row in rows),
        lines=lambda: (lines[start : start + LINES] for start in range(0, len(lines), LINES)),
        fallback_for=words(failures),
    )


def filled(
    empty: Found,
    files: CostFiles,
    contents: Sequence[SliceContent],
    *,
    refused: Iterable[RefusedRow],
    refused_count: int,
) -> Found:
    """The slice out of files. `contents` are all that they have of it and of its other months, which are strays."""
    mine = [row for row in contents if row.key.month == empty.key.month]
    strays = [
        RefusedRow("", 0, f"{row.rows} row(s) of {row.key.month:%Y-%m} stand in the files of {empty.key.month:%Y-%m}.")
        for row in contents
        if row.key.month != empty.key.month
    ]
    found = replace(empty, refused=(*strays, *refused), refused_count=len(strays) + refused_count)
    if not mine:
        return found
    return replace(
        found,
        rows=sum(row.rows for row in mine),
        content_hash=hashlib.sha256(repr([row.content_hash for row in mine]).encode()).hexdigest(),
        totals=added(row.totals for row in mine),
        residual=added(row.residual for row in mine),
        lines=lambda: chain.from_iterable(files.lines(row.key, size=LINES) for row in mine),
    )


def added(totals: Iterable[Totals]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for row in totals:
        for currency, amount in row.items():
            sums[currency] = EXACT.add(sums.get(currency, Decimal(0)), amount)
    return sums


def words(parts: Sequence[str]) -> str:
    return " ".join(dict.fromkeys(filter(None, parts)))


def _line(row: Spent, key: SliceKey) -> CostLine:
    if row.day is None or row.day.replace(day=1) != key.month:
        raise BadShapeError(f"Cost Management's answer for {key.month:%Y-%m} has a row of {row.day}.")
    service, group = row.groups
    return CostLine(row.day, row.currency, rounded(row.amount), service=service, resource_group=group)
