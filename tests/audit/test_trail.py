"""One writer, one unbroken chain per tenant and one of the platform's; nobody changes what is written."""

import json
from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from audit.models import AuditChain, AuditEvent, ConcernedTenant
from audit.querysets import AppendOnlyError
from audit.standalone.verify_audit import FIELDS, GENESIS, digest
from audit.trail import PLATFORM, Actor, Target, acting_as, gathered, record
from audit.verbs import Verb
from governance.actors import ActorKind
from governance.tenancy import Scope, UnscopedError, entered
from tenants.models import Tenant
from tests.audit.trails import events, head, tenant_named

ALICE = Actor(ActorKind.PERSON, "1", "alice@contoso.example", "a-request", "192.0.2.1")
WRITERS = 50


@pytest.fixture
def contoso(db: None) -> Tenant:
    """A tenant that nobody reads."""
    return tenant_named("contoso")


def pause(tenant: Tenant, **more: Any) -> None:
    """Write one event into a tenant's chain."""
    with entered(Scope.of(tenant.id)):
        record(Verb.TENANT_PAUSED, tenant_id=tenant.id, **{"target": tenant, **more})


def assert_unbroken(chain: UUID, count: int) -> None:
    """Every event follows the one before, and the head is the last one's."""
    previous, found = GENESIS, events(chain)
    for sequence, event in enumerate(found, 1):
        assert (event.sequence, event.previous) == (sequence, previous)
        assert event.hash == event.digest()
        previous = event.hash
    assert (len(found), head(chain).sequence, head(chain).hash) == (count, count, previous)


def test_an_event_says_who_did_what_to_what_and_from_where(contoso: Tenant) -> None:
    with acting_as(ALICE):
        pause(contoso, before={"status": "connected"}, after={"status": "paused"}, reason="For a while.")

    [event] = events(contoso.id)
    told = event.record()
    assert told["actor"] == {"kind": "person", "id": "1", "label": "alice@contoso.example"}
    assert told["target"] == {"type": "tenants.tenant", "id": str(contoso.id), "label": "contoso"}
    assert (told["before"], told["after"]) == ({"status": "connected"}, {"status": "paused"})
    assert (told["request_id"], told["address"], told["reason"]) == ("a-request", "192.0.2.1", "For a while.")
    assert (told["verb"], told["outcome"]) == ("tenant.paused", "done")
    assert set(told) == FIELDS
    assert told["hash"] == digest(json.loads(json.dumps(told)))


def test_each_tenant_and_the_platform_have_a_chain(contoso: Tenant) -> None:
    fabrikam = tenant_named("fabrikam")

    for _ in range(3):
        pause(contoso)
        record(Verb.GROUP_CHANGED, tenant_id=None)
    pause(fabrikam)

    assert_unbroken(contoso.id, 3)
    assert_unbroken(fabrikam.id, 1)
    assert_unbroken(PLATFORM, 3)


@pytest.mark.django_db
def test_what_nobody_claimed_was_done_by_the_process() -> None:
    record(Verb.GROUP_CHANGED, tenant_id=None)

    [event] = events()
    assert event.actor_kind == "process"
    assert "run by" in event.actor_label


def test_an_event_costs_four_statements(contoso: Tenant) -> None:
    pause(contoso)

    with CaptureQueriesContext(connection) as statements:
        pause(contoso)

    assert len(statements) == 4, [statement["sql"][:100] for statement in statements]


def test_many_events_of_one_chain_cost_as_much_as_one(contoso: Tenant) -> None:
    pause(contoso)

    with CaptureQueriesContext(connection) as statements, gathered():
        for _ in range(20):
            pause(contoso)

    assert len(statements) == 4
    assert_unbroken(contoso.id, 21)


def test_a_tenants_event_is_written_only_within_its_scope(contoso: Tenant) -> None:
    fabrikam = tenant_named("fabrikam")

    with pytest.raises(UnscopedError), entered(Scope.of(fabrikam.id)):
        record(Verb.TENANT_PAUSED, tenant_id=contoso.id)


def test_a_scope_shows_its_tenants_events_and_none_of_the_platforms(contoso: Tenant) -> None:
    fabrikam = tenant_named("fabrikam")
    pause(contoso)
    pause(fabrikam)
    record(Verb.GROUP_CHANGED, tenant_id=None)

    with entered(Scope.of(contoso.id)):
        assert {event.tenant_id for event in AuditEvent.objects.all()} == {contoso.id}
        assert [chain.id for chain in AuditChain.objects.all()] == [contoso.id]


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_leaves_no_event() -> None:
    contoso = tenant_named("contoso")
    pause(contoso)

    with transaction.atomic():
        pause(contoso)
        transaction.set_rollback(True)

    assert_unbroken(contoso.id, 1)


