"""What happened: the audit trail; each run of a sync, what it received and set aside; and the files that were made."""

import json
from datetime import UTC
from typing import Any, ClassVar

from django.conf import settings
from django.db import models

from audit.querysets import (
    AppendOnlyError,
    AppendOnlyQuerySet,
    ChainQuerySet,
    ReceiptQuerySet,
    ReportFileManager,
    SyncRunQuerySet,
)
from audit.standalone.verify_audit import Record, digest
from governance.keys import new_id
from governance.tenancy import TenantManager, TenantOrPlatformOwned, TenantOwned


class Outcome(models.TextChoices):
    """How a run ended. `nothing_eligible` never has a row: it is the answer when there was no tenant to do."""

    RUNNING = "running", "Running"
    OK = "ok", "Complete"
    PARTIAL = "partial", "Partial"
    FAILED = "failed", "Failed"


class SyncRun(TenantOwned):
    """One run of one kind of sync for one tenant.

    `expected` is None while unknown (never 0 for unknown). `heartbeat_at` is renewed with every stored page; a running
    row whose process is gone is taken over by the next run. At most one row per tenant and kind is running.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(max_length=32)
    outcome = models.CharField(max_length=16, choices=Outcome, default=Outcome.RUNNING)
    reason = models.CharField(max_length=1000, blank=True)
    started_at = models.DateTimeField()
    heartbeat_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    host = models.CharField(max_length=255)
    process = models.CharField(max_length=64)  # "PID@start time", so that a reused PID is not mistaken for the run
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    expected = models.PositiveIntegerField(null=True, blank=True)
    received = models.PositiveIntegerField(default=0)
    created = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    returned = models.PositiveIntegerField(default=0)
    gone = models.PositiveIntegerField(default=0)
    set_aside = models.PositiveIntegerField(default=0)
    requests = models.PositiveIntegerField(default=0)

    objects: ClassVar[Any] = TenantManager.from_queryset(SyncRunQuerySet)()

    class Meta(TenantOwned.Meta):
        db_table = "sync_runs"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "kind"], condition=models.Q(outcome="running"), name="one_running_sync_per_kind"
            )
        ]
        indexes = [models.Index(fields=["tenant", "kind", "started_at"], name="sync_runs_latest")]

    def __str__(self) -> str:
        return f"{self.kind} {self.started_at:%Y-%m-%d %H:%M} {self.outcome}"

    @property
    def seconds(self) -> float | None:
        """How long it took; None while it runs."""
        return (self.finished_at - self.started_at).total_seconds() if self.finished_at else None


class CoverageReceipt(TenantOwned):
    """What one run expected and received from one source for one subscription.

    `complete` is true when everything expected was received whole. `last_complete_at` carries the last time that was so
    through incomplete runs, so that the newest receipts alone tell how old each subscription's data are.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    run = models.ForeignKey(SyncRun, models.CASCADE, related_name="receipts", db_index=False)
    subscription = models.ForeignKey("tenants.Subscription", models.CASCADE, related_name="+", db_index=False)
    source = models.CharField(max_length=32)
    expected = models.PositiveIntegerField(null=True, blank=True)
    received = models.PositiveIntegerField(default=0)
    set_aside = models.PositiveIntegerField(default=0)
    complete = models.BooleanField()
    reason = models.CharField(max_length=1000, blank=True)
    last_complete_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[Any] = TenantManager.from_queryset(ReceiptQuerySet)()

    class Meta(TenantOwned.Meta):
        db_table = "coverage_receipts"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "run", "subscription", "source"], name="one_receipt_per_source")
        ]

    def __str__(self) -> str:
        return f"{self.source}: {self.received} of {self.expected}"


