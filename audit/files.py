"""One file being made: by one worker at a time, whole or not at all; a killed one is recognised and tried again.

    file = take_up(file_id)                  # NotToBeMadeError: somebody is at it, or it is made, or given up
    file.progress(rows=5000, expected=80000) # FileLostError when it was taken from us meanwhile
    file.conclude(content, ...)              # stored, then told: exactly one attempt ever becomes the file

The row is the queue: a message to a worker is only a wake-up, and `abandoned` finds what no message will wake again.
"""

import hashlib
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import IO, Any
from uuid import UUID

import structlog
from celery import current_app
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from audit.models import EventOutcome, ReportFile, ReportFileTenant
from audit.runs import SILENCE_MEANS_DEAD, is_dead, this_process
from audit.trail import Target, record_concerning
from audit.verbs import Verb
from governance import storage
from governance.batches import in_batches
from governance.schedules import KEPT_DAYS
from governance.tenancy import Scope, entered, require_in_scope

log = structlog.get_logger(__name__)

MAKE_FILE = "governance.portal.tasks.make_file"  # the task that takes a file's id
ATTEMPTS = 3
WAKE_AGAIN_SECONDS = 5 * 60
DIED_TOO_OFTEN = f"The worker ended in the middle of it {ATTEMPTS} times. Narrow the filters and ask again."
BLOCK_BYTES = 1024 * 1024


class NotToBeMadeError(Exception):
    """There is nothing to do for this worker: another one is at it, or it is finished."""


class FileLostError(Exception):
    """This attempt was declared dead and another one took over; it must not write any more."""


@dataclass(slots=True)
class FileInTheMaking:
    """The file this process is making."""

    row: ReportFile

    def progress(self, *, rows: int, expected: int | None = None) -> None:
        """Tell how far it is; a sign of life too."""
        self._update(rows=rows, heartbeat_at=timezone.now(), **({} if expected is None else {"expected": expected}))

    @transaction.atomic
    def hold(self, tenants: Iterable[UUID]) -> None:
        """Write down whose rows it holds, before the first is written. Only within a scope that has them all."""
        self._update(heartbeat_at=timezone.now())
        set_tenants(self.row, tenants)

    def conclude(self, content: IO[bytes], *, rows: int, coverage: dict[str, Any] | None) -> None:
        """Store the file and say that it is done."""
        blob = blob_name(self.row, self.row.attempt)
        size, digest = _measure(content)
        storage.save(self.row.container, blob, content)
        now = timezone.now()
        try:
            self._end(
                EventOutcome.DONE,
                status=ReportFile.Status.DONE,
                blob=blob,
                rows=rows,
                size_bytes=size,
                sha256=digest,
                coverage=coverage,
                finished_at=now,
                expires_at=now + timedelta(days=KEPT_DAYS[self.row.kind]),
            )
        except FileLostError:
            storage.delete(self.row.container, blob)
            raise

    def fail(self, reason: str) -> None:
        """Give it up and say why."""
        reason = reason[:1000]
        self._end(EventOutcome.FAILED, status=ReportFile.Status.FAILED, reason=reason, finished_at=timezone.now())
        _delete_attempts(self.row, self.row.attempt)

    @transaction.atomic
    def _end(self, outcome: EventOutcome, **values: Any) -> None:
        self._update(**values)
        made = {name: values[name] for name in ("rows", "size_bytes", "sha256") if name in values}
        what: dict[str, Any] = {"target": named(self.row), "after": {**told_of(self.row), **made}, "outcome": outcome}
        with entered(Scope.every_tenant(reason="A file may hold what its owner cannot see any more.")):
            record_concerning(Verb.FILE_MADE, tenants_of(self.row), reason=values.get("reason", ""), **what)

    def _update(self, **values: Any) -> None:
        mine = every_file().running().filter(id=self.row.id, attempt=self.row.attempt)
        if not mine.update(**values):
            raise FileLostError(f"File {self.row.id}, attempt {self.row.attempt}, was taken over.")


