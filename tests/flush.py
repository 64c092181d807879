"""Emptying the database after a test that commits: the one who empties it is its owner, and lifts the triggers first.

The database refuses to delete what the audit trail holds. During every test that refusal stands. Only the emptying
afterwards lifts it, as the owner of a table may, and puts it back.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

from governance.tenancy import Scope, entered

TABLES = ("audit_logs", "audit_log_tenants", "audit_chains")


def empty_as_owner() -> None:
    """From now on this connection's `flush` lifts the triggers of the audit trail while it works."""
    flush: Callable[[Iterable[str]], None] = connection.ops.execute_sql_flush

    def execute(sql_list: Iterable[str]) -> None:
        with lifted_triggers():
            flush(sql_list)

    connection.ops.execute_sql_flush = execute  # type: ignore[method-assign]


@contextmanager
def lifted_triggers() -> Iterator[None]:
    """The tables of the audit trail without what guards them: as somebody can who owns the database."""
    with connection.cursor() as cursor:
        back = {"sqlite": _lift_sqlite, "postgresql": _lift_postgresql}[connection.vendor](cursor)
    try:
        with entered(Scope.every_tenant(reason="Who owns the database sees every row of it.")):
            yield
    finally:
        with connection.cursor() as cursor:
            for statement in back:
                cursor.execute(statement)


def _lift_sqlite(cursor: Any) -> list[str]:
    cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    found = [(name, sql) for name, sql in cursor.fetchall() if name.startswith(TABLES)]
    for name, _ in found:
        cursor.execute(f"DROP TRIGGER {name}")
    return [sql for _, sql in found]


def _lift_postgresql(cursor: Any) -> list[str]:
    for table in TABLES:
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    return [f"ALTER TABLE {table} ENABLE TRIGGER USER" for table in TABLES]
