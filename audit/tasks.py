"""Doors for the worker: the files that were asked for, and the anchors of the audit trail."""

import structlog
from celery import shared_task
from django.utils import timezone

from audit import anchors, files

log = structlog.get_logger(__name__)


@shared_task(name="audit.tasks.tend_files")  # type: ignore[untyped-decorator]
def tend_files() -> None:
    """Wake a worker for every abandoned file; delete the expired ones."""
    now = timezone.now()
    woken = [files.wake(file_id, expires_seconds=files.WAKE_AGAIN_SECONDS) for file_id in files.abandoned(now)]
    log.info("files_tended", woken=sum(woken), expired=files.expire(now))


@shared_task(name="audit.tasks.anchor_chains")  # type: ignore[untyped-decorator]
def anchor_chains() -> None:
    """Anchor every chain of the audit trail that moved. One that cannot be is tried again by the next round."""
    done, failed = anchors.anchor_moved_chains(timezone.now())
    log.info("chains_anchored", chains=done, failed=failed)
