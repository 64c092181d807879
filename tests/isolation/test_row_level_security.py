"""Within one tenant's scope, past the ORM, as the role that production connects as: no other tenant's row is there."""

from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, ProgrammingError, connection, transaction
from django.utils import timezone

from audit.models import ReportFile, SyncRun
from governance import bulk
from governance.tenancy import Scope, entered
from inventory.models import Resource
from tenants.models import Membership, SavedView, Subscription, Tenant, TenantGroup, User
from tests.isolation.conftest import World, new_key
from tests.isolation.database import affected, needs_policies, run

pytestmark = needs_policies
COLUMNS = ("tenant", "id", "subscription_id", "name", "state", "quota_id", "first_seen_at", "is_imported")
INSERT = (
    "INSERT INTO subscriptions (id, tenant_id, subscription_id, name, state, quota_id, first_seen_at, is_imported)"
    " VALUES (%s, %s, %s, 'x', '', '', now(), false)"
)

TABLES = [
    "tenants",
    "subscriptions",
    "sync_runs",
    "memberships",
    "users",
    "tenant_groups",
    "tenant_group_members",
    "report_files",
    "report_file_tenants",
    "saved_views",
]


@pytest.mark.parametrize("table", TABLES)
def test_a_table_shows_our_rows_and_no_other(ours: World, table: str) -> None:
    rows = run(f"SELECT * FROM {table}")

    assert len(rows) == 1
    theirs = [ours.foreign.tenant.id, ours.foreign.person.id, ours.foreign.file.id, "foreign-group"]
    assert not {str(value) for row in rows for value in row} & {str(value) for value in theirs}


READS = {
    "all rows": "SELECT name FROM subscriptions",
    "an injected predicate": "SELECT name FROM subscriptions WHERE name = 'x' OR 1=1 --'",
    "a union": "SELECT 'own' UNION SELECT name FROM subscriptions",
    "a join": "SELECT s.name, t.name FROM subscriptions s JOIN tenants t ON t.id = s.tenant_id",
    "a join on nothing": "SELECT s.name, t.name FROM sync_runs r CROSS JOIN subscriptions s CROSS JOIN tenants t",
    "an outer join": "SELECT t.name FROM (SELECT 'own') x LEFT JOIN tenants t ON true",
    "a person by a join": "SELECT u.email FROM memberships m RIGHT JOIN users u ON u.id = m.user_id",
    "an aggregate": "SELECT string_agg(name, ',') FROM subscriptions",
    "an extreme": "SELECT max(name), min(name) FROM tenants WHERE name <> 'own-tenant' UNION SELECT 'own', NULL",
    "a window": "SELECT name, lead(name) OVER (ORDER BY name DESC) FROM tenants",
    "a subquery": "SELECT (SELECT max(name) FROM tenants WHERE name LIKE 'foreign%%'), 'own'",
    "a common table expression": "WITH every AS MATERIALIZED (SELECT * FROM tenants) SELECT name FROM every",
    "a row as text": "SELECT t::text FROM tenants t",
    "another order of evaluation": "SELECT name FROM subscriptions WHERE CAST(length(name) AS numeric) / 1 > 0",
    "what the row was": "SELECT name, xmin, ctid FROM subscriptions",
    "samples": "SELECT name FROM subscriptions TABLESAMPLE SYSTEM (100)",
    "a locked read": "SELECT name FROM subscriptions FOR UPDATE",
}


@pytest.mark.parametrize("statement", READS.values(), ids=READS)
def test_no_question_reaches_further(ours: World, statement: str) -> None:
    found = repr(run(statement))

    assert "own" in found
    assert "foreign" not in found


def test_counting_counts_our_rows_alone(ours: World) -> None:
    assert run("SELECT count(*), count(DISTINCT tenant_id) FROM sync_runs") == [(1, 1)]
    [(plan,)] = run("EXPLAIN (ANALYZE, FORMAT JSON) SELECT * FROM sync_runs")
    assert plan[0]["Plan"]["Actual Rows"] == 1


