"""In a fresh process on PostgreSQL: the list and the summary, with row-level security and past it, on the same rows.

`statements` sends what one request sends, statement by statement and in turns, as the role that the policies bind and
as the superuser, whom they do not; the server says how long it planned and ran. `seconds` asks as a browser does.
"""

from statistics import median
from typing import Any

from django.core.cache import cache
from django.db import connections
from django.test import Client
from django.urls import reverse

from bench.estate import EMAIL
from bench.list_requests import addresses, ask, reader, seconds_of, statements_of
from governance.tenancy import entered
from tenants.authorization import access_for
from tenants.models import User
from tests.postgres import SUPERUSER

ROUNDS = 9
REQUESTS = 15
PLAIN_ENGINE = "django.db.backends.postgresql"


def _doors() -> dict[str, str]:
    return {
        **{f"list, {door}": address for door, address in addresses().items()},
        "summary": reverse("portal:overview"),
    }


def _prepared(client: Client, door: str, address: str) -> None:
    """The list with what its filters offer kept, the summary with nothing kept: it is then counted from the rows."""
    ask(client, address, {})
    if door == "summary":
        cache.clear()


def statements() -> dict[str, Any]:
    """By door: milliseconds of the server for the statements of one request, under the policies and past them."""
    connections.settings["past"] = {**connections.settings["default"], "USER": SUPERUSER, "ENGINE": PLAIN_ENGINE}
    client, found = reader(), {}
    for door, address in _doors().items():
        _prepared(client, door, address)
        sent = [(sql, params) for sql, params, _ in statements_of(client, address, {}) if sql.startswith("SELECT")]
        with entered(access_for(User.objects.get_by_natural_key(EMAIL)).scope):
            times = [_milliseconds(sql, params) for sql, params in sent]
        under, past = (sum(column) for column in zip(*times, strict=True))
        found[door] = {"under": under, "past": past, "statements": len(sent)}
    return found


def _milliseconds(sql: str, params: Any) -> tuple[float, float]:
    """Under the policies and past them, in turns: the least of all rounds, since nothing makes a server faster."""
    rounds = [(_server_time("default", sql, params), _server_time("past", sql, params)) for _ in range(ROUNDS)]
    under, past = (min(column) for column in zip(*rounds, strict=True))
    return under, past


def _server_time(alias: str, sql: str, params: Any) -> float:
    with connections[alias].cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {sql}", params)
        [(plan,)] = cursor.fetchall()
    return float(plan[0]["Planning Time"] + plan[0]["Execution Time"])


def seconds(*, isolated: bool) -> dict[str, Any]:
    """By door: seconds of a request, CPU and waiting for the server. Not isolated: as superuser, told nothing."""
    if not isolated:
        connections["default"].close()
        connections.settings["default"] |= {"USER": SUPERUSER, "ENGINE": PLAIN_ENGINE}
        del connections["default"]
    client, found = reader(), {}
    for door, address in _doors().items():
        taken = []
        for _ in range(REQUESTS):
            _prepared(client, door, address)
            taken.append(seconds_of(client, address, {}))
        found[door] = median(taken)
    return found
