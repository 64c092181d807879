"""The syncs: what ran, what it received, and running one now."""

from typing import Any

import structlog
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe
from kombu.exceptions import OperationalError

from audit.models import CoverageReceipt, SetAsideRow
from governance.access import Permission, access_of, get_visible_or_404, require
from governance.gate import requires
from governance.pages import page_number
from governance.portal.sync_lists import SYNCS_LIST, sync_rows
from governance.schedules import KINDS, SYNCS
from governance.ui.list_page import PAGE_ROWS, ListPage
from tenants.dispatch import enqueue
from tenants.freshness import coverage_asked_for
from tenants.models import Tenant, TenantGroup

log = structlog.get_logger(__name__)

SET_ASIDE_SHOWN = 100
NO_WORKER = (
    "The sync could not be handed to a worker: the broker does not answer. See /healthz; try again, or run it by hand."
)


@require_safe
@requires(Permission.SEE)
def syncs(request: HttpRequest) -> HttpResponse:
    """How fresh each tenant is, and the runs, newest first."""
    page = ListPage(request, SYNCS_LIST)
    access = access_of(request)
    tenants = list(Tenant.objects.values_list("id", "name"))
    return page.render(
        "portal/syncs.html",
        coverages=[(schedule, coverage_asked_for(page.asked, schedule.kind)) for schedule in SYNCS],
        choices={
            "tenants": [name for _, name in tenants],
            "groups": list(TenantGroup.objects.values_list("name", flat=True)),
        },
        may_run={key for key, _ in tenants if access.may(Permission.RUN_SYNCS, key)},
    )


@require_safe
@requires(Permission.SEE)
def sync_run(request: HttpRequest, run_id: str) -> HttpResponse:
    """One run with its coverage receipts and the rows it set aside."""
    run = get_visible_or_404(sync_rows(), run_id)
    receipts = CoverageReceipt.objects.for_tenant(run.tenant_id).filter(run=run).select_related("subscription")
    set_aside = SetAsideRow.objects.for_tenant(run.tenant_id).filter(run=run).order_by("id")
    context = {
        "run": run,
        "page": Paginator(receipts.order_by("complete", "subscription__name", "source"), PAGE_ROWS).get_page(
            page_number(request)
        ),
        "set_aside": set_aside[:SET_ASIDE_SHOWN],
        "set_aside_shown": SET_ASIDE_SHOWN,
    }
    return render(request, "portal/sync_run.html", context)


@require_POST
@requires(POST=Permission.RUN_SYNCS)
def run_now(request: HttpRequest) -> HttpResponse:
    """Hand one tenant's sync to the worker, for its operators."""
    tenant = get_visible_or_404(Tenant.objects.all(), request.POST.get("tenant", ""))
    kind = request.POST.get("kind", "")
    if kind not in KINDS:
        raise Http404
    require(request, Permission.RUN_SYNCS, tenant.id)
    user: Any = request.user
    try:
        enqueue(kind, tenant.id, requested_by=user.pk)
        messages.success(request, f"The sync of {tenant.name} was handed to a worker. It shows here once it starts.")
    except OperationalError:
        log.exception("sync_not_enqueued", tenant_id=str(tenant.id))
        messages.error(request, NO_WORKER)
    return HttpResponseRedirect(reverse("portal:syncs"), status=303)
