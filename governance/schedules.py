"""The one table of recurring work, and of how long what it makes is kept. Beat, `manage.py sync` and "Run now" read it.

A kind is due once in every `every_hours` per tenant, at an offset of the tenant's own, so that a thousand tenants
do not start in the same minute; one that runs at a time of day (`from_hour_utc`) spreads them over the hour after it.
Beat only wakes the fan-out; `next_due` decides who gets work.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

FAN_OUT_EVERY_MINUTES = 5
SPREAD = timedelta(hours=1)  # over which the tenants of a kind with a time of day are spread


@dataclass(frozen=True, slots=True)
class SyncSchedule:
    """One kind of sync: which task reads it, how often, and why that often."""

    kind: str
    title: str
    task: str  # dotted name of the Celery task that takes one tenant id
    runner: str  # dotted name of the function `manage.py sync` calls: (tenant) -> SyncSummary
    every_hours: int
    why: str
    from_hour_utc: int | None = None  # the hour of the day in which the tenants' runs begin; None: any
    by_month: bool = False  # the runner takes `month=` too, to read that month alone

    @property
    def every(self) -> timedelta:
        """The period of this sync for one tenant."""
        return timedelta(hours=self.every_hours)

    @property
    def when(self) -> str:
        """How often it runs, in words."""
        if self.from_hour_utc is None:
            return f"every {self.every_hours} hours"
        return f"daily, from {self.from_hour_utc:02d}:00 UTC"

    def place_of(self, tenant_id: object) -> timedelta:
        """The tenant's own place within the period, counted from midnight UTC."""
        if self.from_hour_utc is None:
            return offset_of(tenant_id, self.every)
        return timedelta(hours=self.from_hour_utc) + offset_of(tenant_id, SPREAD)

    def next_due(self, tenant_id: object, last_started_at: datetime | None) -> datetime:
        """When the tenant's next run is due: at once if it never ran, else at its next place after the last start."""
        return next_due(tenant_id, self.every, last_started_at, place=self.place_of(tenant_id))


SYNCS: tuple[SyncSchedule, ...] = (
    SyncSchedule(
        kind="resources",
        title="Resources",
        task="inventory.tasks.sync_resources",
        runner="inventory.sync.sync_resources",
        every_hours=6,
        why="Resource Graph is minutes behind; four readings a day keep the change log useful and the quota calm.",
    ),
    SyncSchedule(
        kind="costs",
        title="Costs",
        task="costs.tasks.sync_costs",
        runner="costs.sync.sync_costs",
        every_hours=24,
        from_hour_utc=2,
        by_month=True,
        why="Usage reaches Azure's bills within a day, and exports are made during the night.",
    ),
)


@dataclass(frozen=True, slots=True)
class Job:
    """Recurring work of the platform itself, once for all tenants."""

    name: str
    task: str
    every_minutes: int
    why: str


JOBS: tuple[Job, ...] = (
    Job(
        name="tend-files",
        task="audit.tasks.tend_files",
        every_minutes=5,
        why="A file whose worker died, or that no worker was told of, is taken up again; an expired one is deleted.",
    ),
    Job(
        name="tend-letters",
        task="tenants.tasks.tend_letters",
        every_minutes=5,
        why="An invitation that no worker was told of, or that the mail server did not take, is sent later.",
    ),
    Job(
        name="anchor-audit",
        task="audit.tasks.anchor_chains",
        every_minutes=60,
        why="Up to its last anchor nobody can rewrite the audit trail unseen; what is younger than an hour is not yet.",
    ),
    Job(
        name="tidy-sign-ins",
        task="tenants.tasks.tidy_sign_ins",
        every_minutes=60,
        why="Anybody can begin to sign in: what was begun and never ended must not pile up, nor old sessions.",
    ),
)
KEPT_DAYS: dict[str, int] = {
    "export": 7,  # a copy of a list: ask again, and it is newer
    "report": 90,  # people come back to the report of the last quarter
}
KINDS: tuple[str, ...] = tuple(sync.kind for sync in SYNCS)


def schedule_for(kind: str) -> SyncSchedule:
    """The schedule of `kind`; KeyError names the kinds there are."""
    for sync in SYNCS:
        if sync.kind == kind:
            return sync
    raise KeyError(f"There is no sync of kind {kind!r}. Known kinds: {', '.join(KINDS)}.")


def offset_of(tenant_id: object, every: timedelta) -> timedelta:
    """The tenant's own place within the period: stable, spread evenly over tenants."""
    digest = hashlib.sha256(str(tenant_id).encode()).digest()
    return timedelta(seconds=int.from_bytes(digest[:8], "big") % int(every.total_seconds()))


def next_due(
    tenant_id: object, every: timedelta, last_started_at: datetime | None, *, place: timedelta | None = None
) -> datetime:
    """When the tenant's next run is due: at once if it never ran, else at its next place after the last start.

    `place` is where in the period its turn is; by default one of the tenant's own.
    """
    if last_started_at is None:
        return datetime.min.replace(tzinfo=UTC)
    period = every.total_seconds()
    offset = (offset_of(tenant_id, every) if place is None else place).total_seconds()
    periods_begun = (last_started_at.timestamp() - offset) // period
    return datetime.fromtimestamp((periods_begun + 1) * period + offset, tz=UTC)


def beat_schedule() -> dict[str, dict[str, Any]]:
    """What beat is told: per kind, wake the fan-out every few minutes; and each job."""
    fan_outs = {
        f"fan-out-{sync.kind}": {
            "task": "tenants.tasks.fan_out",
            "schedule": timedelta(minutes=FAN_OUT_EVERY_MINUTES),
            "args": (sync.kind,),
            "options": {"expires": FAN_OUT_EVERY_MINUTES * 60},
        }
        for sync in SYNCS
    }
    jobs = {
        job.name: {
            "task": job.task,
            "schedule": timedelta(minutes=job.every_minutes),
            "args": (),
            "options": {"expires": job.every_minutes * 60},
        }
        for job in JOBS
    }
    return fan_outs | jobs
