"""The explorer's answer: a cut with its chart, each value leading one level deeper and each amount to its rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict
from django.urls import reverse

from costs.displayed import Displayed, displayed
from costs.explorer import Cut, CutCurrency, CutRow, Part, cut, cut_converted
from costs.figures import DAY, MONTH, Course, known
from costs.overview import BLOCKS, STATE_WORDS, label_of_span
from costs.questions import RESOURCE, SUBSCRIPTION, TAG, Dimension, Question, TagCondition
from costs.standing import State, standing_of
from costs.sums import Kind, groups
from governance.filters import Words
from governance.money import NOTHING
from governance.ui import charts
from tenants.models import Subscription, Tenant

TOP = 50  # rows of one currency on the page
STACKED = 6  # series of the chart, beside the rest
MOST_DAYS_BY_DAY = 62  # longer spans are drawn by month
# What a value leads to: the next of these that is not asked for yet.
DEEPER = ("tenant", SUBSCRIPTION, "resource_group", "service", RESOURCE)
ONE_BY_ONE = {RESOURCE, TAG}  # dimensions whose values are asked for one at a time


@dataclass(frozen=True, slots=True)
class Cell:
    """One value of a row and where it leads, "" for nowhere."""

    part: Part
    address: str


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table. `share` is its percent of the total, None where that is nothing."""

    cells: tuple[Cell, ...]
    amount: Decimal
    share: Decimal | None
    address: str  # of the rows of cost behind it


@dataclass(frozen=True, slots=True)
class Explored:
    """One currency, or all of them in one: its total, its rows, what is left over, and the chart."""

    currency: str
    total: Decimal
    rows: tuple[Row, ...]
    rest: Decimal
    rest_rows: int
    chart: charts.Columns


@dataclass(frozen=True, slots=True)
class Exploration:
    """The whole answer. `display` and `all_in_one` are of the display currency, None if none is asked for."""

    found: Cut
    currencies: tuple[Explored, ...]
    by: str
    display: Displayed | None
    all_in_one: Explored | None


def explore(
    question: Question, by: Sequence[Dimension], asked: QueryDict, *, currency: str = "", today: date
) -> Exploration:
    """Costs by one or two dimensions, with chart and links, in a display currency too if there is one.

    `asked` is the page's address. Constant queries. Raises UnanswerableError.
    """
    daily = known(question, today=today)
    standing = standing_of(question, today=today, marks=daily.marks)
    found = cut(question, by, today=today, top=TOP, standing=standing)
    step = DAY if question.span.days <= MOST_DAYS_BY_DAY else MONTH
    over_time = daily.course(question.span, step)
    currencies = tuple(_explored(one, by, asked, _stacked(question, by[0], one, over_time)) for one in found.currencies)
    if not currency:
        return Exploration(found, currencies, step, None, None)
    display = displayed(over_time, currency)
    in_one = _explored(cut_converted(question, by, currency, top=TOP), by, asked, display.chart)
    return Exploration(found, currencies, step, display, in_one)


def _explored(one: CutCurrency, by: Sequence[Dimension], asked: QueryDict, chart: charts.Columns) -> Explored:
    rows = tuple(_row(row, one, by, asked) for row in one.rows)
    return Explored(one.currency, one.total, rows, one.rest, one.rest_rows, chart)


# --- links ---


def _row(row: CutRow, one: CutCurrency, by: Sequence[Dimension], asked: QueryDict) -> Row:
    share = (100 * row.amount / one.total).quantize(Decimal("0.1")) + 0 if one.total else None  # + 0: no "-0.0"
    cells = tuple(Cell(part, _deeper(part, by, asked)) for part in row.parts)
    narrowed = _narrowed(asked, row.parts)
    if narrowed is None:
        return Row(cells, row.amount, share, "")
    for name in ("by", "then", "display_currency"):
        narrowed.pop(name, None)
    return Row(cells, row.amount, share, f"{reverse('costs:records')}?{narrowed.urlencode()}")


def _deeper(part: Part, by: Sequence[Dimension], asked: QueryDict) -> str:
    """The explorer narrowed to this value, by what is left or by the next dimension."""
    narrowed = _narrowed(asked, (part,))
    if narrowed is None:
        return ""
    left = [one.word for one in by if one != part.dimension] or [_next(part.dimension, narrowed)]
    if not left[0]:
        return ""
    narrowed.pop("then", None)
    narrowed["by"] = left[0]
    return f"?{narrowed.urlencode()}"


def _next(dimension: Dimension, narrowed: Mapping[str, Any]) -> str:
    begin = DEEPER.index(dimension.kind) + 1 if dimension.kind in DEEPER else 0
    later = [kind for kind in DEEPER[begin:] if not narrowed.get(kind)]
    return next(iter(later or [kind for kind in DEEPER if not narrowed.get(kind)]), "")


def _narrowed(asked: QueryDict, parts: Sequence[Part]) -> QueryDict | None:
    """The address with these values as filters; None where one of them has no word, or there is a second tag."""
    narrowed = asked.copy()
    for name in ("page", "sort", "columns"):
        narrowed.pop(name, None)
    tags = [part for part in parts if part.dimension.kind == TAG]
    if len(tags) > 1 or (tags and asked.get("tag")):
        return None
    for part in parts:
        if part.kind is not Kind.VALUE or not part.word:
            return None
        narrowed.setlist(part.dimension.kind, [part.word])
        if part.dimension.kind == "tenant":
            narrowed.pop("group", None)
    return narrowed


