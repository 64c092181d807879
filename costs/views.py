"""The pages of costs: overview, explorer, the rows, and what moved."""

from datetime import UTC
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from costs.cut_files import RefusedCutError, cut_file
from costs.displayed import displayed
from costs.exchange import display_currencies
from costs.exploring import explore
from costs.lists import DAYS_BACK, days_ago, display_currency_of
from costs.models import CostTag, Metric
from costs.moved import moved_since
from costs.overview import CostOverview, cost_overview
from costs.page_lists import (
    EXPLORER,
    PERIODS,
    RECORDS,
    CostOverviewFilter,
    ExplorerFilter,
    MovedFilter,
    dimension_choices,
)
from costs.questions import UnanswerableError
from governance.access import Permission
from governance.caching import kept
from governance.gate import requires
from governance.ui.list_page import ListPage
from inventory.lists import folded
from tenants.freshness import coverage_asked_for
from tenants.lists import tenants_asked_for
from tenants.models import Subscription, Tenant, TenantGroup

TAGS_OFFERED = 100
SUBSCRIPTIONS_OFFERED = 500


@require_safe
@requires(Permission.SEE)
def overview(request: HttpRequest) -> HttpResponse:
    """This month against the last, thirteen months, what moved most, and where it goes."""
    asked = CostOverviewFilter(request.GET, queryset=RECORDS.rows().none())
    if not asked.is_valid():
        return _refused(request, "costs/overview.html", asked)
    found, currency = _overview(tenants_asked_for(asked), _metric(asked)), display_currency_of(asked)
    context = {**_usual(asked), "found": found, "standing": found.standing, "currencies": display_currencies()}
    context["display"] = displayed(found.by_month, currency) if currency else None
    return render(request, "costs/overview.html", context)


@require_safe
@requires(Permission.SEE)
def explorer(request: HttpRequest) -> HttpResponse:
    """Costs by one or two dimensions: chart, table, one level deeper with each link."""
    asked = ExplorerFilter(request.GET, queryset=RECORDS.rows().none())
    if not asked.is_valid():
        return _refused(request, "costs/explore.html", asked)
    question = asked.question()
    try:
        found = explore(question, asked.dimensions, request.GET, currency=display_currency_of(asked), today=_today())
    except UnanswerableError as error:
        asked.refuse(str(error))
        asked.is_valid()
        return _refused(request, "costs/explore.html", asked)
    context = {**_usual(asked), "found": found, "by": asked.dimensions, "standing": found.found.standing}
    context |= {"question": question, "currencies": display_currencies(), **_offered()}
    return render(request, "costs/explore.html", context)


@require_POST
@requires(POST=Permission.EXPORT)
def export(request: HttpRequest) -> HttpResponseBase:
    """The explorer's table as CSV or Excel."""
    try:
        return cut_file(
            request.POST.get("query", ""),
            format=request.POST.get("format", ""),
            for_whom=str(request.user),
            today=_today(),
        )
    except RefusedCutError as error:
        return render(request, "portal/export_refused.html", {"problems": error.problems}, status=400)


@require_safe
@requires(Permission.SEE)
def records(request: HttpRequest) -> HttpResponse:
    """The rows of cost as they came."""
    page = ListPage(request, RECORDS)
    return page.render(
        "costs/records.html",
        choices=filter_choices(),
        coverage=coverage_asked_for(page.asked, "costs"),
        periods=PERIODS,
        metrics=Metric.choices,
        span=page.asked.question().span if page.is_valid else None,
    )


@require_safe
@requires(Permission.SEE)
def moved(request: HttpRequest) -> HttpResponse:
    """What was told before a moment and is told otherwise now."""
    asked = MovedFilter(request.GET, queryset=RECORDS.rows().none())
    if not asked.is_valid():
        return _refused(request, "costs/moved.html", asked)
    since = asked.form.cleaned_data["since"] or days_ago(DAYS_BACK)
    wanted = asked.form.cleaned_data["subscription"]
    found = moved_since(
        since,
        metric=_metric(asked),
        tenants=tenants_asked_for(asked),
        subscription=folded(wanted) if wanted else None,
    )
    return render(request, "costs/moved.html", {**_usual(asked), **_offered(), "found": found, "since": since})


def _overview(tenants: frozenset[UUID] | None, metric: Metric) -> CostOverview:
    """The figures, kept until a slice is stored or the day ends."""
    of_whom = "all" if tenants is None else ",".join(sorted(tenant.hex for tenant in tenants))
    return kept(
        "cost-overview",
        version=f"{Tenant.objects.version()}-{_today()}",
        about=f"{metric} {of_whom}",
        compute=lambda: cost_overview(tenants, metric, today=_today()),
    )


def _metric(asked: Any) -> Metric:
    """The metric in force: actual cost if none is asked for."""
    return Metric(asked.form.cleaned_data.get("metric") or Metric.ACTUAL)


def _usual(asked: Any) -> dict[str, Any]:
    """What each of these pages has."""
    return {
        "filter": asked,
        "problems": {},
        "coverage": coverage_asked_for(asked, "costs"),
        "metric": _metric(asked),
        "metrics": Metric.choices,
        "today": _today(),
    }


def _offered() -> dict[str, Any]:
    """What the forms of these pages offer."""
    return {"periods": PERIODS, "choices": filter_choices(), "listing": EXPLORER}


def _refused(request: HttpRequest, template: str, asked: Any) -> HttpResponse:
    context = {"filter": asked, "problems": asked.problems(), "metrics": Metric.choices, **_offered()}
    context["currencies"] = display_currencies()
    return render(request, template, context, status=400)


def filter_choices() -> dict[str, list[Any]]:
    """What the filters offer. Kept until a sync stores something."""
    there = kept("cost-filter-choices", version=Tenant.objects.version(), compute=_choices_now)
    return {**there, "groups": list(TenantGroup.objects.values_list("name", flat=True))}


def _choices_now() -> dict[str, list[Any]]:
    subscriptions = Subscription.objects.order_by("name").values_list("subscription_id", "name")
    tags = list(CostTag.objects.order_by("key").values_list("key", flat=True).distinct()[:TAGS_OFFERED])
    return {
        "tenants": list(Tenant.objects.values_list("name", flat=True)),
        "subscriptions": list(subscriptions[:SUBSCRIPTIONS_OFFERED]),
        "dimensions": dimension_choices(tags),
        "tags": tags,
    }


def _today() -> Any:
    return timezone.now().astimezone(UTC).date()
