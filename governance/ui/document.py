"""A JSON document as a page prints it: rows within a budget, long values cut. What is left out is counted, never lost.

Pure: plain values in, frozen rows out. The budget bounds the page, whatever Azure or a hostile tenant wrote.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from django.utils.html import escape

LONGEST = 300  # characters shown of one value
LONGEST_NAME = 120
DEEPEST = 10  # levels; what is deeper is printed as JSON text
OPEN_LEVELS = 2  # levels unfolded at first, and below them
OPEN_ENTRIES = 4  # branches of no more entries than these
BEFORE_DIFFERENCE = 40  # characters shown of what two long values have in common


@dataclass(slots=True)
class Budget:
    """What one page may still spend on somebody else's words: rows, and bytes of escaped text."""

    rows: int
    size: int

    def takes(self, *words: str) -> bool:
        """Spend a row that holds these words. False, and nothing is spent, when it no longer fits."""
        size = sum(len(escape(word).encode()) for word in words)
        if self.rows < 1 or self.size < size:
            return False
        self.rows -= 1
        self.size -= size
        return True


@dataclass(frozen=True, slots=True)
class Text:
    """A value as far as it is shown; `length` is that of the whole, in characters. `kind` says what it was."""

    shown: str
    length: int
    kind: str = "text"  # text, number, truth, nothing, json
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One entry: a value, or a branch with rows of its own. `hidden`: values below that did not fit the budget."""

    name: str
    value: Text | None = None
    rows: tuple["Row", ...] = ()
    count: int = 0
    hidden: int = 0
    is_open: bool = False
    address: str = ""


@dataclass(frozen=True, slots=True)
class Tree:
    """A document. `hidden` counts all the values that are not shown, at any depth."""

    rows: tuple[Row, ...]
    hidden: int


def tree(document: Any, budget: Budget, links: Mapping[str, str] | None = None) -> Tree:
    """The rows of a JSON object or list. `links`: where a value, folded to lower case, leads."""
    rows, hidden = _branch(document, budget, links or {}, 0)
    return Tree(rows, hidden)


def text_of(value: Any, longest: int = LONGEST) -> Text:
    """A value in words: text as it is, everything else as JSON; cut after `longest` characters."""
    return _excerpt(value if isinstance(value, str) else as_json(value), 0, longest, _kind(value))


def before_and_after(before: Any, after: Any, longest: int = LONGEST) -> tuple[Text, Text]:
    """Two values side by side. Where both are long they are cut so that the first difference shows."""
    texts = [value if isinstance(value, str) else as_json(value) for value in (before, after)]
    start = 0
    if max(map(len, texts)) > longest:
        start = max(0, _common(*texts) - BEFORE_DIFFERENCE)
    kinds = _kind(before), _kind(after)
    first, second = (_excerpt(text, start, longest, kind) for text, kind in zip(texts, kinds, strict=True))
    return first, second


def as_json(value: Any) -> str:
    """JSON text with sorted keys."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def values_in(document: Any) -> int:
    """How many values a document holds: leaves, and empty objects and lists."""
    entries = _entries(document)
    return sum(values_in(value) for _, value in entries) if entries else 1


def _branch(document: Any, budget: Budget, links: Mapping[str, str], depth: int) -> tuple[tuple[Row, ...], int]:
    rows: list[Row] = []
    hidden = 0
    entries = _entries(document)
    for place, (name, value) in enumerate(entries):
        row = _row(name, value, budget, links, depth)
        if row is None:
            hidden += sum(values_in(left) for _, left in entries[place:])
            break
        rows.append(row)
        hidden += row.hidden
    return tuple(rows), hidden


def _row(name: str, value: Any, budget: Budget, links: Mapping[str, str], depth: int) -> Row | None:
    """The row of one entry, None when the budget is spent."""
    label = name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}… ({len(name):,} characters)"
    if _is_leaf(value) or depth >= DEEPEST:
        text = text_of(value)
        address = links.get(value.lower(), "") if isinstance(value, str) else ""
        return Row(label, text, address=address) if budget.takes(label, text.shown, address) else None
    if not budget.takes(label):
        return None
    rows, hidden = _branch(value, budget, links, depth + 1)
    return Row(
        label, rows=rows, count=len(value), hidden=hidden, is_open=depth < OPEN_LEVELS or len(value) <= OPEN_ENTRIES
    )


def _entries(document: Any) -> list[tuple[str, Any]]:
    if isinstance(document, Mapping):
        return list(document.items())
    return [(f"[{place}]", value) for place, value in enumerate(document)] if isinstance(document, list) else []


def _is_leaf(value: Any) -> bool:
    """Whether it is printed on one line: a scalar, something empty, or a short list of scalars."""
    if isinstance(value, list):
        return not any(isinstance(one, list | Mapping) for one in value) and len(as_json(value)) <= LONGEST
    return not isinstance(value, Mapping) or not value


def _kind(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "truth"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else "json"


def _common(first: str, second: str) -> int:
    """How many characters two texts begin with alike."""
    pairs: Iterator[tuple[int, tuple[str, str]]] = enumerate(zip(first, second, strict=False))
    return next((place for place, (one, other) in pairs if one != other), min(len(first), len(second)))


def _excerpt(text: str, start: int, longest: int, kind: str) -> Text:
    shown = text[start : start + longest]
    return Text(f"…{shown}" if start else shown, len(text), kind, is_cut=len(shown) < len(text))
