"""SQLite, taught to fold the case of every letter: its own LOWER knows those of ASCII alone.

The function has a name of its own: where another program opens the file, LOWER means what it means there.
"""

from typing import Any

from django.db.backends.sqlite3 import base

from governance.database.folding import SQLITE_FUNCTION


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's connection to SQLite, with that function."""

    def get_new_connection(self, conn_params: Any) -> Any:
        """A connection that knows the function."""
        connection = super().get_new_connection(conn_params)
        connection.create_function(SQLITE_FUNCTION, 1, _lower, deterministic=True)
        return connection


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()
