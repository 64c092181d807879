"""Making a file in the worker: as the person who asked, with what they may see now, whole or not at all."""

from collections.abc import Callable
from tempfile import TemporaryFile
from typing import cast
from uuid import UUID

import structlog
from django.http import QueryDict
from django.template.loader import render_to_string

from audit.files import FileInTheMaking, FileLostError
from audit.models import ReportFile, ReportFileTenant
from governance import pdf
from governance.portal import report_kinds
from governance.portal.exporting import RefusedError, question, write
from governance.portal.reports import tenants_of
from governance.tenancy import MAX_TENANTS_IN_LIST, Scope, entered
from tenants.authorization import access_for
from tenants.models import Tenant, User

log = structlog.get_logger(__name__)

NOBODY = "The person who asked for it may not sign in any more."


def make(file: FileInTheMaking) -> None:
    """Make it, or give it up with its reason. Nothing is raised but what ends the process."""
    row = file.row
    if row.owner is None or not row.owner.is_active:
        file.fail(NOBODY)
        return
    try:
        with entered(_scope_of(row)), structlog.contextvars.bound_contextvars(file_id=str(row.id)):
            MAKERS[row.kind](file, row.owner.email)
    except FileLostError as error:
        log.warning("file_lost", reason=str(error))
    except RefusedError as error:
        file.fail(str(error))
    except OSError as error:
        log.exception("file_failed", file_id=str(row.id))
        file.fail(_words_of(error, row))
    except Exception as error:  # whatever it was, the row must say that it ended
        log.exception("file_failed", file_id=str(row.id))
        file.fail(f"It ended with {type(error).__name__}. The worker's log tells more under {row.id}.")


def _scope_of(row: ReportFile) -> Scope:
    """What its owner may see now, of what they asked about: an API token asks about its one tenant and no other."""
    scope = access_for(cast("User", row.owner)).scope
    held = ReportFileTenant.objects.across_tenants(reason="Whose rows were asked for bounds whose rows are read.")
    asked = frozenset(held.filter(file_id=row.id).values_list("tenant_id", flat=True))
    with entered(scope):
        seen = frozenset(Tenant.objects.values_list("id", flat=True))
    if seen <= asked or len(asked) > MAX_TENANTS_IN_LIST:
        return scope
    return Scope(seen & asked, user_id=row.owner_id)


def _words_of(error: OSError, row: ReportFile) -> str:
    """Why the system refused: the libraries of the PDF renderer, a full disk, a container that is not there."""
    missing = pdf.missing_packages() if row.kind == row.Kind.REPORT else []
    if missing:
        return f"This worker cannot make PDFs: {', '.join(missing)} are not installed. See manage.py check."
    return f"It ended with {type(error).__name__}: {error.strerror or 'see the log of the worker'}."


def _export(file: FileInTheMaking, for_whom: str) -> None:
    row: ReportFile = file.row
    query = f"{row.query}&columns={','.join(row.columns)}" if row.columns else row.query
    asked = question(row.subject, query, format=row.format, selection=row.selection)
    file.hold(tenant.id for tenant in asked.tenants())
    file.progress(rows=0, expected=asked.rows.count())
    with TemporaryFile(prefix="export-") as out:
        made = write(asked, out, for_whom=for_whom, told=lambda rows: file.progress(rows=rows))
        file.conclude(out, rows=made.written.rows, coverage=made.coverage)


def _report(file: FileInTheMaking, for_whom: str) -> None:
    row: ReportFile = file.row
    kind = report_kinds.kind_named(row.subject)
    asked = report_kinds.asked_for(kind, QueryDict(row.query))
    file.hold(tenant.id for tenant in tenants_of(asked))
    report = report_kinds.built(kind, asked, query=row.query, made_for=for_whom, owner_id=cast("UUID", row.owner_id))
    file.progress(rows=report.rows, expected=report.rows)
    html = render_to_string(kind.template, {"report": report})
    with TemporaryFile(prefix="report-") as out:
        pdf.write_pdf(html, out, attachments=report.attachments)
        file.conclude(out, rows=report.rows, coverage=report_kinds.coverage_kept(report))


MAKERS: dict[str, Callable[[FileInTheMaking, str], None]] = {
    ReportFile.Kind.EXPORT: _export,
    ReportFile.Kind.REPORT: _report,
}
