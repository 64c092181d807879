"""What templates need to print times, numbers, choices and links that keep the rest of the address."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import template
from django.core.paginator import Page
from django.http import QueryDict
from django.template import Context
from django.utils.safestring import SafeString
from django.utils.timesince import timesince

from governance.filters import PhrasesField, Words, WordsField, words_in
from governance.ui import cells
from governance.ui.listing import Column

register = template.Library()

NOT_FILTERS = frozenset({"sort", "page", "columns"})
PAINTS = {1: "#2f74c0", 2: "#b0720a", 3: "#6b7686", 4: "#0e7f74", 5: "#8457c5", 6: "#b5446e", 7: "#5f7a1f"}


@dataclass(frozen=True, slots=True)
class Option:
    """One choice of a select."""

    value: str
    label: str
    is_selected: bool


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter in force. `without` is what `{% address_with %}` takes to drop it."""

    label: str
    value: str
    without: dict[str, list[str] | None]


@dataclass(frozen=True, slots=True)
class Checks:
    """A choice of several: its options, what is in force in words, and whether that is what is not wanted."""

    options: list[Option]
    summary: str
    turned: bool
    text: str  # what is in force, as one value


@dataclass(frozen=True, slots=True)
class SortLink:
    """A sortable column: what the next click asks for, and what is in force ("" when another column is sorted)."""

    wanted: dict[str, str | None]
    direction: str


register.simple_tag(cells.moment)
register.filter(cells.grouped)
register.filter(cells.money)
register.simple_tag(cells.amount)
register.simple_tag(cells.signed)


@register.filter
def ago(value: datetime | None) -> str:
    """How long ago, in one unit: "3 hours ago"."""
    if value is None:
        return ""
    passed = timesince(value, depth=1).replace("\xa0", " ")
    return "just now" if passed.startswith("0 ") else f"{passed} ago"


@register.filter
def paint(series: int) -> str:
    """The colour of a series where no style reaches, as in a picture taken out of its page."""
    return PAINTS.get(series, PAINTS[3])


@register.filter
def pairs(values: Iterable[str]) -> list[tuple[str, str]]:
    """Words that are their own labels, as choices."""
    return [(value, value) for value in values]