def test_an_error_tells_nothing_of_a_foreign_row(ours: World) -> None:
    with pytest.raises(DatabaseError) as caught, transaction.atomic():
        run("SELECT name FROM subscriptions WHERE CAST(name AS integer) = 1")

    assert "own subscription" in str(caught.value)
    assert run("SELECT count(*) FROM subscriptions WHERE 1 / (length(name) - length('foreign subscription')) = 0") == [
        (1,)
    ]


def test_a_row_is_not_found_by_its_key(ours: World) -> None:
    foreign = ours.foreign
    for table, key in (
        ("subscriptions", foreign.subscription.id),
        ("sync_runs", foreign.run),
        ("users", foreign.person.id),
    ):
        assert run(f"SELECT 1 FROM {table} WHERE id = %s", key) == []


def test_a_function_of_the_owner_reaches_no_further(ours: World) -> None:
    run(
        "CREATE FUNCTION names() RETURNS text LANGUAGE sql SECURITY DEFINER"
        " AS 'SELECT string_agg(name, '','') FROM subscriptions'"
    )

    assert run("SELECT names()") == [("own subscription",)]


def test_neither_a_prepared_statement_nor_a_view_nor_a_cursor_keeps_a_wider_scope(world: World) -> None:
    with entered(Scope.every_tenant(reason="A test prepares in a wider scope.")):
        run("PREPARE names AS SELECT name FROM subscriptions")
        run("CREATE VIEW every_subscription AS SELECT name FROM subscriptions")
        assert len(run("EXECUTE names")) == len(run("SELECT * FROM every_subscription")) == 2

    with entered(world.own.scope):
        assert run("EXECUTE names") == run("SELECT * FROM every_subscription") == [("own subscription",)]
        run("DECLARE names_read NO SCROLL CURSOR FOR SELECT name FROM subscriptions")
        assert run("FETCH ALL FROM names_read") == [("own subscription",)]


