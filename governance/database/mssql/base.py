"""SQL Server and Azure SQL: mssql-django's engine. The session context carries the scope."""

from mssql import base

from governance.database.context import Context, ScopedConnection
from governance.database.session_context import session_context


class DatabaseWrapper(ScopedConnection, base.DatabaseWrapper):  # type: ignore[misc]  # mssql-django has no types
    """mssql-django's connection, which knows the scope."""

    def tell(self, context: Context) -> None:
        """Overwrite every key of the session context. Raises TooManyTenantsError."""
        statement, values = session_context(context)
        cursor = self.connection.cursor()
        try:
            cursor.execute(statement, values)
        finally:
            cursor.close()
