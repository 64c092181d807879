"""The list of runs: its filters, sorts and columns, once for page, API and export."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audit.models import Outcome, SyncRun
from governance.schedules import KINDS
from governance.ui import cells
from governance.ui.listing import Column, Listing
from tenants.lists import TenantOwnedFilterSet, sort_filter
from tenants.people import doer

SYNC_SORTS = {"started_at": "started_at"}


class SyncListFilter(TenantOwnedFilterSet):
    """Filters of the list of runs."""

    kind = django_filters.ChoiceFilter(choices=[(kind, kind) for kind in KINDS], label="Kind")
    outcome = django_filters.ChoiceFilter(choices=Outcome.choices, label="Outcome")
    sort = sort_filter(SYNC_SORTS)

    class Meta:
        model = SyncRun
        fields: list[str] = []


def sync_rows() -> QuerySet[Any]:
    """Runs in scope with what a list prints of them."""
    rows: QuerySet[Any] = SyncRun.objects.select_related("tenant").prefetch_related(doer("requested_by"))
    return rows


def _count(field: str, title: str) -> Column:
    return Column(field, title, lambda row: getattr(row, field), lambda row: _number(getattr(row, field)), number=True)


def _number(value: int | None) -> SafeString:
    kind = "absent" if value is None else "zero" if value == 0 else ""
    return format_html('<span class="{}">{}</span>', kind, cells.grouped(value))


def _started(run: SyncRun) -> SafeString:
    return cells.link(reverse("portal:sync-run", args=[run.pk]), cells.moment(run.started_at))


SYNCS_LIST = Listing(
    key="syncs",
    title="Runs of syncs",
    one="run",
    many="runs",
    filterset=SyncListFilter,
    sorts=SYNC_SORTS,
    default_sort="-started_at",
    rows=sync_rows,
    coverage_kind="",
    page="portal:syncs",
    columns=(
        Column("started", "Started (UTC)", lambda row: row.started_at, _started, sort="started_at"),
        Column(
            "outcome",
            "Outcome",
            lambda row: row.outcome,
            lambda row: cells.state(row.outcome, row.get_outcome_display()),
        ),
        Column("tenant", "Tenant", lambda row: row.tenant.name),
        Column("kind", "Kind", lambda row: row.kind),
        Column(
            "seconds",
            "Seconds",
            lambda row: row.seconds,
            lambda row: format_html("{}", "–" if row.seconds is None else f"{row.seconds:.1f}"),
            number=True,
        ),
        _count("expected", "Expected"),
        _count("received", "Received"),
        _count("created", "Created"),
        _count("changed", "Changed"),
        _count("returned", "Returned"),
        _count("gone", "Gone"),
        _count("set_aside", "Set aside"),
        _count("requests", "Requests"),
        Column("reason", "Reason", lambda row: row.reason, shown=False, style="reason wrap"),
        Column("finished", "Finished (UTC)", lambda row: row.finished_at, shown=False),
        Column("asked_by", "Run by", lambda row: str(row.requested_by or "schedule"), shown=False),
    ),
)
