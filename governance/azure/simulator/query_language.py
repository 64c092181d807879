"""The few Resource Graph queries that the simulator understands; everything else is refused, never guessed.

A table, then any number of ``where`` steps, then either ``project`` (and ``order by id asc``) or
``summarize count() by subscriptionId``.
"""

import re
from dataclasses import dataclass

TABLES = ("resources", "resourcecontainers")
COLUMNS = (
    "id",
    "name",
    "type",
    "tenantId",
    "kind",
    "location",
    "resourceGroup",
    "subscriptionId",
    "managedBy",
    "sku",
    "plan",
    "properties",
    "tags",
    "identity",
    "zones",
    "extendedLocation",
)
FILTERED = ("type", "subscriptionId", "resourceGroup", "location")
WHERE = re.compile(r"where\s+(\w+)\s*(=~|==)\s*(?:'([^'|]*)'|\"([^\"|]*)\")", re.IGNORECASE)
PROJECT = re.compile(r"project\s+(\w+(?:\s*,\s*\w+)*)", re.IGNORECASE)
ORDER = re.compile(r"(?:order|sort)\s+by\s+id(?:\s+asc)?", re.IGNORECASE)
SUMMARIZE = re.compile(r"summarize\s+(?:(\w+)\s*=\s*)?count\(\s*\)\s+by\s+subscriptionId", re.IGNORECASE)


class InvalidQueryError(Exception):
    """The text says which step is not understood."""


@dataclass(frozen=True)
class Condition:
    column: str
    value: str
    ignores_case: bool


@dataclass(frozen=True)
class Query:
    """``count_as`` is the name of the count column of a summary, else ``None``."""

    table: str
    conditions: tuple[Condition, ...]
    columns: tuple[str, ...]
    count_as: str | None


def parse_query(text: str) -> Query:
    table, *steps = (step.strip() for step in text.strip().split("|"))
    if table.lower() not in TABLES:
        raise InvalidQueryError(f"Table '{table}' is not known here.")
    conditions: list[Condition] = []
    while steps and steps[0].lower().startswith("where"):
        conditions.append(_condition(steps.pop(0)))
    if steps and (summary := SUMMARIZE.fullmatch(steps[0])):
        _nothing_after(steps[1:])
        alias = summary[1] or "count_"
        return Query(table.lower(), tuple(conditions), ("subscriptionId", alias), alias)
    columns = _columns(steps.pop(0)) if steps and steps[0].lower().startswith("project") else COLUMNS
    if steps and ORDER.fullmatch(steps[0]):
        steps.pop(0)
    _nothing_after(steps)
    return Query(table.lower(), tuple(conditions), columns, None)


def _condition(step: str) -> Condition:
    found = WHERE.fullmatch(step)
    if not found or found[1] not in FILTERED:
        raise InvalidQueryError(f"Filter '{step}' is not understood here.")
    return Condition(found[1], found[3] or found[4] or "", ignores_case=found[2] == "=~")


def _columns(step: str) -> tuple[str, ...]:
    found = PROJECT.fullmatch(step)
    if not found:
        raise InvalidQueryError(f"Projection '{step}' is not understood here.")
    columns = tuple(name.strip() for name in found[1].split(","))
    for name in columns:
        if name not in COLUMNS:
            raise InvalidQueryError(f"Failed to resolve scalar expression named '{name}'.")
    return columns


def _nothing_after(steps: list[str]) -> None:
    if steps:
        raise InvalidQueryError(f"Step '{steps[0]}' is not understood here.")
