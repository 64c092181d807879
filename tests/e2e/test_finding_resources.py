"""Finding resources: by filters, page by page, with and without JavaScript, by keyboard alone."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import OpenPage
from tests.e2e.portal import Portal
from tests.e2e.test_signing_in import sign_in

PAGE_ROWS = 50


def names(page: Page) -> list[str]:
    """The names in the list, from the top."""
    return page.get_by_role("table").locator("tbody").get_by_role("rowheader").all_inner_texts()


def filters(page: Page) -> Any:
    """The form above the list, opened."""
    form = page.get_by_role("search", name="Filter resources")
    if not form.is_visible():
        page.get_by_text("Filters", exact=True).click()
    return form


@pytest.mark.parametrize("javascript", ["on", "off"])
def test_the_list_is_read_page_by_page(portal: Portal, open_page: OpenPage, javascript: str) -> None:
    page = open_page("bob", "/resources/", java_script_enabled=javascript == "on")
    expected = portal.estate["resources"]

    assert names(page) == expected[:PAGE_ROWS]

    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Next").click()
    page.wait_for_url("**page=2*")
    assert names(page) == expected[PAGE_ROWS : 2 * PAGE_ROWS]


@pytest.mark.parametrize("javascript", ["on", "off"])
def test_filters_narrow_the_list_and_can_be_cleared(portal: Portal, open_page: OpenPage, javascript: str) -> None:
    page, everything = (
        open_page("bob", "/resources/", java_script_enabled=javascript == "on"),
        portal.estate["resources"],
    )
    first, second, *_ = everything[PAGE_ROWS].split("-")
    wanted = [name for name in everything if first in name and second in name]

    form = filters(page)
    form.get_by_label("Name contains").fill(f"{second} {first}")
    form.get_by_role("button", name="Apply").click()
    page.wait_for_url(f"**q={second}*")
    assert names(page) == wanted[:PAGE_ROWS]

    filters(page).get_by_role("link", name="Clear").click()
    expect(page.get_by_role("status")).to_contain_text(f"of {len(everything)} resources")


def test_without_javascript_one_signs_in_filters_and_turns_the_page(portal: Portal, open_page: OpenPage) -> None:
    page = open_page("nobody", "/resources/", java_script_enabled=False)
    sign_in(page, portal.estate["people"]["bob"]["email"], portal.estate["password"])
    expect(page.get_by_role("heading", name="Resources", level=1)).to_be_visible()

    form = filters(page)
    form.get_by_label("Deleted").select_option("any")
    form.get_by_role("button", name="Apply").click()
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Next").click()

    assert "deleted=any" in page.url
    assert len(names(page)) == PAGE_ROWS


def test_the_list_is_sorted_by_the_header_that_is_clicked(open_page: OpenPage) -> None:
    page = open_page("bob", "/resources/")

    page.get_by_role("columnheader", name="Type").get_by_role("link").click()
    expect(page.get_by_role("columnheader", name="Type")).to_have_attribute("aria-sort", "ascending")
    page.get_by_role("columnheader", name="Type").get_by_role("link").click()
    expect(page.get_by_role("columnheader", name="Type")).to_have_attribute("aria-sort", "descending")


def test_the_list_says_what_was_not_received(open_page: OpenPage) -> None:
    page = open_page("bob", "/resources/")

    coverage = page.get_by_role("region", name="How complete: resources")
    coverage.get_by_text("1 gap: what was not received").click()

    expect(coverage.get_by_role("row").filter(has_text="resource_graph")).to_have_count(1)


def test_by_keyboard_alone_one_skips_to_the_content_and_filters(portal: Portal, open_page: OpenPage) -> None:
    page, wanted = open_page("bob", "/resources/"), max(portal.estate["resources"], key=len)

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()

    tab_to(page, page.get_by_label("Name contains"))
    page.keyboard.type(wanted)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**q={wanted}*")

    assert names(page) == [wanted]


def tab_to(page: Page, target: Any, *, at_most: int = 15) -> None:
    """Press Tab until the target has the focus."""
    for _ in range(at_most):
        page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"{target} is not among the next {at_most} tab stops")
