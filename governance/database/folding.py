"""Folding the case of names within the database, of every letter and on every engine."""

from typing import Any

from django.db.models.functions import Lower

SQLITE_FUNCTION = "FOLDED"  # governance/database/sqlite makes it


class Folded(Lower):
    """The name in lower case."""

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """By a function of our own."""
        return self.as_sql(compiler, connection, function=SQLITE_FUNCTION, **context)
