"""Doors for the worker."""

import structlog
from celery import shared_task
from django.utils import timezone

from costs import retention

log = structlog.get_logger(__name__)


@shared_task(name="costs.tasks.drop_old_costs")  # type: ignore[untyped-decorator]
def drop_old_costs() -> None:
    """Delete the costs that are older than they are to be kept."""
    dropped = retention.drop_old(timezone.now().date())
    log.info("old_costs_dropped", rows=dropped.rows, months=dropped.months)
