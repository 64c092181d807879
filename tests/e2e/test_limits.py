"""Whoever asks too often reads when to come again, with and without JavaScript."""

import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, expect

from governance.valkey import free_port
from tests.e2e.conftest import context_of
from tests.e2e.portal import Portal, started


@pytest.fixture
def narrow(portal: Portal) -> Iterator[Portal]:
    """The same portal, served by a process that lets a person ask twice a day."""
    port = free_port()
    web = [sys.executable, "-m", "gunicorn", "governance.wsgi", "-k", "gthread", "-b", f"127.0.0.1:{port}"]
    with started(portal.supervisor, "narrow", web, {**portal.environment, "RATE_LIMIT_PERSON": "2/86400"}, port):
        yield replace(portal, url=f"http://127.0.0.1:{port}")


@pytest.mark.parametrize("javascript", ["on", "off"])
def test_too_many_requests_is_a_page(narrow: Portal, browser: Browser, javascript: str) -> None:
    context = context_of(browser, narrow, "bob", java_script_enabled=javascript == "on")
    page = context.new_page()
    page.goto("/resources/")
    pages = page.get_by_role("navigation", name="Pages")
    pages.get_by_role("link", name="Next").click()
    page.wait_for_url("**page=2*")

    pages.get_by_role("link", name="Next").click()

    expect(page.get_by_role("heading", name="Too many requests")).to_be_visible()
    expect(page.get_by_text("Try again in")).to_be_visible()
    expect(page.get_by_role("heading")).to_have_count(1)  # in place of the list, not inside it
    context.close()
