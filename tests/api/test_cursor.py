"""Paging by key: every row exactly once in every order, and a cursor that was tampered with is refused."""

import base64
from typing import Any

import orjson
import pytest

from governance.azure.simulator.server import Simulator
from inventory.lists import RESOURCE_SORTS
from tenants.models import Tenant
from tests.api.program import Program, refused
from tests.conftest import sync

SORTS = [word for name in RESOURCE_SORTS for word in (name, f"-{name}")]


def cursor(*values: Any) -> str:
    """A cursor of our own making."""
    return base64.urlsafe_b64encode(orjson.dumps(list(values))).decode().rstrip("=")


def given(program: Program, path: str = "resources/", **parameters: Any) -> str:
    """A cursor the API gave."""
    page = program.page(path, page_size=3, **parameters)
    return str(page["next"].split("cursor=")[1].split("&")[0])


@pytest.mark.parametrize("sort", SORTS)
def test_walking_all_pages_gives_every_row_once_in_order(as_auditor: Program, sort: str) -> None:
    whole = as_auditor.rows("resources/", sort=sort)

    walked = list(as_auditor.walk("resources/", sort=sort, page_size=7))

    assert [row["id"] for row in walked] == [row["id"] for row in whole]
    assert len(walked) == 120


@pytest.mark.parametrize("sort", ["type", "-type", "region", "-region"])
def test_walking_one_row_at_a_time_through_ties(as_alice: Program, synced: Simulator, sort: str) -> None:
    walked = [row["id"] for row in as_alice.walk("resources/", sort=sort, page_size=1)]

    assert len(walked) == len(set(walked)) == 60


def test_the_filters_stay_on_every_page(synced: Simulator, as_auditor: Program) -> None:
    walked = list(as_auditor.walk("resources/", tenant="fabrikam", tag="environment", page_size=2))

    assert {row["tenant_name"] for row in walked} == {"fabrikam"}
    assert [row["id"] for row in walked] == [
        row["id"] for row in as_auditor.rows("resources/", tenant="fabrikam", tag="environment")
    ]


def test_rows_that_leave_between_two_pages_cost_no_other_row(
    synced: Simulator, as_alice: Program, contoso: Tenant
) -> None:
    first = as_alice.page("resources/", page_size=10)
    synced.advance(days=20)
    sync(contoso)

    rest = list(as_alice.walk("resources/", page_size=10, cursor=first["next"].split("cursor=")[1].split("&")[0]))

    there = {row["id"] for row in as_alice.rows("resources/")}
    seen = {row["id"] for row in first["results"]} | {row["id"] for row in rest}
    last = first["results"][-1]["name"]
    assert {row["id"] for row in as_alice.rows("resources/") if row["name"] > last} <= seen
    assert there & {row["id"] for row in rest} == {row["id"] for row in rest}


def test_a_cursor_of_another_order_is_refused(as_alice: Program, synced: Simulator) -> None:
    for sort in ("type", "region", "stored"):
        refused(as_alice.ask("resources/", cursor=given(as_alice), sort=sort), "cursor")


def test_a_cursor_of_another_list_gives_no_wrong_rows(as_alice: Program, synced: Simulator) -> None:
    of_syncs = cursor("started_at", "2026-01-01T00:00:00Z", "00000000-0000-0000-0000-000000000000")

    refused(as_alice.ask("resources/", cursor=of_syncs), "cursor")


def test_a_foreign_cursor_shows_only_ones_own_rows(as_alice: Program, as_auditor: Program, synced: Simulator) -> None:
    page = as_alice.page("resources/", cursor=given(as_auditor, tenant="fabrikam"), page_size=1000)

    assert {row["tenant_name"] for row in page["results"]} <= {"contoso"}


KEY = "01890000-0000-7000-8000-000000000000"
GARBAGE = [
    "garbage",
    "!!!!",
    "====",
    "a",
    "é" * 10,
    "\x00",
    "٣٣٣٣",
    "x" * 2001,
    "A" * 100_000,
    base64.urlsafe_b64encode(b"not json").decode(),
    base64.urlsafe_b64encode(b"\xff\xfe\x00").decode(),
    base64.urlsafe_b64encode(b"[" * 1400).decode(),
    base64.b64encode(orjson.dumps(["name", "a", KEY])).decode() + "\n",
    cursor(),
    cursor("name"),
    cursor("name", "a"),
    cursor("name", "a", KEY, "more"),
    cursor("name", "a", "no-key"),
    cursor("name", "a", 5),
    cursor("name", "a", None),
    cursor("name", "a", [KEY]),
    cursor("name", "a\x00b", KEY),
    cursor("name", None, KEY),
    cursor("name", ["a"], KEY),
    cursor("name", {"a": 1}, KEY),
    cursor("name", 5, KEY),
    cursor("name", True, KEY),
    cursor(["name"], "a", KEY),
    cursor(None, "a", KEY),
    cursor("tenant__secret_ref", "a", KEY),
    base64.urlsafe_b64encode(b'{"a": 1, "b": 2, "c": 3}').decode(),
    base64.urlsafe_b64encode(b'"abc"').decode(),
    base64.urlsafe_b64encode(b"null").decode(),
    base64.urlsafe_b64encode(b"123").decode(),
]


@pytest.mark.parametrize("value", GARBAGE, ids=range(len(GARBAGE)))
def test_a_cursor_that_is_none_is_refused(as_alice: Program, value: str) -> None:
    refused(as_alice.ask("resources/", cursor=value), "cursor")


@pytest.mark.parametrize(
    "value", ["", "yesterday", "2026-13-45T00:00:00Z", 5, 1e300, None, True, ["2026-01-01"], "2026-01-01T00:00:00"]
)
def test_a_cursor_whose_date_is_none_is_refused(as_alice: Program, value: Any) -> None:
    refused(as_alice.ask("resources/", sort="stored", cursor=cursor("stored_at", value, KEY)), "cursor")


def test_an_empty_cursor_is_the_first_page(as_alice: Program, synced: Simulator) -> None:
    assert as_alice.page("resources/", cursor="") == as_alice.page("resources/")
