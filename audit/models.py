"""What happened: each run of a sync, what it received and set aside; and the files that were made from the data."""

from typing import Any, ClassVar

from django.conf import settings
from django.db import models

from audit.querysets import ReceiptQuerySet, ReportFileManager, SyncRunQuerySet
from governance.keys import new_id
from governance.tenancy import TenantManager, TenantOwned


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