def test_secrets_are_censored_and_what_is_too_long_is_cut(contoso: Tenant) -> None:
    token = "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."
    secrets = {"client_secret": "s3cr3t", "apiKey": "s3cr3t", "nested": [{"password": "s3cr3t"}], "note": f"a {token}"}

    pause(contoso, after={**secrets, "secret_changed": True, "long": "x" * 5000, "nul": "a\x00b\ud800"}, reason=token)
    pause(contoso, after={f"value {number}": "x" * 900 for number in range(100)})

    first, second = events(contoso.id)
    assert "s3cr3t" not in first.after
    assert token not in first.after + first.reason
    after = json.loads(first.after)
    assert after["secret_changed"] is True
    assert len(after["long"]) == 1000
    assert json.loads(second.after)["too_much_to_keep"]["characters"] > 90_000
    assert_unbroken(contoso.id, 2)


def test_labels_in_any_script_fit_their_columns(contoso: Tenant) -> None:
    with acting_as(Actor(ActorKind.PERSON, "i" * 99, "𝒶" * 300)):
        pause(contoso, target=Target("k", "\x00", "é𝒶" * 200), reason="𝒶" * 999)

    assert_unbroken(contoso.id, 1)
    assert len(events(contoso.id)[0].actor_label.encode("utf-16-le")) == 508


def test_the_orm_refuses_to_change_or_delete(contoso: Tenant) -> None:
    pause(contoso)
    [event] = events(contoso.id)
    refused: list[Callable[[], Any]] = [
        event.save,
        event.delete,
        lambda: AuditEvent.objects.all().delete(),
        lambda: AuditEvent.objects.update(verb="x"),
        lambda: AuditEvent.objects.bulk_update([event], ["verb"]),
        lambda: AuditEvent.objects.update_or_create({"verb": "x"}, id=event.id),
        lambda: AuditEvent.objects.bulk_create([event], update_conflicts=True, update_fields=["verb"]),
        lambda: AuditChain.objects.all().delete(),
        head(contoso.id).delete,
        lambda: ConcernedTenant.objects.all().delete(),
    ]

    with entered(Scope.every_tenant(reason="A test tries to change the trail.")):
        for change in refused:
            with pytest.raises(AppendOnlyError):
                change()

    assert_unbroken(contoso.id, 1)


STATEMENTS = [
    "UPDATE audit_logs SET verb = 'x'",
    "UPDATE audit_logs SET verb = 'x' WHERE sequence = 1",
    "DELETE FROM audit_logs",
    "DELETE FROM audit_chains",
    "DELETE FROM audit_log_tenants WHERE 1 = 1",
]
ONLY_SQLITE = ["INSERT OR REPLACE INTO audit_logs SELECT * FROM audit_logs"]
ONLY_POSTGRESQL = ["TRUNCATE audit_logs, audit_log_tenants", "TRUNCATE audit_chains"]


@pytest.mark.django_db(transaction=True)
def test_the_database_refuses_too() -> None:
    contoso = tenant_named("contoso")
    pause(contoso)
    with entered(Scope.of(contoso.id)):
        ConcernedTenant(tenant=contoso, event=events(contoso.id)[0]).save()

    more = {"sqlite": ONLY_SQLITE, "postgresql": ONLY_POSTGRESQL}[connection.vendor]
    for statement in [*STATEMENTS, *more]:
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            connection.cursor().execute(statement)

    assert_unbroken(contoso.id, 1)


@pytest.mark.django_db(transaction=True)
def test_fifty_writers_keep_one_unbroken_chain() -> None:
    tenants = [tenant_named(f"tenant-{number}") for number in range(3)]

    def write(number: int) -> None:
        for tenant in tenants:
            pause(tenant, after={"writer": number})

    together(write)

    for tenant in tenants:
        assert_unbroken(tenant.id, WRITERS)
        assert {json.loads(event.after)["writer"] for event in events(tenant.id)} == set(range(WRITERS))


@pytest.mark.django_db(transaction=True)
def test_writers_of_several_chains_in_any_order_do_not_wait_for_each_other_in_a_ring() -> None:
    tenants = [tenant_named(f"tenant-{number}") for number in range(4)]

    def write(number: int) -> None:
        with transaction.atomic(), gathered():
            for place in range(len(tenants)):
                pause(tenants[(place * (1 if number % 2 else -1) + number) % len(tenants)])
            record(Verb.GROUP_CHANGED, tenant_id=None)

    together(write)

    for tenant in tenants:
        assert_unbroken(tenant.id, WRITERS)
    assert_unbroken(PLATFORM, WRITERS)


def together(write: Callable[[int], None]) -> None:
    """Fifty threads with a connection each, starting at once; on SQLite one writes at a time."""
    barrier, failed = Barrier(WRITERS), []

    def work(number: int) -> None:
        try:
            connection.ensure_connection()
            barrier.wait(timeout=60)
            write(number)
        except BaseException as error:  # noqa: BLE001
            failed.append(error)
        finally:
            connection.close()

    threads = [Thread(target=work, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert failed == []
