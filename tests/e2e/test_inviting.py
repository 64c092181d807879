"""From inviting somebody to their first look at the tenant: the form, the mail, the identity provider, the button."""

import re
import time
from email import message_from_string, policy
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import OpenPage
from tests.e2e.portal import Portal
from tests.e2e.test_signing_in import choose, go_to_provider

MAIL_SECONDS = 30.0
LINK = re.compile(r"http://\S+/invitation/\?token=\S+")


def people_of_contoso(open_page: OpenPage) -> Page:
    """Alice goes to the people of her tenant."""
    page = open_page("alice", "/tenants/")
    page.get_by_role("link", name="contoso", exact=True).first.click()
    page.get_by_role("link", name="People and roles").click()
    return page


def invite(page: Page, email: str, role: str) -> None:
    """Fill in the form and send it."""
    page.get_by_role("textbox", name="E-mail", exact=True).fill(email)
    page.locator("form.form").get_by_label("Role", exact=True).select_option(role)
    page.get_by_role("button", name="Invite", exact=True).click()
    expect(page.get_by_text(f"{email} is invited as {role}.")).to_be_visible()


def link_sent_to(portal: Portal, email: str) -> str:
    """The link in the newest mail to this address, once a worker wrote it."""
    deadline = time.monotonic() + MAIL_SECONDS
    while time.monotonic() < deadline:
        for path in sorted((portal.folder / "mail").glob("*.log"), reverse=True):
            if (link := _link_in(path, email)) is not None:
                return link
        time.sleep(0.1)
    raise AssertionError(f"No mail to {email} within {MAIL_SECONDS:g} seconds.")


def _link_in(path: Path, email: str) -> str | None:
    mail = message_from_string(path.read_text(encoding="utf-8"), policy=policy.default)
    plain = mail.get_body(("plain",)) if mail["To"] == email else None
    found = LINK.search(plain.get_content()) if plain is not None else None
    return found[0] if found else None


@pytest.mark.usefixtures("worker")
def test_somebody_new_is_invited_and_lets_themselves_in(open_page: OpenPage, portal: Portal) -> None:
    email = portal.estate["people"]["sam"]["email"]
    admin = people_of_contoso(open_page)
    invite(admin, email, "operator")
    row = admin.get_by_role("row", name=re.compile(email))
    expect(row).to_contain_text("Invited until")

    link = link_sent_to(portal, email)
    admin.reload()
    expect(row).to_contain_text("Sent")

    page = open_page("nobody", link)
    expect(page).to_have_url(f"{portal.url}/invitation/")  # what is secret has left the address
    expect(page.get_by_text("Operator of contoso")).to_be_visible()
    page.get_by_role("link", name="Sign in to accept").click()
    go_to_provider(page)
    choose(page, email)
    page.get_by_role("button", name=f"Accept as {email}").click()

    expect(page.get_by_text("Welcome. You have a role in the tenant now.")).to_be_visible()
    expect(page.get_by_role("heading", name="contoso", level=1)).to_be_visible()
    admin.reload()
    expect(admin.get_by_role("link", name=email)).to_be_visible()
    expect(admin.get_by_text("Invited until")).to_have_count(2)  # the guest and ivy, who have not come
    again = open_page("nobody", link)
    expect(again.get_by_role("heading", name="This invitation cannot be used")).to_be_visible()


def test_an_invitation_is_taken_back(open_page: OpenPage, portal: Portal) -> None:
    admin = people_of_contoso(open_page)
    invite(admin, "somebody@elsewhere.example", "reader")

    admin.get_by_role("link", name="somebody@elsewhere.example").click()
    admin.get_by_role("button", name="Revoke it").click()

    expect(admin.get_by_text("The invitation of somebody@elsewhere.example is revoked.")).to_be_visible()
    expect(admin.get_by_role("link", name="somebody@elsewhere.example")).to_have_count(0)


def test_whoever_is_signed_in_as_somebody_else_is_told_so(open_page: OpenPage, portal: Portal) -> None:
    page = open_page("ivy", "/invitation/")
    page.get_by_role("link", name="Sign in to accept").click()
    go_to_provider(page)
    choose(page, portal.estate["people"]["bob"]["email"])

    expect(page.get_by_role("alert")).to_contain_text("This invitation is for another address.")
    expect(page.get_by_role("button", name=re.compile("Accept"))).to_have_count(0)
