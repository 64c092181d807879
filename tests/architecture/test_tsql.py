"""What SQL Server would be told: of the migrations and of the bulk writes."""

import ast
import subprocess
import sys

import pytest

from governance import bulk
from inventory.models import Resource
from inventory.store import RESOURCE_COLUMNS
from tests.processes import ROOT


@pytest.fixture(scope="module")
def compiled() -> str:
    """All migrations as T-SQL, compiled in a process of its own with an mssql:// database."""
    command = [sys.executable, "-m", "tests.tsql", "--show"]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def test_only_one_run_of_a_kind_is_enforced_by_a_filtered_index(compiled: str) -> None:
    wanted = "CREATE UNIQUE INDEX [one_running_sync_per_kind] ON [sync_runs] ([tenant_id], [kind]) WHERE [outcome] = "

    assert wanted in compiled


def test_a_resource_is_unique_by_tenant_and_hash(compiled: str) -> None:
    assert "[one_resource_per_azure_id] UNIQUE ([tenant_id], [azure_id_hash])" in compiled


def test_every_index_but_two_starts_with_the_tenant(compiled: str) -> None:
    ours = ("sync_runs", "coverage_receipts", "set_aside_rows", "subscriptions", "resources", "resource_tags")
    indexes = [line for line in compiled.splitlines() if line.startswith("CREATE") and "INDEX" in line]
    more = ("resource_changes", "report_file_tenants")
    checked = [line for line in indexes if any(f"ON [{table}]" in line for table in (*ours, *more))]

    assert len(checked) >= 9
    others = [line for line in checked if "([tenant_id]" not in line]
    in_order = {"[resources_in_order]", "[resource_changes_in_order]"}  # docs/adr/0006
    of_file = {"[report_file_tenants_of_file]"}  # docs/adr/0011
    assert {line.split()[2] for line in others} == in_order | of_file


def test_one_open_orphan_period_is_enforced_by_filtered_indexes(compiled: str) -> None:
    for subject in ("resource", "group"):
        wanted = (
            f"CREATE UNIQUE INDEX [one_open_period_per_{subject}] ON [orphans] ([tenant_id], [{subject}_id], [rule])"
        )
        [index] = [line for line in compiled.splitlines() if wanted in line]
        assert "[ended_at] IS NULL" in index
        assert f"[{subject}_id] IS NOT NULL" in index


def test_an_upsert_updates_and_then_inserts_what_is_missing_under_a_range_lock() -> None:
    fields = [Resource._meta.get_field(name) for name in RESOURCE_COLUMNS]

    update, insert = bulk.sql_server_statements(
        "resources", fields, ("tenant", "azure_id_hash"), ("name", "deleted_at")
    )

    same = "target.[tenant_id] = source.[tenant_id] AND target.[azure_id_hash] = source.[azure_id_hash]"
    assert update.startswith(
        "UPDATE target SET [name] = source.[name], [deleted_at] = source.[deleted_at] FROM [resources]"
    )
    assert "WITH (UPDLOCK, HOLDLOCK)" in update
    assert update.endswith(f"ON {same}")
    assert insert.startswith("INSERT INTO [resources] ([tenant_id], [id], [subscription_id], [azure_id], ")
    assert insert.endswith(
        f"WHERE NOT EXISTS (SELECT 1 FROM [resources] AS target WITH (UPDLOCK, HOLDLOCK) WHERE {same})"
    )
    assert update.count("%s") == insert.count("%s") == 1


def test_the_document_is_read_with_the_types_of_the_columns() -> None:
    fields = [Resource._meta.get_field(name) for name in RESOURCE_COLUMNS]

    [insert] = bulk.sql_server_statements("resources", fields, (), ())

    assert "[tenant_id] char(32) '$.c0'" in insert
    assert "[azure_id] nvarchar(2048) '$.c3'" in insert
    assert "[properties] nvarchar(max) '$.c15'" in insert
    assert "[first_seen_at] datetimeoffset '$.c18'" in insert


