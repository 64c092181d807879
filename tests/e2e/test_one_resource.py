"""From the list to one resource and on to what it refers to; and keeping a question as a view."""

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import OpenPage
from tests.e2e.test_finding_resources import filters, names

DISKS, MACHINES = "microsoft.compute/disks", "microsoft.compute/virtualmachines"


def choose(form: Locator, *types: str) -> None:
    """Tick these types and apply."""
    choice = form.locator("details", has_text="All types")
    choice.locator("summary").click()
    for one in types:
        choice.get_by_label(one, exact=True).check()
    choice.get_by_role("button", name="Apply").click()


def types_shown(page: Page) -> set[str]:
    """The types of the rows."""
    return set(page.locator("tbody td[data-label=Type]").all_inner_texts())


@pytest.mark.parametrize("javascript", ["on", "off"])
def test_several_types_are_ticked_and_one_is_taken_away_again(open_page: OpenPage, javascript: str) -> None:
    page = open_page("bob", "/resources/", java_script_enabled=javascript == "on")

    choose(filters(page), DISKS, MACHINES)
    page.wait_for_url("**type=*type=*")
    assert types_shown(page) == {DISKS, MACHINES}

    page.get_by_role("link", name=f"Remove the filter Type: {DISKS}").click()
    page.wait_for_url(lambda url: "disks" not in url)
    expect(page.locator("tbody td[data-label=Type]").first).to_have_text(MACHINES)
    assert types_shown(page) == {MACHINES}


def test_a_long_choice_can_be_searched(open_page: OpenPage) -> None:
    page = open_page("bob", "/resources/")
    choice = filters(page).locator("details", has_text="All types")
    choice.locator("summary").click()

    choice.get_by_role("searchbox", name="Search: Type").fill("virtualmach")

    expect(choice.get_by_label(MACHINES, exact=True)).to_be_visible()
    expect(choice.get_by_label(DISKS, exact=True)).to_be_hidden()


@pytest.mark.parametrize("javascript", ["on", "off"])
def test_a_machine_leads_to_its_disk_and_back(open_page: OpenPage, javascript: str) -> None:
    page = open_page("bob", f"/resources/?type={MACHINES}", java_script_enabled=javascript == "on")
    machine = names(page)[0]

    page.get_by_role("rowheader").get_by_role("link", name=machine, exact=True).click()
    expect(page.get_by_role("heading", name=machine, level=1)).to_be_visible()
    page.get_by_role("region", name="Related").get_by_role("link", name="disk-").first.click()
    page.get_by_role("region", name="Facts").get_by_role("link", name=machine, exact=True).click()

    expect(page.get_by_role("heading", name=machine, level=1)).to_be_visible()


def test_the_azure_id_is_copied_where_that_works_and_selects_whole_where_not(open_page: OpenPage) -> None:
    page = open_page("bob", f"/resources/?type={MACHINES}", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("rowheader").get_by_role("link").first.click()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")

    plain = open_page("bob", page.url, java_script_enabled=False)

    assert plain.locator("#azure-id").inner_text() == copied
    expect(plain.get_by_role("button", name="Copy")).to_be_hidden()


@pytest.mark.parametrize("javascript", ["on", "off"])
def test_a_question_is_kept_asked_again_renamed_and_forgotten(open_page: OpenPage, javascript: str) -> None:
    page = open_page("bob", f"/resources/?type={DISKS}&sort=-name", java_script_enabled=javascript == "on")
    expected = names(page)

    menu = page.locator("details.saved-views")
    menu.locator("summary").click()
    menu.get_by_label("Save what is shown as").fill("Disks from the end")
    menu.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").filter(has_text="was saved")).to_be_visible()

    page.goto("/resources/")
    page.locator("details.saved-views summary").click()
    page.get_by_role("link", name="Disks from the end").click()
    expect(page.locator("details.saved-views summary")).to_contain_text("Disks from the end")
    assert names(page) == expected

    page.goto("/views/")
    page.get_by_role("link", name="Rename or delete Disks from the end").click()
    page.get_by_label("Name").fill("Last disks first")
    page.get_by_role("button", name="Rename").click()
    page.get_by_role("link", name="Rename or delete Last disks first").click()
    page.get_by_role("button", name="Delete this view").click()

    expect(page.get_by_role("heading", name="You have no saved views")).to_be_visible()
