"""Set-based writes, one way per engine. The only module allowed to differ by engine.

Rows are tuples in the order of `columns` (model field names; the tenant first). Values are Python values, but for JSON
columns, which take JSON text. Every call happens inside the caller's transaction and within a scope that holds the
rows' tenant.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from itertools import repeat
from typing import Any
from uuid import UUID

from django.core.exceptions import EmptyResultSet
from django.db import connection, models, transaction
from django.db.backends.utils import CursorWrapper

from governance.keys import consecutive_ids, new_id
from governance.money import DIGITS, PLACES, AmountField, in_units
from governance.tenancy import require_in_scope

Rows = Sequence[tuple[Any, ...]]
Columns = Sequence[Sequence[Any]]
Write = Callable[[Columns], None]


def insert(model: type[models.Model], columns: Sequence[str], rows: Rows) -> None:
    """Insert rows, all or none."""
    _write(model, columns, rows, key=(), update=())


def upsert(
    model: type[models.Model], columns: Sequence[str], rows: Rows, *, key: Sequence[str], update: Sequence[str]
) -> None:
    """Insert rows; where one with the same `key` (a unique constraint) exists, set its `update` columns instead."""
    _write(model, columns, rows, key=key, update=update)


@contextmanager
def stream(model: type[models.Model], columns: Sequence[str], *, alike: Mapping[str, Any]) -> Iterator[Write]:
    """A function that takes rows in batches of any size; all of them are in the table once the block has ended.

    A batch is given column by column, `zip(*rows)`: nothing has to be made of each row. `alike` are columns with
    the same value in every row, the tenant among them. Keys are made here, in the order of the rows. What costs time
    whatever the number of rows is done once, not once a batch. Between two batches the caller may read and write other
    tables; this one has the rows only afterwards.
    """
    _require_writable(alike["tenant"])
    fields, same = _fields(model, columns), _fields(model, alike)
    begin = {"sqlite": _stream_sqlite, "postgresql": _stream_postgresql, "microsoft": _stream_sql_server}
    with (
        connection.cursor() as cursor,
        begin[connection.vendor](cursor, model._meta.db_table, fields, same, list(alike.values())) as write,
    ):
        yield write


def insert_select(
    model: type[models.Model],
    columns: Sequence[str],
    select: str,
    parts: Mapping[str, tuple[Sequence[str], "models.QuerySet[Any]"]],
    *,
    alike: Mapping[str, Any],
    given: Sequence[str] = (),
) -> int:
    """INSERT ... SELECT within the database: one row, with a key, for each that `select` finds. Returns how many.

    `select` is SQL that every engine reads, over `parts`: by name, the columns and the unordered `values_list` of each.
    It gives `columns` in their order; `given` stands for each %s in it. `alike` are the columns with the same value in
    every row, the tenant among them.
    """
    _require_writable(alike["tenant"])
    try:
        compiled = [(name, names, *rows.query.sql_with_params()) for name, (names, rows) in parts.items()]
    except EmptyResultSet:
        raise ValueError("A part of the statement can have no rows: ask only for what is in scope.") from None
    statement = selecting_insert(model, columns, select, [part[:3] for part in compiled], tuple(alike))
    same = [_adapted(field, value) for field, value in zip(_fields(model, alike), alike.values(), strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(statement, [*(value for part in compiled for value in part[3]), *given, *same])
        return int(cursor.rowcount)


@contextmanager
def set_aside(fields: Sequence[Any], rows: "models.QuerySet[Any]") -> Iterator[str]:
    """A temporary table of what a `values_list` finds now, until the block ends: its name, for `insert_select`.

    Its columns are named and typed as `fields`.
    """
    vendor = connection.vendor
    name = f"{'#' if vendor == 'microsoft' else ''}aside_{new_id().hex[-12:]}"
    sql, parameters = rows.query.sql_with_params()
    create, fill = setting_aside(name, fields, sql)
    with connection.cursor() as cursor:
        cursor.execute(create)  # apart from filling it: what SQL Server makes in a statement with parameters ends there
        cursor.execute(fill, parameters)
    yield name
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {name}")


def setting_aside(name: str, fields: Sequence[Any], sql: str) -> tuple[str, str]:
    """The statements that make the table and fill it; the parameters are those of `sql`."""
    if connection.vendor == "microsoft":
        words, types = "CREATE TABLE", [_sql_server_type(field) for field in fields]
        # Without it they would compare as the server's own database does.
        types = [f"{kind} COLLATE DATABASE_DEFAULT" if kind.startswith("nvarchar") else kind for kind in types]
    else:
        words, types = "CREATE TEMPORARY TABLE", [field.db_type(connection) for field in fields]
    columns = ", ".join(f"{field.name} {kind}" for field, kind in zip(fields, types, strict=True))
    return f"{words} {name} ({columns})", f"INSERT INTO {name} {sql}"


def selecting_insert(
    model: type[models.Model],
    columns: Sequence[str],
    select: str,
    parts: Sequence[tuple[str, Sequence[str], str]],
    alike: Sequence[str],
) -> str:
    """The statement of `insert_select`. Its parameters: those of the parts, of `select`, the values of `alike`."""
    places = [f"c{place}" for place in range(len(columns))]
    tables = [f"{name} ({', '.join(names)}) AS ({sql})" for name, names, sql in parts]
    tables.append(f"made ({', '.join(places)}) AS ({select})")
    key, same = model._meta.pk, _fields(model, alike)
    names = ", ".join(_names([key, *same, *_fields(model, columns)]))
    values = ", ".join([_made_key(), *map(_given, same), *places])
    insert = f"INSERT INTO {connection.ops.quote_name(model._meta.db_table)} ({names})"
    before, after = f"WITH {', '.join(tables)}", f"SELECT {values} FROM made"  # noqa: S608
    # SQL Server wants WITH first; Python counts the rows of SQLite only where INSERT is the first word.
    return " ".join([before, insert, after] if connection.vendor == "microsoft" else [insert, before, after])


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
    if columns[0] != "tenant":
        raise ValueError("The tenant is the first column of every bulk write.")
    _require_writable(*{row[0] for row in rows})
    fields = _fields(model, columns)
    write = {"sqlite": _write_sqlite, "postgresql": _write_postgresql, "microsoft": _write_sql_server}[
        connection.vendor
    ]
    with connection.cursor() as cursor:
        write(cursor, model._meta.db_table, fields, rows, key, update)


def _require_writable(*tenants: UUID) -> None:
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("Bulk writes belong into the caller's transaction.")
    require_in_scope(tenants)


def _fields(model: type[models.Model], columns: Iterable[str]) -> list[Any]:
    return [model._meta.get_field(name) for name in columns]


def _kind(field: Any) -> str:
    return str((field.target_field if field.is_relation else field).get_internal_type())


def _names(fields: Sequence[Any]) -> list[str]:
    return [connection.ops.quote_name(field.column) for field in fields]


def _columns_of(fields: Sequence[Any], names: Sequence[str]) -> list[str]:
    return [connection.ops.quote_name(field.column) for field in fields if field.name in names]


def _conflict_clause(fields: Sequence[Any], key: Sequence[str], update: Sequence[str]) -> str:
    if not key:
        return ""
    sets = ", ".join(f"{column} = excluded.{column}" for column in _columns_of(fields, update))
    return f" ON CONFLICT ({', '.join(_columns_of(fields, key))}) DO UPDATE SET {sets}"


# --- Keys and values inside a statement ---


def _made_key() -> str:
    """SQL for the key of each row of a SELECT, counted on from a fresh one: far cheaper than the engines' own.

    It counts in the last 15 digits, from a random place in their lower half: there is room above it.
    """
    fresh = new_id().hex
    fixed, first = f"{fresh[:16]}8", int(fresh[17:], 16) >> 1
    if connection.vendor == "sqlite":
        return f"'{fixed}' || printf('%015x', {first} + row_number() OVER ())"
    if connection.vendor == "postgresql":
        return f"('{fixed}' || lpad(to_hex({first} + row_number() OVER ()), 15, '0'))::uuid"
    number = f"CAST({first} + ROW_NUMBER() OVER (ORDER BY (SELECT NULL)) AS bigint)"
    return f"'{fixed}' + RIGHT(LOWER(CONVERT(char(16), CONVERT(binary(8), {number}), 2)), 15)"


def _given(field: Any) -> str:
    """A parameter with its type, which the engine cannot tell from a SELECT."""
    if connection.vendor == "sqlite":
        return "%s"
    return f"CAST(%s AS {field.db_type(connection) if connection.vendor == 'postgresql' else _sql_server_type(field)})"


def _adapted(field: Any, value: Any) -> Any:
    if connection.vendor == "sqlite":
        return _as_sqlite(field, [value])[0]
    return value if connection.vendor == "postgresql" else _json_value(value)


# --- SQLite: executemany ---


def _write_sqlite(
    cursor: CursorWrapper, table: str, fields: Sequence[Any], rows: Rows, key: Sequence[str], update: Sequence[str]
) -> None:
    names = _names(fields)
    marks = ", ".join(["%s"] * len(names))
    sql = f"INSERT INTO {connection.ops.quote_name(table)} ({', '.join(names)}) VALUES ({marks})"  # noqa: S608
    columns = [_as_sqlite(field, values) for field, values in zip(fields, zip(*rows, strict=True), strict=True)]
    cursor.executemany(sql + _conflict_clause(fields, key, update), list(zip(*columns, strict=True)))


@contextmanager
def _stream_sqlite(
    cursor: CursorWrapper, table: str, fields: Sequence[Any], same: Sequence[Any], values: Sequence[Any]
) -> Iterator[Write]:
    names = [*_names(same), *_names(fields), "id"]  # the key last: zip asks for none where the columns have ended
    marks = ", ".join("?" * len(names))
    sql = f"INSERT INTO {connection.ops.quote_name(table)} ({', '.join(names)}) VALUES ({marks})"  # noqa: S608
    keys = consecutive_ids()
    alike = [repeat(_adapted(field, value)) for field, value in zip(same, values, strict=True)]

    def write(columns: Columns) -> None:
        adapted = [_as_sqlite(field, column) for field, column in zip(fields, columns, strict=True)]
        with connection.wrap_database_errors:
            # Past Django's cursor, which would keep a tuple of every row: zip makes one, and fills it again.
            sqlite3.Cursor.executemany(cursor.cursor, sql, zip(*alike, *adapted, keys, strict=False))

    yield write


def _as_sqlite(field: Any, values: Sequence[Any]) -> Sequence[Any]:
    """A column's values as they are written on SQLite. Text, numbers and JSON text are written as they are."""
    kind = _kind(field)
    if kind == "UUIDField":
        return [None if value is None else value.hex for value in values]
    if isinstance(field, AmountField):
        return in_units(values)
    if kind == "DecimalField":
        return [field.get_db_prep_value(value, connection) for value in values]
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


