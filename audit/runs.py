"""One run of a sync: at most one per tenant and kind at a time, across all processes; a killed one is recognised.

    with sync_run(tenant_id, "resources") as run:
        ...
        run.tally.received += 1
        with run.page():          # a transaction that fails if the run was taken from us meanwhile
            ...
        run.conclude(Outcome.OK, receipts)

Leaving the block without `conclude` records the run as failed, with the kind of error as its reason.
"""

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol
from uuid import UUID

import structlog
from django.db import IntegrityError, transaction
from django.utils import timezone

from audit.models import CoverageReceipt, EventOutcome, Outcome, SetAsideRow, SyncRun
from audit.trail import Target, record
from audit.verbs import Verb
from governance.tenancy import Scope, entered

log = structlog.get_logger(__name__)

# Longer than the longest silence of a living run: three attempts, each with a full read timeout and a capped wait.
SILENCE_MEANS_DEAD = timedelta(minutes=15)
DIED = "The process ended in the middle of the run. What it stored is kept; the next run completes it."
KEPT_SET_ASIDE_ROWS = 1000  # a run; beyond that they are counted only


class Claimed(Protocol):
    """Something a process said it is working on."""

    @property
    def host(self) -> str:
        """Where that process runs."""

    @property
    def process(self) -> str:
        """That process, as `this_process` names itself."""

    @property
    def heartbeat_at(self) -> datetime:
        """Its last sign of life."""


class RunInProgressError(Exception):
    """The tenant's sync of this kind is running in another process."""


class RunLostError(Exception):
    """This run was declared dead and taken over; it must not write any more."""


@dataclass(slots=True)
class Tally:
    """The counts of a run, as they grow. `expected` is None until it is known."""

    expected: int | None = None
    received: int = 0
    created: int = 0
    changed: int = 0
    returned: int = 0
    gone: int = 0
    set_aside: int = 0
    requests: int = 0


@dataclass(frozen=True, slots=True)
class SyncSummary:
    """What a run did, as commands print it and tasks log it. `seconds` is wall time."""

    tenant: str
    kind: str
    outcome: str
    expected: int | None
    received: int
    created: int
    changed: int
    returned: int
    gone: int
    set_aside: int
    requests: int
    seconds: float
    reason: str = ""
    retry_after_seconds: float | None = None  # Azure's own wish, when throttling ended the run


@dataclass(slots=True)
class ActiveRun:
    """The run this process is doing."""

    row: SyncRun
    withhold: Callable[[str], str] = str  # what the tenant's people read: the words without its credentials
    tally: Tally = field(default_factory=Tally)
    set_aside: list[SetAsideRow] = field(default_factory=list)
    concluded: bool = False
    reason: str = ""  # in full, for commands and logs

    @property
    def id(self) -> UUID:
        """The key of the run's row."""
        return self.row.id

    def count_request(self) -> None:
        """One more request went over the wire."""
        self.tally.requests += 1

    def put_aside(self, azure_id: str, reason: str) -> None:
        """Count a row that could not be read and keep it with its reason."""
        self.tally.set_aside += 1
        if len(self.set_aside) < KEPT_SET_ASIDE_ROWS:
            words = self.withhold(reason)
            self.set_aside.append(
                SetAsideRow(tenant_id=self.row.tenant_id, run=self.row, azure_id=azure_id, reason=words)
            )

    @contextmanager
    def page(self) -> Iterator[None]:
        """A transaction for one page. Raises RunLostError, and writes nothing, when the run is no longer ours."""
        with transaction.atomic():
            alive = SyncRun.objects.running().filter(id=self.id).update(heartbeat_at=timezone.now())
            if not alive:
                raise RunLostError(f"Run {self.id} was taken over by another process.")
            yield

    def beat(self) -> None:
        """A sign of life while the run waits. Raises RunLostError when the run is no longer ours."""
        with self.page():
            pass

    def conclude(
        self, outcome: Outcome, *, reason: str = "", receipts: Sequence[CoverageReceipt] | None = None
    ) -> None:
        """Close the run with its outcome and receipts. Call inside `page()`, so that all of it lands together.

        Without receipts those of the run before are carried on as incomplete: what was known stays known, and dated.
        """
        self.reason = reason
        if receipts is None:
            receipts = carried_receipts(self.row, reason)
        for receipt in receipts:
            receipt.reason = self.withhold(receipt.reason)
        SetAsideRow.objects.bulk_create(self.set_aside)
        CoverageReceipt.objects.bulk_create(receipts)
        self.row.outcome, self.row.finished_at = outcome, timezone.now()
        self.row.reason = self.withhold(reason)[:1000]
        for name, count in asdict(self.tally).items():
            setattr(self.row, name, count)
        self.row.save()
        record_end(self.row)
        self.concluded = True

    def summary(self, tenant: str, *, retry_after_seconds: float | None = None) -> SyncSummary:
        """The run in the words of commands and logs. Only after `conclude`."""
        return SyncSummary(
            tenant=tenant,
            kind=self.row.kind,
            outcome=self.row.outcome,
            seconds=round(self.row.seconds or 0.0, 2),
            reason=self.reason,
            retry_after_seconds=retry_after_seconds,
            **asdict(self.tally),
        )


