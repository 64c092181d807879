"""Filters that take several values: any of them, or all but them; on the page, in the API and in the chips."""

import html
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, quote

import pytest

from governance.azure.simulator.server import Simulator
from governance.filters import words_in
from governance.tenancy import Scope, entered
from inventory.models import Resource, ResourceTag
from tenants.models import Tenant, User
from tests.conftest import signed_in, sync
from tests.portal.test_resources_page import PAGE_ROWS, add, names, text


@pytest.fixture
def synced(contoso: Tenant) -> Tenant:
    """Contoso after a complete run."""
    assert sync(contoso).outcome == "ok"
    return contoso


def on_the_page(user: User, query: str) -> list[str]:
    """The names on every page of the list."""
    found: list[str] = []
    for page in range(1, 5):
        here = names(signed_in(user).get(f"/resources/?{query}&page={page}"))
        found += here
        if len(here) < PAGE_ROWS:
            break
    return sorted(found)


def in_the_api(user: User, query: str) -> list[str]:
    """The names the API gives."""
    answer = signed_in(user).get(f"/api/v1/resources/?{query}&page_size=1000")
    assert answer.status_code == 200, answer.content
    return sorted(row["name"] for row in answer.json()["results"])


def true_names(azure: Simulator, fits: Callable[[Any], bool]) -> list[str]:
    """The names in the simulated Azure that fit."""
    return sorted(row.name for row in azure.truth("contoso").resources if fits(row))


@pytest.mark.parametrize("ask", [on_the_page, in_the_api])
def test_any_of_several_and_all_but_several(
    azure: Simulator, synced: Tenant, bob: User, ask: Callable[[User, str], list[str]]
) -> None:
    values = {
        "type": [row.type for row in rows(azure)],
        "region": [row.location for row in rows(azure)],
        "subscription": [row.subscription_id for row in rows(azure)],
    }
    attributes = {"type": "type", "region": "location", "subscription": "subscription_id"}
    for name, every in values.items():
        one, other = sorted(set(every))[:2]

        def among(row: Any, name: str = name, pair: tuple[str, str] = (one, other)) -> bool:
            return getattr(row, attributes[name]) in pair

        wanted = true_names(azure, among)
        others = sorted(set(true_names(azure, lambda row: True)) - set(wanted))
        assert wanted
        assert others or name == "subscription"
        for query in (f"{name}={one}&{name}={other}", f"{name}={one},{other}", f"{name}={one.upper()},,{other},{one}"):
            assert ask(bob, query) == wanted, query
        for query in (f"{name}=!{one},{other}", f"{name}=!&{name}={one}&{name}={other}", f"{name}={one},!{other}"):
            assert ask(bob, query) == others, query


@pytest.mark.parametrize("ask", [on_the_page, in_the_api])
def test_tags_are_all_wanted_and_may_be_unwanted(
    azure: Simulator, synced: Tenant, bob: User, ask: Callable[[User, str], list[str]]
) -> None:
    tags = {row.name: {key.lower(): value.lower() for key, value in (row.tags or {}).items()} for row in rows(azure)}
    one, other = next(sorted(held)[:2] for held in tags.values() if len(held) > 1)
    value = next(held[one] for held in tags.values() if one in held)
    fits: dict[str, Callable[[dict[str, str]], bool]] = {
        f"tag={one}&tag={other.upper()}": lambda held: one in held and other in held,
        f"tag=!{one}": lambda held: one not in held,
        f"tag=!{one}&tag=!{other}": lambda held: one not in held and other not in held,
        f"tag={other}&tag=!{quote(f'{one}:{value}')}": lambda held: other in held and held.get(one) != value,
        "tag=&tag=": lambda held: True,
    }
    for query, fit in fits.items():
        wanted = sorted(name for name, held in tags.items() if fit(held))
        assert wanted, query
        assert ask(bob, query) == wanted, query


def rows(azure: Simulator) -> Any:
    """What there truly is."""
    return azure.truth("contoso").resources


def test_a_comma_belongs_to_a_tag(synced: Tenant, bob: User) -> None:
    add(synced, "weekly", tags={})
    with entered(Scope.of(synced.id)):
        row = Resource.objects.get(name="weekly")
        ResourceTag.objects.create(
            tenant=synced, resource=row, key="Days", value="Mon,Tue", key_folded="days", value_folded="mon,tue"
        )

    assert on_the_page(bob, "tag=days:Mon,Tue") == ["weekly"]


