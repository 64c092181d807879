"""A connection that tells the database the scope before each statement that is sent in another one than the last.

The policies of `governance/rls.py` read what is told here. It is overwritten, never added to, and whatever could have
undone it (a rollback, a new connection) makes us forget what was told last, so that it is told again. Outside any scope
the database is told that there is nothing to see.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.backends.base.base import BaseDatabaseWrapper


@dataclass(frozen=True, slots=True)
class Context:
    """What the database is told about the statements to come."""

    is_every_tenant: bool
    tenants: frozenset[UUID]
    person: UUID | None

    @property
    def everything(self) -> str:
        """The word that the policies look for."""
        return "yes" if self.is_every_tenant else ""

    @property
    def sorted_tenants(self) -> Sequence[UUID]:
        """The tenants in scope, in an order that does not change."""
        return sorted(self.tenants)


class ScopedConnection(BaseDatabaseWrapper):
    """What both engines share. A cursor that Django hands out, and each statement sent through one, meets the scope.

    Only a cursor of the driver itself (`connection.connection.cursor()`) goes past this, and sees what the last
    statement saw; nothing here makes one.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._told: Context | None = None  # None: not known
        self._is_rolling_back = False
        self.execute_wrappers.append(self._in_scope)

    def tell(self, context: Context) -> None:
        """Overwrite the context of this connection, in one round trip."""
        raise NotImplementedError

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """As Django's; a pool may have handed out one that others used."""
        self._told = None
        return super().get_new_connection(conn_params)

    def _prepare_cursor(self, cursor: Any) -> Any:
        self._tell_scope()
        return super()._prepare_cursor(cursor)  # type: ignore[misc]

    def _in_scope(
        self,
        execute: Callable[..., Any],
        sql: str,
        params: Any,
        many: bool,  # noqa: FBT001 - Django's signature
        context: dict[str, Any],
    ) -> Any:
        self._tell_scope()
        return execute(sql, params, many, context)

    def _tell_scope(self) -> None:
        # In a transaction that can only be rolled back every statement fails, the telling too; Django says it better.
        if self._is_rolling_back or self.needs_rollback or self.connection is None:
            return
        wanted = _wanted()
        if wanted == self._told:
            return
        self._told = None
        with self.wrap_database_errors:
            self.tell(wanted)
        self._told = wanted

    # What is set within a transaction is undone with it, back to whatever was told before: possibly a wider scope.

    def _rollback(self) -> None:
        self._told = None
        super()._rollback()  # type: ignore[misc]

    def _savepoint_rollback(self, sid: str) -> None:
        self._told = None
        self._is_rolling_back = True
        try:
            super()._savepoint_rollback(sid)  # type: ignore[misc]
        finally:
            self._is_rolling_back = False

    def _close(self) -> None:
        self._told = None
        super()._close()  # type: ignore[misc]


def _wanted() -> Context:
    # Loaded here: it defines a model, which it can do only once Django's apps are there; engines are there before.
    from governance.tenancy import scope_of_statement

    scope = scope_of_statement()
    return Context(scope.is_every_tenant, scope.tenants, scope.user_id)
