"""What a program may send: bodies have an end, and a refusal of one is a problem."""

import socket
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from governance.valkey import answers, free_port
from tenants.models import Tenant, User
from tests.api.program import Program, problem
from tests.conftest import signed_in
from tests.processes import start_python

pytestmark = pytest.mark.once  # a body is refused before the database is asked

MOST = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
NEVER_READ = 10**12  # bytes that a sender promises


@pytest.mark.parametrize("path", ["syncs/", "exports/", "reports/", "tag-rules/", "memberships/"])
def test_a_body_larger_than_anything_we_take_is_413(contoso: Tenant, alice: User, path: str) -> None:
    refusal = Program(alice).post(path, {"tenant": "x" * MOST})

    assert "KiB" in problem(refusal, 413)["detail"]


def test_a_body_just_below_is_read(contoso: Tenant, alice: User) -> None:
    assert problem(Program(alice).post("syncs/", {"tenant": "x" * (MOST - 100)}), 400)["errors"]


def test_a_form_that_is_too_large_is_413(contoso: Tenant, alice: User) -> None:
    answer = signed_in(alice).post("/syncs/run/", {"tenant": "x" * (MOST + 1)})

    assert answer.status_code == 413
    assert "text/html" in answer["Content-Type"]


def test_unknown_addresses_of_the_api_are_problems(db: None) -> None:
    assert problem(Client().get("/api/v1/nowhere/"), 404)
    assert problem(Client().get("/api/v2/me/"), 404)


@pytest.fixture
def web(db: None) -> Any:
    """The web process itself, and where it listens."""
    port = free_port()
    process = start_python("-m", "gunicorn", "governance.wsgi", "-k", "gthread", "-b", f"127.0.0.1:{port}")
    assert answers(port, seconds=60, is_running=lambda: process.poll() is None), process.communicate()
    yield port
    process.terminate()
    process.communicate(timeout=30)


def say(port: int, request: bytes) -> bytes:
    """The first line of the answer to these bytes."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(request)
        return connection.recv(1000).split(b"\r\n")[0]


def test_the_web_process_refuses_what_has_no_end(web: int) -> None:
    post = b"POST /sign-in/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"

    found = {
        "a body that is said to be huge": say(web, post + f"Content-Length: {NEVER_READ}\r\n\r\n".encode()),
        "a body in pieces": say(web, post + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
        "a length that is none": say(web, post + b"Content-Length: -5\r\n\r\n"),
        "two lengths": say(web, post + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
        "a long address": say(web, b"GET /?" + b"x" * 5000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        "a long header": say(web, b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 9000 + b"\r\n\r\n"),
        "many headers": say(web, b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: x\r\n" * 90 + b"\r\n"),
    }

    statuses = {what: int(line.split()[1]) for what, line in found.items()}
    assert all(400 <= status < 500 for status in statuses.values()), statuses
