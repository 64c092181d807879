"""Where the counts stand: in one place for all processes; in each process alone while that does not answer."""

from itertools import pairwise
from typing import Any

import orjson
import pytest
from django.test import Client
from redis.connection import AbstractConnection

from governance.limits import Limit
from governance.throttling import window_of
from governance.valkey import free_port
from tests.conftest import signed_in
from tests.limits.conftest import START, SetLimits
from tests.processes import start_python

pytestmark = pytest.mark.once  # requests are counted in Redis, or in the process

A_DAY = 24 * 60 * 60
ME = "/api/v1/me/"
VISITS = 8
# A whole platform in another process, that is visited a few times by nobody.
PROCESS = f"""
import os, sys
import django
os.environ["DJANGO_SETTINGS_MODULE"] = "governance.settings"
django.setup()
import orjson
from django.test import Client
visitor, tried = Client(SERVER_NAME="localhost"), {{"username": "a@b.example", "password": "x"}}
found = [visitor.get("{ME}").status_code for _ in range({VISITS})]
found += [visitor.post("/sign-in/", tried).status_code for _ in range({VISITS})]
print(orjson.dumps(found).decode())
"""


def visits_of_two_processes(**environment: str) -> list[list[int]]:
    """What each of two processes answered, while both ran."""
    processes = [start_python("-c", PROCESS, LOG_LEVEL="CRITICAL", **environment) for _ in range(2)]
    ended = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], ended
    return [orjson.loads(out) for out, _ in ended]


def test_two_processes_share_one_limit(transactional_db: None) -> None:
    found = visits_of_two_processes(RATE_LIMIT_SIGN_IN_ADDRESS=f"3/{A_DAY}")

    assert [one[:VISITS] for one in found] == [[401] * VISITS] * 2
    tries = [status for one in found for status in one[VISITS:]]
    assert sorted(tries) == [200] * 3 + [429] * (2 * VISITS - 3)


def test_without_redis_each_process_counts_for_itself_and_lets_nobody_in_without_end(transactional_db: None) -> None:
    nowhere = f"redis://127.0.0.1:{free_port()}"

    found = visits_of_two_processes(
        REDIS_URL=nowhere, RATE_LIMIT_ADDRESS=f"{VISITS + 3}/{A_DAY}", RATE_LIMIT_SIGN_IN_ADDRESS=f"2/{A_DAY}"
    )

    assert found == [[401] * VISITS + [200] * 2 + [429] * (VISITS - 2)] * 2


def test_a_request_costs_one_round_trip(limits: SetLimits, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    limits(address=100, sign_in_address=100)
    sent: list[Any] = []
    send: Any = AbstractConnection.send_packed_command

    def spy(self: Any, command: Any, *args: Any, **kwargs: Any) -> None:
        sent.append(command)
        send(self, command, *args, **kwargs)

    Client().get(ME)  # the connection is there
    monkeypatch.setattr(AbstractConnection, "send_packed_command", spy)

    assert Client().get(ME).status_code == 401
    assert len(sent) == 1
    assert Client().post("/sign-in/", {"username": "", "password": ""}).status_code == 200
    assert len(sent) == 2


def test_counting_asks_no_query(limits: SetLimits, db: None, django_assert_num_queries: Any) -> None:
    limits(address=100, tenant=100, person=100, token=100)

    with django_assert_num_queries(0):
        assert signed_in(None).get(ME).status_code == 401


@pytest.mark.parametrize("seconds", [1, 60, 900])
def test_windows_follow_one_another_without_a_gap(seconds: int) -> None:
    limit = Limit("person", 1, seconds, "a test")
    moments = [START + second for second in range(3 * seconds)]

    windows = [window_of(limit, "bob", moment) for moment in moments]

    for (name, left), (following, left_then) in pairwise(windows):
        assert 1 <= left <= seconds
        assert (following == name) == (left > 1)
        assert left_then == (left - 1 if left > 1 else seconds)


def test_keys_do_not_begin_anew_together_and_are_not_stored_as_they_are() -> None:
    limit = Limit("person", 1, 900, "a test")

    windows = [window_of(limit, f"person-{number}", START) for number in range(200)]

    assert len({left for _, left in windows}) > 100
    assert len({name for name, _ in windows}) == 200
    assert not any("person-" in name for name, _ in windows)
