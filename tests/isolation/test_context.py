"""The scope that the database knows is that of the statement, whatever was told to the connection before."""

import threading
from collections.abc import Callable
from tempfile import TemporaryFile
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import clear_url_caches, path

from audit.models import Outcome, ReportFile
from audit.runs import sync_run
from governance import urls
from governance.isolation import isolation
from governance.tenancy import Scope, UnscopedError, current_scope, entered
from tenants.models import Subscription, User
from tests.conftest import everybody, person, signed_in
from tests.isolation.conftest import World, side
from tests.isolation.database import needs_policies, run

EVERY = Scope.every_tenant(reason="A test widens the scope.")
OWN, FOREIGN = "own subscription", "foreign subscription"


def names() -> list[str]:
    """What an unfiltered statement finds."""
    return [name for (name,) in run("SELECT name FROM subscriptions ORDER BY name")]


def widely() -> list[str]:
    """The same in the scope of every tenant, which is what it leaves behind on the connection."""
    with entered(EVERY):
        return names()


@pytest.fixture
def committed(transactional_db: None) -> World:
    """Two tenants' rows, and every transaction real."""
    return World(side("own", 1), side("foreign", 2))


# --- What another scope left behind ---


@needs_policies
def test_a_scope_left_over_is_overwritten_and_never_added_to(world: World) -> None:
    assert widely() == [FOREIGN, OWN]
    assert names() == []
    with entered(world.foreign.scope):
        assert names() == [FOREIGN]
        with entered(world.own.scope):
            assert names() == [OWN]
        assert names() == [FOREIGN]
    assert names() == []


@needs_policies
def test_a_cursor_of_a_wider_scope_asks_in_the_narrower_one(world: World) -> None:
    with entered(EVERY):
        kept = connection.cursor()
        kept.execute("SELECT name FROM subscriptions")

    with entered(world.own.scope), kept:
        kept.execute("SELECT name FROM subscriptions")
        assert kept.fetchall() == [(OWN,)]
        kept.executemany("UPDATE subscriptions SET state = %s", [("x",)])
        assert kept.rowcount == 1


@needs_policies
def test_copy_past_the_statements_of_django_meets_the_scope_too(world: World) -> None:
    widely()

    with (
        entered(world.own.scope),
        connection.cursor() as cursor,
        cursor.cursor.copy("COPY subscriptions (name) TO STDOUT") as copy,
    ):
        assert [bytes(line) for line in copy] == [b"own subscription\n"]


@needs_policies
def test_what_a_request_left_is_not_there_for_the_next(world: World) -> None:
    pat, bob = signed_in(person("pat@platform.example", platform_role="admin")), signed_in(world.own.person)
    assert "foreign-tenant" in pat.get("/tenants/").content.decode()
    assert names() == []

    assert "foreign-tenant" not in bob.get("/tenants/").content.decode()
    assert names() == []
    assert Client().get("/healthz/data").status_code in {200, 503}  # looks at every tenant
    assert names() == []