@register.filter
def stated(choices: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """A form field's choices without the empty one."""
    return [(str(value), str(label)) for value, label in choices if value]


@register.simple_tag
def options(choices: Sequence[tuple[str, str]], current: str | None) -> list[Option]:
    """The choices of a select. What is in force stays selected even when it is not among them."""
    wanted = (current or "").strip()
    rows = [Option(value, label, value.lower() == wanted.lower()) for value, label in choices]
    if wanted and not any(row.is_selected for row in rows):
        return [Option(wanted, wanted, is_selected=True), *rows]
    return rows


@register.simple_tag
def checks(filters: Any, name: str, choices: Sequence[tuple[str, str]], every: str) -> Checks:
    """The options of a filter that takes several values. What is in force stays among them; `every`: nothing is."""
    asked = _asked(filters, name)
    wanted = {word.lower() for word in asked.words}
    rows = [Option(value, label, value.lower() in wanted) for value, label in choices]
    known = {row.value.lower() for row in rows}
    strange = [Option(word, word, is_selected=True) for word in asked.words if word.lower() not in known]
    chosen = [row.label for row in (*strange, *rows) if row.is_selected]
    words = every if not chosen else chosen[0] if len(chosen) == 1 else f"{len(chosen)} chosen"
    summary = f"not: {words}" if asked.turned and chosen else words
    return Checks([*strange, *rows], summary, asked.turned, ("!" if asked.turned else "") + ",".join(asked.words))


def _asked(filters: Any, name: str) -> Words:
    """The words in force, before they are checked."""
    data = filters.data
    return words_in(data.getlist(name) if isinstance(data, QueryDict) else [])


@register.simple_tag
def chips(filters: Any, **names: Sequence[tuple[str, str]]) -> list[Chip]:
    """The filters in force, in the order of the filter set. `names` gives words for values: `place=choices`."""
    found: list[Chip] = []
    for name, field in filters.form.fields.items():
        label = str(field.label).partition(" (")[0]
        words: dict[Any, Any] = dict(names.get(name) or getattr(field, "choices", None) or ())
        if isinstance(field, WordsField):
            found += _chips_of_words(name, label, _asked(filters, name), words)
        elif isinstance(field, PhrasesField):
            found += _chips_of_phrases(name, label, phrases(filters, name))
        elif (value := str(filters.data.get(name) or "").strip()) and name not in NOT_FILTERS:
            found.append(Chip(label, str(words.get(value, value)), {name: None, "page": None}))
    return found


def _chips_of_words(name: str, label: str, asked: Words, words: dict[Any, Any]) -> list[Chip]:
    """One for each word: dropping it leaves the others."""
    chips_found = []
    for word in asked.words:
        rest = [other for other in asked.words if other != word]
        left: list[str] | None = [f"!{rest[0]}", *rest[1:]] if asked.turned and rest else rest or None
        says = str(words.get(word, words.get(word.lower(), word)))
        chips_found.append(Chip(f"{label} not" if asked.turned else label, says, {name: left, "page": None}))
    return chips_found


def _chips_of_phrases(name: str, label: str, asked: list[str]) -> list[Chip]:
    chips_found = []
    for one in asked:
        rest = [other for other in asked if other != one]
        words = f"{label} not" if one.startswith("!") else label
        chips_found.append(Chip(words, one.removeprefix("!"), {name: rest or None, "page": None}))
    return chips_found


@register.simple_tag
def phrases(filters: Any, name: str) -> list[str]:
    """The texts in force of a filter that takes several, before they are checked."""
    data = filters.data
    return list(dict.fromkeys(filter(None, map(str.strip, data.getlist(name) if isinstance(data, QueryDict) else []))))


@register.simple_tag
def sort_link(current: str | None, column: str, default: str = "") -> SortLink:
    """Where the header of `column` leads: upwards first, then turned round."""
    word = current or default
    if word == column:
        return SortLink({"sort": f"-{column}", "page": None}, "ascending")
    return SortLink({"sort": column, "page": None}, "descending" if word == f"-{column}" else "")


@register.filter
def cell(row: Any, column: Column) -> SafeString:
    """What this row prints in this column."""
    return column.cell(row)


@register.filter
def whole(row: Any, column: Column) -> str:
    """What the cell says in full where the page may cut it."""
    return column.whole(row)


@register.filter
def page_numbers(page: Page[Any]) -> list[int | str]:
    """The numbers to offer around this page, with "…" for what is left out."""
    return list(page.paginator.get_elided_page_range(page.number, on_each_side=1, on_ends=1))


@register.filter
def past(values: Sequence[Any] | Mapping[str, Any] | None, count: int) -> int:
    """How many entries there are beyond the first `count`."""
    return max(0, len(values or ()) - count)


@register.simple_tag(takes_context=True)
def kept_parameters(context: Context, *without: str) -> list[tuple[str, str]]:
    """The parameters of this page that a form sends along, but for some."""
    query = context["request"].GET
    return [(name, value) for name, values in query.lists() if name not in without for value in values if value]


@register.filter
def unlocalized(value: float) -> str:
    """A number as SVG wants it."""
    return f"{value:g}"


@register.simple_tag(takes_context=True)
def address_with(context: Context, changes: Mapping[str, str | list[str] | None]) -> str:
    """The query string of this page with some parameters changed, or dropped (None). "?" when nothing is left."""
    query = context["request"].GET.copy()
    for name, value in changes.items():
        if value is None:
            query.pop(name, None)
        else:
            query.setlist(name, value if isinstance(value, list) else [value])
    return f"?{query.urlencode()}"
