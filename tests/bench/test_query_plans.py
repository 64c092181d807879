"""Every filter of the list stands on an index, whoever sees one tenant or several."""

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client

from bench.estate import all_filters, fill
from bench.list_requests import addresses, reader
from bench.plans import EXPECTED, filters_one_by_one, plans_of, problem_of


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


@pytest.mark.parametrize("door", ["page", "API"])
@pytest.mark.parametrize("filtered", EXPECTED)
def test_filter_stands_on_its_index(bob: Client, filtered: str, door: str) -> None:
    parameters = filters_one_by_one({**all_filters(), "tag": "env:prod"})[filtered]

    plans = plans_of(bob, addresses()[door], parameters)

    assert plans
    assert [f"{problem_of(filtered, plan)}\n{plan}" for plan in plans if problem_of(filtered, plan)] == []


@pytest.mark.parametrize("door", ["page", "API"])
@pytest.mark.parametrize("parameters", [{}, {"tenant": "tenant0"}])
def test_default_list_is_read_in_order(bob: Client, parameters: dict[str, str], door: str) -> None:
    plans = plans_of(bob, addresses()[door], parameters)

    assert all(plan.indexes & EXPECTED["default order"] for plan in plans)
    # PostgreSQL does not see that rows with deleted_at IS NULL come out of the index by name: it sorts what it found.
    assert [str(plan) for plan in plans if plan.sorts and connection.vendor != "postgresql"] == []
