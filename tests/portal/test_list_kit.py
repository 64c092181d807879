"""What every list page can do: columns to choose, and the list alone for htmx."""

import re

import pytest
from django.urls import reverse

from governance.portal.listings import EVERY, LISTINGS
from governance.ui.listing import Listing
from inventory.lists import RESOURCES
from tenants.models import Tenant, User
from tests.conftest import signed_in, sync
from tests.portal.test_resources_page import text


def headers(page: str) -> list[str]:
    """The keys of the columns, from left to right."""
    return re.findall(r'<th scope="col" class="(?:sortable )?col-(\w+)', page)


@pytest.fixture
def synced(contoso: Tenant) -> Tenant:
    """Contoso after a complete run."""
    assert sync(contoso).outcome == "ok"
    return contoso


def test_the_usual_columns(synced: Tenant, bob: User) -> None:
    page = text(signed_in(bob).get("/resources/"))

    assert headers(page) == [column.key for column in RESOURCES.columns if column.shown]


@pytest.mark.parametrize(
    "query", ["columns=azure_id,kind", "columns=kind&columns=azure_id", "columns=name,kind,azure_id"]
)
def test_chosen_columns_stand_in_the_order_of_the_list_after_the_name(synced: Tenant, bob: User, query: str) -> None:
    page = text(signed_in(bob).get(f"/resources/?{query}"))

    assert headers(page) == ["name", "kind", "azure_id"]
    assert 'value="kind" checked' in page
    assert 'value="region" checked' not in page


def test_the_choice_of_columns_survives_sorting_paging_and_filtering(synced: Tenant, bob: User) -> None:
    page = text(signed_in(bob).get("/resources/?columns=kind&columns=region&deleted=any&sort=-name"))

    links = [link.replace("&amp;", "&") for link in re.findall(r'id="(?:sort|page)-\w+"[^>]*href="([^"]*)"', page)]
    assert len(links) == 3  # two sorts and the next page
    assert all("columns=kind" in link and "columns=region" in link for link in links)
    form = re.search(r'<form class="filters".*?</form>', page)
    assert form
    assert re.findall(r'name="columns" value="(\w+)"', form[0]) == ["name", "region", "kind"]


def test_an_unknown_column_is_named_and_nothing_shown(synced: Tenant, bob: User) -> None:
    answer = signed_in(bob).get("/resources/?columns=name,price")

    assert answer.status_code == 400
    assert "There is no column" in text(answer)
    assert "price" in text(answer)
    assert '<th scope="row"' not in text(answer)


def test_htmx_gets_the_list_without_the_page_around_it(synced: Tenant, bob: User) -> None:
    whole = signed_in(bob).get("/resources/?q=a")
    part = signed_in(bob).get("/resources/?q=a", headers={"HX-Request": "true"})

    def rows(page: str) -> list[str]:
        return re.findall(r'<th scope="row".*?</th>', page)

    assert rows(text(part)) == rows(text(whole)) != []
    assert 'id="list"' in text(part)
    assert 'class="masthead"' in text(whole)
    assert 'class="masthead"' not in text(part)


def test_a_page_for_the_history_of_htmx_is_whole(synced: Tenant, bob: User) -> None:
    asked = {"HX-Request": "true", "HX-History-Restore-Request": "true"}

    assert 'class="masthead"' in text(signed_in(bob).get("/resources/", headers=asked))


def test_what_has_a_page_can_be_looked_up_for_exports_and_views() -> None:
    assert all(listing.page for listing in EVERY)
    assert len(LISTINGS) == len(EVERY)


@pytest.mark.parametrize("listing", EVERY, ids=lambda listing: listing.key)
def test_every_such_list_offers_export_and_views(synced: Tenant, alice: User, listing: Listing) -> None:
    page = text(signed_in(alice).get(reverse(listing.page)))

    assert '<form id="export"' in page
    assert 'class="menu saved-views"' in page
    assert f'name="list" value="{listing.key}"' in page


def test_rows_are_ticked_only_where_there_is_a_form_for_them(synced: Tenant, alice: User) -> None:
    for path in ("/resources/", "/orphans/", "/syncs/", "/tenants/"):
        page = text(signed_in(alice).get(path))
        assert ('class="tick"' in page) == ('<form id="export"' in page), path