# --- the chart ---


def _stacked(question: Question, dimension: Dimension, one: CutCurrency, over_time: Course) -> charts.Columns:
    """The largest values of the first dimension on top of each other, the rest in grey."""
    sums = _by_point(question, dimension, _largest(one), one.currency, over_time.by)
    labels = [label_of_span(point.span, over_time.by) for point in over_time.points]
    marks = [charts.Mark(BLOCKS[point.state], STATE_WORDS[point.state]) for point in over_time.points]
    series: dict[str, list[Decimal | None]] = {label: [] for label in sums}
    rest: list[Decimal | None] = []
    for point in over_time.points:
        known = point.state is not State.UNKNOWN
        begin = point.span.first if over_time.by == DAY else point.span.first.replace(day=1)
        shown = [found.get(begin, NOTHING) for found in sums.values()]
        for label, amount in zip(sums, shown, strict=True):
            series[label].append(amount if known else None)
        rest.append(point.amounts.get(one.currency, NOTHING) - sum(shown, NOTHING) if known else None)
    has_rest = any(rest) or not series
    if has_rest:
        series["all others" if sums else "cost"] = rest
    title = f"By {'day' if over_time.by == DAY else 'month'}, {one.currency}"
    return charts.columns(title, labels, series, unit=one.currency, marks=marks, with_rest=has_rest and bool(sums))


def _largest(one: CutCurrency) -> list[Part]:
    """The values of the first dimension that are most together, those that a filter can name."""
    sums: dict[Part, Decimal] = {}
    for row in one.rows:
        sums[row.parts[0]] = sums.get(row.parts[0], NOTHING) + row.amount
    named = [part for part in sums if part.kind is Kind.VALUE and part.word]
    return sorted(named, key=lambda part: (-abs(sums[part]), part.label))[:STACKED]


def _by_point(
    question: Question, dimension: Dimension, parts: Sequence[Part], currency: str, step: str
) -> dict[str, dict[date, Decimal]]:
    """By label and day (or month): what each of these values cost."""
    if dimension.kind in ONE_BY_ONE:
        if getattr(question.narrowed, dimension.kind) is not None:
            return {}
        found = {_label(part, parts): groups(_narrowed_to(question, dimension, [part]), per_day=True) for part in parts}
    else:
        found = _native(question, dimension, parts)
    sums: dict[str, dict[date, Decimal]] = {}
    for label, rows in found.items():
        own = sums.setdefault(label, {})
        for group in rows:
            if group.currency == currency and group.day is not None:
                begin = group.day if step == DAY else group.day.replace(day=1)
                own[begin] = own.get(begin, NOTHING) + group.amount
    return sums


def _native(question: Question, dimension: Dimension, parts: Sequence[Part]) -> dict[str, list[Any]]:
    """By label: the sums of each day. One question for all of them."""
    keys = _keys(dimension, parts)
    found: dict[str, list[Any]] = {_label(part, parts): [] for part in parts}
    if not parts:
        return found
    for group in groups(_narrowed_to(question, dimension, parts), (dimension,), per_day=True):
        label = keys.get(group.keys[0].value)
        if label is not None:
            found[label].append(group)
    return found


def _keys(dimension: Dimension, parts: Sequence[Part]) -> dict[Any, str]:
    """The label of each key as the sums know it: tenants and subscriptions go by their primary key."""
    by_word = {part.word: _label(part, parts) for part in parts}
    if dimension.kind == "tenant":
        return {row.id: by_word[row.name] for row in Tenant.objects.filter(name__in=by_word)}
    if dimension.kind == SUBSCRIPTION:
        rows = Subscription.objects.filter(subscription_id__in=by_word)
        return {row.id: by_word[row.subscription_id] for row in rows}
    return dict(by_word)


def _label(part: Part, parts: Sequence[Part]) -> str:
    """Its label; with what tells it apart where two are called alike."""
    twice = sum(other.label == part.label for other in parts) > 1
    return f"{part.label} ({part.detail or part.word})"[:120] if twice else part.label


def _narrowed_to(question: Question, dimension: Dimension, parts: Sequence[Part]) -> Question:
    words = [part.word for part in parts]
    if dimension.kind == "tenant":
        wanted = frozenset(Tenant.objects.filter(name__in=words).values_list("id", flat=True))
        return replace(question, tenants=wanted)
    if dimension.kind == RESOURCE:
        return replace(question, narrowed=replace(question.narrowed, resource=words[0]))
    if dimension.kind == TAG:
        condition = TagCondition(dimension.tag, words[0].partition(":")[2])
        return replace(question, narrowed=replace(question.narrowed, tag=condition))
    told: dict[str, Any] = {dimension.kind: Words(tuple(words), turned=False)}
    return replace(question, narrowed=replace(question.narrowed, **told))


def address_of(name: str, **parameters: str) -> str:
    """A page of costs with these parameters, those that say something."""
    query = urlencode({key: value for key, value in parameters.items() if value})
    return reverse(f"costs:{name}") + (f"?{query}" if query else "")
