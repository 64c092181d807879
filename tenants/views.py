"""The pages of tenants: the list, one tenant, connecting, credentials, pausing, preflight."""

from datetime import timedelta
from typing import Any

import structlog
from django.contrib import messages
from django.core.exceptions import BadRequest, ValidationError
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Case, IntegerField, QuerySet, Value, When
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe
from kombu.exceptions import OperationalError

from governance.access import Permission, access_of, get_visible_or_404, require
from governance.gate import requires
from governance.pages import page_number
from governance.schedules import SYNCS
from governance.ui.list_page import ListPage
from tenants.actions import connect_tenant, pause_tenant, resume_tenant, set_cost_export_scope, set_credentials
from tenants.dispatch import enqueue_preflight, last_preflight
from tenants.forms import ConnectForm, ConnectionForm
from tenants.freshness import coverage, coverage_asked_for
from tenants.models import Subscription, Tenant, TenantGroup
from tenants.tenant_list import tenants_for

log = structlog.get_logger(__name__)

PAGE_ROWS = 50
WORKER_PATIENCE = timedelta(minutes=2)  # an answer that takes longer is not expected any more: the page stops asking
ASKED = "A worker was told to ask Azure. The answer shows here."
NO_WORKER = "No worker could be told to ask Azure: the broker does not answer. See /healthz and try again."


@require_safe
@requires(Permission.SEE)
def tenants(request: HttpRequest) -> HttpResponse:
    """Every visible tenant: one's role, how fresh and whole its data are, its last run."""
    access = access_of(request)
    page = ListPage(request, tenants_for(access))
    return page.render(
        "tenants/tenants.html",
        coverage=coverage_asked_for(page.asked, "resources"),
        group_names=list(TenantGroup.objects.values_list("name", flat=True)),
        may_connect=access.may(Permission.CONNECT_TENANTS),
    )


@require_safe
@requires(Permission.SEE)
def tenant(request: HttpRequest, tenant_id: str) -> HttpResponse:
    """One tenant: facts, preflight, freshness by source, subscriptions."""
    row: Tenant = get_visible_or_404(Tenant.objects.all(), tenant_id)
    access, now = access_of(request), timezone.now()
    subscriptions = _lost_first(Subscription.objects.for_tenant(row.id))
    context = {
        "tenant": row,
        "role": access.role_in(row.id),
        "coverages": [(sync, coverage(sync.kind, now=now, tenants={row.id})) for sync in SYNCS],
        "page": Paginator(subscriptions, PAGE_ROWS).get_page(page_number(request)),
        "preflight": last_preflight(row),
        "groups": TenantGroup.objects.filter(members__tenant=row),
        "may_see_people": access.may(Permission.SEE_PEOPLE, row.id),
        "may_see_audit": access.may(Permission.SEE_AUDIT, row.id),
        "may_pause": access.may(Permission.PAUSE, row.id),
        "may_off_board": access.may(Permission.OFF_BOARD, row.id),
        "may_change_credentials": access.may(Permission.CHANGE_CREDENTIALS),
    }
    return render(request, "tenants/tenant.html", context)


def _lost_first(rows: Any) -> QuerySet[Subscription]:
    """Those that need somebody first, those that are gone for good last."""
    place = Case(
        When(off_boarded_at__isnull=False, then=Value(2)),
        When(access_lost_at__isnull=False, then=Value(0)),
        default=Value(1),
        output_field=IntegerField(),
    )
    ordered: QuerySet[Subscription] = rows.annotate(place=place).order_by("place", "name", "id")
    return ordered


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.CONNECT_TENANTS)
def connect(request: HttpRequest) -> HttpResponse:
    """Connect a tenant, then ask at once whether it can be read. For platform admins."""
    require(request, Permission.CONNECT_TENANTS)
    form = ConnectForm(request.POST or None)
    if form.is_valid():
        wanted = form.cleaned_data
        try:
            scope = wanted.pop("cost_export_scope") or None  # empty: a tenant that is known keeps its own
            row, is_new = connect_tenant(wanted.pop("name"), **wanted, cost_export_scope=scope)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            words = "is connected." if is_new else "was connected already; it has the new credentials now."
            messages.success(request, f"{row.name} {words}")
            return _ask_azure(request, row)
    return _form(request, "tenants/connect.html", form)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.CHANGE_CREDENTIALS)
