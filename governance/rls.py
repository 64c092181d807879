"""Row-level security, written by migrations: `operations = [..., rls.Protect("resources")]`.

The ORM guard (`governance/tenancy.py`) filters what we ask; these policies filter what reaches the database, however it
was asked: raw SQL, a forgotten filter, an injected predicate. They read the context that `governance/database/` tells
each connection. Unset, it shows no row and takes none.

Frozen: migrations that ran everywhere name these operations. What one of them does to a table never changes; a new need
is a new rule. SQLite has no policies, and the operations do nothing there (`governance.W081` says so).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.migrations.operations.base import Operation

# A value of the session context holds 8,000 bytes: 120 ids of 32 characters with their commas, as nvarchar.
SQL_SERVER_IDS_PER_KEY = 120
SQL_SERVER_TENANT_KEYS = tuple(f"tenants{number}" for number in range(8))


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one engine says the few things that the rules are made of. `column` gives a column of the row in question."""

    everything: str
    person: str
    no_person: str
    in_scope: Callable[[str], str]
    table: Callable[[str], str]


POSTGRESQL = Dialect(
    # In a subselect it is read once a statement, not once a row. The list becomes a hash table, so that its length does
    # not matter; as `= ANY (array)` it would be searched for every row, and the planner would guess it at ten tenants.
    everything="(SELECT current_setting('governance.everything', true) = 'yes')",
    person="(SELECT nullif(current_setting('governance.person', true), '')::uuid)",
    no_person="(SELECT coalesce(current_setting('governance.person', true), '') = '')",
    in_scope=lambda column: (
        f"{column} IN (SELECT unnest(string_to_array(current_setting('governance.tenants', true), ','))::uuid)"
    ),
    table=lambda name: f'"{name}"',
)
SQL_SERVER = Dialect(
    everything="CAST(SESSION_CONTEXT(N'everything') AS nvarchar(3)) = N'yes'",
    person="CAST(SESSION_CONTEXT(N'person') AS char(32))",
    no_person="SESSION_CONTEXT(N'person') IS NULL",
    in_scope=lambda column: (
        "("
        + " OR ".join(
            f"CHARINDEX(N',' + {column} + N',', CAST(SESSION_CONTEXT(N'{key}') AS nvarchar(4000))) > 0"
            for key in SQL_SERVER_TENANT_KEYS
        )
        + ")"
    ),
    table=lambda name: f"[dbo].[{name}]",
)

