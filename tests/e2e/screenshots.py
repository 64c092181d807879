"""`python -m tests.e2e.screenshots FOLDER [--only WORD]`: pictures of every page and state, both themes, both widths.

Each is FOLDER/<page>-<theme>-<width>.png, cut at a few screens' height.
"""

import re
import sys
from argparse import ArgumentParser
from contextlib import closing
from pathlib import Path

from playwright.sync_api import Browser, FloatRect

from tests.e2e.chromium import running_chromium
from tests.e2e.conftest import HEIGHT, context_of
from tests.e2e.looks import THEMES, Stop, Watch
from tests.e2e.portal import Portal, running_portal
from tests.e2e.stops import pages, states

WIDTHS = (360, 1440)
TALLEST = 2400  # px


def main() -> None:
    """Take them all; `--only` takes those whose page has the word in its name."""
    parser = ArgumentParser(prog="python -m tests.e2e.screenshots", description="Pictures of every page.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", metavar="WORD", help="only pages and states with this word in the name")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    with running_portal() as portal, running_chromium() as browser:
        stops = [stop for stop in (*pages(portal), *states(portal)) if given.only.lower() in stop.name.lower()]
        taken = sum(_take(browser, portal, stops, width, given.folder) for width in WIDTHS)
    sys.stdout.write(f"{taken} pictures in {given.folder}\n")


def _take(browser: Browser, portal: Portal, stops: list[Stop], width: int, folder: Path) -> int:
    taken = 0
    for who in dict.fromkeys(stop.who for stop in stops):
        with closing(context_of(browser, portal, who, viewport={"width": width, "height": HEIGHT})) as context:
            watch = Watch(context.new_page(), portal.url)
            for stop in (stop for stop in stops if stop.who == who):
                watch.visit(stop)
                taken += _take_in_each_theme(watch, folder, f"{_file_name(stop.name)}-{{}}-{width}.png")
    return taken


def _take_in_each_theme(watch: Watch, folder: Path, name: str) -> int:
    height = watch.page.evaluate("() => document.documentElement.scrollHeight")
    width = watch.page.evaluate("() => document.documentElement.clientWidth")
    cut = FloatRect(x=0, y=0, width=width, height=min(height, TALLEST))
    for theme in THEMES:
        watch.page.emulate_media(color_scheme=theme)
        watch.page.screenshot(path=folder / name.format(theme), full_page=True, clip=cut)
    return len(THEMES)


def _file_name(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


if __name__ == "__main__":
    main()
