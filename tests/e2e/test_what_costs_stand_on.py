"""Costs as a real sync left them: the page says how complete, how fresh and how final they are."""

import re

from playwright.sync_api import expect

from tests.e2e.conftest import OpenPage


def test_costs_that_were_read_say_that_they_are_complete(open_page: OpenPage) -> None:
    page = open_page("bob", "/costs/")

    strip = page.get_by_role("region", name="How complete: costs")
    expect(strip).to_contain_text("Everything expected was received from contoso.")
    expect(strip).not_to_contain_text("Never")
    expect(page.get_by_role("region", name="What these figures stand on")).to_contain_text("Estimate")


def test_costs_of_which_a_run_missed_something_say_so(open_page: OpenPage) -> None:
    page = open_page("charlie", "/costs/")

    strip = page.get_by_role("region", name="How complete: costs")
    expect(strip).to_contain_text("The last run missed something")
    expect(strip).not_to_contain_text("Never")


def test_costs_can_be_shown_in_another_currency(open_page: OpenPage) -> None:
    page = open_page("bob", "/costs/")

    page.get_by_label("Also in").select_option("CHF")
    page.get_by_role("button", name="Show").click()

    expect(page.get_by_role("heading", name="All in CHF")).to_be_visible()
    expect(page.get_by_text(re.compile(r"EUR converted at the rates? of .* \(A bank\)"))).to_be_visible()
    expect(page.get_by_role("heading", name="EUR", exact=True)).to_be_visible()
