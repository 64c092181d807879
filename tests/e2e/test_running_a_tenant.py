"""A tenant and its people: asking Azure whether it can be read, and changing and keeping roles."""

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import OpenPage
from tests.e2e.portal import Portal


@pytest.mark.usefixtures("worker")
def test_the_answer_of_a_preflight_appears_by_itself(open_page: OpenPage, portal: Portal) -> None:
    page = open_page("olga", f"/tenants/{portal.estate['keys']['tenant']}/preflight/")
    expect(page.get_by_text("Nobody has asked Azure")).to_be_visible()

    page.get_by_role("button", name="Ask Azure").click()

    expect(page.get_by_text("A worker was told to ask Azure.")).to_be_visible()
    expect(page.get_by_text("Resource Graph answers: 1")).to_be_visible(timeout=30_000)
    expect(page.get_by_text("no worker has answered yet")).to_have_count(0)


def test_an_admin_changes_a_role_and_takes_it_away(open_page: OpenPage, portal: Portal) -> None:
    page = open_page("alice", "/tenants/")
    page.get_by_role("link", name="contoso", exact=True).first.click()
    page.get_by_role("link", name="People and roles").click()

    page.get_by_role("link", name="bob@contoso.example").click()
    page.get_by_label("Role", exact=True).select_option("operator")
    page.get_by_role("button", name="Change").click()
    expect(page.get_by_text("bob@contoso.example is operator of contoso now.")).to_be_visible()

    page.get_by_role("link", name="bob@contoso.example").click()
    page.get_by_role("link", name="Remove from contoso").click()
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("has no role in contoso any more.")).to_be_visible()
    expect(page.get_by_role("link", name="bob@contoso.example")).to_have_count(0)


def test_the_last_admin_is_told_why_they_stay(open_page: OpenPage, portal: Portal) -> None:
    page = open_page("alice", f"/tenants/{portal.estate['keys']['tenant']}/people/")
    page.get_by_role("link", name="alice@contoso.example").click()

    page.get_by_role("link", name="Remove from contoso").click()
    page.get_by_role("button", name="Remove").click()

    expect(page.get_by_role("alert").filter(has_text="without an admin")).to_be_visible()
