"""Every filter of the list stands on an index, whoever sees one tenant or several."""

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client

from bench.estate import all_filters, fill
from bench.list_requests import addresses, reader
from bench.plans import EXPECTED, OURS, Plan, filters_one_by_one, plans_of, problem_of

pytestmark = pytest.mark.skipif(connection.vendor == "microsoft", reason="SQL Server has no EXPLAIN statement.")


@pytest.fixture
def bob(db: None) -> Client:
    """A browser of Bob's, who reads three tenants with a few hundred resources."""
    fill(tenants=3, resources=600)
    cache.clear()
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    discourage("seqscan")
    return reader()


def discourage(way: str) -> None:
    """PostgreSQL rightly reads and sorts a table this small as a whole; here it shall take an index where one fits."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL enable_{way} = off")


def problem_here(filtered: str, plan: Plan) -> str:
    """What is wrong with a plan on the engine at hand.

    PostgreSQL takes whichever index its statistics of a few hundred rows make look cheapest: that it takes one of ours
    and never the whole table is what can be said here; `python -m bench query_plans` looks at 20,000 rows.
    """
    if connection.vendor == "sqlite":
        return problem_of(filtered, plan)
    fits = any(index.startswith(OURS) for index in plan.indexes) and not plan.reads_whole_table
    return "" if fits else "It stands on no index of ours."


@pytest.mark.parametrize("door", ["page", "API"])
@pytest.mark.parametrize("filtered", EXPECTED)
def test_filter_stands_on_its_index(bob: Client, filtered: str, door: str) -> None:
    parameters = filters_one_by_one({**all_filters(), "tag": "env:prod"})[filtered]

    plans = plans_of(bob, addresses()[door], parameters)

    assert plans
    assert [f"{problem_here(filtered, plan)}\n{plan}" for plan in plans if problem_here(filtered, plan)] == []


@pytest.mark.parametrize("door", ["page", "API"])
@pytest.mark.parametrize("parameters", [{}, {"tenant": "tenant0"}])
def test_default_list_is_read_in_order(bob: Client, parameters: dict[str, str], door: str) -> None:
    discourage("sort")

    plans = plans_of(bob, addresses()[door], parameters)

    assert [str(plan) for plan in plans if problem_here("default order", plan)] == []
    assert [str(plan) for plan in plans if plan.sorts] == []
