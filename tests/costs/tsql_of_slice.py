"""`python -m tests.costs.tsql_of_slice`: what SQL Server is told to store a slice, a statement a line."""

import os
import sys
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from types import TracebackType
from typing import Any, Self
from unittest import mock
from uuid import UUID

from tests.tsql import MSSQL_URL, unconnected

TENANT, SUBSCRIPTION, MONTH = UUID(int=1), UUID(int=2), date(2026, 10, 1)


class _Printing:
    """A cursor that runs nothing."""

    rowcount = 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        pass

    def close(self) -> None:
        """Nothing is open."""

    def execute(self, sql: str, parameters: Sequence[Any] | None = None) -> None:
        """Write the statement down, with its parameters."""
        sys.stdout.write(f"{sql} -- {[str(value) for value in parameters or ()]}\n")

    def fetchone(self) -> tuple[int]:
        """That a transaction is open."""
        return (1,)


def main() -> None:
    """The names that nothing refers to; then the rows, the sums, and what moved by resource."""
    os.environ["DATABASE_URL"] = MSSQL_URL
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings")
    with unconnected() as engine, mock.patch.object(engine, "cursor", return_value=_Printing()):
        from django.db import connection

        from costs import naming, restating, rollups
        from costs.models import CostRecord, Restatement
        from costs.rows import CostLine
        from costs.slices import OneSlice
        from costs.store import COLUMNS
        from governance import bulk
        from governance.tenancy import Scope, entered

        connection.in_atomic_block = True
        one = OneSlice(TENANT, SUBSCRIPTION, MONTH, "actual")
        restatement = Restatement(tenant_id=TENANT, currency="EUR")
        with entered(Scope.of(TENANT)):
            naming.drop_unnamed(TENANT)
            with bulk.stream(CostRecord, COLUMNS, alike=one.alike) as write:
                write([[value] for value in CostLine(MONTH, "EUR", Decimal("1E-9"))])
            with rollups.finest_sums(one) as finest:
                restating._lines(one, MONTH, restatement, finest, by_resource=True)
                rollups.rewrite(one, finest, has_resources=True)


if __name__ == "__main__":
    main()
