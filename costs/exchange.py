"""Amounts shown in another currency, at dated rates: beside the originals, never in their place.

A day's amounts are converted at the rate of that day, or at the latest one before it that is not older than
OLDEST_DAYS. What has no such rate stays apart in its own currency. A rate the other way round serves where there is no
direct one.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Context, Decimal
from typing import Any, NamedTuple

from django.db.models import Q

from costs.models import ExchangeRate
from costs.spans import Span
from costs.sums import Group
from governance.money import NOTHING, rounded

OLDEST_DAYS = 7  # weekends and holidays have no rates
PRECISE = Context(prec=50)


class Rate(NamedTuple):
    """What one unit of a currency is worth. `is_inverse`: it was told the other way round."""

    day: date
    rate: Decimal
    source: str
    is_inverse: bool


@dataclass(frozen=True, slots=True)
class UsedRate:
    """A rate that was used, and for which days."""

    base: str
    rate: Rate
    first: date
    last: date


@dataclass(slots=True)
class Converted:
    """One amount: what could be converted, if `some` could, and what stays apart, by its own currency."""

    amount: Decimal = NOTHING
    apart: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    some: bool = False

    @property
    def without_rate(self) -> list["Money"]:
        """What stays apart, by currency."""
        return [Money(currency, self.apart[currency]) for currency in sorted(self.apart)]

    @property
    def is_apart(self) -> bool:
        """Whether there is something and none of it could be converted: `amount` says nothing then."""
        return bool(self.apart) and not self.some


class Money(NamedTuple):
    """An amount in its currency."""

    currency: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Conversion:
    """Amounts in one currency, by what they were asked for, and the rates that made them."""

    currency: str
    amounts: Mapping[Any, Converted]
    rates: tuple[UsedRate, ...]

    def of(self, key: Hashable) -> Converted:
        """One of them; nothing where nothing was spent."""
        return self.amounts.get(key) or Converted()

    @property
    def total(self) -> Converted:
        """All of them together."""
        found = Converted(sum((one.amount for one in self.amounts.values()), NOTHING))
        found.some = any(one.some for one in self.amounts.values())
        for one in self.amounts.values():
            for currency, amount in one.apart.items():
                found.apart[currency] += amount
        return found


def converted(groups: Iterable[Group], currency: str, span: Span, key_of: Callable[[Group], Hashable]) -> Conversion:
    """Groups, each of one day, in this currency, added up by key and rounded as amounts are.

    One query for each other currency. Of the groups one is held at a time.
    """
    table = _Rates(currency, span)
    sums: dict[Any, Converted] = defaultdict(Converted)
    for group in groups:
        total = sums[key_of(group)]
        worth = table.worth(group)
        if worth is None:
            total.apart[group.currency] += group.amount
        else:
            total.amount, total.some = PRECISE.add(total.amount, worth), True
    for total in sums.values():
        total.amount = rounded(total.amount)
    return Conversion(currency, dict(sums), table.used())


@dataclass(frozen=True, slots=True)
class RatesOf:
    """The rates of one currency by one publisher that were used: how many, and of which days the first and last are."""

    base: str
    source: str
    number: int
    first: date
    last: date

    @property
    def words(self) -> str:
        """At the rate of which day, and whose it is."""
        if self.number == 1:
            return f"converted at the rate of {self.first} ({self.source})"
        return f"converted at the rates of {self.first} to {self.last} ({self.source}), each day at its own"


def rates_told(rates: Iterable[UsedRate]) -> tuple[RatesOf, ...]:
    """Rates in use as people are told of them, by currency and publisher."""
    found: dict[tuple[str, str], list[date]] = defaultdict(list)
    for one in rates:
        found[one.base, one.rate.source].append(one.rate.day)
    return tuple(
        RatesOf(base, source, len(days), min(days), max(days)) for (base, source), days in sorted(found.items())
    )


def display_currencies() -> list[str]:
    """The currencies that there are rates of, in order: none without rates. One query."""
    pairs = ExchangeRate.objects.order_by().values_list("base", "quote").distinct()
    return sorted({code for pair in pairs for code in pair})


class _Rates:
    """The rates into one currency, and which of them were used for which days."""

    def __init__(self, currency: str, span: Span) -> None:
        self._currency, self._span = currency, span
        self._days: dict[tuple[str, Rate], tuple[date, date]] = {}  # the first and the last
        self._rates: dict[str, tuple[list[Rate], list[Rate]]] = {}  # by the other currency: direct ones, inverse ones

    def worth(self, group: Group) -> Decimal | None:
        """What a group of one day is worth in the currency; None without a rate."""
        if group.day is None:
            raise ValueError("An amount without its day cannot be converted.")
        if group.currency == self._currency:
            return group.amount
        rate = self._of(group.currency, group.day)
        if rate is None:
            return None
        first, last = self._days.get((group.currency, rate), (group.day, group.day))
        self._days[group.currency, rate] = min(first, group.day), max(last, group.day)
        if rate.is_inverse:
            return PRECISE.divide(group.amount, rate.rate)
        return PRECISE.multiply(group.amount, rate.rate)

    def _of(self, base: str, day: date) -> Rate | None:
        """The latest rate up to that day, if it is not too old; a direct one first."""
        if base not in self._rates:
            self._rates[base] = _read(self._currency, self._span, base)
        for rates in self._rates[base]:
            place = bisect_right(rates, day, key=lambda rate: rate.day)
            if place and (day - rates[place - 1].day).days <= OLDEST_DAYS:
                return rates[place - 1]
        return None

    def used(self) -> tuple[UsedRate, ...]:
        """The rates in use, by currency and day."""
        found = [UsedRate(base, rate, first, last) for (base, rate), (first, last) in self._days.items()]
        return tuple(sorted(found, key=lambda one: (one.base, one.rate.day)))


def _read(currency: str, span: Span, base: str) -> tuple[list[Rate], list[Rate]]:
    """The rates that may serve, direct and inverse ones, in order of their days."""
    direct, inverse = list[Rate](), list[Rate]()
    either = Q(quote=currency, base=base) | Q(base=currency, quote=base)
    days = {"day__gte": span.first - timedelta(days=OLDEST_DAYS), "day__lte": span.last}
    for row in ExchangeRate.objects.filter(either, **days).order_by("day"):
        is_inverse = row.base == currency
        (inverse if is_inverse else direct).append(Rate(row.day, row.rate, row.source, is_inverse))
    return direct, inverse
