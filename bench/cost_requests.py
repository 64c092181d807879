"""In a fresh process: a signed-in person asks the API for costs."""

import re
from statistics import median
from typing import Any

from django.db import connection
from django.urls import reverse

from bench.cost_history import FIRST, LAST
from bench.list_requests import ask, reader, seconds_of, statements_of
from governance.tenancy import Scope, entered

ROUNDS = 9
DAYS = {"since": str(FIRST), "until": str(LAST)}
QUESTIONS: dict[str, tuple[str, dict[str, str]]] = {
    "summary": ("cost-summary", DAYS),
    "trend": ("cost-trend", DAYS),
    "cut by service": ("cost-cut", {**DAYS, "by": "service,subscription"}),
    "cut by tag": ("cost-cut", {**DAYS, "by": "tag:env,region"}),
    "cut by resource": ("cost-cut", {**DAYS, "by": "resource,tag:team"}),
}
PLANNED = {
    **QUESTIONS,
    "one resource": ("cost-trend", {**DAYS, "resource": "0" * 64}),
    "one tenant": ("cost-summary", {**DAYS, "tenant": "tenant0"}),
    "restatements": ("restatement-list", {"since": "2025-01-01"}),
    "records": ("cost-records", DAYS),
}
# Their rows are read by way of an index that begins with the tenant; small tables may be read as a whole.
LARGE = ("daily_costs", "daily_resource_costs", "daily_tag_costs", "cost_data", "cost_restatements")
ENOUGH_ROWS = 1000
USED = re.compile(r"(?:COVERING INDEX|USING INDEX|Scan using|Scan Backward using|Index Scan on) (\w+)")


def seconds() -> dict[str, Any]:
    """CPU seconds of each question, the median of some rounds; and which of its statements name raw rows."""
    client, found = reader(), {}
    for words, (view, asked) in QUESTIONS.items():
        address = reverse(view, kwargs={"version": "v1"})
        ask(client, address, asked)
        raw = [sql for sql, *_ in statements_of(client, address, asked) if "cost_data" in sql]
        spent = median(seconds_of(client, address, asked) for _ in range(ROUNDS))
        found[words] = {"seconds": spent, "raw": len(raw)}
    return found


def plans(client: Any, words: str) -> list[tuple[str, str]]:
    """The statements of a question that read large tables, each with its plan."""
    view, asked = PLANNED[words]
    address = reverse(view, kwargs={"version": "v1"})
    ask(client, address, asked)
    sent = statements_of(client, address, asked)
    return [(sql, _plan(sql, params)) for sql, params, _ in sent if _large_tables(sql)]


def _large_tables(sql: str) -> list[str]:
    return [name for name in LARGE if f" {connection.ops.quote_name(name)}" in sql]


def _plan(sql: str, params: Any) -> str:
    word = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
    with connection.cursor() as cursor:
        cursor.execute(f"{word} {sql}", params)
        return "\n".join(str(row[-1]) for row in cursor.fetchall())


def problem_of(sql: str, plan: str) -> str:
    """What is wrong with a plan, in words; "" when nothing is."""
    for name in _large_tables(sql):
        if re.search(rf"SCAN (?:TABLE )?{name}\b(?! USING (?:COVERING )?INDEX)|Seq Scan on {name}\b", plan):
            return f"It reads the whole of {name}."
        if not any(index.startswith(name) for index in USED.findall(plan)):
            return f"It uses no index of {name}."
    return ""


def problems() -> dict[str, Any]:
    """By question: what is wrong with its plans. A table of few rows is rightly read as a whole."""
    client = reader()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    few = {name for name in LARGE if _rows_of(name) < ENOUGH_ROWS}
    found = {}
    for words in PLANNED:
        told = [(sql, plan) for sql, plan in plans(client, words) if not few.issuperset(_large_tables(sql))]
        found[words] = " ".join(filter(None, (problem_of(sql, plan) for sql, plan in told)))
    return found


def _rows_of(table: str) -> int:
    with entered(Scope.every_tenant(reason="A bench counts.")), connection.cursor() as cursor:
        cursor.execute(f"SELECT COUNT(*) FROM {connection.ops.quote_name(table)}")
        return int(cursor.fetchone()[0])