@needs_policies
def test_what_a_broken_view_left_is_not_there_for_the_next(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(request: HttpRequest) -> HttpResponse:
        with transaction.atomic(), entered(EVERY):
            assert names() == [FOREIGN, OWN]
            raise ZeroDivisionError

    monkeypatch.setattr(urls, "urlpatterns", [path("broken/", broken), *urls.urlpatterns])
    clear_url_caches()
    browser = signed_in(world.own.person)
    browser.raise_request_exception = False
    try:
        assert browser.get("/broken/").status_code == 500
    finally:
        clear_url_caches()

    assert names() == []
    with entered(world.own.scope):
        assert names() == [OWN]


# --- What undoes the telling ---


def fail_after(*acts: Callable[[], Any]) -> None:
    """Do this in a transaction and break off."""
    with transaction.atomic():
        for act in acts:
            act()
        raise ZeroDivisionError


@needs_policies
def test_a_rollback_brings_no_wider_scope_back(committed: World) -> None:
    widely()
    with entered(committed.own.scope):
        with pytest.raises(ZeroDivisionError):
            fail_after(names)
        assert names() == [OWN]
    assert names() == []


@needs_policies
def test_a_rollback_to_a_savepoint_brings_no_wider_scope_back(world: World) -> None:
    with transaction.atomic():
        widely()
        savepoint = transaction.savepoint()
        with entered(world.own.scope):
            assert names() == [OWN]
            transaction.savepoint_rollback(savepoint)
            assert names() == [OWN]


def divide_by_zero(scope: Scope) -> list[str]:
    """Fail in the database, in this scope and a transaction or savepoint of its own. Returns what was seen before."""
    found: list[str] = []

    def seen_then_broken() -> None:
        with transaction.atomic(), entered(scope):
            found.extend(names())
            run("SELECT 1/0")

    with pytest.raises(DatabaseError):
        seen_then_broken()
    return found


@needs_policies
def test_a_statement_that_fails_brings_no_wider_scope_back(world: World) -> None:
    with entered(EVERY), transaction.atomic():
        names()
        assert divide_by_zero(world.own.scope) == [OWN]
        assert names() == [FOREIGN, OWN]
    with entered(world.own.scope):
        assert names() == [OWN]


@needs_policies
def test_a_failure_in_a_wider_scope_can_be_rolled_back_from_a_narrower(committed: World) -> None:
    with entered(committed.own.scope):
        with pytest.raises(ZeroDivisionError):
            fail_after(lambda: divide_by_zero(EVERY))
        assert names() == [OWN]


@needs_policies
def test_a_new_connection_is_told_again(committed: World) -> None:
    with entered(committed.own.scope):
        names()
        connection.close()
        assert names() == [OWN]
    connection.close()
    assert names() == []


@needs_policies
def test_a_server_that_forgot_shows_nothing(world: World) -> None:
    with entered(EVERY):
        names()
        run("RESET ALL")
        assert names() == []


@needs_policies
def test_another_thread_has_its_own_connection_and_no_scope(committed: World) -> None:
    found: dict[str, list[str]] = {}

    def elsewhere() -> None:
        try:
            found["without a scope"] = names()
            with entered(committed.foreign.scope):
                found["in its own"] = names()
            found["after it"] = names()
        finally:
            connection.close()

    with entered(committed.own.scope):
        assert names() == [OWN]
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        assert names() == [OWN]

    assert found == {"without a scope": [], "in its own": [FOREIGN], "after it": []}


@needs_policies
def test_the_database_is_told_once_while_the_scope_is_the_same(world: World) -> None:
    scope = world.own.scope
    with TemporaryFile() as trace:
        connection.connection.pgconn.trace(trace.fileno())
        for _ in range(3):
            with entered(scope):
                names()
        connection.connection.pgconn.untrace()
        trace.seek(0)
        sent = trace.read()

    assert sent.count(b"FROM subscriptions") == 3
    assert sent.count(b"set_config('governance.tenants'") == 1


# --- Querysets ---


def test_a_queryset_built_in_a_wider_scope_is_evaluated_in_the_narrower(world: World) -> None:
    with entered(EVERY):
        built = Subscription.objects.order_by("name")
    if connection.vendor == "sqlite":
        pytest.skip("The guard of the ORM looks at the scope in which a queryset was built.")

    with entered(world.own.scope):
        assert [row.name for row in built] == [OWN]
        assert [row.name for row in built.all().iterator()] == [OWN]


WIDE: dict[str, Callable[[Any], Any]] = {
    "iteration": lambda rows: len([row.name for row in rows]),
    "iterator": lambda rows: len([row.name for row in rows.iterator(chunk_size=1)]),
    "length": len,
    "truth": lambda rows: 2 if rows.filter(name=FOREIGN) else 0,
    "count": lambda rows: rows.count(),
    "exists": lambda rows: 2 if rows.filter(name=FOREIGN).exists() else 0,
    "aggregate": lambda rows: len(rows.aggregate(ids=Count("pk"))),
    "values": lambda rows: len(rows.values_list("name", flat=True)),
    "first": lambda rows: 2 if rows.order_by("name").first().name == FOREIGN else 0,
    "get": lambda rows: 2 if rows.get(name=FOREIGN) else 0,
    "slice": lambda rows: len(rows.order_by("name")[:2]),
    "index": lambda rows: 2 if rows.order_by("name")[0].name == FOREIGN else 0,
    "in bulk": lambda rows: len(rows.in_bulk()),
    "update": lambda rows: rows.filter(name__in=[OWN, FOREIGN]).update(state="x"),
    "delete": lambda rows: rows.all().delete()[0],
}


@pytest.mark.parametrize("ask", WIDE.values(), ids=WIDE)
@pytest.mark.parametrize("scope", ["own", "nothing"])
def test_a_queryset_across_tenants_reaches_all_of_them_wherever_it_is_evaluated(
    world: World, scope: str, ask: Callable[[Any], Any]
) -> None:
    across = Subscription.objects.across_tenants(reason="A test.")

    with entered(world.own.scope if scope == "own" else Scope.nothing()):
        assert ask(across) == (1 if ask is WIDE["aggregate"] else 2)


def test_between_two_rows_of_every_tenant_the_scope_is_the_callers(world: World) -> None:
    with entered(world.own.scope) as scope:
        for _ in Subscription.objects.across_tenants(reason="A test.").iterator():
            assert current_scope() == scope
            if connection.vendor == "postgresql":
                assert names() == [OWN]


def test_a_queryset_across_tenants_gives_no_row_away(world: World) -> None:
    across = Subscription.objects.across_tenants(reason="A test.")

    with entered(world.own.scope), pytest.raises(UnscopedError):
        across.update(tenant=world.foreign.tenant)


def test_everybody_is_found_at_sign_in_and_nobody_afterwards(world: World) -> None:
    User.objects.get_by_natural_key("foreign@example.com")
    with entered(world.own.scope):
        assert everybody().count() == 2
        if connection.vendor == "postgresql":
            assert User.objects.count() == 1


def test_who_asked_for_a_run_is_named_although_they_belong_to_the_platform(world: World) -> None:
    pat = person("pat@platform.example", platform_role="admin")
    with sync_run(world.own.tenant.id, "resources", requested_by=pat.id) as run, run.page():
        run.conclude(Outcome.OK, receipts=[])

    page = signed_in(world.own.person).get(f"/syncs/{run.id}/").content.decode()

    assert "Pat" in page
    assert "the schedule or a command" not in page


# --- Migrations ---


@needs_policies
def test_a_migration_sees_the_rows_that_it_rewrites(committed: World) -> None:
    with entered(EVERY):
        ReportFile.objects.update(tenant_count=5)
    loader = MigrationLoader(None)
    [counting] = [key for key in loader.disk_migrations if key[1].endswith("report_file_tenant_count")]
    [before] = [parent.key for parent in loader.graph.node_map[counting].parents if parent.key[0] == "audit"]

    call_command("migrate", *before, verbosity=0, skip_checks=True)
    call_command("migrate", verbosity=0, skip_checks=True)

    with entered(EVERY):
        assert list(ReportFile.objects.values_list("tenant_count", flat=True)) == [1, 1]
    assert isolation(None, databases=["default"]) == []
