"""Every question about costs stands on an index, whoever sees one tenant or several, and none reads raw rows."""

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client

from bench.cost_history import fill
from bench.cost_requests import PLANNED, plans, problem_of
from bench.list_requests import reader
from tests.bench.test_query_plans import discourage
from tests.conftest import person, signed_in

pytestmark = pytest.mark.skipif(connection.vendor == "microsoft", reason="SQL Server has no EXPLAIN statement.")


@pytest.fixture
def bob(db: None) -> Client:
    """A browser of Bob's, who reads two tenants with some costs."""
    fill(tenants=2, rows_a_day=10)
    cache.clear()
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    discourage("seqscan")
    return reader()


@pytest.mark.parametrize("words", PLANNED)
def test_a_question_stands_on_an_index(bob: Client, words: str) -> None:
    found = plans(bob, words)

    assert found
    assert [f"{problem_of(sql, plan)}\n{sql}\n{plan}" for sql, plan in found if problem_of(sql, plan)] == []


@pytest.mark.parametrize("words", sorted(set(PLANNED) - {"records"}))
def test_only_the_list_of_rows_reads_raw_rows(bob: Client, words: str) -> None:
    assert [sql for sql, _ in plans(bob, words) if "cost_data" in sql] == []


@pytest.mark.parametrize("words", sorted(set(PLANNED) - {"records", "restatements", "one tenant"}))
def test_figures_over_every_tenant_stand_on_indexes_too(bob: Client, words: str) -> None:
    found = plans(signed_in(person("audrey@platform.example", platform_role="auditor")), words)

    assert found
    assert [f"{problem_of(sql, plan)}\n{sql}\n{plan}" for sql, plan in found if problem_of(sql, plan)] == []
