"""Running a sync now: from the button to the receipt, with a worker in between."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import OpenPage

RELOADS = 300  # each waits for the page; the worker starts meanwhile


def runs_of(page: Page, outcome: str) -> int:
    """How many runs of that outcome the list shows."""
    return page.get_by_role("region", name="Runs").get_by_role("row").filter(has_text=outcome).count()


@pytest.mark.usefixtures("worker")
def test_an_operator_runs_a_sync_and_reads_its_receipt(open_page: OpenPage) -> None:
    page = open_page("olga", "/syncs/")
    complete_before = runs_of(page, "Complete")

    page.get_by_role("button", name="Run now: Resources of contoso").click()
    expect(page.get_by_text("The sync of contoso was handed to a worker")).to_be_visible()
    _reload_until(page, lambda: runs_of(page, "Complete") == complete_before + 1)
    page.get_by_role("region", name="Runs").get_by_role("row").nth(1).get_by_role("link").first.click()

    expect(page.get_by_role("heading", name="Resources of contoso", level=1)).to_be_visible()
    expect(page.get_by_role("definition").filter(has_text="Olga")).to_be_visible()


def test_a_reader_has_no_button_to_run_a_sync(open_page: OpenPage) -> None:
    page = open_page("bob", "/syncs/")

    expect(page.get_by_role("table").first).to_be_visible()
    expect(page.get_by_role("button", name="Run now")).to_have_count(0)


def _reload_until(page: Page, is_so: Callable[[], bool]) -> None:
    for _ in range(RELOADS):
        if is_so():
            return
        page.reload()
    raise AssertionError(f"It did not come about:\n{page.inner_text('main')}")
