"""Many rows in parts: ids that fit a statement, and rows page by page, in flat memory on every engine."""

from collections.abc import Iterable, Iterator
from functools import reduce
from typing import Any

from django.db import models

IDS_PER_STATEMENT = 1000  # SQL Server takes 2,100 parameters a statement


def in_batches(ids: Iterable[Any]) -> Iterable[list[Any]]:
    """Ids in parts that fit an IN list on every engine."""
    batch: list[Any] = []
    for one in ids:
        batch.append(one)
        if len(batch) == IDS_PER_STATEMENT:
            yield batch
            batch = []
    if batch:
        yield batch


def pages_by_key(rows: "models.QuerySet[Any]", *columns: str, size: int = 5000) -> Iterator[list[tuple[Any, ...]]]:
    """The columns of many rows, in pages by primary key: flat memory on every engine (SQL Server buffers a cursor)."""
    last = None
    while True:
        page = rows.order_by("pk") if last is None else rows.filter(pk__gt=last).order_by("pk")
        values = list(page.values_list("pk", *columns)[:size])
        if values:
            yield [row[1:] for row in values]
        if len(values) < size:
            return
        last = values[-1][0]


def pages_in_order(rows: "models.QuerySet[Any]", order: str, *, size: int = 5000) -> Iterator[list[Any]]:
    """Many rows in the order of one column, then the key, page by page: flat memory on every engine.

    `order` is a column that is never null, "-" before it turns it round; it may reach through relations that `rows`
    selects. Between two pages the data may change: each row is as it was when its page was read; one that moved in the
    order may be missed or come twice.
    """
    column, descending = order.removeprefix("-"), order.startswith("-")
    rows = rows.order_by(order, "-pk" if descending else "pk")
    last = None
    while True:
        rest = rows if last is None else rows.filter(_after(last, column, "lt" if descending else "gt"))
        page = list(rest[:size])
        if page:
            yield page
        if len(page) < size:
            return
        last = page[-1]


def _after(last: Any, column: str, beyond: str) -> models.Q:
    value = reduce(getattr, column.split("__"), last)
    further = models.Q(**{f"{column}__{beyond}": value}) | models.Q(**{f"pk__{beyond}": last.pk})
    # "At least" beside it lets the engine enter the index at the value, not at its beginning.
    return models.Q(**{f"{column}__{beyond}e": value}) & further