@contextmanager
def sync_run(
    tenant_id: UUID, kind: str, *, requested_by: UUID | None = None, withhold: Callable[[str], str] = str
) -> Iterator[ActiveRun]:
    """Be the one run of `kind` for this tenant, within the tenant's scope.

    `withhold` takes out of reasons what the tenant's people must not read, before they are stored.
    Raises RunInProgressError when another process is at it. A run whose process died is closed as failed first.
    """
    with entered(Scope.of(tenant_id)), structlog.contextvars.bound_contextvars(tenant_id=str(tenant_id), sync=kind):
        run = ActiveRun(_begin(tenant_id, kind, requested_by), withhold)
        with structlog.contextvars.bound_contextvars(run_id=str(run.id)):
            try:
                yield run
            except BaseException as error:
                _close_after(error, run)
                raise


def previous_receipts(run: SyncRun) -> list[CoverageReceipt]:
    """The receipts of the finished run before this one."""
    before = SyncRun.objects.for_tenant(run.tenant_id).of_kind(run.kind).finished().exclude(id=run.id)
    latest = before.order_by("-started_at", "-id").first()
    if latest is None:
        return []
    return list(CoverageReceipt.objects.for_tenant(run.tenant_id).filter(run=latest).select_related("subscription"))


def carried_receipts(run: SyncRun, reason: str) -> list[CoverageReceipt]:
    """Receipts of a run that received nothing: what is expected and when it was last complete, from the run before."""
    return [
        CoverageReceipt(
            tenant_id=run.tenant_id,
            run=run,
            subscription=receipt.subscription,
            source=receipt.source,
            expected=receipt.expected,
            complete=False,
            reason=reason[:1000],
            last_complete_at=receipt.last_complete_at,
        )
        for receipt in previous_receipts(run)
        if receipt.subscription.off_boarded_at is None
    ]


def record_failure(tenant_id: UUID, kind: str, reason: str, *, requested_by: UUID | None = None) -> None:
    """Write down that a tenant could not even be tried, so that it shows as failed and not as quiet."""
    with sync_run(tenant_id, kind, requested_by=requested_by) as run, run.page():
        run.conclude(Outcome.FAILED, reason=reason)


def record_end(run: SyncRun) -> None:
    """Write into the audit trail how a run ended. Part of the transaction that closes it."""
    counts = {name: getattr(run, name) for name in ("expected", "received", "created", "changed", "returned", "gone")}
    record(
        Verb.RUN_FINISHED,
        tenant_id=run.tenant_id,
        target=Target.of(run, label=f"sync of {run.kind}"),
        after={"outcome": run.outcome, **counts},
        outcome=EventOutcome.FAILED if run.outcome == Outcome.FAILED else EventOutcome.DONE,
        reason=run.reason,
    )


def this_process() -> str:
    """This process as "PID@start time"; the start time tells it from a later process with the same PID."""
    return f"{os.getpid()}@{_start_time(os.getpid())}"


def is_dead(run: Claimed, now: datetime) -> bool:
    """True when nobody can be working on this: its process on this host is gone, or it was silent too long."""
    if run.host == socket.gethostname():
        pid, _, started = run.process.partition("@")
        return _start_time(int(pid)) != started
    return now - run.heartbeat_at > SILENCE_MEANS_DEAD


def _begin(tenant_id: UUID, kind: str, requested_by: UUID | None) -> SyncRun:
    _close_dead_runs(tenant_id, kind)
    now = timezone.now()
    row = SyncRun(
        tenant_id=tenant_id,
        kind=kind,
        started_at=now,
        heartbeat_at=now,
        host=socket.gethostname(),
        process=this_process(),
        requested_by_id=requested_by,
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise RunInProgressError(f"A sync of {kind} is already running for this tenant.") from error
    return row


def _close_dead_runs(tenant_id: UUID, kind: str) -> None:
    now = timezone.now()
    for run in SyncRun.objects.for_tenant(tenant_id).of_kind(kind).running():
        if is_dead(run, now):
            _close_dead(run, now)


@transaction.atomic
def _close_dead(run: SyncRun, now: datetime) -> None:
    # The heartbeat in the condition: a run that just gave a sign of life is not closed under its feet.
    mine = SyncRun.objects.running().filter(id=run.id, heartbeat_at=run.heartbeat_at)
    if mine.update(outcome=Outcome.FAILED, finished_at=now, reason=DIED):
        CoverageReceipt.objects.bulk_create(carried_receipts(run, DIED))
        run.outcome, run.reason = Outcome.FAILED, DIED
        record_end(run)
        log.warning("sync_run_found_dead", dead_run_id=str(run.id))


def _close_after(error: BaseException, run: ActiveRun) -> None:
    if run.concluded or isinstance(error, RunLostError):
        return
    # What was not expected is not told in its own words: they may hold data, or the address of the database.
    log.error("sync_run_failed", exc_info=error)
    with run.page():
        run.conclude(Outcome.FAILED, reason=f"It ended with {type(error).__name__}. The log tells more under {run.id}.")


def _start_time(pid: int) -> str:
    """The kernel's start time of a process in clock ticks since boot; "" when there is no such process.

    Outside Linux there is no /proc: then every run looks alike, and only silence tells that one is dead.
    """
    if not Path("/proc/self/stat").exists():
        return "unknown"
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if state == "Z" else fields[18]  # a zombie has ended, only nobody has asked yet
