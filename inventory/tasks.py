"""Doors for the worker."""

from uuid import UUID

import structlog
from celery import Task, shared_task
from django.utils import timezone

from audit.runs import RunInProgressError
from governance.tenancy import Scope, entered
from inventory import sync
from inventory.violation_store import judge_tenant
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
            log.info("sync_running_already", tenant_id=str(tenant.id))
            return
    if summary.retry_after_seconds is not None:
        delay = min(summary.retry_after_seconds, LONGEST_POSTPONEMENT_SECONDS)
        self.apply_async(args=[tenant_id, requested_by], countdown=delay)


@shared_task(name="inventory.tasks.judge_tags")  # type: ignore[untyped-decorator]
def judge_tags(tenant_id: str) -> None:
    """Judge a tenant by its tag rules. Rules that change meanwhile have sent a task of their own."""
    with entered(Scope.of(UUID(tenant_id))):
        is_done = judge_tenant(UUID(tenant_id), now=timezone.now())
        log.info("tags_judged", tenant_id=tenant_id, rules_changed_meanwhile=not is_done)
