"""The system's Chromium. `python -m tests.e2e.chromium` prints its path, or says what is missing and exits 1."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# It runs in containers and as root, and speaks to nobody but the portal.
OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
MISSING = (
    "Chromium is missing, and the browser tests need it. As root: "
    "apt-get update && apt-get install -y --no-install-recommends chromium (or set CHROMIUM to a browser's path)."
)


def chromium() -> str | None:
    """Its path: the variable CHROMIUM, or the first known name on the path."""
    given = os.environ.get("CHROMIUM")
    names = (given,) if given else NAMES
    return next((found for found in map(shutil.which, names) if found), None)


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """One browser without a window. Raises RuntimeError when there is no Chromium."""
    program = chromium()
    if program is None:
        raise RuntimeError(MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(OPTIONS))
        try:
            yield browser
        finally:
            browser.close()


def main() -> int:
    """For the Makefile and for CI."""
    program = chromium()
    sys.stdout.write(f"{program or MISSING}\n")
    return 0 if program else 1


if __name__ == "__main__":
    sys.exit(main())
