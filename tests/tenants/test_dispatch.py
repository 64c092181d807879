"""The fan-out: who is due gets one message in the broker; who cannot be read fails visibly; who is paused is left."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.utils import timezone
from redis import Redis

from audit.models import Outcome, SyncRun
from audit.runs import record_failure, sync_run
from governance.schedules import next_due, schedule_for
from governance.tenancy import Scope, current_scope, entered
from tenants.actions import connect_tenant
from tenants.dispatch import enqueue, enqueue_due
from tenants.models import Tenant
from tenants.tasks import fan_out

KIND = "resources"
EVERY = schedule_for(KIND).every
FIVE_MINUTES = timedelta(minutes=5)


@pytest.fixture(autouse=True)
def broker() -> Iterator[Redis]:
    """The broker, empty before the test."""
    with Redis.from_url(settings.CELERY_BROKER_URL) as client:
        client.flushdb()
        yield client


@pytest.fixture
def northwind(db: None, monkeypatch: pytest.MonkeyPatch) -> Tenant:
    """A connected tenant whose secret is there."""
    return new_tenant("northwind", monkeypatch)


def new_tenant(name: str, monkeypatch: pytest.MonkeyPatch) -> Tenant:
    """A tenant as connect_tenant makes it."""
    monkeypatch.setenv(f"{name.upper()}_SECRET", "here")
    number = sum(name.encode())
    tenant, _ = connect_tenant(
        name, azure_tenant_id=UUID(int=number), client_id=UUID(int=1), secret_ref=f"env:{name.upper()}_SECRET"
    )
    return tenant


def messages(broker: Redis) -> list[dict[str, Any]]:
    """What the worker would be handed."""
    raw: Any = broker.lrange("celery", 0, -1)
    found = []
    for text in raw:
        message = json.loads(text)
        arguments = json.loads(base64.b64decode(message["body"]))[0]
        found.append({"task": message["headers"]["task"], "args": arguments, "expires": message["headers"]["expires"]})
    return found


def runs(tenant: Tenant) -> list[SyncRun]:
    """The tenant's runs."""
    with entered(Scope.of(tenant.id)):
        return list(SyncRun.objects.all())


def started(tenant: Tenant, at: datetime) -> None:
    """The tenant's last run began then."""
    record_failure(tenant.id, KIND, "A test.")
    with entered(Scope.of(tenant.id)):
        SyncRun.objects.update(started_at=at)


def test_a_new_tenant_is_due_at_once(northwind: Tenant, broker: Redis) -> None:
    assert [tenant.name for tenant in enqueue_due(KIND)] == ["northwind"]

    (message,) = messages(broker)
    assert (message["task"], message["args"]) == ("inventory.tasks.sync_resources", [str(northwind.id), None])
    assert runs(northwind) == []


def test_a_message_that_waits_longer_than_the_next_fan_out_expires(northwind: Tenant, broker: Redis) -> None:
    enqueue_due(KIND)

    (message,) = messages(broker)
    left = datetime.fromisoformat(message["expires"]) - timezone.now()
    assert FIVE_MINUTES - timedelta(minutes=1) < left <= FIVE_MINUTES


def test_it_is_due_at_its_time_and_not_a_second_before(northwind: Tenant, broker: Redis) -> None:
    last = datetime(2026, 11, 23, 12, tzinfo=UTC)
    started(northwind, last)
    due = next_due(northwind.id, EVERY, last)

    assert enqueue_due(KIND, now=due - timedelta(seconds=1)) == []
    assert messages(broker) == []
    assert [tenant.name for tenant in enqueue_due(KIND, now=due)] == ["northwind"]
    assert len(messages(broker)) == 1


def test_the_newest_start_counts(northwind: Tenant) -> None:
    last = datetime(2026, 11, 23, 12, tzinfo=UTC)
    started(northwind, last)
    record_failure(northwind.id, KIND, "A newer one, today.")

    assert enqueue_due(KIND, now=next_due(northwind.id, EVERY, timezone.now()) - timedelta(seconds=1)) == []


def test_only_the_tenants_that_are_due_are_enqueued(
    northwind: Tenant, broker: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    started(northwind, timezone.now())
    tailspin = new_tenant("tailspin", monkeypatch)

    enqueue_due(KIND, now=next_due(northwind.id, EVERY, timezone.now()) - timedelta(seconds=1))

    assert [message["args"][0] for message in messages(broker)] == [str(tailspin.id)]


def test_a_missing_secret_fails_visibly_and_enqueues_nothing(
    northwind: Tenant, broker: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    tailspin = new_tenant("tailspin", monkeypatch)
    monkeypatch.delenv("NORTHWIND_SECRET")

    assert [tenant.name for tenant in enqueue_due(KIND)] == ["tailspin"]

    assert [message["args"][0] for message in messages(broker)] == [str(tailspin.id)]
    (run,) = runs(northwind)
    assert (run.outcome, run.kind, run.expected, run.received) == ("failed", KIND, None, 0)
    assert "The environment variable (withheld) is not set" in run.reason  # the log of the scheduler names it
    assert run.finished_at is not None


def test_a_missing_secret_fails_once_a_period_and_not_at_every_fan_out(
    northwind: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NORTHWIND_SECRET")
    enqueue_due(KIND)
    (run,) = runs(northwind)

    enqueue_due(KIND, now=next_due(northwind.id, EVERY, run.started_at) - timedelta(seconds=1))
    assert len(runs(northwind)) == 1
    enqueue_due(KIND, now=next_due(northwind.id, EVERY, run.started_at))
    assert len(runs(northwind)) == 2


def test_a_missing_secret_while_a_run_goes_on_leaves_that_run_alone(
    northwind: Tenant, broker: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NORTHWIND_SECRET")
    with sync_run(northwind.id, KIND) as run:
        far = timezone.now() + 2 * EVERY
        assert enqueue_due(KIND, now=far) == []
        assert [row.outcome for row in runs(northwind)] == ["running"]
        with run.page():
            run.conclude(Outcome.OK)

    assert [row.outcome for row in runs(northwind)] == ["ok"]
    assert messages(broker) == []


def test_a_paused_tenant_is_left_out(northwind: Tenant, broker: Redis) -> None:
    with entered(Scope.of(northwind.id)):
        Tenant.objects.update(status=Tenant.Status.PAUSED)

    assert enqueue_due(KIND) == []

    assert messages(broker) == []
    assert runs(northwind) == []


def test_a_person_who_asked_is_handed_on(northwind: Tenant, broker: Redis) -> None:
    person = UUID(int=5)

    with entered(Scope.of(northwind.id)):
        enqueue(KIND, northwind.id, requested_by=person)

    (message,) = messages(broker)
    assert message == {
        "task": "inventory.tasks.sync_resources",
        "args": [str(northwind.id), str(person)],
        "expires": None,
    }


def test_an_unknown_kind_enqueues_nothing(northwind: Tenant, broker: Redis) -> None:
    with pytest.raises(KeyError):
        enqueue("weather", northwind.id)

    assert messages(broker) == []


def test_the_task_counts_and_needs_no_scope_of_its_own(northwind: Tenant, broker: Redis) -> None:
    assert fan_out(KIND) == 1
    assert len(messages(broker)) == 1
    with pytest.raises(RuntimeError):
        current_scope()  # and leaves none behind


def test_nobody_is_due_without_tenants(db: None, broker: Redis) -> None:
    assert fan_out(KIND) == 0
    assert messages(broker) == []
