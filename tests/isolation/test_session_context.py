"""What SQL Server is told of a scope. There is no SQL Server to run it on; the batch and its values are looked at."""

from uuid import UUID

import pytest

from governance.database.context import Context
from governance.database.session_context import TooManyTenantsError, session_context
from governance.rls import SQL_SERVER_TENANT_KEYS

KEYS = ("everything", "person", *SQL_SERVER_TENANT_KEYS)


def context(tenants: int = 0, *, is_every_tenant: bool = False, person: UUID | None = None) -> Context:
    """A scope of so many tenants."""
    return Context(is_every_tenant, frozenset(UUID(int=number) for number in range(tenants)), person)


def test_every_key_is_overwritten_whatever_the_scope() -> None:
    for scope in (context(), context(1), context(300), context(is_every_tenant=True)):
        statement, values = session_context(scope)

        assert [call.strip() for call in statement.split(";")] == [
            f"EXEC sp_set_session_context @key = N'{key}', @value = ?" for key in KEYS
        ]
        assert len(values) == len(KEYS)


def test_no_scope_empties_every_key() -> None:
    assert session_context(context())[1] == [None] * len(KEYS)


def test_every_tenant_is_a_word_and_no_list() -> None:
    person = UUID(int=7)

    assert session_context(context(is_every_tenant=True, person=person))[1][:3] == ["yes", person.hex, None]


def test_many_tenants_are_spread_over_the_keys() -> None:
    lists = [value for value in session_context(context(130))[1][2:] if value]

    assert [len(value.strip(",").split(",")) for value in lists] == [120, 10]
    assert all(value.startswith(",") and value.endswith(",") and len(value) <= 4000 for value in lists)
    assert {key for value in lists for key in value.strip(",").split(",")} == {
        UUID(int=number).hex for number in range(130)
    }


def test_more_tenants_than_it_holds_are_refused() -> None:
    session_context(context(960))

    with pytest.raises(TooManyTenantsError, match="at most 960 tenants"):
        session_context(context(961))
