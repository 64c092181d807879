"""Set-based writes, one way per engine. The only module allowed to differ by engine.

Rows are tuples in the order of `columns` (model field names; the tenant first). Values are Python values, but for JSON
columns, which take JSON text. Every call happens inside the caller's transaction and within a scope that holds the
rows' tenant.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import reduce
from typing import Any
from uuid import UUID

from django.db import connection, models, transaction
from django.db.backends.utils import CursorWrapper

from governance.keys import new_id
from governance.tenancy import require_in_scope

Rows = Sequence[tuple[Any, ...]]
IDS_PER_STATEMENT = 1000  # SQL Server takes 2,100 parameters a statement


def insert(model: type[models.Model], columns: Sequence[str], rows: Rows) -> None:
    """Insert rows, all or none."""
    _write(model, columns, rows, key=(), update=())


def upsert(
    model: type[models.Model], columns: Sequence[str], rows: Rows, *, key: Sequence[str], update: Sequence[str]
) -> None:
    """Insert rows; where one with the same `key` (a unique constraint) exists, set its `update` columns instead."""
    _write(model, columns, rows, key=key, update=update)


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


def refresh_statistics() -> None:
    """After many writes: let SQLite count its rows again, by which it chooses its indexes.

    The other engines count by themselves. 0.3 s for 100,000 resources with their tags, during which nobody else writes.
    """
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")


def _write(
    model: type[models.Model], columns: Sequence[str], rows: Rows, *, key: Sequence[str], update: Sequence[str]
) -> None:
    if not rows:
        return
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("Bulk writes belong into the caller's transaction.")
    if columns[0] != "tenant":
        raise ValueError("The tenant is the first column of every bulk write.")
    require_in_scope({row[0] for row in rows})
    fields = [model._meta.get_field(name) for name in columns]
    write = {"sqlite": _write_sqlite, "postgresql": _write_postgresql, "microsoft": _write_sql_server}[
        connection.vendor
    ]
    with connection.cursor() as cursor:
        write(cursor, model._meta.db_table, fields, rows, key, update)


def _names(fields: Sequence[Any]) -> list[str]:
    return [connection.ops.quote_name(field.column) for field in fields]


def _columns_of(fields: Sequence[Any], names: Sequence[str]) -> list[str]:
    return [connection.ops.quote_name(field.column) for field in fields if field.name in names]


def _conflict_clause(fields: Sequence[Any], key: Sequence[str], update: Sequence[str]) -> str:
    if not key:
        return ""
    sets = ", ".join(f"{column} = excluded.{column}" for column in _columns_of(fields, update))
    return f" ON CONFLICT ({', '.join(_columns_of(fields, key))}) DO UPDATE SET {sets}"


# --- SQLite: executemany ---


def _write_sqlite(
    cursor: CursorWrapper, table: str, fields: Sequence[Any], rows: Rows, key: Sequence[str], update: Sequence[str]
) -> None:
    names = _names(fields)
    marks = ", ".join(["%s"] * len(names))
    sql = f"INSERT INTO {connection.ops.quote_name(table)} ({', '.join(names)}) VALUES ({marks})"  # noqa: S608
    columns = [_as_sqlite(field, values) for field, values in zip(fields, zip(*rows, strict=True), strict=True)]
    cursor.executemany(sql + _conflict_clause(fields, key, update), list(zip(*columns, strict=True)))


def _as_sqlite(field: Any, values: Sequence[Any]) -> Sequence[Any]:
    """A column's values as they are written on SQLite. Text, numbers and JSON text are written as they are."""
    kind = field.target_field.get_internal_type() if field.is_relation else field.get_internal_type()
    if kind == "UUIDField":
        return [None if value is None else value.hex for value in values]
    if kind in {"DateTimeField", "DateField"}:
        written = {value: field.get_db_prep_value(value, connection) for value in set(values)}  # a run knows few times
        return [written[value] for value in values]
    return values


# --- PostgreSQL: COPY into a temporary table, then INSERT ... SELECT (COPY into a table with policies is refused) ---


def _write_postgresql(
    cursor: CursorWrapper, table: str, fields: Sequence[Any], rows: Rows, key: Sequence[str], update: Sequence[str]
) -> None:
    names = ", ".join(_names(fields))
    staging = connection.ops.quote_name(f"staging_{new_id().hex[-12:]}")
    target = connection.ops.quote_name(table)
    cursor.execute(
        f"CREATE TEMPORARY TABLE {staging} ON COMMIT DROP AS SELECT {names} FROM {target} WITH NO DATA"  # noqa: S608
    )
    with cursor.cursor.copy(f"COPY {staging} ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
    cursor.execute(
        f"INSERT INTO {target} ({names}) SELECT {names} FROM {staging}" + _conflict_clause(fields, key, update)  # noqa: S608
    )
    cursor.execute(f"DROP TABLE {staging}")


# --- SQL Server: one OPENJSON parameter ---


def _write_sql_server(
    cursor: CursorWrapper, table: str, fields: Sequence[Any], rows: Rows, key: Sequence[str], update: Sequence[str]
) -> None:
    places = [f"c{place}" for place in range(len(fields))]
    document = json.dumps([dict(zip(places, map(_json_value, row), strict=True)) for row in rows])
    for statement in sql_server_statements(table, fields, key, update):
        cursor.execute(statement, [document])


def sql_server_statements(table: str, fields: Sequence[Any], key: Sequence[str], update: Sequence[str]) -> list[str]:
    """UPDATE the rows that exist, then INSERT those that do not. Each takes the JSON document as its parameter."""
    columns = [f"[{field.column}] {_sql_server_type(field)} '$.c{place}'" for place, field in enumerate(fields)]
    source = f"OPENJSON(%s) WITH ({', '.join(columns)}) AS source"
    names = ", ".join(f"[{field.column}]" for field in fields)
    values = ", ".join(f"source.[{field.column}]" for field in fields)
    inserted = f"INSERT INTO [{table}] ({names}) SELECT {values} FROM {source}"  # noqa: S608
    if not key:
        return [inserted]
    same = " AND ".join(f"target.[{field.column}] = source.[{field.column}]" for field in fields if field.name in key)
    sets = ", ".join(f"[{field.column}] = source.[{field.column}]" for field in fields if field.name in update)
    locked = f"[{table}] AS target WITH (UPDLOCK, HOLDLOCK)"
    return [
        f"UPDATE target SET {sets} FROM {locked} INNER JOIN {source} ON {same}",  # noqa: S608
        f"{inserted} WHERE NOT EXISTS (SELECT 1 FROM {locked} WHERE {same})",  # noqa: S608
    ]


def _sql_server_type(field: Any) -> str:
    target = field.target_field if field.is_relation else field
    kind = target.get_internal_type()
    if kind == "CharField":
        return f"nvarchar({target.max_length})"
    return {
        "UUIDField": "char(32)",
        "JSONField": "nvarchar(max)",
        "TextField": "nvarchar(max)",
        "DateTimeField": "datetimeoffset",
        "BooleanField": "bit",
        "PositiveIntegerField": "int",
        "IntegerField": "int",
    }[kind]


def _json_value(value: Any) -> Any:
    if isinstance(value, UUID):
        return value.hex
    if isinstance(value, datetime):
        return value.isoformat()
    return value
