"""What changed between two states of a resource. Pure: plain values in, plain values out."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MISSING = None  # how "was not there" is written; Azure leaves out what it could write as null


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field, by its dotted path, before and after."""

    field: str
    before: Any
    after: Any

    def as_json(self) -> dict[str, Any]:
        """The shape in which a change is stored and given out."""
        return {"field": self.field, "before": self.before, "after": self.after}


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[FieldChange]:
    """Every leaf that differs, in the order of its path. Ids that differ only in letter case are the same id."""
    return list(_compare("", before, after))


def searchable(paths: Iterable[str]) -> str:
    """Paths as they are searched: folded, each between line feeds; "" for none."""
    folded = [path.replace("\n", " ").lower() for path in paths]
    return "\n".join(["", *folded, ""]) if folded else ""


def _compare(path: str, before: Any, after: Any) -> Iterator[FieldChange]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in sorted({*before, *after}):
            inner = f"{path}.{name}" if path else name
            yield from _compare(inner, before.get(name, MISSING), after.get(name, MISSING))
    elif not _same(before, after):
        yield FieldChange(path, before, after)


def _same(before: Any, after: Any) -> bool:
    if isinstance(before, str) and isinstance(after, str):
        return before == after or (before.lower() == after.lower() and before.lower().startswith("/subscriptions/"))
    if isinstance(before, list) and isinstance(after, list):
        return len(before) == len(after) and all(map(_same, before, after))
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return not differences(before, after)
    return bool(before == after)