class SetAsideRow(TenantOwned):
    """A row that could not be read, and why. `azure_id` is empty when even that was unreadable."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    run = models.ForeignKey(SyncRun, models.CASCADE, related_name="set_aside_rows", db_index=False)
    azure_id = models.CharField(max_length=2048, blank=True)
    reason = models.CharField(max_length=500)

    class Meta(TenantOwned.Meta):
        db_table = "set_aside_rows"
        indexes = [models.Index(fields=["tenant", "run"], name="set_aside_rows_of_run")]

    def __str__(self) -> str:
        return f"{self.azure_id or 'a row without id'}: {self.reason}"


class ReportFile(models.Model):
    """A file that was asked for: an export of a list, or a report. The row is there before the file and after it.

    It belongs to the person who asked (`owner`), not to one tenant: `tenant_rows` says exactly which tenants' rows it
    holds, and its manager hides it from every scope that lacks one of them. `tenant_count` says how many they are: no
    scope can count what it does not see. `attempt` counts the workers that took it up; each writes a blob of its own,
    so that one that was thought dead cannot spoil the file of the next.
    `selection` lists the ids of the rows chosen by hand; empty means all that the query finds. `coverage` says, in the
    words of the API, how complete the data were when the file was made.
    """

    class Kind(models.TextChoices):
        """What it is; each kind has its container and its time to live."""

        EXPORT = "export", "Export"
        REPORT = "report", "Report"

    class Format(models.TextChoices):
        """What is in it. The value is the extension of its name."""

        CSV = "csv", "CSV"
        XLSX = "xlsx", "Excel"
        PDF = "pdf", "PDF"

    class Status(models.TextChoices):
        """How far it is. `expired`: it was made, and its time was over."""

        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        EXPIRED = "expired", "Expired"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    kind = models.CharField(max_length=16, choices=Kind)
    format = models.CharField(max_length=8, choices=Format)
    subject = models.CharField(max_length=64)  # the key of the list, or of the report
    title = models.CharField(max_length=200)
    query = models.CharField(max_length=2000, blank=True)
    columns = models.JSONField(default=list, blank=True)
    selection = models.JSONField(default=list, blank=True)
    status = models.CharField(max_length=16, choices=Status, default=Status.QUEUED)
    reason = models.CharField(max_length=1000, blank=True)
    attempt = models.PositiveIntegerField(default=0)
    host = models.CharField(max_length=255, blank=True)
    process = models.CharField(max_length=64, blank=True)  # as in SyncRun
    expected = models.PositiveIntegerField(null=True, blank=True)  # rows; None while unknown
    rows = models.PositiveIntegerField(default=0)  # written so far
    tenant_count = models.PositiveIntegerField(default=0)
    coverage = models.JSONField(null=True, blank=True)
    blob = models.CharField(max_length=200, blank=True)  # its name in the container
    size_bytes = models.PositiveBigIntegerField(null=True, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[Any] = ReportFileManager()

    class Meta:
        db_table = "report_files"
        base_manager_name = "objects"
        indexes = [
            models.Index(fields=["owner", "created_at", "id"], name="report_files_of_owner"),
            models.Index(fields=["kind", "created_at", "id"], name="report_files_by_kind"),
            models.Index(fields=["status", "expires_at"], name="report_files_by_status"),
        ]

    def __str__(self) -> str:
        return f"{self.title} ({self.format})"

    @property
    def container(self) -> str:
        """The container its blob lies in: `exports` or `reports`."""
        return f"{self.kind}s"

    @property
    def is_waiting(self) -> bool:
        """True while it is neither made nor given up."""
        return self.status in {self.Status.QUEUED, self.Status.RUNNING}

    @property
    def filename(self) -> str:
        """What a browser calls it: subject, time, and the state of the data when that is not complete."""
        state = (self.coverage or {}).get("state", "complete")  # without coverage: no sync fills the list
        parts = [self.subject, f"{self.started_at or self.created_at:%Y-%m-%d-%H%M}"]
        return "-".join(parts if state == "complete" else [*parts, state]) + f".{self.format}"


class ReportFileTenant(TenantOwned):
    """One of the tenants whose rows a file holds."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    file = models.ForeignKey(ReportFile, models.CASCADE, related_name="tenant_rows", db_index=False)

    class Meta(TenantOwned.Meta):
        db_table = "report_file_tenants"
        constraints = [models.UniqueConstraint(fields=["tenant", "file"], name="one_tenant_once_in_a_file")]
        indexes = [models.Index(fields=["file"], name="report_file_tenants_of_file")]

    def __str__(self) -> str:
        return f"{self.tenant_id} in {self.file_id}"


class EventOutcome(models.TextChoices):
    """How what somebody wanted to do ended."""

    DONE = "done", "Done"
    REFUSED = "refused", "Refused"
    FAILED = "failed", "Failed"


