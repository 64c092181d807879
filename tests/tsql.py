"""`python -m tests.tsql`: every migration, compiled to T-SQL without a server.

It finds what mssql-django refuses to compile, not what a server refuses to run. `statements()` gives the text, so that
tests can say what has to be in it.
"""

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any
from unittest import mock

MSSQL_URL = "mssql://nobody:nothing@127.0.0.1:1433/none"


class _Unconnected(ModuleType):
    """Stands in for pyodbc where unixODBC is missing: mssql-django imports it even when another driver is used."""

    version = "5.0.0"

    class Error(Exception):
        """The errors that Django wraps."""

    DatabaseError = DataError = IntegrityError = InterfaceError = InternalError = Error
    NotSupportedError = OperationalError = ProgrammingError = Error

    def __getattr__(self, name: str) -> int:
        """The numbers of its types; none of them appears in a statement."""
        return 0


def _import_pyodbc() -> None:
    try:
        importlib.import_module("pyodbc")
    except ImportError:
        sys.stderr.write("unixODBC is not installed (libodbc2): compiling without pyodbc.\n")
        sys.modules["pyodbc"] = _Unconnected("pyodbc")


@contextmanager
def unconnected() -> Iterator[type[Any]]:
    """Django set up with the engine of SQL Server and no server. Needs a process whose DATABASE_URL is mssql://."""
    _import_pyodbc()
    import django

    django.setup()
    from mssql.base import DatabaseWrapper

    def pretend(wrapper: DatabaseWrapper) -> None:
        wrapper.connection = mock.MagicMock()

    with (
        mock.patch.object(DatabaseWrapper, "sql_server_version", 2022),
        mock.patch.object(DatabaseWrapper, "to_azure_sql_db", True),
        mock.patch.object(DatabaseWrapper, "connect", pretend),
        mock.patch.object(DatabaseWrapper, "_set_autocommit"),
    ):
        yield DatabaseWrapper


def statements() -> dict[str, list[str]]:
    """The T-SQL of each migration, by "app.name"."""
    with unconnected():
        from django.db import connection
        from django.db.migrations.loader import MigrationLoader
        from django.db.migrations.state import ProjectState

        loader = MigrationLoader(None, replace_migrations=False)
        loader.build_graph()
        state, found = ProjectState(real_apps=loader.unmigrated_apps), {}
        for key in dict.fromkeys(key for leaf in loader.graph.leaf_nodes() for key in loader.graph.forwards_plan(leaf)):
            with connection.schema_editor(collect_sql=True, atomic=False) as editor:
                state = loader.graph.nodes[key].apply(state, editor, collect_sql=True)
            found[".".join(key)] = list(editor.collected_sql)
        return found


def main() -> None:
    """Print how many statements each migration became; exit 1 with the error when one does not compile."""
    os.environ["DATABASE_URL"] = MSSQL_URL
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings")
    compiled = statements()
    if "--show" in sys.argv:
        sys.stdout.write("\n".join(line for lines in compiled.values() for line in lines) + "\n")
        return
    total = sum(map(len, compiled.values()))
    sys.stdout.write(f"{len(compiled)} migrations compile to {total} T-SQL statements.\n")


if __name__ == "__main__":
    main()
