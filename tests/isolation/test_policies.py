"""Every table has its policy: in the migrations on every engine, and in the database where it has policies."""

import subprocess
import sys
from typing import Any

import pytest
from django.apps import apps
from django.core.checks import CheckMessage
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from governance import rls
from governance.isolation import isolation
from governance.tenancy import tenant_owned_models
from tests.isolation.database import needs_policies, run, superuser_url
from tests.processes import ROOT, database_url, start_command

OUR_APPS = ("tenants", "inventory", "costs", "audit")
PUBLIC = {"exchange_rates"}  # what everybody may know


def protected() -> dict[str, str]:
    """The rule of every table that a migration protects."""
    return rls.protected_tables(MigrationLoader(None).disk_migrations.values())


def test_every_row_with_a_tenant_is_protected_by_a_migration() -> None:
    rules = protected()

    for model in tenant_owned_models():
        assert rules.get(model._meta.db_table) == "tenant", f"{model.__name__} needs rls.Protect in a migration."


def test_every_other_table_of_ours_is_protected_too() -> None:
    tables = {model._meta.db_table for app in OUR_APPS for model in apps.get_app_config(app).get_models()}

    assert tables - set(protected()) == PUBLIC


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(ValueError, match="There is no rule 'tenants'"):
        rls.Protect("resources", rule="tenants")


# --- PostgreSQL ---


@needs_policies
def test_the_suite_connects_as_a_role_that_bypasses_nothing(db: None) -> None:
    assert run("SELECT rolsuper, rolbypassrls, rolcreatedb FROM pg_roles WHERE rolname = current_user") == [
        (False, False, True)
    ]


@needs_policies
def test_every_table_has_its_policies_in_both_directions(db: None) -> None:
    forced = dict(run("SELECT relname, relrowsecurity AND relforcerowsecurity FROM pg_class WHERE relkind = 'r'"))
    policies: dict[str, list[Any]] = {}
    for table, *policy in run("SELECT tablename, cmd, permissive, roles::text, qual, with_check FROM pg_policies"):
        policies.setdefault(table, []).append(policy)

    assert set(policies) == set(protected())
    for table, found in policies.items():
        assert forced[table], table
        by_command = {command: rest for command, *rest in found}
        assert sorted(by_command) == ["DELETE", "INSERT", "SELECT", "UPDATE"], table
        assert len(found) == 4, table  # one more, and permissive: it would widen
        for command, (permissive, roles, shown, taken) in by_command.items():
            assert (permissive, roles) == ("PERMISSIVE", "{public}")
            assert (shown is None) == (command == "INSERT")
            assert (taken is None) == (command in {"SELECT", "DELETE"})
            for condition in filter(None, (shown, taken)):
                assert "current_setting('governance." in condition, (table, command)


def found_by_the_check() -> list[CheckMessage]:
    """What the check says of the database at hand."""
    return isolation(None, databases=["default"])


@needs_policies
def test_the_check_is_content_with_what_the_migrations_wrote(db: None) -> None:
    assert found_by_the_check() == []


BREAKS = {
    "dropped": 'DROP POLICY "scope_update" ON "resources"',
    "one more": 'CREATE POLICY "everybody" ON "resources" USING (true)',
    "disabled": 'ALTER TABLE "resources" DISABLE ROW LEVEL SECURITY',
    "not for the owner": 'ALTER TABLE "resources" NO FORCE ROW LEVEL SECURITY',
}


@needs_policies
@pytest.mark.parametrize("statement", BREAKS.values(), ids=BREAKS)
def test_the_check_names_the_table_whose_policies_were_touched(db: None, statement: str) -> None:
    run(statement)

    [message] = found_by_the_check()

    assert message.id == "governance.E082"
    assert "resources" in message.msg


def check_as(url: str, **environment: str) -> tuple[int, str]:
    """`manage.py check` on the test's database, connected in another way."""
    process = start_command("check", "--database", "default", DATABASE_URL=url, **environment)
    _, errors = process.communicate(timeout=60)
    return process.returncode, errors


@needs_policies
def test_the_check_refuses_a_superuser_in_production(transactional_db: None) -> None:
    in_development = check_as(superuser_url())
    in_production = check_as(superuser_url(), GOVERNANCE_ENVIRONMENT="production")

    assert in_development[0] == 0
    assert "governance.W082" in in_development[1]
    assert in_production[0] == 1
    assert "governance.E081" in in_production[1]
    assert "NOSUPERUSER NOBYPASSRLS" in in_production[1]


def test_on_sqlite_the_check_says_that_the_guard_stands_alone(transactional_db: None) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("This engine has policies.")

    status, errors = check_as(database_url())

    assert status == 0
    assert "governance.W081" in errors
    assert "stands alone" in errors


def test_the_check_says_nothing_without_a_database() -> None:
    assert isolation(None, databases=None) == []


# --- SQL Server, whose statements are compiled and cannot be run here ---


@pytest.fixture(scope="module")
def compiled() -> list[str]:
    """All migrations as T-SQL, compiled in a process of its own with an mssql:// database."""
    command = [sys.executable, "-m", "tests.tsql", "--show"]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()


def test_on_sql_server_every_table_has_one_filter_and_four_blocks(compiled: list[str]) -> None:
    policies = [line for line in compiled if line.startswith("CREATE SECURITY POLICY")]

    assert len(policies) == len(protected())
    for table in protected():
        [policy] = [line for line in policies if f"[dbo].[{table}_in_scope]" in line]
        assert policy.count("ADD FILTER PREDICATE") == 1
        assert policy.count(f"ON [dbo].[{table}]") == 5
        for when in ("AFTER INSERT", "AFTER UPDATE", "BEFORE UPDATE", "BEFORE DELETE"):
            assert f"{table}_is_writable]" in policy
            assert f"ON [dbo].[{table}] {when}" in policy
        assert policy.endswith("WITH (STATE = ON, SCHEMABINDING = ON);")


def test_on_sql_server_the_predicates_are_inline_bound_and_read_the_session_context(compiled: list[str]) -> None:
    for table, rule in protected().items():
        for what in ("visible", "writable"):
            [function] = [line for line in compiled if f"CREATE FUNCTION [dbo].[{table}_is_{what}]" in line]
            assert "RETURNS TABLE WITH SCHEMABINDING AS RETURN SELECT 1" in function
            assert "BEGIN" not in function
            assert "SESSION_CONTEXT(N'everything')" in function
        for column, kind in rls.RULES[rule].columns:
            assert f"@{column} {kind}" in function


def test_on_sql_server_a_tenant_is_found_whole_in_every_key(compiled: list[str]) -> None:
    [function] = [line for line in compiled if "CREATE FUNCTION [dbo].[resources_is_visible]" in line]

    for key in rls.SQL_SERVER_TENANT_KEYS:
        wanted = f"CHARINDEX(N',' + @tenant_id + N',', CAST(SESSION_CONTEXT(N'{key}') AS nvarchar(4000))) > 0"
        assert wanted in function


def test_on_sql_server_the_table_stands_before_what_reads_it(compiled: list[str]) -> None:
    created: set[str] = set()
    for line in compiled:
        if line.startswith("CREATE TABLE ["):
            created.add(line.split("[")[1].split("]")[0])
        if line.startswith("CREATE FUNCTION"):
            read = {part.split("]")[0] for part in line.split("FROM [dbo].[")[1:]}
            assert read <= created, line
