"""In a fresh process: one slice of costs stored by the product, and the same rows by the engine's own bulk path."""

import resource
import time
from collections.abc import Callable
from typing import Any

from django.db import connection, transaction

from bench import cost_estate
from bench.estate import settle
from costs.models import CostReceipt, CostRecord, Metric, Source
from costs.slices import OneSlice
from costs.store import COLUMNS, _Arrival
from governance.keys import consecutive_ids
from governance.money import UNITS
from governance.tenancy import Scope, entered
from tenants.models import Subscription

NAME = "contoso"
KEY = ("id", "tenant_id", "month", "subscription_id", "metric")


def connect(others: int = 0, rows: int = 0) -> dict[str, Any]:
    """The tenant that is measured, beside others with this many rows in the same month; it has as many."""
    for number in range(others):
        cost_estate.store(cost_estate.connect(f"other{number}"), cost_estate.batches(rows), content="0")
    subscription = cost_estate.connect(NAME)
    if rows:
        cost_estate.store(subscription, cost_estate.batches(rows), content="0")
    settle()
    return {}


def by_engine(rows: int) -> dict[str, Any]:
    """The least: rows that are ready for the driver, in one executemany, or one COPY and one INSERT ... SELECT."""
    subscription = cost_estate.subscription_of(NAME)
    ready = _ready(subscription, rows)
    load = _executemany if connection.vendor == "sqlite" else _copy
    return {"seconds": _in_transaction(subscription, lambda: load(ready))}


def by_product(rows: int) -> dict[str, Any]:
    """What the product does to get the rows into the table: checks, keys, sets of tags, resources; no sums."""
    subscription = cost_estate.subscription_of(NAME)
    ready = list(cost_estate.batches(rows))
    one = OneSlice(subscription.tenant_id, subscription.id, cost_estate.MONTH, Metric.ACTUAL)
    receipt = CostReceipt(source=Source.EXPORT, at=cost_estate.READ_AT)
    arrival = _Arrival(one, receipt, cost_estate.TODAY, "1", has_resources=True, control=None, residual={})
    return {"seconds": _in_transaction(subscription, lambda: arrival.write_rows(ready))}


def whole(rows: int) -> dict[str, Any]:
    """The slice stored with everything that belongs to it: its sums, its receipt, what moved."""
    subscription = cost_estate.subscription_of(NAME)
    ready = list(cost_estate.batches(rows))
    return {"seconds": _timed(lambda: cost_estate.store(subscription, ready, content="1"))}


def streamed(rows: int) -> dict[str, Any]:
    """The same, with rows that are made only as they are asked for; for its memory."""
    subscription = cost_estate.subscription_of(NAME)
    cost_estate.store(subscription, cost_estate.batches(rows), content="1")
    return {"peak_kilobytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}


def replace(rows: int, times: int) -> dict[str, Any]:
    """The slice replaced by other amounts, again and again."""
    subscription = cost_estate.subscription_of(NAME)
    found = []
    for number in range(1, times + 1):
        ready = list(cost_estate.batches(rows, seed=number))
        found.append(_timed(lambda: cost_estate.store(subscription, ready, content=str(number))))  # noqa: B023
    return {"seconds": found}


def _in_transaction(subscription: Subscription, write: Callable[[], Any]) -> float:
    def committed() -> None:
        with entered(Scope.of(subscription.tenant_id)), transaction.atomic():
            write()

    return _timed(committed)


def _timed(work: Callable[[], Any]) -> float:
    """Seconds: CPU of this process on SQLite, where it does all the work; by the clock on a server."""
    clock = time.process_time if connection.vendor == "sqlite" else time.perf_counter
    started = clock()
    work()
    return clock() - started


def _ready(subscription: Subscription, rows: int) -> list[tuple[Any, ...]]:
    is_sqlite = connection.vendor == "sqlite"
    tenant: Any = subscription.tenant_id.hex if is_sqlite else subscription.tenant_id
    key: Any = subscription.id.hex if is_sqlite else subscription.id
    month: Any = str(cost_estate.MONTH) if is_sqlite else cost_estate.MONTH
    keys = consecutive_ids()
    return [
        (
            next(keys),
            tenant,
            month,
            key,
            "actual",
            str(line.day) if is_sqlite else line.day,
            line.currency,
            int(line.amount * UNITS) if is_sqlite else line.amount,
            *line[3:12],
            line.quantity and (int(line.quantity * UNITS) if is_sqlite else line.quantity),
            line.unit,
            "0" * 64,
        )
        for batch in cost_estate.batches(rows)
        for line in batch
    ]


def _executemany(rows: list[tuple[Any, ...]]) -> None:
    names, marks = ", ".join((*KEY, *COLUMNS)), ", ".join(["%s"] * len((*KEY, *COLUMNS)))
    with connection.cursor() as cursor:
        cursor.executemany(f"INSERT INTO {CostRecord._meta.db_table} ({names}) VALUES ({marks})", rows)


def _copy(rows: list[tuple[Any, ...]]) -> None:
    table, names = CostRecord._meta.db_table, ", ".join((*KEY, *COLUMNS))
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE ready ON COMMIT DROP AS SELECT {names} FROM {table} WITH NO DATA")
        with cursor.cursor.copy(f"COPY ready ({names}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        cursor.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM ready")
