"""System checks of the database itself: does it hold the tenants apart? `manage.py check --database default` asks.

What has to stand there is what the applied migrations wrote (`governance/rls.py`). A check of text in settings cannot
tell; these ask the database, and say nothing where it cannot be reached.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.core import checks
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader

from governance.rls import BLOCKED, POLICIES, protected_tables

BYPASS = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
POSTGRESQL = """
SELECT relname FROM pg_class
 WHERE relnamespace = current_schema()::regnamespace AND relrowsecurity AND relforcerowsecurity
   AND (SELECT array_agg(polname::text ORDER BY polname) FROM pg_policy WHERE polrelid = pg_class.oid) = %s
"""
SQL_SERVER = """
SELECT target.name FROM sys.security_policies AS policy
 INNER JOIN sys.security_predicates AS predicate ON predicate.object_id = policy.object_id
 INNER JOIN sys.tables AS target ON target.object_id = predicate.target_object_id
 WHERE policy.is_enabled = 1 GROUP BY target.name HAVING COUNT(*) = %s
"""


def register() -> None:
    """Make the check part of `migrate` and of `check --database`."""
    checks.register(isolation, checks.Tags.database)


def isolation(
    app_configs: Sequence[Any] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """Whether row-level security stands behind the tenant guard of the ORM."""
    if "default" not in (databases or ()):
        return []
    if connection.vendor == "sqlite":
        hint = "Use PostgreSQL or Azure SQL where more than one client's tenants are read."
        text = "SQLite has no row-level security: the tenant guard of the ORM stands alone."
        return [checks.Warning(text, hint=hint, id="governance.W081")]
    try:
        return [*_bypass(), *_unprotected()]
    except DatabaseError:
        return []


def _bypass() -> list[checks.CheckMessage]:
    """On SQL Server nobody bypasses a security policy, on PostgreSQL some roles do."""
    if connection.vendor != "postgresql" or not _rows(BYPASS, [])[0][0]:
        return []
    text = "The database role bypasses row-level security."
    hint = "Connect as a role made with NOSUPERUSER NOBYPASSRLS; it may own the tables."
    if settings.PRODUCTION:
        return [checks.Error(text, hint=hint, id="governance.E081")]
    return [checks.Warning(text, hint=hint, id="governance.W082")]


def _unprotected() -> list[checks.CheckMessage]:
    standing = {row[0] for row in _standing()}
    hint = (
        "Somebody dropped, added or disabled a policy. Migrate its app back to before row_level_security and forward"
        " again, with --skip-checks; on SQL Server ALTER SECURITY POLICY … WITH (STATE = ON) may be all it takes."
    )
    return [
        checks.Error(f"The policies of {table} are not what migrations wrote.", hint=hint, id="governance.E082")
        for table in sorted(set(_wanted()) - standing)
    ]


def _standing() -> list[tuple[Any, ...]]:
    if connection.vendor == "postgresql":
        return _rows(POSTGRESQL, [sorted(POLICIES)])
    return _rows(SQL_SERVER, [1 + len(BLOCKED)])


def _wanted() -> Mapping[str, str]:
    """The tables that the migrations applied so far protect."""
    loader = MigrationLoader(connection)
    applied = [loader.disk_migrations[key] for key in loader.applied_migrations if key in loader.disk_migrations]
    return protected_tables(applied)


def _rows(sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())
