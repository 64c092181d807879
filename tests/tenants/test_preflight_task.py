"""Preflight by a worker: answered once, kept without secrets, never shown for other credentials."""

from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from django.conf import LazySettings
from kombu.exceptions import OperationalError
from redis import Redis

from governance.azure.simulator.faults import Fault
from governance.azure.simulator.server import Simulator
from governance.celery import app
from governance.tenancy import Scope, entered
from governance.valkey import free_port
from tenants.actions import connect_tenant, record_preflight, set_credentials
from tenants.dispatch import enqueue_preflight, last_preflight
from tenants.models import PreflightResult, Tenant, User
from tenants.tasks import ask_preflight

NAMES = ["token", "subscriptions", "reader", "resource_graph"]


@pytest.fixture(autouse=True)
def broker(settings: LazySettings) -> Any:
    """The broker, empty before the test."""
    with Redis.from_url(settings.CELERY_BROKER_URL) as client:
        client.flushdb()
        yield client
        client.flushdb()


@pytest.fixture(autouse=True)
def in_contoso(contoso: Tenant) -> Any:
    """The scope of a request of contoso's people."""
    with entered(Scope.of(contoso.id)):
        yield


def ask(tenant: Tenant, user: User | None, broker: Any) -> list[str]:
    """Ask, and take the task from the broker: its arguments."""
    enqueue_preflight(tenant, requested_by=user)
    task = orjson.loads(broker.lpop("celery"))
    assert task["headers"]["task"] == ask_preflight.name
    found: list[str] = orjson.loads(task["headers"]["argsrepr"].replace("'", '"'))
    return found


def result_of(tenant: Tenant) -> PreflightResult:
    """What is stored; it must be there."""
    found = last_preflight(tenant)
    assert found is not None
    return found


def test_a_worker_answers_what_was_asked(contoso: Tenant, olga: User, broker: Any) -> None:
    arguments = ask(contoso, olga, broker)
    waiting = result_of(contoso)
    assert (waiting.requested_by, waiting.ran_at, waiting.is_readable) == (olga, None, None)
    assert str(waiting.request) == arguments[1]

    assert ask_preflight(*arguments) is True

    answered = result_of(contoso)
    assert (answered.request, answered.is_readable) == (None, True)
    assert [check["name"] for check in answered.checks] == NAMES
    assert answered.ran_at is not None
    assert answered.ran_at >= waiting.requested_at


def test_the_same_task_twice_answers_once(contoso: Tenant, broker: Any) -> None:
    arguments = ask(contoso, None, broker)
    ask_preflight(*arguments)
    first = result_of(contoso)

    assert ask_preflight(*arguments) is False

    assert result_of(contoso).ran_at == first.ran_at


def test_an_answer_to_an_older_asking_is_dropped(contoso: Tenant, broker: Any) -> None:
    older, newer = ask(contoso, None, broker), ask(contoso, None, broker)

    assert ask_preflight(*older) is False
    assert result_of(contoso).ran_at is None
    assert ask_preflight(*newer) is True


def test_a_no_is_kept_with_its_remedy_and_the_last_answer_shows_until_the_next(
    azure: Simulator, contoso: Tenant, broker: Any
) -> None:
    ask_preflight(*ask(contoso, None, broker))
    azure.faults.add(Fault("forbidden", path="/subscriptions$|/subscriptions\\?"))
    arguments = ask(contoso, None, broker)
    assert result_of(contoso).is_readable is True  # still what Azure said last

    ask_preflight(*arguments)

    found = result_of(contoso)
    assert found.is_readable is False
    assert [check["passed"] for check in found.checks] == [True, False, None, None]
    assert "Reader" in found.checks[1]["remedy"]


@pytest.mark.parametrize("credentials", ["unknown application", "no secret"])
def test_what_is_kept_does_not_tell_the_credentials(contoso: Tenant, broker: Any, credentials: str) -> None:
    secret_ref = "env:NOWHERE_TO_BE_FOUND" if credentials == "no secret" else contoso.secret_ref
    client_id = contoso.client_id if credentials == "no secret" else uuid4()
    set_credentials(contoso, client_id=client_id, secret_ref=secret_ref)

    ask_preflight(*ask(contoso, None, broker))

    found = result_of(contoso)
    told = orjson.dumps(found.checks).decode().lower()
    assert found.checks[0]["passed"] is False
    assert "(withheld)" in told
    assert str(client_id) not in told
    assert secret_ref.partition(":")[2].lower() not in told


@pytest.mark.parametrize("how", ["set_credentials", "connect_tenant"])
def test_new_credentials_forget_what_was_found_with_the_old_ones(contoso: Tenant, broker: Any, how: str) -> None:
    ask_preflight(*ask(contoso, None, broker))
    under_way = ask(contoso, None, broker)

    if how == "set_credentials":
        set_credentials(contoso, client_id=uuid4(), secret_ref="env:OTHER")
    else:
        connect_tenant("contoso", azure_tenant_id=contoso.azure_tenant_id, client_id=uuid4(), secret_ref="env:OTHER")

    assert last_preflight(contoso) is None
    assert record_preflight(contoso.id, UUID(under_way[1]), [], now=contoso.connected_at) is False
    assert last_preflight(contoso) is None


def test_without_a_broker_nothing_waits_and_the_last_answer_stays(
    contoso: Tenant, broker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_preflight(*ask(contoso, None, broker))
    monkeypatch.setenv("CELERY_BROKER_URL", f"redis://127.0.0.1:{free_port()}/0")
    monkeypatch.setattr(app, "_pool", None)
    monkeypatch.setattr(app.amqp, "_producer_pool", None)

    with pytest.raises(OperationalError):
        enqueue_preflight(contoso, requested_by=None)

    found = result_of(contoso)
    assert (found.request, found.is_readable) == (None, True)
