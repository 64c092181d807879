"""Exports and reports: asking for one, the list of them with its progress, and handing them out."""

from collections.abc import Iterable
from tempfile import TemporaryFile
from typing import Any
from urllib.parse import quote, urlencode

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from audit.actions import ask_for_file, note_download, note_export
from audit.files import wake
from audit.models import ReportFile
from governance import storage
from governance.access import Permission, access_of, get_visible_or_404
from governance.gate import requires
from governance.pages import page_number
from governance.portal.audit_lists import AUDIT, may_read_any
from governance.portal.cost_reports import moved_since_address
from governance.portal.exporting import STREAMED_ROWS, Question, RefusedError, question, write
from governance.portal.file_lists import FileListFilter
from governance.portal.report_kinds import ReportKind, asked_for, kind_named
from governance.portal.reports import tenants_of
from governance.schedules import KEPT_DAYS
from tenants.models import Tenant, TenantGroup

PAGE_ROWS = 50
CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
}
QUEUED = "Queued: it shows below how far it is."
QUEUED_UNHEARD = (
    "Queued, but no worker could be told of it: the broker does not answer. It starts when the broker does."
)


class NotThereError(Exception):
    """There are no bytes of this file: not yet, or not any more."""


@require_safe
@requires(Permission.EXPORT)
def files(request: HttpRequest) -> HttpResponse:
    """A person's exports and the reports they may see, newest first."""
    wanted = FileListFilter(request.GET, queryset=files_of(request).prefetch_related("tenant_rows__tenant"))
    valid = wanted.is_valid()
    rows = wanted.qs.newest_first() if valid else ReportFile.objects.none()
    page = Paginator(rows, PAGE_ROWS).get_page(page_number(request))
    for row in page:
        row.moved_since = moved_since_address(row)
    context = {
        "filter": wanted,
        "problems": {} if valid else wanted.problems(),
        "page": page,
        "is_waiting": any(row.is_waiting for row in page),
        "is_filtered": any(value for name, value in request.GET.items() if name != "page"),
        "kept_days": KEPT_DAYS,
        "tenant_names": list(Tenant.objects.values_list("name", flat=True)),
        "group_names": list(TenantGroup.objects.values_list("name", flat=True)),
    }
    return render(request, "portal/files.html", context, status=200 if valid else 400)


@require_POST
@requires(POST=Permission.EXPORT)
def export(request: HttpRequest) -> HttpResponseBase:
    """Export a list as it is on the page, or the rows chosen on it: at once when it is small, else by a worker."""
    form = request.POST
    try:
        query, wanted = form.get("query", ""), form.get("format", "")
        asked = question(form.get("list", ""), query, format=wanted, selection=form.getlist("ids"))
        refuse_unreadable(request, asked)
        expected = asked.rows.count()
        if expected <= STREAMED_ROWS:
            return _made_at_once(request, asked, query)
        row = queue_export(request, asked, query=query, expected=expected)
    except RefusedError as error:
        return render(request, "portal/export_refused.html", {"problems": error.problems}, status=400)
    _announce(request, row)
    return HttpResponseRedirect(reverse("portal:files"), status=303)


@require_POST
@requires(POST=Permission.EXPORT)
def report(request: HttpRequest) -> HttpResponse:
    """Ask for a report on one tenant, a group, or all that the person may see."""
    form = request.POST
    try:
        kind = kind_named(form.get("report", ""))
        chosen = {name: form[name] for name in kind.parameters if form.get(name)}
        row = queue_report(request, kind, urlencode(chosen))
    except RefusedError as error:
        return render(request, "portal/export_refused.html", {"problems": error.problems}, status=400)
    _announce(request, row)
    return HttpResponseRedirect(reverse("portal:files"), status=303)


@require_safe
@requires(Permission.EXPORT)
def download(request: HttpRequest, file_id: str) -> HttpResponseBase:
    """A file, for those who may see it now. One that is not there yet or no more is a page that says so."""
    row = get_visible_or_404(files_of(request), file_id)
    try:
        return content_of(row)
    except NotThereError:
        return render(request, "portal/file_not_there.html", {"file": row}, status=409 if row.is_waiting else 410)


