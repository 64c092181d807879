"""Costs cut by one or two dimensions, and what moved most between two times.

The rows of a cut and its rest add up to the total of each currency, whatever the dimensions.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from costs.exchange import Conversion, Money, UsedRate, converted
from costs.figures import Compared
from costs.models import CostedResource
from costs.questions import RESOURCE, SUBSCRIPTION, TAG, Dimension, Question
from costs.spans import Span
from costs.standing import Marks, Standing, State, marks_of, standing_of
from costs.sums import Group, Key, Kind, daily_groups, groups
from governance.money import NOTHING
from tenants.models import Subscription, Tenant

TOP = 20  # rows of one currency that are told one by one
AT_ONCE = 500  # keys in one look-up


@dataclass(frozen=True, slots=True)
class Part:
    """One value of one dimension, for people. `word` is what the filter of that dimension takes; "" where none fits.

    `detail` is a resource's Azure id, a subscription's tenant.
    """

    dimension: Dimension
    kind: Kind
    label: str
    word: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class CutRow:
    """What these parts cost together; `keys` are the parts as the sums know them."""

    parts: tuple[Part, ...]
    amount: Decimal
    keys: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class CutCurrency:
    """One currency of a cut: the largest rows (refunds by their size), and the rest of them as one amount."""

    currency: str
    total: Decimal
    rows: tuple[CutRow, ...]
    rest: Decimal
    rest_rows: int


@dataclass(frozen=True, slots=True)
class Cut:
    """Costs by one or two dimensions; the currency with most rows first."""

    question: Question
    by: tuple[Dimension, ...]
    currencies: tuple[CutCurrency, ...]
    standing: Standing


@dataclass(frozen=True, slots=True)
class CutConverted(CutCurrency):
    """All currencies of a cut as one, at these rates. What has no rate stays apart and is in no row."""

    without_rate: tuple[Money, ...]
    rates: tuple[UsedRate, ...]


@dataclass(frozen=True, slots=True)
class Mover:
    """What these parts cost in two times."""

    parts: tuple[Part, ...]
    amounts: Compared


@dataclass(frozen=True, slots=True)
class Movers:
    """What rose and fell most, by currency, between two times of which both are known at least in part.

    Of the later one up to its last whole day; where it has none (`has_whole_day`) nothing is compared.
    """

    question: Question
    by: tuple[Dimension, ...]
    span: Span
    before: Span
    state: State
    state_before: State
    has_whole_day: bool
    up: dict[str, tuple[Mover, ...]]
    down: dict[str, tuple[Mover, ...]]


def cut(
    question: Question, by: Sequence[Dimension], *, today: date, top: int = TOP, standing: Standing | None = None
) -> Cut:
    """Costs by one or two dimensions. At most fifteen queries. Raises UnanswerableError.

    `standing` is the question's, where it was asked for already.
    """
    found: dict[str, list[Group]] = defaultdict(list)
    for group in groups(question, by):
        found[group.currency].append(group)
    largest = {currency: _largest(rows, top) for currency, rows in found.items()}
    parts = _Names(by, [group.keys for rows in largest.values() for group in rows])
    currencies = [_currency(currency, rows, largest[currency], parts) for currency, rows in found.items()]
    currencies.sort(key=lambda one: (-len(found[one.currency]), one.currency))
    return Cut(question, tuple(by), tuple(currencies), standing or standing_of(question, today=today))


def cut_converted(question: Question, by: Sequence[Dimension], currency: str, *, top: int = TOP) -> CutConverted:
    """The same in one currency. The queries of `daily_groups`, and a few. Raises UnanswerableError."""
    conversion = converted(daily_groups(question, by), currency, question.span, lambda group: group.keys)
    rows = [Group(keys, currency, None, one.amount) for keys, one in conversion.amounts.items() if one.amount]
    largest = _largest(rows, top)
    told = _currency(currency, rows, largest, _Names(by, [group.keys for group in largest]))
    apart = tuple(conversion.total.without_rate)
    return CutConverted(told.currency, told.total, told.rows, told.rest, told.rest_rows, apart, conversion.rates)


def rows_converted(found: Cut, currency: str) -> Conversion:
    """Each row of a cut in this currency, by its own currency and keys; by None in place of keys the rest of each.

    The queries of `daily_groups`, and one for each other currency.
    """
    listed = {(one.currency, row.keys) for one in found.currencies for row in one.rows}

    def place(group: Group) -> tuple[str, tuple[Key, ...] | None]:
        return group.currency, group.keys if (group.currency, group.keys) in listed else None

    return converted(daily_groups(found.question, found.by), currency, found.question.span, place)


def _largest(rows: list[Group], top: int) -> list[Group]:
    return sorted(rows, key=lambda group: (-abs(group.amount), str(group.keys)))[:top]


def _currency(currency: str, rows: list[Group], largest: list[Group], parts: "_Names") -> CutCurrency:
    total = sum((group.amount for group in rows), NOTHING)
    shown = tuple(CutRow(parts.of(group.keys), group.amount, group.keys) for group in largest)
    rest = total - sum((row.amount for row in shown), NOTHING)
    return CutCurrency(currency, total, shown, rest, len(rows) - len(shown))


def movers(
    question: Question, by: Sequence[Dimension], *, today: date, known: Marks | None = None, top: int = 5
) -> Movers:
    """What rose and fell most against the time before, as far as the days are whole.

    At most twenty queries. Raises UnanswerableError. `known` are the marks of both times, where they were asked for.
    """
    marks = known.on(question.span) if known else marks_of(question, today=today)
    whole = marks.finished_until
    span = Span(question.first, whole or question.last)
    before = span.before()
    asked = question.on(before)
    marks_before = known.on(before) if known else marks_of(asked, today=today)
    if whole is None or State.UNKNOWN in {marks.of_span(span), marks_before.of_span()}:
        differences = []
    else:
        differences = _differences(groups(question.on(span), by), groups(asked, by))
    rises = _most([one for one in differences if one[1].change > 0], top)
    falls = _most([one for one in differences if one[1].change < 0], top)
    parts = _Names(by, [keys for keys, _ in (*rises, *falls)])
    return Movers(
        question=question,
        by=tuple(by),
        span=span,
        before=before,
        state=marks.of_span(span),
        state_before=marks_before.of_span(),
        has_whole_day=whole is not None,
        up=_told(rises, parts),
        down=_told(falls, parts),
    )


def _differences(now: list[Group], then: list[Group]) -> list[tuple[tuple[Key, ...], Any]]:
    amounts: dict[Any, list[Decimal]] = defaultdict(lambda: [NOTHING, NOTHING])
    for place, found in enumerate((now, then)):
        for group in found:
            amounts[group.keys, group.currency][place] += group.amount
    return [(keys, Compared(currency, *both)) for (keys, currency), both in amounts.items() if both[0] != both[1]]


def _most(differences: list[tuple[tuple[Key, ...], Any]], top: int) -> list[tuple[tuple[Key, ...], Any]]:
    """The largest of each currency."""
    found: dict[str, int] = defaultdict(int)
    kept = []
    for keys, amounts in sorted(differences, key=lambda one: (-abs(one[1].change), str(one[0]))):
        found[amounts.currency] += 1
        if found[amounts.currency] <= top:
            kept.append((keys, amounts))
    return kept


def _told(differences: list[tuple[tuple[Key, ...], Any]], parts: "_Names") -> dict[str, tuple[Mover, ...]]:
    found: dict[str, list[Mover]] = defaultdict(list)
    for keys, amounts in differences:
        found[amounts.currency].append(Mover(parts.of(keys), amounts))
    return {currency: tuple(rows) for currency, rows in found.items()}


class _Names:
    """Keys as people know them; the look-ups are made once, for the keys that are shown."""

    def __init__(self, by: Sequence[Dimension], shown: Collection[tuple[Key, ...]]) -> None:
        self._by = tuple(by)
        self._labels: dict[str, dict[Any, tuple[str, str, str]]] = {}
        for place, dimension in enumerate(self._by):
            wanted = {keys[place].value for keys in shown if keys[place].kind is Kind.VALUE}
            self._labels.setdefault(dimension.kind, {}).update(_labels(dimension, wanted))

    def of(self, keys: tuple[Key, ...]) -> tuple[Part, ...]:
        """The parts of a row."""
        return tuple(self._part(dimension, key) for dimension, key in zip(self._by, keys, strict=True))

    def _part(self, dimension: Dimension, key: Key) -> Part:
        if key.kind is not Kind.VALUE:
            return Part(dimension, key.kind, _without(dimension, key.kind))
        label, word, detail = self._labels[dimension.kind].get(key.value, (str(key.value), str(key.value), ""))
        return Part(dimension, key.kind, label, word, detail)


def _without(dimension: Dimension, kind: Kind) -> str:
    if kind is Kind.UNTOLD:
        return "Not told by the source"
    if dimension.kind == TAG:
        return f"No tag {dimension.tag}"
    return f"No {dimension.kind.replace('_', ' ')}"


def _labels(dimension: Dimension, wanted: Collection[Any]) -> dict[Any, tuple[str, str, str]]:
    """Label, word and detail of these values. One query at most for every 500 of them; none where they speak alone."""
    if dimension.kind == "tenant":
        return {row.id: (row.name, row.name, "") for row in Tenant.objects.filter(id__in=wanted)} if wanted else {}
    if dimension.kind == TAG:
        return {value: (value or "(empty)", f"{dimension.tag}:{value}", "") for value in wanted}
    if dimension.kind == SUBSCRIPTION:
        rows = _found(Subscription.objects.select_related("tenant"), "id", wanted)
        return {row.id: (row.name, row.subscription_id, row.tenant.name) for row in rows}
    if dimension.kind == RESOURCE:
        rows = _found(CostedResource.objects.all(), "azure_id_hash", wanted)
        return {row.azure_id_hash: (row.name, row.azure_id_hash, row.azure_id) for row in rows}
    return {}


def _found(rows: Any, column: str, wanted: Collection[Any]) -> list[Any]:
    keys = sorted(wanted)
    pieces = [keys[start : start + AT_ONCE] for start in range(0, len(keys), AT_ONCE)]
    return [row for piece in pieces for row in rows.filter(**{f"{column}__in": piece})]
