"""Doors for the worker."""

from uuid import UUID

import structlog
from celery import Task, shared_task

from audit.runs import RunInProgressError
from governance.tenancy import Scope, entered
from inventory import sync
from tenants.models import Tenant

log = structlog.get_logger(__name__)
LONGEST_POSTPONEMENT_SECONDS = 30 * 60  # below the broker's visibility timeout


@shared_task(name="inventory.tasks.sync_resources", bind=True)  # type: ignore[untyped-decorator]
def sync_resources(self: Task, tenant_id: str, requested_by: str | None = None) -> None:
    """Sync one tenant's resources; after throttling again when Azure wants to be asked again."""
    with entered(Scope.of(UUID(tenant_id))):
        tenant = Tenant.objects.get()
        try:
            summary = sync.sync_resources(tenant, requested_by=UUID(requested_by) if requested_by else None)
        except RunInProgressError:
            log.info("sync_running_already", tenant=tenant.name)
            return
    if summary.retry_after_seconds is not None:
        delay = min(summary.retry_after_seconds, LONGEST_POSTPONEMENT_SECONDS)
        self.apply_async(args=[tenant_id, requested_by], countdown=delay)
