"""Which tenants get a sync, and handing it to the worker."""

from datetime import datetime
from uuid import UUID

import structlog
from celery import current_app
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from kombu.exceptions import OperationalError

from audit.models import SyncRun
from audit.runs import RunInProgressError, record_failure
from audit.trail import Target, record
from audit.verbs import Verb
from governance.azure.credentials import missing_secret
from governance.schedules import FAN_OUT_EVERY_MINUTES, schedule_for
from governance.tenancy import Scope, entered
from tenants.actions import request_preflight, withdraw_preflight
from tenants.connections import azure_access
from tenants.models import PreflightResult, Tenant, User
from tenants.people import doer

PREFLIGHT_TASK = "tenants.tasks.ask_preflight"
PREFLIGHT_EXPIRES_SECONDS = 15 * 60  # an answer later than that is one nobody waits for

log = structlog.get_logger(__name__)


def enqueue(
    kind: str, tenant_id: UUID, *, requested_by: UUID | None = None, expires_seconds: int | None = None
) -> None:
    """Hand one tenant's sync to the worker. Raises kombu's OperationalError when the broker does not answer.

    That a person asked is written down; within their scope.
    """
    arguments = [str(tenant_id), str(requested_by) if requested_by else None]
    with transaction.atomic():
        if requested_by is not None:
            record(Verb.RUN_ASKED_FOR, tenant_id=tenant_id, target=Target("sync", kind, f"sync of {kind}"))
        current_app.send_task(schedule_for(kind).task, args=arguments, expires=expires_seconds)


def enqueue_preflight(tenant: Tenant, *, requested_by: User | None) -> None:
    """Have a worker ask Azure whether the tenant can be read; its answer is stored (`PreflightResult`).

    A web process does not ask itself: Azure may take minutes. Raises kombu's OperationalError when the broker does not
    answer; then nothing waits for an answer.
    """
    request = request_preflight(tenant, requested_by=requested_by)
    try:
        arguments = [str(tenant.id), str(request)]
        current_app.send_task(PREFLIGHT_TASK, args=arguments, expires=PREFLIGHT_EXPIRES_SECONDS)
    except OperationalError:
        withdraw_preflight(tenant, request)
        raise


def last_preflight(tenant: Tenant) -> PreflightResult | None:
    """What was last asked and answered about a tenant; None when nobody asked with its present credentials."""
    rows = PreflightResult.objects.for_tenant(tenant.id).prefetch_related(doer("requested_by"))
    found: PreflightResult | None = rows.first()
    return found


def enqueue_due(kind: str, *, now: datetime | None = None) -> list[Tenant]:
    """Enqueue every connected tenant whose time has come. One whose secret is missing fails visibly instead."""
    schedule = schedule_for(kind)
    now = now or timezone.now()
    enqueued: list[Tenant] = []
    with entered(Scope.every_tenant(reason="The scheduler looks at all tenants to see who is due.")):
        tenants = list(Tenant.objects.connected())
        last_starts = dict(
            SyncRun.objects.of_kind(kind).order_by().values_list("tenant_id").annotate(last=Max("started_at"))
        )
    for tenant in tenants:
        if schedule.next_due(tenant.id, last_starts.get(tenant.id)) > now:
            continue
        if reason := missing_secret(tenant.secret_ref):
            _fail_unread(tenant, kind, reason)
            continue
        # Not begun before the next fan-out: dropped, and handed over again by it. So the queue never grows.
        enqueue(kind, tenant.id, expires_seconds=FAN_OUT_EVERY_MINUTES * 60)
        enqueued.append(tenant)
    return enqueued


def _fail_unread(tenant: Tenant, kind: str, reason: str) -> None:
    log.error("sync_not_enqueued", tenant_id=str(tenant.id), kind=kind, reason=reason)
    try:
        record_failure(tenant.id, kind, f"Nothing was enqueued: {azure_access(tenant).withhold(reason)}")
    except RunInProgressError:
        log.info("sync_running_already", tenant_id=str(tenant.id), kind=kind)
