"""Signing in and out, as a person does it."""

from playwright.sync_api import Page, expect

from tests.e2e.conftest import OpenPage
from tests.e2e.portal import Portal


def sign_in(page: Page, email: str, password: str) -> None:
    """Fill in the form and send it."""
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_a_page_asked_for_is_shown_after_signing_in_and_closed_after_signing_out(
    portal: Portal, open_page: OpenPage
) -> None:
    page = open_page("nobody", "/syncs/")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()

    sign_in(page, portal.estate["people"]["bob"]["email"], portal.estate["password"])
    expect(page.get_by_role("heading", name="Syncs", level=1)).to_be_visible()

    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto("/syncs/")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_wrong_password_is_said_and_what_was_typed_stays(portal: Portal, open_page: OpenPage) -> None:
    page, email = open_page("nobody", "/sign-in/"), portal.estate["people"]["bob"]["email"]

    sign_in(page, email, "not the right one")

    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("Email")).to_have_value(email)
    expect(page.get_by_label("Password")).to_have_value("")