class AuditChain(TenantOrPlatformOwned):
    """The head of one chain of events: a tenant's, or the platform's, whose id is a UUID of zeros.

    `sequence` is the number of its last event and `hash` that event's; only `audit.trail` moves them. The rest says how
    far the chain was anchored and verified. `fault` is what the last verification found broken, "" for nothing.
    """

    id = models.UUIDField(primary_key=True, editable=False)  # the tenant's id
    sequence = models.PositiveBigIntegerField()
    hash = models.CharField(max_length=64)
    moved_at = models.DateTimeField(null=True, blank=True)
    anchored_sequence = models.PositiveBigIntegerField(default=0)
    anchored_at = models.DateTimeField(null=True, blank=True)
    verified_sequence = models.PositiveBigIntegerField(default=0)
    verified_at = models.DateTimeField(null=True, blank=True)
    fault = models.CharField(max_length=500, blank=True)

    objects: ClassVar[Any] = TenantManager.from_queryset(ChainQuerySet)()

    class Meta(TenantOrPlatformOwned.Meta):
        db_table = "audit_chains"

    def __str__(self) -> str:
        return f"chain {self.id} at {self.sequence}"

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Refused: without its head nobody could tell that the end of a chain is missing."""
        raise AppendOnlyError("The head of a chain cannot be deleted.")


class AuditEvent(TenantOrPlatformOwned):
    """Something that was done, read or refused: who, what, when, from where. Written once, by `audit.trail`.

    A row without a tenant belongs to the platform's chain and is visible only in a scope of every tenant. The labels of
    actor and target are what they were called then. `before` and `after` hold canonical JSON ("" for none), opaque to
    the database. `hash` is over every other field; `audit/standalone/verify_audit.py` says how.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    format = models.PositiveSmallIntegerField()
    chain = models.UUIDField()
    sequence = models.PositiveBigIntegerField()
    at = models.DateTimeField()
    verb = models.CharField(max_length=64)  # of audit.verbs.Verb
    outcome = models.CharField(max_length=16)  # of EventOutcome
    reason = models.CharField(max_length=1000, blank=True)
    actor_kind = models.CharField(max_length=16)  # of governance.actors.ActorKind
    actor_id = models.CharField(max_length=64, blank=True)
    actor_label = models.CharField(max_length=254)
    target_type = models.CharField(max_length=64, blank=True)
    target_id = models.CharField(max_length=64, blank=True)
    target_label = models.CharField(max_length=256, blank=True)
    before = models.TextField(blank=True)
    after = models.TextField(blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    address = models.CharField(max_length=45, blank=True)
    previous = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    objects: ClassVar[Any] = TenantManager.from_queryset(AppendOnlyQuerySet)()

    class Meta(TenantOrPlatformOwned.Meta):
        db_table = "audit_logs"
        constraints = [models.UniqueConstraint(fields=["chain", "sequence"], name="one_event_per_place_in_a_chain")]
        indexes = [
            models.Index(fields=["tenant", "at", "id"], name="audit_logs_of_tenant"),
            models.Index(fields=["at", "id", "tenant"], name="audit_logs_in_order"),
            models.Index(fields=["actor_id", "at"], name="audit_logs_by_actor"),
            models.Index(fields=["target_id", "at"], name="audit_logs_of_target"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_label}: {self.verb} {self.target_label}".rstrip()

    def save(self, *args: Any, **kwargs: Any) -> None:
        """As Django's for a new event, in a scope that holds its tenant; refused for one that is written."""
        if not self._state.adding:
            raise AppendOnlyError("An audit event is written once and never changed.")
        super().save(*args, **{**kwargs, "force_insert": True})

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Refused."""
        raise AppendOnlyError("An audit event is never deleted.")

    def record(self) -> Record:
        """The event as it is hashed and exported."""
        return {
            "format": self.format,
            "chain": str(self.chain),
            "sequence": self.sequence,
            "id": str(self.id),
            "tenant": None if self.tenant_id is None else str(self.tenant_id),
            "at": self.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "verb": self.verb,
            "outcome": self.outcome,
            "reason": self.reason,
            "actor": {"kind": self.actor_kind, "id": self.actor_id, "label": self.actor_label},
            "target": {"type": self.target_type, "id": self.target_id, "label": self.target_label},
            "before": json.loads(self.before) if self.before else None,
            "after": json.loads(self.after) if self.after else None,
            "request_id": self.request_id,
            "address": self.address,
            "previous": self.previous,
            "hash": self.hash,
        }

    def digest(self) -> str:
        """The hash this event must carry."""
        return digest(self.record())


class ConcernedTenant(TenantOwned):
    """One of several tenants that an event of the platform's chain concerns: a look at a list of all of them, a file.

    The event holds their number and a digest over their ids, so that these rows are proved with it.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    event = models.ForeignKey(AuditEvent, models.PROTECT, related_name="+", db_index=False)

    objects: ClassVar[Any] = TenantManager.from_queryset(AppendOnlyQuerySet)()

    class Meta(TenantOwned.Meta):
        db_table = "audit_log_tenants"
        constraints = [models.UniqueConstraint(fields=["tenant", "event"], name="one_tenant_once_in_an_event")]
        indexes = [models.Index(fields=["event"], name="audit_log_tenants_of_event")]

    def __str__(self) -> str:
        return f"{self.event_id} concerns {self.tenant_id}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """As Django's for a new row; refused for one that is written."""
        if not self._state.adding:
            raise AppendOnlyError("What an event concerns is written once and never changed.")
        super().save(*args, **{**kwargs, "force_insert": True})

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Refused."""
        raise AppendOnlyError("What an event concerns is never deleted.")