def credentials(request: HttpRequest, tenant_id: str) -> HttpResponse:
    """Read a tenant with another application or secret, or from cost exports at another scope. For platform admins.

    The credentials that are stored are not shown.
    """
    row: Tenant = get_visible_or_404(Tenant.objects.all(), tenant_id)
    require(request, Permission.CHANGE_CREDENTIALS)
    form = ConnectionForm(request.POST or None, initial={"cost_export_scope": row.cost_export_scope})
    if form.is_valid():
        try:
            with transaction.atomic():
                has_moved = set_cost_export_scope(row, form.cleaned_data["cost_export_scope"])
                if form.credentials:
                    set_credentials(row, **form.credentials)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            return _after_change(request, row, has_credentials=bool(form.credentials), has_moved=has_moved)
    return _form(request, "tenants/credentials.html", form, tenant=row)


def _after_change(request: HttpRequest, row: Tenant, *, has_credentials: bool, has_moved: bool) -> HttpResponse:
    if has_moved:
        where = "at that scope too" if Tenant.objects.get(id=row.id).cost_export_scope else "of its subscriptions alone"
        messages.success(request, f"The next run of costs reads the cost exports {where}.")
    if has_credentials:
        messages.success(request, f"{row.name} has the new credentials.")
        return _ask_azure(request, row)
    if not has_moved:
        messages.success(request, f"Nothing was changed: {row.name} is read as before.")
    return HttpResponseRedirect(reverse("tenants:tenant", args=[row.id]), status=303)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.PAUSE)
def pause(request: HttpRequest, tenant_id: str) -> HttpResponse:
    """Pause a tenant or resume it, after words on what that means. For its admins."""
    row: Tenant = get_visible_or_404(Tenant.objects.all(), tenant_id)
    require(request, Permission.PAUSE, row.id)
    if request.method != "POST":
        return render(request, "tenants/pause.html", {"tenant": row})
    wanted = request.POST.get("status")
    if wanted == Tenant.Status.PAUSED:
        pause_tenant(row)
        messages.success(request, f"{row.name} is paused: the schedule starts no sync of it.")
    elif wanted == Tenant.Status.CONNECTED:
        resume_tenant(row)
        messages.success(request, f"{row.name} is resumed: the schedule starts its syncs again.")
    else:
        raise BadRequest("status is neither paused nor connected.")
    return HttpResponseRedirect(reverse("tenants:tenant", args=[row.id]), status=303)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(GET=Permission.SEE, POST=Permission.RUN_PREFLIGHT)
def preflight(request: HttpRequest, tenant_id: str) -> HttpResponse:
    """What Azure last answered to "can we read this tenant?"; asking again is for operators."""
    row: Tenant = get_visible_or_404(Tenant.objects.all(), tenant_id)
    if request.method == "POST":
        require(request, Permission.RUN_PREFLIGHT, row.id)
        return _ask_azure(request, row)
    result = last_preflight(row)
    is_waiting = result is not None and result.request is not None
    context = {
        "tenant": row,
        "result": result,
        "is_waiting": is_waiting,
        "looks_again": is_waiting and result and timezone.now() - result.requested_at < WORKER_PATIENCE,
        "may_ask": access_of(request).may(Permission.RUN_PREFLIGHT, row.id),
        "may_change_credentials": access_of(request).may(Permission.CHANGE_CREDENTIALS),
    }
    return render(request, "tenants/preflight.html", context)


def _ask_azure(request: HttpRequest, row: Tenant) -> HttpResponse:
    user: Any = request.user
    try:
        enqueue_preflight(row, requested_by=user)
        messages.success(request, ASKED)
    except OperationalError:
        log.exception("preflight_not_enqueued", tenant_id=str(row.id))
        messages.error(request, NO_WORKER)
    return HttpResponseRedirect(reverse("tenants:preflight", args=[row.id]), status=303)


def _form(request: HttpRequest, template: str, form: Any, **context: Any) -> HttpResponse:
    return render(request, template, {"form": form, **context}, status=400 if form.errors else 200)
