"""Judge: what a run of the resource sync received, against what it had to receive. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field

RESOURCE_GRAPH = "resource_graph"
RESOURCE_GROUPS = "resource_groups"  # asked of Resource Graph too, by a question of its own
ARM = "arm"


@dataclass(slots=True)
class Reading:
    """What one source gave for one subscription so far. `expected` is None while unknown."""

    subscription_id: str
    source: str = RESOURCE_GRAPH
    expected: int | None = None
    received: int = 0
    set_aside: int = 0
    identified: bool = True  # False once a row was set aside whose id could not be read
    failure: str = ""  # why this source stopped answering, or was never asked
    seen: set[bytes] = field(default_factory=set)  # keys of the resources that are there
    groups: set[str] = field(default_factory=set)  # folded names of the resource groups that hold them

    @property
    def what(self) -> str:
        """What this reading is of, in the plural."""
        return "resource groups" if self.source == RESOURCE_GROUPS else "resources"

    @property
    def missing(self) -> str:
        """Why this reading is not complete, in words; "" when everything expected was received whole."""
        if self.failure:
            return self.failure
        if self.expected is None:
            return f"How many {self.what} to expect is not known."
        if self.received + self.set_aside < self.expected:
            return f"Expected {self.expected}, received {self.received + self.set_aside}: rows are missing."
        if self.set_aside:
            return f"{self.set_aside} row(s) could not be read and were set aside."
        return ""

    @property
    def is_complete(self) -> bool:
        """Everything expected was received and readable."""
        return not self.missing

    @property
    def proves_absence(self) -> bool:
        """True when a resource that is not in `seen` is certainly gone: every row came, and each could be named."""
        arrived = not self.failure and self.expected is not None and self.received + self.set_aside >= self.expected
        return arrived and self.identified and self.source != ARM


@dataclass(frozen=True, slots=True)
class Judgement:
    """The outcome of a run ("ok", "partial" or "failed") and why, in words."""

    outcome: str
    reason: str


def judge(readings: Iterable[Reading], *, set_aside: int, groups: Iterable[Reading] = ()) -> Judgement:
    """`ok`: every reading is complete. `failed`: something is missing and nothing was received. Else `partial`.

    Only the resources decide whether a run failed; groups that are missing make it partial.
    """
    judgement = _of_resources(list(readings), set_aside)
    gaps = dict.fromkeys(reading.missing for reading in groups if reading.missing)
    reasons = [f"Resource groups: {gap}" for gap in gaps if gap not in judgement.reason]
    if not reasons:
        return judgement
    outcome = "partial" if judgement.outcome == "ok" else judgement.outcome
    return Judgement(outcome, " ".join(filter(None, [judgement.reason, *reasons]))[:1000])


def _of_resources(readings: list[Reading], set_aside: int) -> Judgement:
    if not readings:
        return Judgement("failed", "No subscription of this tenant is visible. Give the application the role Reader.")
    reasons = list(dict.fromkeys(reading.missing for reading in readings if reading.missing))
    if not reasons and not set_aside:
        return Judgement("ok", "")
    if not reasons:
        reasons = [f"{set_aside} row(s) could not be read and were set aside."]
    received = sum(reading.received for reading in readings) + set_aside
    emptied = any(reading.is_complete for reading in readings)
    return Judgement("partial" if received or emptied else "failed", " ".join(reasons)[:1000])


def totals(readings: Iterable[Reading]) -> tuple[int | None, int]:
    """Expected and received over all subscriptions, each by the source that told most; None when any is unknown."""
    by_subscription: dict[str, list[Reading]] = {}
    for reading in readings:
        by_subscription.setdefault(reading.subscription_id, []).append(reading)
    expected: list[int | None] = []
    for sources in by_subscription.values():
        known = [reading.expected for reading in sources if reading.expected is not None]
        expected.append(max(known, default=None))
    received = sum(max(reading.received for reading in sources) for sources in by_subscription.values())
    return (None if None in expected else sum(part for part in expected if part is not None)), received