def test_the_audit_trail_refuses_changes_and_deletions(compiled: str) -> None:
    for table, events in (
        ("audit_logs", "UPDATE, DELETE"),
        ("audit_log_tenants", "UPDATE, DELETE"),
        ("audit_chains", "DELETE"),
    ):
        assert (
            f"CREATE TRIGGER [{table}_append_only] ON [{table}] AFTER {events} AS BEGIN SET NOCOUNT ON; THROW"
            in compiled
        )


def test_a_place_in_a_chain_is_taken_once(compiled: str) -> None:
    assert "[one_event_per_place_in_a_chain] UNIQUE ([chain], [sequence])" in compiled


# --- a slice of costs ---


@pytest.fixture(scope="module")
def of_slice() -> list[str]:
    """The statements that store a slice of costs, compiled in a process of its own."""
    command = [sys.executable, "-m", "tests.costs.tsql_of_slice"]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()


def one_of(statements: list[str], beginning: str) -> str:
    """The one statement that begins, or goes on, like this."""
    [found] = [statement for statement in statements if beginning in statement]
    return found


def test_amounts_and_days_arrive_as_such_and_never_as_floats(of_slice: list[str]) -> None:
    insert = one_of(of_slice, "INSERT INTO [cost_data]")

    assert "[amount] numeric(28, 9) '$.c6'" in insert
    assert "[day] date '$.c4'" in insert
    assert '"c6": "0.000000001"' in insert


def test_the_finest_sums_stand_in_a_table_made_apart_from_its_rows(of_slice: list[str]) -> None:
    made = one_of(of_slice, "CREATE TABLE #aside_")
    name = made.split()[2]

    assert "service nvarchar(128) COLLATE DATABASE_DEFAULT, " in made
    assert "amount numeric(28, 9), rows int)" in made
    assert made.endswith("-- []")  # with a parameter the table would end with the statement
    fill = one_of(of_slice, f"INSERT INTO {name} SELECT")
    assert "LOWER([cost_data].[resource_group])" in fill.partition("GROUP BY")[2]
    assert "Decimal" not in fill
    assert one_of(of_slice, f"DROP TABLE {name}") == of_slice[-1]


@pytest.mark.parametrize("table", ["daily_costs", "daily_resource_costs", "daily_tag_costs", "cost_restatement_lines"])
def test_sums_are_inserted_with_keys_of_the_database(of_slice: list[str], table: str) -> None:
    insert = one_of(of_slice, f"INSERT INTO [{table}]")

    assert insert.startswith("WITH ")
    assert f") INSERT INTO [{table}] ([id], [tenant_id], " in insert
    assert "RIGHT(LOWER(CONVERT(char(16), CONVERT(binary(8), CAST(" in insert
    assert "CAST(%s AS char(32))" in insert
    statement, _, parameters = insert.rpartition(" -- ")
    assert statement.count("%s") == len(ast.literal_eval(parameters))


@pytest.mark.parametrize(
    ("table", "referring"),
    [
        ("cost_tags", ["cost_data", "daily_resource_costs"]),
        ("cost_resources", ["cost_data", "daily_resource_costs", "cost_restatement_lines"]),
    ],
)
def test_names_that_nothing_refers_to_go_in_one_statement(
    of_slice: list[str], table: str, referring: list[str]
) -> None:
    held = one_of(of_slice, "UPDATE [tenants] SET [data_version] = [tenants].[data_version] WHERE")
    delete = one_of(of_slice, f"DELETE FROM [{table}]")

    assert of_slice.index(held) < of_slice.index(delete)
    assert [part.partition("FROM [")[2].partition("]")[0] for part in delete.split(" EXCEPT ")[1:]] == referring


def test_what_moved_is_what_differs_in_sum(of_slice: list[str]) -> None:
    lines = one_of(of_slice, "INSERT INTO [cost_restatement_lines]")

    assert "GROUP BY day, service, azure_id_hash HAVING SUM(told) <> SUM(tells)" in lines
