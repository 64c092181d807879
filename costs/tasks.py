"""Doors for the worker."""

from uuid import UUID

import structlog
from celery import Task, shared_task
from django.utils import timezone

from audit.runs import RunInProgressError
from costs import retention, sync
from governance.tenancy import Scope, entered
from tenants.models import Tenant

log = structlog.get_logger(__name__)
LONGEST_POSTPONEMENT_SECONDS = 30 * 60  # below the broker's visibility timeout


@shared_task(name="costs.tasks.sync_costs", bind=True)  # type: ignore[untyped-decorator]
def sync_costs(self: Task, tenant_id: str, requested_by: str | None = None) -> None:
    """Sync one tenant's costs; after throttling again, where it stopped, when Azure wants to be asked again."""
    with entered(Scope.of(UUID(tenant_id))):
        tenant = Tenant.objects.get()
        try:
            summary = sync.sync_costs(tenant, requested_by=UUID(requested_by) if requested_by else None)
        except RunInProgressError:
            log.info("sync_running_already", tenant_id=str(tenant.id))
            return
    if summary.retry_after_seconds is not None:
        delay = min(summary.retry_after_seconds, LONGEST_POSTPONEMENT_SECONDS)
        self.apply_async(args=[tenant_id, requested_by], countdown=delay)


@shared_task(name="costs.tasks.drop_old_costs")  # type: ignore[untyped-decorator]
def drop_old_costs() -> None:
    """Delete the costs that are older than they are to be kept."""
    dropped = retention.drop_old(timezone.now().date())
    log.info("old_costs_dropped", rows=dropped.rows, months=dropped.months, names=dropped.names)
