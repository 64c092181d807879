"""What happened: each run of a sync, what it received per subscription and source, and what it set aside."""

from typing import Any, ClassVar

from django.conf import settings
from django.db import models

from audit.querysets import ReceiptQuerySet, SyncRunQuerySet
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
