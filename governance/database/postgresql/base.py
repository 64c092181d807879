"""PostgreSQL. Settings of our own (`governance.…`) carry the scope; what a transaction sets goes with its rollback."""

from django.db.backends.postgresql import base

from governance.database.context import Context, ScopedConnection

SET = """SELECT set_config('governance.everything', %s, false),
       set_config('governance.tenants', %s, false),
       set_config('governance.person', %s, false)"""


class DatabaseWrapper(ScopedConnection, base.DatabaseWrapper):
    """Django's connection to PostgreSQL, which knows the scope."""

    def tell(self, context: Context) -> None:
        """Overwrite the three settings of this session."""
        tenants = ",".join(map(str, context.sorted_tenants))
        with self.connection.cursor() as cursor:
            cursor.execute(SET, [context.everything, tenants, str(context.person or "")])
