"""Making a file in the worker: as the person who asked, with what they may see now, whole or not at all."""

from tempfile import TemporaryFile

import structlog

from audit.files import FileInTheMaking, FileLostError
from audit.models import ReportFile
from governance.portal.exporting import RefusedError, question, write
from governance.tenancy import entered
from tenants.authorization import access_for

log = structlog.get_logger(__name__)

NOBODY = "The person who asked for it may not sign in any more."


def make(file: FileInTheMaking) -> None:
    """Make it, or give it up with its reason. Nothing is raised but what ends the process."""
    row = file.row
    if row.owner is None or not row.owner.is_active:
        file.fail(NOBODY)
        return
    try:
        with entered(access_for(row.owner).scope), structlog.contextvars.bound_contextvars(file_id=str(row.id)):
            _export(file, for_whom=row.owner.email)
    except FileLostError as error:
        log.warning("file_lost", reason=str(error))
    except RefusedError as error:
        file.fail(str(error))
    except Exception as error:  # whatever it was, the row must say that it ended
        log.exception("file_failed", file_id=str(row.id))
        file.fail(f"It ended with {type(error).__name__}. The worker's log tells more under {row.id}.")


def _export(file: FileInTheMaking, *, for_whom: str) -> None:
    row: ReportFile = file.row
    query = f"{row.query}&columns={','.join(row.columns)}" if row.columns else row.query
    asked = question(row.subject, query, format=row.format, selection=row.selection)
    file.hold(tenant.id for tenant in asked.tenants())
    file.progress(rows=0, expected=asked.rows.count())
    with TemporaryFile(prefix="export-") as out:
        made = write(asked, out, for_whom=for_whom, told=lambda rows: file.progress(rows=rows))
        file.conclude(out, rows=made.written.rows, coverage=made.coverage)
