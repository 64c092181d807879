"""How complete and how fresh what we hold is: per tenant in scope, and all of them together.

Four queries, whatever the number of tenants. The judgement itself is pure (`state_of`, `together`).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db.models import Count, Min, Q
from django.utils import timezone

from audit.models import CoverageReceipt, SyncRun
from governance.filters import StrictFilterSet
from governance.schedules import schedule_for
from tenants.lists import tenants_asked_for
from tenants.models import Subscription, Tenant

SOURCES_OF_ROWS = ("resource_graph", "arm", "costs")  # a run has receipts of other sources too
DATED_BY = ("resource_graph", "costs")  # the sources whose receipts tell when a subscription was last read whole
NAMED_GAPS = 20  # gaps listed by name in one answer; the others are counted


class State(StrEnum):
    """From best to worst."""

    COMPLETE = "complete"  # everything expected was received, recently
    STALE = "stale"  # complete when last read, but that is longer ago than two periods of the schedule
    PARTIAL = "partial"  # the last run missed something
    FAILED = "failed"  # the last run received nothing
    NEVER = "never"  # no run has ended yet


@dataclass(frozen=True, slots=True)
class Gap:
    """One subscription and source that the last run did not receive whole."""

    tenant: str
    subscription: str
    source: str
    expected: int | None
    received: int
    reason: str
    last_complete_at: datetime | None


@dataclass(frozen=True, slots=True)
class TenantFreshness:
    """One tenant. `complete_as_of`: all its data are at least this fresh; None when some were never read whole."""

    tenant_id: UUID
    tenant: str
    paused: bool
    state: State
    last_run_at: datetime | None
    complete_as_of: datetime | None
    expected: int | None
    received: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Coverage:
    """All tenants in scope together: the worst state of those not paused, the oldest date, and the gaps by name."""

    kind: str
    state: State
    complete_as_of: datetime | None
    tenants: tuple[TenantFreshness, ...]
    gaps: tuple[Gap, ...]
    more_gaps: int

    @property
    def troubled(self) -> list[TenantFreshness]:
        """The tenants whose data are not complete and fresh."""
        return [tenant for tenant in self.tenants if tenant.state is not State.COMPLETE]


@dataclass(frozen=True, slots=True)
class SubscriptionFreshness:
    """One subscription: what the last run that ended received of it. `run` is None when none has ended yet."""

    state: State
    run: SyncRun | None
    receipts: tuple[CoverageReceipt, ...]
    complete_as_of: datetime | None

    @property
    def reason(self) -> str:
        """Why it is not complete, in words."""
        return " ".join(dict.fromkeys(receipt.reason for receipt in self.receipts if receipt.reason))


def state_of(outcome: str, finished_at: datetime | None, *, now: datetime, period: timedelta) -> State:
    """What the last finished run says about a tenant."""
    if finished_at is None:
        return State.NEVER
    if outcome != "ok":
        return State.FAILED if outcome == "failed" else State.PARTIAL
    return State.STALE if now - finished_at > 2 * period else State.COMPLETE


def worst(states: Sequence[State]) -> State:
    """The worst of these states; NEVER for none, since nothing was read."""
    order = list(State)
    return max(states, key=order.index, default=State.NEVER)


def coverage(kind: str, *, now: datetime, tenants: Collection[UUID] | None = None) -> Coverage:
    """How complete and fresh the data of this kind are, over these tenants of the current scope; None: all of it."""
    wanted = Tenant.objects.all().for_tenants(tenants)
    runs = SyncRun.objects.of_kind(kind).latest_per_tenant().for_tenants(tenants)
    latest = {run.tenant_id: run for run in runs}
    dates = _oldest_dates(kind, tenants)
    rows = tuple(_freshness(tenant, latest.get(tenant.id), dates, kind, now) for tenant in wanted)
    gaps, more = _gaps(kind, tenants)
    as_of = [row.complete_as_of for row in rows]
    return Coverage(
        kind=kind,
        state=worst([row.state for row in rows if not row.paused] or [row.state for row in rows]),
        complete_as_of=None if None in as_of else min((date for date in as_of if date is not None), default=None),
        tenants=rows,
        gaps=gaps,
        more_gaps=more,
    )


def coverage_of_subscription(subscription: Subscription, kind: str, *, now: datetime) -> SubscriptionFreshness:
    """How complete and fresh the data of this kind are in one subscription. Two queries."""
    run = SyncRun.objects.for_tenant(subscription.tenant_id).of_kind(kind).latest_per_tenant().first()
    if run is None:
        return SubscriptionFreshness(State.NEVER, None, (), None)
    receipts = CoverageReceipt.objects.for_tenant(subscription.tenant_id).filter(run=run, subscription=subscription)
    rows = tuple(receipts.filter(source__in=SOURCES_OF_ROWS).order_by("source"))
    whole = next((row.last_complete_at for row in rows if row.source in DATED_BY), None)
    return SubscriptionFreshness(_state_of_receipts(run, rows, now), run, rows, whole)


def _state_of_receipts(run: SyncRun, receipts: Sequence[CoverageReceipt], now: datetime) -> State:
    """As of a tenant, but judged by the subscription's own receipts: another one's gap is not this one's."""
    if not receipts:
        return State.FAILED if run.outcome == "failed" else State.NEVER
    if all(receipt.complete for receipt in receipts):
        return state_of("ok", run.finished_at, now=now, period=schedule_for(run.kind).every)
    return State.PARTIAL if any(receipt.received for receipt in receipts) else State.FAILED


