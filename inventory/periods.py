"""What a new verdict means for the period that is open. Pure: plain values in, one step out."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from inventory.orphans import Finding, Verdict


class Step(StrEnum):
    """What is to be done with the open period of one resource and rule."""

    NOTHING = "nothing"
    OPEN = "open"  # a new period begins
    END = "end"  # it is in use (again)
    DOUBT = "doubt"  # it can no longer be told; the period stays open and says so
    CONFIRM = "confirm"  # it can be told again, and is still so
    RESTART = "restart"  # it ended between two readings, and another one began
    RESOLVE = "resolve"  # it was never anything but unknown; now it is known, and an orphan since nobody knows when


@dataclass(frozen=True, slots=True)
class OpenPeriod:
    """The period that is open. `unreadable_since` is None while its verdict can be told."""

    id: UUID
    since: datetime
    unreadable_since: datetime | None

    @property
    def was_orphaned(self) -> bool:
        """False for a period that was never anything but unknown."""
        return self.unreadable_since is None or self.unreadable_since > self.since


def next_step(period: OpenPeriod | None, finding: Finding) -> Step:
    """The step from what is open to what was found now."""
    if period is None:
        return Step.NOTHING if finding.verdict is Verdict.IN_USE else Step.OPEN
    if finding.is_weak:
        return Step.NOTHING
    if finding.verdict is Verdict.IN_USE:
        return Step.END
    if finding.verdict is Verdict.UNKNOWN:
        return Step.DOUBT if period.unreadable_since is None else Step.NOTHING
    return _still_orphaned(period, finding)


def _still_orphaned(period: OpenPeriod, finding: Finding) -> Step:
    if not period.was_orphaned:
        return Step.RESOLVE
    if finding.since is not None and finding.since > period.since:
        return Step.RESTART
    return Step.NOTHING if period.unreadable_since is None else Step.CONFIRM