def take_up(file_id: UUID) -> FileInTheMaking:
    """Become the one that makes this file. Raises NotToBeMadeError."""
    row = every_file().filter(id=file_id).select_related("owner").first()
    now = timezone.now()
    if row is None or not row.is_waiting or _is_being_made(row, now):
        raise NotToBeMadeError(f"File {file_id} is finished, unknown, or being made.")
    before = {"id": row.id, "attempt": row.attempt, "status": row.status}
    row.attempt += 1
    row.status, row.started_at, row.host, row.process = row.Status.RUNNING, now, socket.gethostname(), this_process()
    taken = {name: getattr(row, name) for name in ("attempt", "status", "started_at", "host", "process")}
    if not every_file().filter(**before).update(**taken, rows=0, heartbeat_at=now):
        raise NotToBeMadeError(f"File {file_id} was taken up by another worker.")
    file = FileInTheMaking(row)
    _delete_attempts(row, row.attempt - 1)
    if row.attempt > ATTEMPTS:
        file.fail(DIED_TOO_OFTEN)
        raise NotToBeMadeError(f"File {file_id}: {DIED_TOO_OFTEN}")
    return file


def wake(file_id: UUID, *, expires_seconds: int | None = None) -> bool:
    """Tell a worker that there is a file to make; False when the broker does not answer: then `abandoned` will."""
    try:
        current_app.send_task(MAKE_FILE, args=[str(file_id)], expires=expires_seconds)
    except OperationalError:
        log.exception("file_not_announced", file_id=str(file_id))
        return False
    return True


def abandoned(now: datetime) -> list[UUID]:
    """Files that nobody makes and no message will wake: queued for a while, or their worker is gone."""
    queued = every_file().filter(
        status=ReportFile.Status.QUEUED, created_at__lte=now - timedelta(seconds=WAKE_AGAIN_SECONDS)
    )
    running = [row.id for row in every_file().running() if not _is_being_made(row, now)]
    return [*queued.order_by("created_at").values_list("id", flat=True), *running]


def expire(now: datetime) -> int:
    """Delete the files whose time is over and say so on their rows. Returns how many."""
    rows = list(every_file().expired(now).only("id", "kind", "blob"))
    for row in rows:
        storage.delete(row.container, row.blob)  # first: killed in between, the next run does it again
    for ids in in_batches(row.id for row in rows):
        every_file().filter(id__in=ids).update(status=ReportFile.Status.EXPIRED, blob="")
    return len(rows)


def set_tenants(row: ReportFile, tenants: Iterable[UUID]) -> None:
    """The file holds rows of exactly these tenants. Call within a scope that has them all, inside a transaction."""
    wanted = sorted(set(tenants))
    require_in_scope(wanted)
    with entered(Scope.every_tenant(reason="The whole set is replaced, whatever it held.")):
        ReportFileTenant.objects.filter(file_id=row.id).delete()
        ReportFileTenant.objects.bulk_create(
            (ReportFileTenant(tenant_id=tenant_id, file_id=row.id) for tenant_id in wanted), batch_size=500
        )
        ReportFile.objects.filter(id=row.id).update(tenant_count=len(wanted))
    row.tenant_count = len(wanted)


def tenants_of(row: ReportFile) -> frozenset[UUID]:
    """The tenants whose rows a file holds, whatever the scope."""
    every = ReportFileTenant.objects.across_tenants(reason="Whom a file concerns is written into the audit trail.")
    return frozenset(every.filter(file_id=row.id).values_list("tenant_id", flat=True))


def named(row: ReportFile) -> Target:
    """A file as the audit trail calls it."""
    return Target.of(row, label=f"{row.title} ({row.format})")


def told_of(row: ReportFile) -> dict[str, Any]:
    """What the audit trail tells of a file beside its name: the question it answers."""
    return {"kind": row.kind, "subject": row.subject, "query": row.query, "chosen": len(row.selection)}


def blob_name(row: ReportFile, attempt: int) -> str:
    """The name in its container of what one attempt writes."""
    return f"{row.created_at:%Y/%m}/{row.id}-{attempt}.{row.format}"


def every_file() -> Any:
    """Every file, for the platform's own work on them."""
    return ReportFile.objects.across_tenants(reason="The platform makes and expires the files of everybody.")


def _is_being_made(row: ReportFile, now: datetime) -> bool:
    # A silent one too: its process may live on and have given it up without being able to say so.
    is_silent = now - row.heartbeat_at > SILENCE_MEANS_DEAD
    return row.status == ReportFile.Status.RUNNING and not is_silent and not is_dead(row, now)


def _delete_attempts(row: ReportFile, upto: int) -> None:
    for attempt in range(1, upto + 1):
        storage.delete(row.container, blob_name(row, attempt))


def _measure(content: IO[bytes]) -> tuple[int, str]:
    content.seek(0)
    digest, size = hashlib.sha256(), 0
    while block := content.read(BLOCK_BYTES):
        digest.update(block)
        size += len(block)
    return size, digest.hexdigest()
