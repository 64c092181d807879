"""The one table of how often somebody may ask. `governance/throttling.py` counts; why so: docs/adr/0017-limits.md.

Each number can be set by the environment: RATE_LIMIT_PERSON=600/60 is 600 requests in 60 seconds, "off" is no limit
(production refuses "off"). They are generous: whoever works by hand, or follows pages of the API, never meets them.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

SHAPE = re.compile(r"([1-9]\d{0,8})/([1-9]\d{0,6})")


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `quota` requests in each window of `seconds`, for one key: a person, a token, a tenant, an address."""

    name: str
    quota: int
    seconds: int
    why: str

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return f"RATE_LIMIT_{self.name.upper().replace('-', '_')}"


LIMITS: tuple[Limit, ...] = (
    Limit("person", 600, 60, "A page is one or two requests; ten tabs that look again every two seconds ask 300."),
    Limit("token", 300, 60, "Five pages of 1,000 rows a second, for as long as a program likes."),
    Limit("tenant", 3000, 60, "Five people at their own limit; one tenant's programs do not slow down the others."),
    Limit("address", 300, 60, "Nobody is signed in: the sign-in page, the API's description, the state of the data."),
    Limit("sign-in-address", 120, 300, "An office of a hundred behind one address signs in at nine."),
    Limit("sign-in-account", 10, 900, "One address tries one account: enough to remember which password it was."),
    Limit("sign-in-name", 200, 900, "All addresses together try one account: 19,200 guesses a day at most."),
    Limit("export", 30, 600, "Each reads a whole list or makes a report; people ask for a few a day."),
)

# What test suites and benches put into their environment: they ask more than people do, and count all the same.
UNREACHED = {limit.variable: "100000000/60" for limit in LIMITS}

NOT_LIMITED = frozenset({"healthz"})  # the platform's own probe, which asks from one address and for ever
# What is counted more strictly, by the name of the address. Only what writes: showing the form costs nothing.
SIGN_IN = re.compile(r"sign-in(-\w+)*")  # with a password, or the start of the way to an identity provider
EXPORTS = frozenset({"portal:export", "portal:report", "export-list", "report-list"})


def from_environment(read: Callable[[str, str], str]) -> dict[str, Limit]:
    """The table with what the environment says instead. Raises ValueError that names a variable nobody can read."""
    wanted = {limit: read(limit.variable, f"{limit.quota}/{limit.seconds}").strip() for limit in LIMITS}
    return {limit.name: _as_told(limit, text) for limit, text in wanted.items() if text.lower() != "off"}


def _as_told(limit: Limit, text: str) -> Limit:
    found = SHAPE.fullmatch(text)
    if found is None:
        raise ValueError(
            f"{limit.variable} is {text!r}: give requests/seconds, as {limit.quota}/{limit.seconds}, or off."
        )
    return replace(limit, quota=int(found[1]), seconds=int(found[2]))
