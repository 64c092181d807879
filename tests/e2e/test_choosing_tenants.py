"""Choosing whose data to see: one tenant, then all again; the choice goes along from page to page."""

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import OpenPage


def switcher(page: Page) -> Locator:
    """The menu of tenants, unfolded."""
    menu = page.locator("details.switcher")
    menu.locator("summary").click()
    return menu


@pytest.mark.parametrize("javascript", ["on", "off"])
def test_the_chosen_tenant_goes_along_until_all_are_chosen_again(open_page: OpenPage, javascript: str) -> None:
    page = open_page("alice", "/", java_script_enabled=javascript == "on")

    switcher(page).get_by_role("link", name="fabrikam", exact=True).click()
    expect(page.locator("details.switcher summary")).to_contain_text("fabrikam")
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Resources").click()
    expect(page.get_by_role("heading", name="Resources", level=1)).to_be_visible()
    assert set(page.locator("tbody td[data-label=Tenant]").all_inner_texts()) == {"fabrikam"}

    switcher(page).get_by_role("link", name="All my tenants").click()
    expect(page.locator("details.switcher summary")).to_contain_text("All my tenants")
    assert len(set(page.locator("tbody td[data-label=Tenant]").all_inner_texts())) > 1


def test_escape_folds_the_menu_and_gives_the_focus_back(open_page: OpenPage) -> None:
    page = open_page("alice", "/")
    menu = switcher(page)
    expect(menu.get_by_role("link", name="contoso", exact=True)).to_be_visible()

    page.keyboard.press("Escape")

    expect(menu.get_by_role("link", name="contoso", exact=True)).to_be_hidden()
    expect(menu.locator("summary")).to_be_focused()


def test_a_bar_of_the_overview_leads_to_the_resources_it_counts(open_page: OpenPage) -> None:
    page = open_page("alice", "/")
    bar = page.get_by_role("table").filter(has_text="northwind").get_by_role("row").filter(has_text="northwind").first
    count = bar.get_by_role("cell").last.inner_text()

    bar.get_by_role("link", name="northwind").click()

    expect(page.get_by_role("heading", name="Resources", level=1)).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text(f"of {count} resources")
