"""Signing in and out, as a person does it: with the identity provider, and with a password."""

import re

from playwright.sync_api import Page, expect

from tests.e2e.conftest import OpenPage
from tests.e2e.portal import Portal

PROVIDER = "Sign in with Contoso ID"


def go_to_provider(page: Page, button: str = PROVIDER) -> None:
    """Press the button, and arrive at the provider's page."""
    page.get_by_role("button", name=button).click()
    expect(page.get_by_text("Who are you?")).to_be_visible()


def choose(page: Page, email: str) -> None:
    """Be this person at the provider."""
    page.get_by_label(re.compile(re.escape(email))).check()
    page.get_by_role("button", name="Continue").click()


def sign_in(page: Page, email: str, password: str) -> None:
    """Fill in the form for local passwords and send it."""
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def test_the_provider_leads_to_the_page_asked_for_and_signing_out_leaves_both(
    portal: Portal, open_page: OpenPage
) -> None:
    page = open_page("nobody", "/syncs/")

    go_to_provider(page)
    choose(page, portal.estate["people"]["bob"]["email"])
    expect(page.get_by_role("heading", name="Syncs", level=1)).to_be_visible()

    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()
    page.goto("/syncs/")
    expect(page.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()
    go_to_provider(page)


def test_cancelling_at_the_provider_is_said(portal: Portal, open_page: OpenPage) -> None:
    page = open_page("nobody", "/syncs/")
    go_to_provider(page, "Sign in with Microsoft")

    page.get_by_role("button", name="Cancel").click()

    expect(page.get_by_role("alert")).to_contain_text("cancelled at the identity provider")
    go_to_provider(page)
    choose(page, portal.estate["people"]["bob"]["email"])
    expect(page.get_by_role("heading", name="Syncs", level=1)).to_be_visible()


def test_who_was_not_invited_is_told_so_and_can_be_somebody_else(portal: Portal, open_page: OpenPage) -> None:
    people, page = portal.estate["people"], open_page("nobody", "/")
    go_to_provider(page)

    choose(page, people["sam"]["email"])

    expect(page.get_by_role("heading", name="Nobody has invited you yet")).to_be_visible()
    expect(page.get_by_text(people["sam"]["email"])).to_be_visible()
    go_to_provider(page, "Sign in as somebody else")
    choose(page, people["bob"]["email"])
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()


def test_all_of_it_works_without_javascript(portal: Portal, open_page: OpenPage) -> None:
    page = open_page("nobody", "/syncs/", java_script_enabled=False)

    go_to_provider(page)
    choose(page, portal.estate["people"]["bob"]["email"])

    expect(page.get_by_role("heading", name="Syncs", level=1)).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()


def test_a_local_password_opens_the_page_asked_for(portal: Portal, open_page: OpenPage) -> None:
    page = open_page("nobody", "/syncs/")

    sign_in(page, portal.estate["people"]["bob"]["email"], portal.estate["password"])

    expect(page.get_by_role("heading", name="Syncs", level=1)).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()


def test_a_wrong_password_is_said_and_what_was_typed_stays(portal: Portal, open_page: OpenPage) -> None:
    page, email = open_page("nobody", "/sign-in/"), portal.estate["people"]["bob"]["email"]

    sign_in(page, email, "not the right one")

    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("Email")).to_have_value(email)
    expect(page.get_by_label("Password")).to_have_value("")
