"""One browser and one portal for all tests of a process here. Each test finds the portal as it was made."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.e2e.chromium import MISSING, chromium, running_chromium
from tests.e2e.portal import Portal, running_portal

PATIENCE_MILLISECONDS = 10_000
WIDTH = 1440
HEIGHT = 900

OpenPage = Callable[..., Page]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """One line instead of an error for each test."""
    if chromium() is None and any("tests/e2e" in item.nodeid for item in items):
        pytest.exit(MISSING, returncode=1)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium, without a window."""
    with running_chromium() as running:
        yield running


@pytest.fixture(scope="session")
def running() -> Iterator[Portal]:
    """The portal's processes."""
    with running_portal() as portal:
        yield portal


@pytest.fixture
def portal(running: Portal) -> Portal:
    """The portal, as it was made."""
    running.reset()
    return running


@pytest.fixture
def worker(portal: Portal) -> None:
    """Somebody does what is queued."""
    portal.start_worker()


def context_of(browser: Browser, portal: Portal, who: str, **options: Any) -> BrowserContext:
    """A browser profile of this person, signed in; nobody is not; sam only proved who they are, ivy holds a link."""
    chosen = {"viewport": {"width": WIDTH, "height": HEIGHT}, "reduced_motion": "reduce", **options}
    chosen["ignore_https_errors"] = True  # the identity provider is the simulator, with a CA of its own
    context = browser.new_context(base_url=portal.url, **chosen)
    context.set_default_timeout(PATIENCE_MILLISECONDS)
    if who != "nobody":
        session = portal.estate["people"][who]["session"]
        context.add_cookies([{"name": "sessionid", "value": session, "url": portal.url, "httpOnly": True}])
    return context


@pytest.fixture
def open_page(browser: Browser, portal: Portal) -> Iterator[OpenPage]:
    """`open_page("alice", "/resources/")`: a tab of this person's. More options are Playwright's for a context."""
    contexts: list[BrowserContext] = []

    def open_one(who: str, path: str, **options: Any) -> Page:
        context = context_of(browser, portal, who, **options)
        contexts.append(context)
        page = context.new_page()
        page.goto(path)
        return page

    yield open_one
    for context in contexts:
        context.close()
