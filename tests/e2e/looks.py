"""Looks at pages: every rule that each page of the portal has to keep, in words that say what is broken."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlencode

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import ConsoleMessage, Page, Response, Route

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")
TAB_STOPS = 6  # from the top of the page: the skip link and what follows it
NODES_NAMED = 3  # of one broken rule
LAYOUT = """() => ({
    title: document.title.trim(),
    headings: document.querySelectorAll("h1").length,
    wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    beyond: [...document.querySelectorAll("body *")].filter((element) => {
        const box = element.getBoundingClientRect();
        return box.width && box.right + window.scrollX > document.documentElement.clientWidth + 1;
    }).map((element) => element.tagName.toLowerCase() + (element.className ? "." + element.className : "")),
})"""
UNLABELLED = """(theirs) => [...document.querySelectorAll("input:not([type=hidden]), select, textarea")]
    .filter((control) => !(theirs && control.closest(theirs)) && !control.labels.length
        && !control.hasAttribute("aria-label") && !control.hasAttribute("aria-labelledby"))
    .map((control) => control.name || control.id)"""  # axe takes a placeholder for a label
OPEN = """(which) => {
    const parts = [...document.querySelectorAll("details")];
    const floats = (part) => [...part.children].some((child) => child.tagName !== "SUMMARY"
        && ["absolute", "fixed"].includes(getComputedStyle(child).position));
    const menus = parts.filter((part) => { part.open = true; return floats(part); });
    menus.forEach((part, number) => { part.open = number === which; });
    return menus.map((part) => part.textContent.replace(/\\s+/g, " "));
}"""  # what folds away is opened; of the menus, which lie over the page, one at a time
AXE = """([theirs, isMenuOpen, options]) => axe.run(
    isMenuOpen ? [...document.querySelectorAll("details[open]")].filter((part) => [...part.children].some((child) =>
        ["absolute", "fixed"].includes(getComputedStyle(child).position)))[0]
    : theirs ? {exclude: [theirs]} : document, options)"""
NO_MENU = -1
FOCUS = """() => {
    const element = document.activeElement;
    if (!element || element === document.body) return null;
    const style = getComputedStyle(element), box = element.getBoundingClientRect();
    const above = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    return {
        what: element.tagName.toLowerCase() + " " + (element.getAttribute("aria-label") || element.textContent
            || element.getAttribute("name") || "").trim().slice(0, 40),
        ringed: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1 || style.boxShadow !== "none",
        inView: box.width > 0 && box.top >= -1 && box.left >= -1 && box.bottom <= innerHeight + 1
            && box.right <= innerWidth + 1,
        covered: above !== null && !element.contains(above) && !above.contains(element),
    };
}"""


@dataclass(frozen=True, slots=True)
class Stop:
    """A page to look at: who opens it, how, and the statuses it may answer. `body` makes it a form that is sent.

    `theirs` selects the parts that a library writes: only where they stand is ours.
    """

    name: str
    path: str
    who: str = "alice"
    statuses: tuple[int, ...] = (200,)
    body: dict[str, str] | None = None
    theirs: str = ""


@dataclass
class Watch:
    """A tab, and what the browser says in it: broken policy, scripts, requests. (No slots: Playwright adds to it.)"""

    page: Page
    url: str
    heard: list[str] = field(default_factory=list)
    path: str = ""
    menus: set[tuple[str, Theme]] = field(default_factory=set)  # those that were judged: most are on many pages

    def __post_init__(self) -> None:
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.heard.append(f"script error: {error}"))
        self.page.on("requestfailed", lambda request: self.heard.append(f"request failed: {request.url}"))
        self.page.on("response", self._response)

    def _console(self, message: ConsoleMessage) -> None:
        is_own_status = message.text.startswith("Failed to load resource")  # of a page that answers 404, as it should
        if not (is_own_status and message.location.get("url", "") == f"{self.url}{self.path}"):
            self.heard.append(f"console {message.type}: {message.text[:300]}")

    def _response(self, response: Response) -> None:
        if response.status >= 400 and not response.request.is_navigation_request():
            self.heard.append(f"request answered {response.status}: {response.url}")

    def look(self, stop: Stop, *, themes: Sequence[Theme] = THEMES) -> Iterator[str]:
        """Open the page and say everything that is wrong with it, in each of these themes."""
        self.heard.clear()
        self.path = stop.path
        status = self.visit(stop)
        if status not in stop.statuses:
            yield f"status: {status}, not {' or '.join(map(str, stop.statuses))}"
        if not stop.theirs:
            yield from _focus(self.page)
        self.page.evaluate(AXE_SCRIPT)
        menus: list[str] = self.page.evaluate(OPEN, NO_MENU)
        yield from self._judge(stop, themes)
        for number, words in enumerate(menus):
            self.page.evaluate(OPEN, number)
            yield from self._judge(stop, [theme for theme in themes if (words, theme) not in self.menus], menu=number)
            self.menus |= {(words, theme) for theme in themes}
        yield from self.heard

    def _judge(self, stop: Stop, themes: Sequence[Theme], *, menu: int = NO_MENU) -> Iterator[str]:
        yield from _layout(self.page, stop)
        for theme in themes:
            self.page.emulate_media(color_scheme=theme)
            yield from (f"{theme} · {line}" for line in _axe(self.page, stop, menu=menu))

    def visit(self, stop: Stop) -> int:
        """Go there, by a link or by sending a form. The status of the answer."""
        self.page.emulate_media(color_scheme=THEMES[0])
        if stop.body is not None:
            sent = urlencode({**stop.body, "csrfmiddlewaretoken": self._csrf_token()})
            self.page.route(f"{self.url}{stop.path}", lambda route: _send(route, sent), times=1)
        response = self.page.goto(f"{self.url}{stop.path}")
        if stop.theirs:
            self.page.wait_for_selector(f"{stop.theirs} :is(h1, h2, h3)")
        return response.status if response else 0

    def _csrf_token(self) -> str:
        cookies: list[Any] = self.page.context.cookies(self.url)
        return next((str(cookie["value"]) for cookie in cookies if cookie["name"] == "csrftoken"), "")


def _send(route: Route, body: str) -> None:
    headers = {**route.request.headers, "content-type": "application/x-www-form-urlencoded"}
    route.continue_(method="POST", post_data=body, headers=headers)


def _layout(page: Page, stop: Stop) -> Iterator[str]:
    found = page.evaluate(LAYOUT)
    yield from (f"label: the control {name!r} has none" for name in page.evaluate(UNLABELLED, stop.theirs))
    if not found["title"]:
        yield "title: the page has none"
    if found["headings"] != 1 and not stop.theirs:
        yield f"h1: there are {found['headings']}"
    if found["wide"] > 0:
        yield f"scroll: the page is {found['wide']} px too wide, see {', '.join(found['beyond'][:NODES_NAMED])}"


def _focus(page: Page) -> Iterator[str]:
    """Tab from the top: each stop shows where one is."""
    for _ in range(TAB_STOPS):
        page.keyboard.press("Tab")
        found = page.evaluate(FOCUS)
        if found is None:
            return
        yield from (f"focus: {words} at {found['what']!r}" for words in _unseen(found))


def _unseen(found: dict[str, Any]) -> list[str]:
    problems = {"no ring": not found["ringed"], "out of view": not found["inView"], "covered": found["covered"]}
    return [words for words, is_so in problems.items() if is_so]


def _axe(page: Page, stop: Stop, *, menu: int) -> Iterator[str]:
    options = {
        "runOnly": {"type": "tag", "values": TAGS},
        "rules": {"target-size": {"enabled": True}},  # of WCAG 2.2, and not on by itself
        "resultTypes": ["violations"],
    }
    for rule in page.evaluate(AXE, [stop.theirs, menu != NO_MENU, options])["violations"]:
        yield f"axe {rule['id']}: {rule['help']}, at {'; '.join(map(_node, rule['nodes'][:NODES_NAMED]))}"


def _node(node: dict[str, Any]) -> str:
    told = [check["message"] for how in ("any", "all", "none") for check in node[how]]
    return f"{' '.join(map(str, node['target']))} ({told[0] if told else ''})"