@contextmanager
def _stream_postgresql(
    cursor: CursorWrapper, table: str, fields: Sequence[Any], same: Sequence[Any], values: Sequence[Any]
) -> Iterator[Write]:
    names = ", ".join([*_names(fields), "id"])
    staging = connection.ops.quote_name(f"staging_{new_id().hex[-12:]}")
    target = connection.ops.quote_name(table)
    cursor.execute(
        f"CREATE TEMPORARY TABLE {staging} ON COMMIT DROP AS SELECT {names} FROM {target} WITH NO DATA"  # noqa: S608
    )
    keys = consecutive_ids()

    def write(columns: Columns) -> None:
        with cursor.cursor.copy(f"COPY {staging} ({names}) FROM STDIN") as copy:
            for row in zip(*columns, keys, strict=False):
                copy.write_row(row)

    yield write
    alike, given = ", ".join(_names(same)), ", ".join(map(_given, same))
    cursor.execute(
        f"INSERT INTO {target} ({alike}, {names}) SELECT {given}, {names} FROM {staging}",  # noqa: S608
        list(values),
    )
    cursor.execute(f"DROP TABLE {staging}")


# --- SQL Server: one OPENJSON parameter ---


@contextmanager
def _stream_sql_server(
    cursor: CursorWrapper, table: str, fields: Sequence[Any], same: Sequence[Any], values: Sequence[Any]
) -> Iterator[Write]:
    model = fields[0].model
    keys = consecutive_ids()

    def write(columns: Columns) -> None:
        rows = list(zip(*map(repeat, values), *columns, keys, strict=False))
        _write_sql_server(cursor, table, [*same, *fields, model._meta.pk], rows, (), ())

    yield write


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
    kind = _kind(field)
    if kind == "CharField":
        return f"nvarchar({target.max_length})"
    if kind == "DecimalField":
        return f"numeric({target.max_digits}, {target.decimal_places})"
    return {
        "AmountField": f"numeric({DIGITS}, {PLACES})",
        "DateField": "date",
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
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"  # as text: a JSON number would go through a float, and numeric takes no exponent
    return value
