"""Every page, in both themes, on a phone and on a wide screen: readable, reachable, and silent in the console."""

from collections.abc import Iterator, Sequence
from contextlib import closing

import pytest
from playwright.sync_api import Browser

from tests.e2e.conftest import HEIGHT, context_of
from tests.e2e.looks import THEMES, Stop, Theme, Watch
from tests.e2e.portal import Portal
from tests.e2e.stops import pages, states

WIDTHS = (360, 1440)


def wrong_with(
    stops: list[Stop], browser: Browser, portal: Portal, width: int, *, themes: Sequence[Theme] = THEMES
) -> Iterator[str]:
    """A line for each broken rule: page, width, theme, rule, place."""
    for who in dict.fromkeys(stop.who for stop in stops):
        with closing(context_of(browser, portal, who, viewport={"width": width, "height": HEIGHT})) as context:
            watch = Watch(context.new_page(), portal.url)
            for stop in (stop for stop in stops if stop.who == who):
                yield from (f"{stop.name} · {width} px · {line}" for line in watch.look(stop, themes=themes))


@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_keeps_every_rule(browser: Browser, portal: Portal, width: int) -> None:
    wrong = "\n".join(wrong_with(pages(portal), browser, portal, width))

    assert not wrong, wrong


@pytest.mark.parametrize(("width", "theme"), [(360, "dark"), (1440, "light")])
def test_every_state_of_a_page_keeps_every_rule(browser: Browser, portal: Portal, width: int, theme: Theme) -> None:
    wrong = "\n".join(wrong_with(states(portal), browser, portal, width, themes=[theme]))

    assert not wrong, wrong


def test_the_pages_are_those_of_the_url_configuration(portal: Portal) -> None:
    answers, shown = portal.estate["answers"], {page.view for page in portal.pages}
    refused = {view for view, found in answers.items() if found["status"] in {400, 403, 404, 500}}

    assert {"inventory:resources", "portal:syncs", "portal:sync-run"} <= shown
    assert refused == {"tenants:invitation"}  # opens with the link of a mail alone; test_inviting.py goes there
