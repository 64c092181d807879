"""Whether the tags of a resource keep the rules of its tenant. Pure.

Azure treats the names of tags alike in any letter case and their values as given; reports and policies do not. So a
name or a value that is right but for its letter case is a kind of violation of its own.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class Kind(StrEnum):
    """How a rule is broken."""

    MISSING = "missing"  # the tag is required and not there in any letter case
    KEY_CASE = "key_case"  # it is there, with its name in another letter case
    VALUE = "value"  # its value is not one of those allowed
    VALUE_CASE = "value_case"  # its value is one of those allowed but for the letter case


@dataclass(frozen=True, slots=True)
class TagRule:
    """One rule about one tag. Without `allowed` any value is right; without `types` it is for every resource."""

    id: UUID
    key: str  # as it is to be written
    is_required: bool = True
    allowed: tuple[str, ...] = ()
    types: frozenset[str] = frozenset()  # lower case

    def is_for(self, resource_type: str) -> bool:
        """Whether resources of this type have to keep it."""
        return not self.types or resource_type in self.types


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that is broken, with the tag as it was found; "" where there is none."""

    rule: UUID
    kind: Kind
    key: str = ""
    value: str = ""


def violations(rules: Iterable[TagRule], resource_type: str, tags: Mapping[str, str]) -> list[Violation]:
    """Every way in which these tags break these rules; at most one of a kind for each rule."""
    folded = _by_folded_key(tags)
    return [
        found
        for rule in rules
        if rule.is_for(resource_type)
        for found in _broken(rule, folded.get(rule.key.strip().lower(), ()))
    ]


def _by_folded_key(tags: Mapping[str, str]) -> dict[str, list[tuple[str, str]]]:
    folded: dict[str, list[tuple[str, str]]] = {}
    for key, value in tags.items():
        folded.setdefault(key.strip().lower(), []).append((key, value))
    return folded


def _broken(rule: TagRule, found: Sequence[tuple[str, str]]) -> Iterator[Violation]:
    if not found:
        if rule.is_required:
            yield Violation(rule.id, Kind.MISSING)
        return
    # Azure keeps one spelling of a name; should two ever come, the right one is looked at.
    key, value = next((pair for pair in found if pair[0] == rule.key), found[0])
    if key != rule.key:
        yield Violation(rule.id, Kind.KEY_CASE, key, value)
    if rule.allowed and value not in rule.allowed:
        differs_in_case = value.lower() in {allowed.lower() for allowed in rule.allowed}
        yield Violation(rule.id, Kind.VALUE_CASE if differs_in_case else Kind.VALUE, key, value)
