"""The database asked past the ORM, as an injected statement or a forgotten filter would."""

from typing import Any

import pytest
from django.db import connection

from tests.postgres import SUPERUSER
from tests.processes import database_url

needs_policies = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite has no row-level security, and there is no SQL Server to run on."
)


def run(statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """Send one statement as it is; its rows, if it has any."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters or None)
        return list(cursor.fetchall()) if cursor.description else []


def affected(statement: str, *parameters: Any) -> int:
    """How many rows one statement wrote."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters or None)
        return int(cursor.rowcount)


def superuser_url() -> str:
    """The test's database as its superuser sees it; only for tests of what must not be."""
    user = connection.settings_dict["USER"]
    return database_url().replace(f"//{user}@", f"//{SUPERUSER}@", 1)