Condition = Callable[[Dialect, Callable[[str], str]], str]


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may see a row and who may write it. `columns` are those it reads, with their types on SQL Server.

    `lock` is who may hold a row for update without changing it: PostgreSQL asks that of SELECT ... FOR UPDATE.
    """

    columns: tuple[tuple[str, str], ...]
    see: Condition
    write: Condition
    lock: Condition


def _of_tenant(column: str) -> Rule:
    def held(sql: Dialect, row: Callable[[str], str]) -> str:
        return f"{sql.in_scope(row(column))} OR {sql.everything}"

    return Rule(((column, "char(32)"),), held, held, held)


def _everything(sql: Dialect, row: Callable[[str], str]) -> str:
    return sql.everything


def _self(sql: Dialect, row: Callable[[str], str]) -> str:
    return f"{sql.everything} OR {row('id')} = {sql.person}"


def _colleague(sql: Dialect, row: Callable[[str], str]) -> str:
    shared = f"held.user_id = {row('id')} AND {sql.in_scope('held.tenant_id')}"
    return f"{_self(sql, row)} OR EXISTS (SELECT 1 FROM {sql.table('memberships')} AS held WHERE {shared})"  # noqa: S608


def _has_member(sql: Dialect, row: Callable[[str], str]) -> str:
    shared = f"held.group_id = {row('id')} AND {sql.in_scope('held.tenant_id')}"
    return f"{sql.everything} OR EXISTS (SELECT 1 FROM {sql.table('tenant_group_members')} AS held WHERE {shared})"  # noqa: S608


def _holds_nothing_else(sql: Dialect, row: Callable[[str], str]) -> str:
    held = f"held.file_id = {row('id')} AND {sql.in_scope('held.tenant_id')}"
    count = f"(SELECT COUNT(*) FROM {sql.table('report_file_tenants')} AS held WHERE {held})"  # noqa: S608
    return f"{sql.everything} OR {row('tenant_count')} = {count}"


def _of_self(sql: Dialect, row: Callable[[str], str]) -> str:
    return f"{sql.everything} OR {row('user_id')} = {sql.person}"


def _own(sql: Dialect, row: Callable[[str], str]) -> str:
    return f"{row('user_id')} = {sql.person} OR ({sql.everything} AND {sql.no_person})"


ID = ("id", "char(32)")
RULES = {
    # The row's tenant is in scope. A row without a tenant is in no scope but that of every tenant.
    "tenant": _of_tenant("tenant_id"),
    # The row is a tenant.
    "tenant itself": _of_tenant("id"),
    # The row is a person: seen by themselves and by scopes that hold one of their tenants; written by the platform.
    "person": Rule((ID,), see=_colleague, write=_everything, lock=_self),
    # The row is a group of tenants: seen by scopes that hold one of them; written by the platform.
    "group": Rule((ID,), see=_has_member, write=_everything, lock=_everything),
    # The row is a file: seen and written by scopes that hold all of its tenants.
    "file": Rule(
        (ID, ("tenant_count", "int")), see=_holds_nothing_else, write=_holds_nothing_else, lock=_holds_nothing_else
    ),
    # The row is a way to sign in as a person: seen by them, written by the platform.
    "identity": Rule((("user_id", "char(32)"),), see=_of_self, write=_everything, lock=_everything),
    # The row belongs to one person: theirs alone, and the platform's own work when it acts for nobody.
    "owner": Rule((("user_id", "char(32)"),), see=_own, write=_own, lock=_own),
}


class Protect(Operation):
    """From here on the database shows and takes only rows of this table that the scope holds; see RULES."""

    reversible = True
    reduces_to_sql = True

    def __init__(self, table: str, rule: str = "tenant") -> None:
        self.table = table
        self.rule = rule
        if rule not in RULES:
            raise ValueError(f"There is no rule {rule!r}. Known: {', '.join(RULES)}.")

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Nothing that a model shows changes."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Write the policies."""
        for statement in protecting(self.table, self.rule, schema_editor.connection.vendor):
            schema_editor.execute(statement, params=None)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Remove the policies."""
        for statement in unprotecting(self.table, self.rule, schema_editor.connection.vendor):
            schema_editor.execute(statement, params=None)

    def describe(self) -> str:
        """What `sqlmigrate` and `migrate --plan` print."""
        return f"Protect {self.table} by row-level security ({self.rule})"

    @property
    def migration_name_fragment(self) -> str:
        """Part of an automatic name."""
        return f"protect_{self.table}"


def protecting(table: str, rule: str, vendor: str) -> Sequence[str]:
    """The statements that protect a table on this engine; none on SQLite."""
    if vendor == "postgresql":
        return _postgresql(table, RULES[rule])
    if vendor == "microsoft":
        return _sql_server(table, RULES[rule])
    return ()


def unprotecting(table: str, rule: str, vendor: str) -> Sequence[str]:
    """The statements that take the protection away again."""
    if vendor == "postgresql":
        drops = [f'DROP POLICY "{name}" ON "{table}"' for name in POLICIES]
        return [*drops, f'ALTER TABLE "{table}" NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY']
    if vendor == "microsoft":
        return [
            f"DROP SECURITY POLICY [dbo].[{table}_in_scope]",
            f"DROP FUNCTION [dbo].[{table}_is_visible]",
            f"DROP FUNCTION [dbo].[{table}_is_writable]",
        ]
    return ()


def protected_tables(migrations: Iterable[Any]) -> dict[str, str]:
    """The rule of each table that these migrations protect."""
    operations = (operation for migration in migrations for operation in migration.operations)
    return {operation.table: operation.rule for operation in operations if isinstance(operation, Protect)}


# --- PostgreSQL: four policies a table; FORCE makes them hold for the table's owner too, whom we connect as ---

POLICIES = ("scope_select", "scope_insert", "scope_update", "scope_delete")


def _postgresql(table: str, rule: Rule) -> Sequence[str]:
    def row(column: str) -> str:
        return f'"{table}"."{column}"'

    def written(condition: Condition) -> str:
        # The planner takes "is not null" for true of nearly every row, which it is: the guard of the ORM chose them. As
        # it stands it would take it for true of half of them, in each table of a join, and give up a better plan.
        return f"NULLIF({condition(POSTGRESQL, row)}, false) IS NOT NULL"

    see, write, lock = (written(condition) for condition in (rule.see, rule.write, rule.lock))
    return [
        f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY',
        f'CREATE POLICY "scope_select" ON "{table}" FOR SELECT USING ({see})',
        f'CREATE POLICY "scope_insert" ON "{table}" FOR INSERT WITH CHECK ({write})',
        f'CREATE POLICY "scope_update" ON "{table}" FOR UPDATE USING ({lock}) WITH CHECK ({write})',
        f'CREATE POLICY "scope_delete" ON "{table}" FOR DELETE USING ({write})',
    ]


# --- SQL Server: two inline functions and a security policy a table ---

BLOCKED = ("AFTER INSERT", "AFTER UPDATE", "BEFORE UPDATE", "BEFORE DELETE")


def _sql_server(table: str, rule: Rule) -> Sequence[str]:
    def row(column: str) -> str:
        return f"@{column}"

    parameters = ", ".join(f"@{column} {kind}" for column, kind in rule.columns)
    columns = ", ".join(f"[{column}]" for column, _ in rule.columns)
    target = f"ON [dbo].[{table}]"
    blocks = [f"ADD BLOCK PREDICATE [dbo].[{table}_is_writable]({columns}) {target} {when}" for when in BLOCKED]
    predicates = ", ".join([f"ADD FILTER PREDICATE [dbo].[{table}_is_visible]({columns}) {target}", *blocks])
    return [
        _function(f"{table}_is_visible", parameters, rule.see(SQL_SERVER, row)),
        _function(f"{table}_is_writable", parameters, rule.write(SQL_SERVER, row)),
        f"CREATE SECURITY POLICY [dbo].[{table}_in_scope] {predicates} WITH (STATE = ON, SCHEMABINDING = ON)",
    ]


def _function(name: str, parameters: str, condition: str) -> str:
    returned = f"RETURN SELECT 1 AS [is_allowed] WHERE {condition}"
    return f"CREATE FUNCTION [dbo].[{name}]({parameters}) RETURNS TABLE WITH SCHEMABINDING AS {returned}"
