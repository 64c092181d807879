"""In a fresh process: the inventory report through the worker's task, and WeasyPrint alone on the same HTML."""

import io
import resource
import time
from typing import Any

from django.contrib.staticfiles import finders
from django.http import QueryDict
from django.template.loader import render_to_string

from audit.actions import ask_for_file
from audit.files import every_file
from bench.estate import EMAIL
from governance.pdf import STYLES, VARIANT
from governance.portal import report_kinds, reports
from governance.portal.tasks import make_file
from governance.tenancy import entered
from tenants.authorization import access_for
from tenants.models import Tenant, User


def report() -> dict[str, Any]:
    """Make the report on every tenant, as their reader. Loading WeasyPrint counts as memory, not as CPU."""
    import weasyprint  # noqa: F401

    user = User.objects.get_by_natural_key(EMAIL)
    with entered(access_for(user).scope):
        tenants = list(Tenant.objects.values_list("id", flat=True))
        what = {"kind": "report", "format": "pdf", "subject": reports.INVENTORY, "title": "Report"}
        row = ask_for_file(user.pk, tenants=tenants, expected=None, **what)
    started = time.process_time()
    make_file(str(row.id))
    seconds = time.process_time() - started
    made = every_file().get(id=row.id)
    if made.status != "done":
        raise RuntimeError(f"The report ended as {made.status}: {made.reason}")
    return {"cpu_seconds": seconds, "rows": made.rows, "bytes": made.size_bytes, "peak_kilobytes": _peak()}


def weasyprint_alone() -> dict[str, Any]:
    """Lay out and write the same HTML, which is made before the clock starts."""
    from weasyprint import CSS, HTML

    user = User.objects.get_by_natural_key(EMAIL)
    with entered(access_for(user).scope):
        kind = report_kinds.KINDS[reports.INVENTORY]
        asked = report_kinds.asked_for(kind, QueryDict(""))
        made = report_kinds.built(kind, asked, query="", made_for=user.email, owner_id=user.pk)
    html = render_to_string("reports/inventory.html", {"report": made})
    started = time.process_time()
    styles = [CSS(filename=finders.find(name)) for name in STYLES]
    out = io.BytesIO()
    HTML(string=html).write_pdf(out, stylesheets=styles, pdf_variant=VARIANT, presentational_hints=True)
    return {"cpu_seconds": time.process_time() - started, "rows": made.resources, "peak_kilobytes": _peak()}


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
