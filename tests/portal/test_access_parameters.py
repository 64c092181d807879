"""Every address, everybody, every way to name a tenant in a parameter: what is shown is never more than one may see."""

from urllib.parse import quote, urlencode

import pytest

from tests.portal.crawl import Address, addresses, ask, comparable, leaks
from tests.portal.test_access_crawl import EVERYBODY, World, people, world

__all__ = ["people", "world"]  # fixtures

pytestmark = pytest.mark.once  # takes long; on the second engine the crawl of every address stands for it
NO_TENANT = "no-tenant-'at'-all"


def questions(world: World, who: str) -> dict[str, str]:
    """Queries that name one's own tenant, a foreign one, both, none, and what is no name."""
    own, foreign = world.own(who).tenant, world.foreign(who).tenant
    return {
        "own": urlencode({"tenant": own.name}),
        "foreign": urlencode({"tenant": foreign.name}),
        "foreign id": urlencode({"tenant": str(foreign.id)}),
        "mixed": urlencode({"tenant": f"{own.name},{foreign.name}"}),
        "mixed twice": urlencode([("tenant", own.name), ("tenant", foreign.name)]),
        "mixed with a group": urlencode({"tenant": own.name, "group": f"group-of-{foreign.name}"}),
        "empty": "tenant=&group=",
        "malformed": urlencode({"tenant": NO_TENANT}),
        "nul": urlencode({"tenant": f"{own.name}\x00"}),
    }


def asked_of(world: World, who: str, address: Address) -> str:
    """The address of this person's own object, or of the list."""
    return address.path(world.keys(who) if world.people.get(who) else world.own(who).keys)


def is_deaf(world: World, who: str, address: Address, asked: dict[str, str]) -> bool:
    """Whether one's own tenant, and what is the name of none, are answered alike: tenants are not named here."""
    path, client = asked_of(world, who, address), world.browser(who)
    own, malformed = (
        comparable(ask(client, "GET", f"{path}?{question}"), world.own(who).tenant.name, quote(NO_TENANT), NO_TENANT)
        for question in (asked["own"], asked["malformed"])
    )
    return own == malformed


@pytest.mark.parametrize("who", EVERYBODY)
def test_no_way_to_name_a_tenant_shows_a_foreign_one(world: World, who: str) -> None:
    client, forbidden = world.browser(who), world.forbidden(who)

    asked = questions(world, who)
    for address in addresses():
        tried = ["foreign", "malformed"] if is_deaf(world, who, address, asked) else list(asked)
        for words in tried:
            question = asked[words]
            response = ask(client, "GET", f"{asked_of(world, who, address)}?{question}")

            assert response.status_code < 500 or address.view == "healthz-data", f"{address.view}, {words}"
            found = leaks(response, forbidden, asked=f"{asked_of(world, who, address)} {question}")
            assert not found, f"{who} {address.view}?{question} shows {found[:5]}"


@pytest.mark.parametrize("who", ["alice", "bob", "charlie", "token of bob", "token of charlie", "B2C bearer of bob"])
def test_a_list_of_the_api_counts_ones_own_rows_or_refuses(world: World, who: str) -> None:
    client, asked = world.browser(who), questions(world, who)

    for address in addresses():
        if not address.is_api or address.needs_key:
            continue
        answers = {words: ask(client, "GET", f"{address.path({})}?page_size=1000&{asked[words]}") for words in asked}
        if answers["own"].status_code != 200 or "results" not in answers["own"].json():
            continue  # it takes no such parameter, is not for them, or is no list
        rows = {words: len(answer.json()["results"]) for words, answer in answers.items() if answer.status_code == 200}
        assert set(rows) <= {"own", "empty"}, address.view
        assert rows["own"] <= rows["empty"], address.view
        refused = {answer.status_code for words, answer in answers.items() if words not in rows}
        assert refused == {400}, address.view
