"""Doors for the worker: making the files that were asked for."""

from uuid import UUID

import structlog
from celery import shared_task

from audit.files import NotToBeMadeError, take_up
from governance.portal.making import make

log = structlog.get_logger(__name__)


@shared_task(name="governance.portal.tasks.make_file")  # type: ignore[untyped-decorator]
def make_file(file_id: str) -> None:
    """Make one file, unless it is made, given up, or another worker is at it."""
    try:
        file = take_up(UUID(file_id))
    except NotToBeMadeError as error:
        log.info("file_not_taken_up", file_id=file_id, reason=str(error))
        return
    make(file)
