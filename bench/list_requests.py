"""In a fresh process: a signed-in person asks for the list, as page and through the API."""

import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.urls import reverse

from bench.estate import EMAIL, all_filters
from tenants.models import User

ROUNDS = 15
HOST = "localhost"  # Django's own test host is not an allowed one


class Statements:
    """The statements sent while it is on the wrapper stack, each with its parameters and CPU seconds.

    `waited` sums the seconds in which this process only waited for a database server to answer.
    """

    def __init__(self) -> None:
        self.sent: list[tuple[str, Any, float]] = []
        self.waited = 0.0

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001 - Django's signature
        """Pass one statement on and note it."""
        started, began = time.process_time(), time.perf_counter()
        answer = execute(sql, params, many, context)
        spent, took = time.process_time() - started, time.perf_counter() - began
        self.sent.append((sql, params, spent))
        self.waited += max(0.0, took - spent) if connection.vendor != "sqlite" else 0.0
        return answer


def addresses() -> dict[str, str]:
    """The two doors of the list."""
    return {"page": reverse("inventory:resources"), "API": reverse("resource-list", kwargs={"version": "v1"})}


def reader() -> Client:
    """A browser with the reader signed in."""
    client = Client(SERVER_NAME=HOST)
    client.force_login(User.objects.get_by_natural_key(EMAIL))
    return client


def ask(client: Client, address: str, parameters: Mapping[str, str]) -> Any:
    """One answer, which has to be a 200."""
    response = client.get(address, parameters)
    if response.status_code != 200:
        raise RuntimeError(f"{address} answered {response.status_code}: {response.content[:500]!r}")
    return response


def statements_of(client: Client, address: str, parameters: Mapping[str, str]) -> list[tuple[str, Any, float]]:
    """What one request sends to the database."""
    statements = Statements()
    with connection.execute_wrapper(statements):
        ask(client, address, parameters)
    return statements.sent


def counts() -> dict[str, Any]:
    """Statements of one request, by door, without and with every filter. Nothing is cached before."""
    client, found = reader(), {}
    for door, address in addresses().items():
        for words, parameters in (("unfiltered", {}), ("every filter", all_filters())):
            cache.clear()
            found[f"{door}, {words}"] = len(statements_of(client, address, parameters))
    return found


def seconds() -> dict[str, Any]:
    """CPU seconds of one request, by door: with a cold cache, warm (median), and what of the warm one is statements."""
    client, found = reader(), {}
    for door, address in addresses().items():
        ask(client, address, {"page_size": "1"} if door == "API" else {"page": "1"})  # compiles templates and the like
        cache.clear()
        cold = seconds_of(client, address, {})
        warm = median(seconds_of(client, address, {}) for _ in range(ROUNDS))
        sent = statements_of(client, address, {})
        slowest = max(sent, key=lambda statement: statement[2])
        found[door] = {"cold": cold, "warm": warm, "statements": sum(row[2] for row in sent), "slowest": slowest[0]}
    return found


def seconds_of(client: Client, address: str, parameters: Mapping[str, str]) -> float:
    """CPU seconds of one request, and those in which a database server worked for it."""
    statements = Statements()
    started = time.process_time()
    with connection.execute_wrapper(statements):
        ask(client, address, parameters)
    return time.process_time() - started + statements.waited