def test_the_form_offers_one_tag_more(synced: Tenant, bob: User) -> None:
    page = text(signed_in(bob).get("/resources/?tag=env&tag=!owner"))

    form = re.search(r'<form class="filters".*?</form>', page)
    assert form
    assert re.findall(r'name="tag" value="([^"]*)"', form[0]) == ["env", "!owner", ""]
    assert len(set(re.findall(r'id="(filter-tag[^"]*)"', page))) == 3
    chips = re.findall(r'class="chip-remove" href="\?([^"]*)".*?aria-label="Remove the filter ([^"]*)"', page)
    assert chips == [("tag=%21owner", "Tag: env"), ("tag=env", "Tag not: owner")]


@pytest.mark.parametrize("query", ["tag=!", "tag=!:x", "tag=a&tag=:x", "&".join(f"tag=t{n}" for n in range(11))])
def test_what_is_no_tag_is_named(synced: Tenant, bob: User, query: str) -> None:
    for path in ("/resources/", "/api/v1/resources/"):
        answer = signed_in(bob).get(f"{path}?{query}")
        assert answer.status_code == 400
        assert "tag" in text(answer)


@pytest.mark.parametrize("query", ["type=", "type=,", "type=!", "type=&type=", "region=%20"])
def test_no_value_narrows_nothing(azure: Simulator, synced: Tenant, bob: User, query: str) -> None:
    assert on_the_page(bob, query) == in_the_api(bob, query) == true_names(azure, lambda row: True)


def test_a_region_may_be_written_as_people_write_it(azure: Simulator, synced: Tenant, bob: User) -> None:
    assert on_the_page(bob, "region=West Europe,nowhere") == true_names(azure, lambda row: row.location == "westeurope")


@pytest.mark.parametrize(
    "query", [f"type={'a,' * 60}{','.join(map(str, range(101)))}", "type=a\x00b", f"type={'x' * 513}"]
)
@pytest.mark.parametrize("path", ["/resources/", "/api/v1/resources/"])
def test_what_cannot_be_read_is_named(synced: Tenant, bob: User, path: str, query: str) -> None:
    answer = signed_in(bob).get(f"{path}?{query}")

    assert answer.status_code == 400
    assert "type" in text(answer)


def test_the_form_keeps_what_is_ticked(synced: Tenant, bob: User) -> None:
    page = text(signed_in(bob).get("/resources/?type=microsoft.compute/disks&type=strange/type&region=!westeurope"))

    assert 'name="type" value="microsoft.compute/disks" checked' in page
    assert 'name="type" value="strange/type" checked' in page
    assert '<span class="choice-words">2 chosen</span>' in page
    assert '<span class="choice-words">not: westeurope</span>' in page
    assert len(re.findall(r'name="\w+" value="!" checked', page)) == 1


def test_each_chip_takes_one_value_away(synced: Tenant, bob: User) -> None:
    page = text(signed_in(bob).get("/resources/?type=a/b,c/d&region=!x,y&page=2&sort=-name"))

    links = re.findall(r'class="chip-remove" href="\?([^"]*)".*?aria-label="Remove the filter ([^"]*)"', page)
    left = {words: sorted(parse_qsl(html.unescape(query))) for query, words in links}
    assert left == {
        "Type: a/b": [("region", "!x,y"), ("sort", "-name"), ("type", "c/d")],
        "Type: c/d": [("region", "!x,y"), ("sort", "-name"), ("type", "a/b")],
        "Region not: x": [("region", "!y"), ("sort", "-name"), ("type", "a/b,c/d")],
        "Region not: y": [("region", "!x"), ("sort", "-name"), ("type", "a/b,c/d")],
    }


def test_a_subscription_is_named_in_its_chip(azure: Simulator, synced: Tenant, bob: User) -> None:
    there = azure.truth("contoso").subscriptions[0]

    page = text(signed_in(bob).get(f"/resources/?subscription={there.subscription_id.upper()}"))

    assert f"Remove the filter Subscription: {there.display_name}" in page


def test_words_are_read_once_whatever_their_writing() -> None:
    assert words_in([" a ,b", "!c", "a"]).words == ("a", "b", "c")
    assert words_in([" a ,b", "!c", "a"]).turned
    assert not words_in(["a!"]).turned
    assert words_in([]).words == words_in(["", ",", "!"]).words == ()