def files_of(request: HttpRequest) -> Any:
    """The files this person may see: every tenant in them is in scope now."""
    return ReportFile.objects.visible_to(request.user.pk)


def refuse_unreadable(request: HttpRequest, asked: Question) -> None:
    """Raise RefusedError for a trail that this request may not read: a token may give less than its person."""
    if asked.listing is AUDIT and not may_read_any(access_of(request)):
        raise RefusedError({"list": ["The audit trail of a tenant is for its admins."]})


def queue_export(request: HttpRequest, asked: Question, *, query: str, expected: int) -> ReportFile:
    """Write down that a worker shall make this export. Raises RefusedError when too many are waiting."""
    refuse_unreadable(request, asked)
    return _queue(
        request,
        tenants=asked.tenants(),
        expected=expected,
        kind=ReportFile.Kind.EXPORT,
        format=asked.format,
        subject=asked.listing.key,
        title=asked.listing.title,
        query=query,
        columns=[column.key for column in asked.columns],
        selection=[str(key) for key in asked.selection],
    )


def queue_report(request: HttpRequest, kind: ReportKind, query: str) -> ReportFile:
    """Write down that a worker shall make this report. Raises RefusedError."""
    asked = asked_for(kind, QueryDict(query))
    return _queue(
        request,
        tenants=tenants_of(asked),
        expected=None,
        kind=ReportFile.Kind.REPORT,
        format=ReportFile.Format.PDF,
        subject=kind.key,
        title=kind.title(asked),
        query=query,
    )


def _queue(request: HttpRequest, *, tenants: Iterable[Tenant], **what: Any) -> ReportFile:
    try:
        return ask_for_file(request.user.pk, tenants=[tenant.id for tenant in tenants], **what)  # type: ignore[arg-type]
    except ValidationError as error:
        raise RefusedError({"file": error.messages}) from error


def content_of(row: ReportFile) -> HttpResponseBase:
    """The bytes of a file, or the address in Azure where they are for some minutes; whoever calls has asked who may.

    Raises NotThereError for a file that is not made yet, failed, or expired.
    """
    if row.status != row.Status.DONE:
        raise NotThereError(row.status)
    content_type = CONTENT_TYPES[row.format]
    disposition = f"attachment; filename*=UTF-8''{quote(row.filename)}"
    address = storage.signed_address(row.container, row.blob, disposition=disposition, content_type=content_type)
    if address is not None:
        note_download(row)
        return HttpResponseRedirect(address)
    try:
        content = storage.container(row.container).open(row.blob)
    except FileNotFoundError as error:  # it expired between the question and now
        raise NotThereError("expired") from error
    note_download(row)
    return FileResponse(content, as_attachment=True, filename=row.filename, content_type=content_type)


def _made_at_once(request: HttpRequest, asked: Question, query: str) -> FileResponse:
    """Made whole before the first byte leaves, so that an error is an error and not half a file."""
    row = ReportFile(subject=asked.listing.key, format=asked.format, created_at=timezone.now())
    out = TemporaryFile(prefix="export-")  # noqa: SIM115 - the response closes it
    try:
        made = write(asked, out, for_whom=str(request.user))
        note_export(
            (tenant.id for tenant in asked.tenants()),
            title=asked.listing.title,
            subject=asked.listing.key,
            query=query,
            format=asked.format,
            rows=made.written.rows,
        )
    except BaseException:
        out.close()
        raise
    row.coverage = made.coverage
    out.seek(0)
    return FileResponse(out, as_attachment=True, filename=row.filename, content_type=CONTENT_TYPES[asked.format])


def _announce(request: HttpRequest, row: ReportFile) -> None:
    if wake(row.id):
        messages.success(request, f"{row.title}. {QUEUED}")
    else:
        messages.warning(request, f"{row.title}. {QUEUED_UNHEARD}")