def coverage_asked_for(asked: StrictFilterSet, kind: str) -> Coverage:
    """Coverage of the tenants that a list's `tenant=` and `group=` leave; of all in scope when they cannot be read."""
    return coverage(kind, now=timezone.now(), tenants=tenants_asked_for(asked))


def _freshness(
    tenant: Tenant, run: SyncRun | None, dates: dict[UUID, datetime | None], kind: str, now: datetime
) -> TenantFreshness:
    state = state_of(run.outcome, run.finished_at, now=now, period=schedule_for(kind).every) if run else State.NEVER
    # A run that did what it was asked for may have been asked for a part alone: then the dates tell.
    if run and state is State.COMPLETE and run.id in dates:
        state = state_of(
            "ok" if dates[run.id] else "partial", dates[run.id] or now, now=now, period=schedule_for(kind).every
        )
    return TenantFreshness(
        tenant_id=tenant.id,
        tenant=tenant.name,
        paused=tenant.status == Tenant.Status.PAUSED,
        state=state,
        last_run_at=run.finished_at if run else None,
        complete_as_of=dates.get(run.id) if run else None,
        expected=run.expected if run else None,
        received=run.received if run else None,
        reason=_reason(run, state),
    )


def _reason(run: SyncRun | None, state: State) -> str:
    if run is None:
        return "No sync has finished yet."
    if run.outcome == "ok" and state is State.PARTIAL:
        return "The last run read only a part, as it was asked to; not everything was read whole before."
    return run.reason


def _latest_receipts(kind: str, tenants: Collection[UUID] | None) -> Any:
    runs = SyncRun.objects.of_kind(kind).latest_per_tenant()
    return CoverageReceipt.objects.filter(run__in=runs.values("id")).for_tenants(tenants)


def _oldest_dates(kind: str, tenants: Collection[UUID] | None) -> dict[UUID, datetime | None]:
    """Per run: when its least fresh subscription was last read whole; None when one never was."""
    rows = (
        _latest_receipts(kind, tenants)
        .filter(source__in=DATED_BY)
        .values("run_id")
        .annotate(oldest=Min("last_complete_at"), never=Count("id", filter=Q(last_complete_at=None)))
    )
    return {row["run_id"]: None if row["never"] else row["oldest"] for row in rows}


def _gaps(kind: str, tenants: Collection[UUID] | None) -> tuple[tuple[Gap, ...], int]:
    receipts = _latest_receipts(kind, tenants).incomplete()
    total = receipts.count()
    if not total:
        return (), 0
    rows = receipts.select_related("tenant", "subscription").order_by("tenant__name", "subscription__name", "source")
    named = tuple(
        Gap(
            tenant=row.tenant.name,
            subscription=row.subscription.name,
            source=row.source,
            expected=row.expected,
            received=row.received,
            reason=row.reason,
            last_complete_at=row.last_complete_at,
        )
        for row in rows[:NAMED_GAPS]
    )
    return named, max(0, total - len(named))
