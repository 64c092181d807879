"""In a process with Django: how the database means to answer each filter of the list. The tests use it too."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.cache import cache
from django.db import connection

from bench.estate import all_filters
from bench.list_requests import addresses, ask, reader, statements_of

RESOURCES = "resources"
IN_ORDER, BY_NAME, BY_TYPE = "resources_in_order", "resources_by_name", "resources_by_type"
BY_REGION, BY_SUBSCRIPTION, BY_TAG = "resources_by_region", "resources_by_subscription", "resource_tags_by_key"
BY_AGE, TAGS_OF_RESOURCE = "resources_by_age", "resource_tags_of_resource"
BY_KEY = '"resources"."id" IN (%s'
PRIMARY_KEYS = ("sqlite_autoindex_resources_1", "resources_pkey")  # the rows of a page, once their keys are known
COUNTED_BY = {BY_SUBSCRIPTION, BY_AGE}  # any index that begins with the tenant and ends in deleted_at counts its rows
# The indexes that a filter of the list may stand on. Whoever sees several tenants is served by `resources_in_order`;
# "deleted" has no index of its own, it only has to begin with the tenant.
EXPECTED = {
    "default order": {IN_ORDER, BY_NAME, *COUNTED_BY},
    "tenant": {BY_NAME, *COUNTED_BY},
    "subscription": {BY_SUBSCRIPTION, IN_ORDER},
    "type": {BY_TYPE, IN_ORDER},
    "region": {BY_REGION, IN_ORDER},
    "tag": {BY_TAG, TAGS_OF_RESOURCE},  # the latter where most resources have the tag
    "tag:value": {BY_TAG},
    "deleted": set[str](),
}
OURS = ("resources_", "resource_tags_", "one_resource_", "sqlite_autoindex_resources_")  # indexes of the two tables


@dataclass(frozen=True, slots=True)
class Plan:
    """How one statement about resources is answered: the lines of the plan, and the indexes they name."""

    sql: str
    lines: tuple[str, ...]

    @property
    def indexes(self) -> set[str]:
        """Every index in use, by name."""
        return set(
            re.findall(r"(?:COVERING INDEX|USING INDEX|Scan using|Scan Backward using|Index Scan on) (\w+)", str(self))
        )

    @property
    def reads_whole_table(self) -> bool:
        """True when every resource is read, past any index."""
        return bool(
            re.search(r"SCAN (?:TABLE )?resources\b(?! USING (?:COVERING )?INDEX)|Seq Scan on resources\b", str(self))
        )

    @property
    def sorts(self) -> bool:
        """True when the rows have to be put in order after they were found."""
        return bool(re.search(r"TEMP B-TREE FOR ORDER BY|^\s*(?:->\s*)?Sort", str(self), re.MULTILINE))

    def __str__(self) -> str:
        return "\n".join(self.lines)


def filters_one_by_one(values: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Each filter of the list alone, by the names in EXPECTED, with these values. `tag` is name:value."""
    alone = {name: {name: values[name]} for name in ("tenant", "subscription", "type", "region")}
    tags = {"tag": {"tag": values["tag"].partition(":")[0]}, "tag:value": {"tag": values["tag"]}}
    return {"default order": {}, **alone, **tags, "deleted": {"deleted": "yes"}}


def plans_of(client: Any, address: str, parameters: Mapping[str, str]) -> list[Plan]:
    """The plans of every statement about resources that one request sends (what it keeps in the cache left out)."""
    ask(client, address, parameters)
    sent = statements_of(client, address, parameters)
    table = f" {connection.ops.quote_name(RESOURCES)}"
    return [_plan(sql, params) for sql, params, _ in sent if table in sql]


def _plan(sql: str, params: Any) -> Plan:
    word = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
    with connection.cursor() as cursor:
        cursor.execute(f"{word} {sql}", params)
        return Plan(sql, tuple(str(row[-1]) for row in cursor.fetchall()))


def measured() -> dict[str, Any]:
    """By filter and door, with and without statistics: what is wrong ("" when nothing is), the indexes, the sorting."""
    fresh = _measured()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    analyzed = _measured()
    if connection.vendor == "postgresql":
        return analyzed  # its own autovacuum keeps the statistics; without them a plan means nothing there
    return {**fresh, **{f"{name}, analyzed": told for name, told in analyzed.items()}}


def _measured() -> dict[str, Any]:
    cache.clear()
    found = {**all_filters(), "tag": "env:prod"}
    client = reader()
    return {
        f"{filtered}, {door}": _told(filtered, plans_of(client, address, parameters))
        for door, address in addresses().items()
        for filtered, parameters in filters_one_by_one(found).items()
    }


def _told(filtered: str, plans: list[Plan]) -> dict[str, Any]:
    return {
        "problem": " ".join(problem for plan in plans if (problem := problem_of(filtered, plan))),
        "indexes": sorted(set[str]().union(*(plan.indexes for plan in plans))),
        "sorts": any(plan.sorts for plan in plans),
    }


def problem_of(filtered: str, plan: Plan) -> str:
    """What is wrong with a plan for this filter, in words; "" when nothing is."""
    if plan.indexes & set(PRIMARY_KEYS) and BY_KEY in plan.sql:
        return ""
    if plan.reads_whole_table:
        return "It reads the whole table."
    if not any(index.startswith(OURS) for index in plan.indexes):
        return "It uses no index of resources or their tags."
    if EXPECTED[filtered] and not EXPECTED[filtered] & plan.indexes:
        return f"It uses none of {', '.join(sorted(EXPECTED[filtered]))}."
    return ""
