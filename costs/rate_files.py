"""Exchange rates out of a CSV file: day, base, quote, rate, source. Read whole, checked whole, or not taken at all."""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import IO, NamedTuple

from django.db import transaction

from audit.trail import Target, record
from audit.verbs import Verb
from costs.models import ExchangeRate
from governance.tenancy import Scope, entered

COLUMNS = ("day", "base", "quote", "rate", "source")
CODE = re.compile(r"[A-Z]{3}")
PLACES, DIGITS = 9, 9  # after and before the point, as they are stored
LONGEST_SOURCE = 200
ROWS_AT_ONCE = 500


class UnreadableRatesError(ValueError):
    """The file was not taken. `refused` says why, by line."""

    def __init__(self, refused: list[str]) -> None:
        super().__init__(f"{len(refused)} problems; nothing was taken.")
        self.refused = refused


class RateLine(NamedTuple):
    """One line of a file: one unit of `base` is worth `rate` units of `quote` on that day."""

    day: date
    base: str
    quote: str
    rate: Decimal
    source: str


@dataclass(frozen=True, slots=True)
class TakenRates:
    """What came of a file."""

    rows: int
    added: int
    changed: int
    unchanged: int


def read_rates(file: IO[str], *, today: date) -> list[RateLine]:
    """The lines of a file. Raises UnreadableRatesError with every problem there is."""
    rows = csv.DictReader(file)
    names = [name.strip().lower() for name in rows.fieldnames or []]
    if missing := [name for name in COLUMNS if name not in names]:
        raise UnreadableRatesError([f"line 1: the columns {', '.join(missing)} are missing."])
    rows.fieldnames = names
    found: dict[tuple[date, str, str], RateLine] = {}
    refused: list[str] = []
    for number, row in enumerate(rows, start=2):
        try:
            line = _line(row, today)
        except ValueError as error:
            refused.append(f"line {number}: {error}")
            continue
        if (there := found.get(line[:3])) and there.rate != line.rate:
            refused.append(f"line {number}: {line.day} {line.base}/{line.quote} has another rate further up.")
        found[line[:3]] = line
    if refused or not found:
        raise UnreadableRatesError(refused or ["line 2: there is no rate in the file."])
    return list(found.values())


def _line(row: dict[str, str | None], today: date) -> RateLine:
    """One line. Raises ValueError with a sentence."""
    text = {name: (row.get(name) or "").strip() for name in COLUMNS}
    base, quote = _code(text["base"], "base"), _code(text["quote"], "quote")
    if base == quote:
        raise ValueError("base and quote are the same currency.")
    if not 0 < len(text["source"]) <= LONGEST_SOURCE:
        raise ValueError(f"say in source, in at most {LONGEST_SOURCE} characters, who published the rate.")
    return RateLine(_day(text["day"], today), base, quote, _rate(text["rate"]), text["source"])


def _code(text: str, column: str) -> str:
    if not CODE.fullmatch(text.upper()):
        raise ValueError(f"{column} {text[:20]!r} is not the three letters of a currency.")
    return text.upper()


def _day(text: str, today: date) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"day {text[:20]!r} is not a day like 2026-11-23.") from None
    if day > today:
        raise ValueError(f"day {day} is not there yet.")
    return day


def _rate(text: str) -> Decimal:
    try:
        rate = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"rate {text[:30]!r} is not a number with a point.") from None
    if not rate.is_finite() or rate <= 0:
        raise ValueError(f"rate {text[:30]!r} is not above zero.")
    if rate != round(rate, PLACES) or rate >= 10**DIGITS:
        raise ValueError(f"rate {text[:30]!r} has more than {DIGITS} digits before or {PLACES} after the point.")
    return rate


@transaction.atomic
def take_rates(lines: Iterable[RateLine]) -> TakenRates:
    """Store rates; one for the same day and currencies is replaced. Rates belong to no tenant."""
    wanted = {line[:3]: line for line in lines}
    there = {(row.day, row.base, row.quote): row for row in _stored(wanted)}
    new = [line for key, line in wanted.items() if key not in there]
    changed = [row for key, row in there.items() if (row.rate, row.source) != wanted[key][3:]]
    for row in changed:
        _, _, _, row.rate, row.source = wanted[row.day, row.base, row.quote]
    made = [ExchangeRate(**dict(zip(COLUMNS, line, strict=True))) for line in new]
    ExchangeRate.objects.bulk_create(made, batch_size=ROWS_AT_ONCE)
    ExchangeRate.objects.bulk_update(changed, ["rate", "source"], batch_size=ROWS_AT_ONCE)
    taken = TakenRates(len(wanted), len(new), len(changed), len(wanted) - len(new) - len(changed))
    if new or changed:
        _write_down(wanted.values(), taken)
    return taken


def _stored(wanted: Iterable[tuple[date, str, str]]) -> Iterator[ExchangeRate]:
    """The rates there are of these days and currencies."""
    keys = set(wanted)
    bases, days = {base for _, base, _ in keys}, [day for day, _, _ in keys]
    rows = ExchangeRate.objects.filter(base__in=bases, day__gte=min(days), day__lte=max(days))
    return (row for row in rows if (row.day, row.base, row.quote) in keys)


def _write_down(lines: Iterable[RateLine], taken: TakenRates) -> None:
    days = sorted({line.day for line in lines})
    pairs = sorted({f"{line.base}/{line.quote}" for line in lines})
    after = {"first_day": str(days[0]), "last_day": str(days[-1]), "pairs": pairs, "added": taken.added}
    with entered(Scope.every_tenant(reason="Exchange rates belong to the platform.")):
        record(
            Verb.EXCHANGE_RATES_TAKEN,
            tenant_id=None,
            target=Target("costs.exchangerate", "", ", ".join(pairs)[:200]),
            before={},
            after={**after, "changed": taken.changed},
        )