def test_copy_reads_our_rows_alone_and_writes_nothing(ours: World) -> None:
    with connection.cursor() as cursor, cursor.cursor.copy("COPY subscriptions (name) TO STDOUT") as copy:
        assert [bytes(line) for line in copy] == [b"own subscription\n"]
    with pytest.raises(DatabaseError, match="row-level security"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("COPY subscriptions FROM STDIN")


def test_statistics_hide_what_is_common_in_the_table(ours: World) -> None:
    run("ANALYZE tenants")

    assert run("SELECT * FROM pg_stats WHERE tablename IN ('tenants', 'subscriptions')") == []


# --- The ORM without its filter ---


def test_raw_and_extra_are_narrowed(ours: World) -> None:
    assert [row.name for row in Subscription.objects.raw("SELECT * FROM subscriptions WHERE 1=1")] == [
        "own subscription"
    ]
    injected = Subscription.objects.extra(where=["1=1) OR (1=1"])
    assert [row.name for row in injected] == ["own subscription"]


def test_a_query_that_forgot_its_tenant_is_narrowed(ours: World) -> None:
    from django.db.models import QuerySet

    for model, expected in ((Tenant, 1), (Subscription, 1), (SyncRun, 1), (Membership, 1), (TenantGroup, 1)):
        assert QuerySet(model).count() == expected, model
    for other, expected in ((User, 1), (SavedView, 1), (ReportFile, 1)):
        assert QuerySet(other).count() == expected, other


# --- Writes ---


def refused(statement: str, *parameters: Any) -> str:
    """The words of the database, which has to refuse this."""
    with pytest.raises(ProgrammingError) as caught, transaction.atomic():
        run(statement, *parameters)
    assert "row-level security" in str(caught.value)
    return str(caught.value)


def untouched(world: World) -> bool:
    """Whether the foreign tenant is as it was."""
    with entered(Scope.every_tenant(reason="A test looks at everything.")):
        names = Subscription.objects.for_tenant(world.foreign.tenant.id).values_list("name", flat=True)
        return list(names) == ["foreign subscription"] and Tenant.objects.filter(name="foreign-tenant").exists()


def test_nothing_is_inserted_into_a_foreign_tenant(ours: World) -> None:
    refused(INSERT, new_key(), ours.foreign.tenant.id, "new")
    run(INSERT, new_key(), ours.own.tenant.id, "new")

    assert run("SELECT count(*) FROM subscriptions") == [(2,)]
    assert untouched(ours)


def test_our_row_is_not_moved_to_a_foreign_tenant(ours: World) -> None:
    refused("UPDATE subscriptions SET tenant_id = %s", ours.foreign.tenant.id)
    refused("UPDATE memberships SET tenant_id = %s", ours.foreign.tenant.id)

    assert run("SELECT tenant_id FROM subscriptions") == [(ours.own.tenant.id,)]


def test_foreign_rows_are_neither_changed_nor_deleted(ours: World) -> None:
    foreign = ours.foreign
    assert affected("UPDATE subscriptions SET name = 'x' WHERE id = %s", foreign.subscription.id) == 0
    assert affected("UPDATE subscriptions SET name = 'x' WHERE tenant_id = %s OR 1=1", foreign.tenant.id) == 1
    assert affected("DELETE FROM sync_runs WHERE id = %s OR 1=1", foreign.run) == 1
    assert affected("DELETE FROM saved_views") == 1
    assert affected("DELETE FROM tenants WHERE id = %s", foreign.tenant.id) == 0

    assert untouched(ours)


def test_an_upsert_does_not_reach_a_foreign_row(ours: World) -> None:
    upsert = f"{INSERT} ON CONFLICT (id) DO UPDATE SET name = 'taken', tenant_id = excluded.tenant_id"

    refused(upsert, ours.foreign.subscription.id, ours.own.tenant.id, "new")
    by_key = f"{INSERT} ON CONFLICT (tenant_id, subscription_id) DO UPDATE SET name = 'taken'"
    refused(by_key, new_key(), ours.foreign.tenant.id, "foreign-subscription")

    assert untouched(ours)


def test_a_merge_does_not_reach_a_foreign_row(ours: World) -> None:
    merged = affected(
        "MERGE INTO subscriptions s USING (SELECT %s::uuid AS id) x ON s.id = x.id"
        " WHEN MATCHED THEN UPDATE SET name = 'x'",
        ours.foreign.subscription.id,
    )

    assert merged == 0
    assert untouched(ours)


def test_a_unique_key_of_a_foreign_tenant_cannot_be_probed(ours: World) -> None:
    there = refused(INSERT, new_key(), ours.foreign.tenant.id, "foreign-subscription")
    not_there = refused(INSERT, new_key(), ours.foreign.tenant.id, "nothing of the kind")

    assert there == not_there


def test_nobody_gives_themselves_a_role_or_another_account(ours: World) -> None:
    me = ours.own.person.id
    refused(
        "INSERT INTO memberships (id, tenant_id, user_id, role) VALUES (%s, %s, %s, 'admin')",
        new_key(),
        ours.foreign.tenant.id,
        me,
    )
    refused("UPDATE users SET platform_role = 'admin' WHERE id = %s", me)
    refused(
        "INSERT INTO users (id, password, email, name, platform_role, is_active)"
        " VALUES (%s, '', 'x@x', '', 'admin', true)",
        new_key(),
    )
    refused("INSERT INTO tenant_groups VALUES (%s, 'mine')", new_key())
    assert affected("DELETE FROM users") == affected("DELETE FROM tenant_groups") == 0


def test_a_colleague_is_seen_and_not_written(ours: World) -> None:
    with entered(Scope.every_tenant(reason="A test adds a colleague.")):
        colleague = User.objects.create_user("colleague@example.com")
        Membership.objects.create(tenant=ours.own.tenant, user=colleague, role="reader")

    assert sorted(run("SELECT email FROM users")) == [("colleague@example.com",), ("own@example.com",)]
    assert run("SELECT 1 FROM saved_views WHERE user_id = %s", colleague.id) == []
    assert affected("UPDATE users SET name = 'x' WHERE id = %s", colleague.id) == 0


def test_a_file_that_holds_a_foreign_tenant_too_is_not_there(ours: World) -> None:
    from audit.files import set_tenants

    with entered(Scope.every_tenant(reason="A test makes a file of two tenants.")), transaction.atomic():
        set_tenants(ours.own.file, [ours.own.tenant.id, ours.foreign.tenant.id])

    assert run("SELECT 1 FROM report_files") == []
    assert run("SELECT tenant_id FROM report_file_tenants") == [(ours.own.tenant.id,)]


def test_a_group_is_there_for_whoever_sees_one_of_its_tenants(ours: World) -> None:
    with entered(Scope.every_tenant(reason="A test makes an empty group.")):
        TenantGroup.objects.create(name="empty")

    assert run("SELECT name FROM tenant_groups") == [("own-group",)]


# --- The bulk path ---


def bulk_row(tenant: Tenant, key: str) -> tuple[Any, ...]:
    """A subscription as a bulk row."""
    return tenant.id, new_key(), key, key, "", "", timezone.now(), False


def past_the_guard(rows: bulk.Rows, key: tuple[str, ...] = ()) -> None:
    """The bulk write without the guard of the ORM before it."""
    fields = [Subscription._meta.get_field(name) for name in COLUMNS]
    with transaction.atomic(), connection.cursor() as cursor:
        bulk._write_postgresql(cursor, "subscriptions", fields, rows, key, ("name",) if key else ())


def test_the_bulk_path_writes_under_the_policies(ours: World) -> None:
    past_the_guard([bulk_row(ours.own.tenant, "a"), bulk_row(ours.own.tenant, "b")])
    for key in ((), ("tenant", "subscription_id")):
        mixed = [bulk_row(ours.own.tenant, "c"), bulk_row(ours.foreign.tenant, "foreign-subscription")]
        with pytest.raises(ProgrammingError, match="row-level security"):
            past_the_guard(mixed, key)

    assert sorted(run("SELECT name FROM subscriptions")) == [("a",), ("b",), ("own subscription",)]
    assert untouched(ours)


# --- Outside any scope, and within that of every tenant ---


@pytest.mark.parametrize("table", [*TABLES, Resource._meta.db_table])
def test_outside_any_scope_there_is_nothing(world: World, table: str) -> None:
    assert run(f"SELECT 1 FROM {table}") == []
    assert affected(f"DELETE FROM {table}") == 0


def test_outside_any_scope_nothing_is_taken(world: World) -> None:
    refused(INSERT, new_key(), world.own.tenant.id, "new")
    with entered(Scope.nothing()):
        refused(INSERT, new_key(), world.own.tenant.id, "new")


def test_a_scope_of_every_tenant_has_everything_but_the_views_of_others(world: World) -> None:
    person = world.own.person
    with entered(Scope.every_tenant(reason="A test looks as a platform admin.", user_id=person.id)):
        for table in set(TABLES) - {"saved_views"}:
            assert run(f"SELECT count(*) FROM {table}") == [(2,)], table
        assert run("SELECT name FROM saved_views") == [("own view",)]


def test_a_row_without_a_tenant_is_in_no_scope_but_every(ours: World) -> None:
    run("SET CONSTRAINTS ALL IMMEDIATE")
    run("ALTER TABLE subscriptions ALTER COLUMN tenant_id DROP NOT NULL")
    refused(INSERT, new_key(), None, "of the platform")
    with entered(Scope.every_tenant(reason="A test writes a row of the platform.")):
        run(INSERT, new_key(), None, "of the platform")
        assert run("SELECT count(*) FROM subscriptions WHERE tenant_id IS NULL") == [(1,)]

    assert run("SELECT 1 FROM subscriptions WHERE tenant_id IS NULL") == []


# --- What policies do not hold back: docs/adr/0016 says so, and these say that it is still true ---


def test_known_a_primary_key_and_a_reference_tell_that_a_row_exists(ours: World) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        run(INSERT, ours.foreign.subscription.id, ours.own.tenant.id, "new")
    with pytest.raises(IntegrityError), transaction.atomic():
        run("UPDATE tenants SET name = 'foreign-tenant'")


def test_known_whoever_may_set_the_context_sees_everything(ours: World) -> None:
    run("SELECT set_config('governance.everything', 'yes', false)")

    assert len(run("SELECT name FROM subscriptions")) == 2
