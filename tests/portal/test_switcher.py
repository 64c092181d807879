"""The tenants shown: one, a group, or all that the person may see, always by the address alone."""

import re
from typing import Any

import pytest

from tenants.actions import group_tenants
from tenants.models import Tenant, User
from tests.conftest import person, signed_in, sync
from tests.portal.test_resources_page import text


def switcher(user: User, path: str = "/resources/") -> str:
    """What the switcher of a page says."""
    page = text(signed_in(user).get(path))
    found = re.search(r'<details class="menu switcher">(.*?)</details>', page)
    assert found, page
    return found[1]


def tenants_shown(page: str) -> set[str]:
    """The tenants of the rows of a list of resources."""
    return set(re.findall(r'data-label="Tenant" title="([^"]*)"', page))


@pytest.fixture
def both(contoso: Tenant, fabrikam: Tenant) -> list[Tenant]:
    """Two tenants, read, and two groups."""
    for tenant in (contoso, fabrikam):
        assert sync(tenant).outcome == "ok"
    group_tenants("ours", [contoso])
    group_tenants("everybody", [contoso, fabrikam])
    return [contoso, fabrikam]


def test_it_offers_what_the_person_may_see_and_nothing_else(both: list[Tenant], auditor: User, bob: User) -> None:
    group_tenants("theirs", both[1:])

    everything, bobs = switcher(auditor), switcher(bob)

    assert all(f">{name}</a>" in everything for name in ("contoso", "fabrikam", "ours", "everybody", "theirs"))
    assert all(f">{name}</a>" in bobs for name in ("contoso", "ours", "everybody"))
    assert "fabrikam" not in bobs
    assert "theirs" not in bobs


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", {"contoso", "fabrikam"}),
        ("?group=everybody", {"contoso", "fabrikam"}),
        ("?group=ours", {"contoso"}),
        ("?tenant=fabrikam", {"fabrikam"}),
    ],
)
def test_the_address_narrows_the_list_and_its_coverage(
    both: list[Tenant], auditor: User, query: str, shown: set[str]
) -> None:
    page = text(signed_in(auditor).get(f"/resources/{query}"))

    assert tenants_shown(page) == shown
    words = "from all 2 tenants" if len(shown) == 2 else f"from {min(shown)}"
    assert f"Everything expected was received {words}." in page


def test_a_member_of_part_of_a_group_sees_that_part(both: list[Tenant], bob: User) -> None:
    page = text(signed_in(bob).get("/resources/?group=everybody"))

    assert tenants_shown(page) == {"contoso"}
    assert "Everything expected was received from contoso." in page


def test_the_choice_goes_along_to_the_other_places(both: list[Tenant], auditor: User) -> None:
    page = text(signed_in(auditor).get("/resources/?group=ours&type=x"))

    assert 'href="/syncs/?group=ours"' in page
    assert 'href="/resources/?group=ours"' in page
    assert "Group ours" in switcher(auditor, "/resources/?group=ours")


def test_what_it_leads_to_stays_on_the_page(both: list[Tenant], auditor: User) -> None:
    assert 'href="/syncs/?tenant=contoso"' in switcher(auditor, "/syncs/")
    assert 'href="/resources/?tenant=contoso"' in switcher(auditor, "/resources/")


@pytest.mark.parametrize("path", ["/resources/", "/syncs/"])
def test_an_unknown_group_is_refused_in_words(both: list[Tenant], bob: User, path: str) -> None:
    group_tenants("theirs", both[1:])

    answers: list[Any] = [signed_in(bob).get(f"{path}?group={name}") for name in ("theirs", "nobody")]

    assert [answer.status_code for answer in answers] == [400, 400]
    assert "There is no such group of tenants, or you may not see it." in text(answers[0])


def test_nobody_is_offered_nothing(db: None) -> None:
    assert "You may not see any tenant yet." in switcher(person("dana@contoso.example"))


def test_many_tenants_are_found_by_name(db: None, auditor: User) -> None:
    from uuid import uuid4

    from tenants.actions import connect_tenant

    for number in range(15):
        connect_tenant(f"many{number:02}", azure_tenant_id=uuid4(), client_id=uuid4(), secret_ref="env:NONE")

    found = switcher(auditor)

    assert "many05" in found
    assert "many14" not in found
    assert 'name="tenant"' in found
    assert "One of 4 more" in found
