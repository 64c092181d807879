"""POST /api/v1/syncs/: who may start a sync, what is handed to the worker, and every refusal as a problem."""

from typing import Any
from uuid import uuid4

import orjson
import pytest
from django.test import Client

from audit.models import SyncRun
from governance.celery import app
from governance.valkey import free_port
from tenants.models import Tenant, User
from tests.api.program import Program, problem, refused

RESOURCES = "resources"


def waiting(broker: Any) -> list[dict[str, Any]]:
    """The tasks in the queue."""
    return [orjson.loads(task) for task in broker.lrange("celery", 0, -1)]


@pytest.mark.parametrize("who", ["alice", "olga"])
def test_an_operator_hands_exactly_one_task_to_the_worker(
    contoso: Tenant, broker: Any, request: pytest.FixtureRequest, who: str
) -> None:
    user: User = request.getfixturevalue(who)

    response = Program(user).post("syncs/", {"tenant": str(contoso.id), "kind": RESOURCES})

    assert response.status_code == 202
    assert response.json() == {"tenant": str(contoso.id), "kind": RESOURCES, "detail": "Handed to a worker."}
    (task,) = waiting(broker)
    assert task["headers"]["task"] == "inventory.tasks.sync_resources"
    assert str(contoso.id) in task["headers"]["argsrepr"]
    assert str(user.id) in task["headers"]["argsrepr"]


@pytest.mark.parametrize("who", ["bob", "auditor"])
def test_a_reader_is_refused(contoso: Tenant, broker: Any, request: pytest.FixtureRequest, who: str) -> None:
    response = Program(request.getfixturevalue(who)).post("syncs/", {"tenant": str(contoso.id), "kind": RESOURCES})

    assert "operator" in problem(response, 403)["detail"]
    assert waiting(broker) == []


def test_a_stranger_and_a_missing_tenant_are_the_same_404(contoso: Tenant, charlie: User, broker: Any) -> None:
    foreign = Program(charlie).post("syncs/", {"tenant": str(contoso.id), "kind": RESOURCES})
    absent = Program(charlie).post("syncs/", {"tenant": str(uuid4()), "kind": RESOURCES})

    problem(foreign, 404)
    assert foreign.content == absent.content
    assert waiting(broker) == []


def test_nobody_is_401(contoso: Tenant, broker: Any) -> None:
    problem(Program(None).post("syncs/", {"tenant": str(contoso.id), "kind": RESOURCES}), 401)

    assert waiting(broker) == []


@pytest.mark.parametrize(
    ("body", "parameter"),
    [
        ({"tenant": "here", "kind": "weather"}, "kind"),
        ({"tenant": "here", "kind": ""}, "kind"),
        ({"tenant": "here"}, "kind"),
        ({"tenant": "here", "kind": None}, "kind"),
        ({"tenant": "here", "kind": ["resources"]}, "kind"),
        ({"kind": RESOURCES}, "tenant"),
        ({"tenant": "no-uuid", "kind": RESOURCES}, "tenant"),
        ({"tenant": "contoso", "kind": RESOURCES}, "tenant"),
        ({"tenant": None, "kind": RESOURCES}, "tenant"),
        ({"tenant": ["here"], "kind": RESOURCES}, "tenant"),
        ({"tenant": "", "kind": RESOURCES}, "tenant"),
        ({"tenant": "\x00", "kind": RESOURCES}, "tenant"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(
    as_alice: Program, contoso: Tenant, broker: Any, body: dict[str, Any], parameter: str
) -> None:
    sent = {name: str(contoso.id) if value == "here" else value for name, value in body.items()}

    refused(as_alice.post("syncs/", sent), parameter)

    assert waiting(broker) == []


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'"text"', b"null", b"5", b"\xff\xfe", b"[" * 5000])
def test_a_body_that_is_no_json_object_is_refused(as_alice: Program, broker: Any, raw: bytes) -> None:
    response: Any = as_alice.client.generic("POST", "/api/v1/syncs/", raw, "application/json")

    problem(response, 400)
    assert waiting(broker) == []


def test_a_body_that_is_too_large_is_refused(as_alice: Program, contoso: Tenant, broker: Any) -> None:
    response = as_alice.post("syncs/", {"tenant": str(contoso.id), "kind": RESOURCES, "more": "x" * 300_000})

    assert response.status_code in {400, 413}
    assert waiting(broker) == []


def test_a_form_is_not_json(as_alice: Program, contoso: Tenant, broker: Any) -> None:
    response: Any = as_alice.client.post("/api/v1/syncs/", {"tenant": str(contoso.id), "kind": RESOURCES})

    problem(response, 415)
    assert waiting(broker) == []


def test_without_the_csrf_token_it_is_refused(alice: User, contoso: Tenant, broker: Any) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)

    response: Any = client.post(
        "/api/v1/syncs/", {"tenant": str(contoso.id), "kind": RESOURCES}, content_type="application/json"
    )

    assert "CSRF" in problem(response, 403)["detail"]
    assert waiting(broker) == []


def test_a_broker_that_does_not_answer_is_503_and_nothing_is_pretended(
    as_alice: Program, contoso: Tenant, monkeypatch: pytest.MonkeyPatch, everywhere: None
) -> None:
    monkeypatch.setenv("CELERY_BROKER_URL", f"redis://127.0.0.1:{free_port()}/0")
    monkeypatch.setattr(app, "_pool", None)  # the lines to the living broker
    monkeypatch.setattr(app.amqp, "_producer_pool", None)

    response = as_alice.post("syncs/", {"tenant": str(contoso.id), "kind": RESOURCES})

    assert "broker" in problem(response, 503)["detail"]
    assert not SyncRun.objects.exists()
