"""Judge: what a run of the cost sync received, slice by slice, against what was due. Pure.

Complete is a subscription of which every slice that was due was received whole and stored, or was found unchanged. A
slice that the offer does not have is no gap. A cost query is whole where the offer has nothing better; where a better
source failed it is a fallback, and the run is partial.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

COSTS = "costs"  # the source of the receipts
TOLERATED_SHARE = Decimal("0.001")  # of a month that is over, between its rows and Azure's own total
TOLERATED_AMOUNT = Decimal("0.01")
RECEIVED = frozenset({"stored", "unchanged"})
NOT_OFFERED = "not_offered"
LONGEST_REASON = 1000


@dataclass(frozen=True, slots=True)
class SliceReading:
    """What became of one slice. `rows` as received; `expected` None while unknown; `failure` why it is not whole."""

    month: date
    metric: str
    verdict: str  # of CostReceipt.Verdict
    rows: int = 0
    expected: int | None = None
    set_aside: int = 0
    failure: str = ""  # also of one that was stored: from a fallback, or with rows set aside
    not_offered: str = ""  # what the offer does not have

    @property
    def is_received(self) -> bool:
        """It is stored as it was just read."""
        return self.verdict in RECEIVED

    @property
    def is_whole(self) -> bool:
        """Nothing of it is missing that Azure has."""
        return not self.failure and (self.is_received or self.verdict == NOT_OFFERED)


@dataclass(slots=True)
class SubscriptionReading:
    """What a run got of one subscription. `failure` is of the whole of it: why nothing could be asked."""

    subscription_id: str
    slices: list[SliceReading] = field(default_factory=list)
    failure: str = ""

    @property
    def is_complete(self) -> bool:
        """Every slice that was due is whole."""
        return not self.failure and all(row.is_whole for row in self.slices)

    @property
    def received(self) -> int:
        """Rows that were received."""
        return sum(row.rows for row in self.slices if row.is_received)

    @property
    def expected(self) -> int | None:
        """Rows that were to be received; None while one slice's are not known."""
        counts = [row.expected for row in self.slices if row.verdict != NOT_OFFERED]
        known = [count for count in counts if count is not None]
        return sum(known) if len(known) == len(counts) and not self.failure else None

    @property
    def set_aside(self) -> int:
        """Rows that could not be read."""
        return sum(row.set_aside for row in self.slices)

    @property
    def has_something(self) -> bool:
        """At least one slice was received, or none was to be had."""
        return any(row.is_received or row.verdict == NOT_OFFERED for row in self.slices) or self.is_complete

    @property
    def missing(self) -> str:
        """Why it is not complete, in words; "" when it is."""
        gaps = [(row, row.failure or "It was not stored.") for row in self.slices if not row.is_whole]
        return " ".join(filter(None, [self.failure, *_told(gaps)]))[:LONGEST_REASON]

    @property
    def not_offered(self) -> str:
        """What its offer does not have, in words: no gap, and no costs either."""
        return " ".join(_told([(row, row.not_offered) for row in self.slices if row.not_offered]))[:LONGEST_REASON]


@dataclass(frozen=True, slots=True)
class Judgement:
    """The outcome of a run ("ok", "partial" or "failed") and why, in words."""

    outcome: str
    reason: str


def judge(readings: Sequence[SubscriptionReading]) -> Judgement:
    """`ok`: every subscription is complete. `failed`: something is missing and nothing was received. Else `partial`."""
    if not readings:
        return Judgement(
            "failed", "No subscription of this tenant is visible. Give the application the role Cost Management Reader."
        )
    reasons = list(dict.fromkeys(reading.missing for reading in readings if not reading.is_complete))
    if not reasons:
        return Judgement("ok", "")
    outcome = "partial" if any(reading.has_something for reading in readings) else "failed"
    return Judgement(outcome, " ".join(reasons)[:LONGEST_REASON])


def shortfall(came: Mapping[str, Decimal], control: Mapping[str, Decimal] | None) -> str:
    """What the rows of a month that is over lack of Azure's own total, in words; "" when they add up."""
    for currency, whole in sorted((control or {}).items()):
        found = came.get(currency, Decimal(0))
        if whole - found > max(TOLERATED_AMOUNT, abs(whole) * TOLERATED_SHARE):
            return f"The rows add up to {found:f} {currency}, and Azure's own total is {whole:f}."
    return ""


def totals(readings: Iterable[SubscriptionReading]) -> tuple[int | None, int]:
    """Rows expected and received over all subscriptions; expected is None when any is unknown."""
    rows = list(readings)
    expected = [reading.expected for reading in rows]
    known = [count for count in expected if count is not None]
    return (sum(known) if len(known) == len(expected) else None), sum(reading.received for reading in rows)


def _told(rows: Iterable[tuple[SliceReading, str]]) -> list[str]:
    by_reason: dict[str, list[SliceReading]] = {}
    for row, reason in rows:
        by_reason.setdefault(reason, []).append(row)
    return [f"{_which(rows)}: {reason}" for reason, rows in by_reason.items()]


def _which(rows: Sequence[SliceReading]) -> str:
    """`2026-11 actual`, or `12 slices from 2025-11 to 2026-10`."""
    if len(rows) == 1:
        return f"{rows[0].month:%Y-%m} {rows[0].metric}"
    months = sorted({row.month for row in rows})
    if len(months) == 1:
        return f"{months[0]:%Y-%m}"
    return f"{len(rows)} slices from {months[0]:%Y-%m} to {months[-1]:%Y-%m}"
