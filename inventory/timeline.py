"""A resource's timeline as a page prints it: changes in words, fields before and after, within a budget. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from governance.ui.document import Budget, Text, before_and_after

FIELDS_SHOWN = 12  # of one change
LONGEST_VALUE = 160  # characters
LONGEST_PATH = 200

SENTENCES = {
    "created": "Created: the reading before did not contain it.",
    "changed": "Changed since the reading before.",
    "deleted": "Deleted: a complete reading of its subscription no longer contained it.",
    "returned": "There again after it was deleted.",
}
BASELINE = "Already there when its subscription was first read whole. Nobody knows when it was created."
OFF_BOARDED = "Counted as deleted: its subscription was said to be gone for good."


@dataclass(frozen=True, slots=True)
class Field:
    """One field by its dotted path. None: it was not there."""

    path: str
    before: Text | None
    after: Text | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One change. `hidden`: fields that are not shown; the API has them all."""

    kind: str
    word: str
    sentence: str
    at: datetime
    run_id: UUID | None
    fields: tuple[Field, ...]
    hidden: int


def entries(changes: Iterable[Any], budget: Budget) -> list[Entry]:
    """These changes (rows of `ResourceChange`), in their order."""
    return [_entry(change, budget) for change in changes]


def _entry(change: Any, budget: Budget) -> Entry:
    fields = _fields(change.fields, budget)
    return Entry(
        kind="baseline" if change.baseline else change.kind,
        word="First seen" if change.baseline else change.get_kind_display(),
        sentence=_sentence(change),
        at=change.at,
        run_id=change.run_id,
        fields=fields,
        hidden=len(change.fields) - len(fields),
    )


def _sentence(change: Any) -> str:
    if change.baseline:
        return BASELINE
    if change.kind == "deleted" and change.run_id is None:
        return OFF_BOARDED
    return SENTENCES[change.kind]


def _fields(rows: Sequence[dict[str, Any]], budget: Budget) -> tuple[Field, ...]:
    shown: list[Field] = []
    for row in rows[:FIELDS_SHOWN]:
        before, after = before_and_after(row["before"], row["after"], LONGEST_VALUE)
        path = row["field"][:LONGEST_PATH]
        if not budget.takes(path, before.shown, after.shown):
            break
        shown.append(Field(path, None if row["before"] is None else before, None if row["after"] is None else after))
    return tuple(shown)
