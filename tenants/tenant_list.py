"""The list of tenants: what is known of each, in one query, and its columns."""

from collections import defaultdict
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, IntegerField, Min, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audit.models import CoverageReceipt, Outcome, SyncRun
from governance.access import Access, Permission
from governance.schedules import schedule_for
from governance.ui import cells
from governance.ui.listing import Column, Listing
from tenants.freshness import State, state_of
from tenants.lists import TENANT_SORTS, TenantListFilter
from tenants.models import Membership, Subscription, Tenant, TenantGroupMember

KIND = "resources"


def tenant_rows() -> QuerySet[Tenant]:
    """Tenants in scope, each with its subscriptions, people and last run. One query."""
    own = OuterRef("pk")
    finished = SyncRun.objects.of_kind(KIND).finished().filter(tenant=own).order_by("-started_at", "-id")
    subscriptions = Subscription.objects.expected().filter(tenant=own)
    receipts = CoverageReceipt.objects.filter(run=OuterRef("last_run"), source="resource_graph")
    rows: QuerySet[Tenant] = Tenant.objects.annotate(
        visible=_number_of(subscriptions.filter(access_lost_at=None)),
        lost=_number_of(subscriptions.exclude(access_lost_at=None)),
        people=_number_of(Membership.objects.filter(tenant=own)),
        last_run=Subquery(finished.values("id")[:1]),
        last_outcome=Subquery(finished.values("outcome")[:1]),
        last_run_at=Subquery(finished.values("finished_at")[:1]),
    ).annotate(
        oldest=Subquery(receipts.order_by().values("run").annotate(at=Min("last_complete_at")).values("at")),
        never_whole=Exists(receipts.filter(last_complete_at=None)),
    )
    return rows


def _number_of(rows: QuerySet[Any]) -> Coalesce:
    counted = rows.order_by().values("tenant").annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


def state_now(row: Any) -> State:
    """The state of a tenant's data, from its last finished run."""
    period = schedule_for(KIND).every
    return state_of(row.last_outcome or "", row.last_run_at, now=timezone.now(), period=period)


def complete_as_of(row: Any) -> Any:
    """All of the tenant's data are at least this fresh; None when some were never read whole."""
    return None if row.never_whole else row.oldest


def group_names() -> dict[UUID, str]:
    """The names of the groups of each tenant in scope that is in one. One query."""
    names: dict[UUID, list[str]] = defaultdict(list)
    rows = TenantGroupMember.objects.order_by("group__name").values_list("tenant_id", "group__name")
    for tenant_id, name in rows:
        names[tenant_id].append(name)
    return {tenant_id: ", ".join(found) for tenant_id, found in names.items()}


def _name(row: Any) -> SafeString:
    address = reverse("tenants:tenant", args=[row.id])
    if row.status == Tenant.Status.PAUSED:
        return format_html('{} <span class="badge">paused</span>', cells.link(address, row.name))
    return cells.link(address, row.name)


def _last_run(row: Any) -> SafeString:
    if row.last_run is None:
        return cells.moment(None)
    address = reverse("portal:sync-run", args=[row.last_run])
    outcome = cells.state(row.last_outcome, Outcome(row.last_outcome).label)
    return format_html('<a href="{}">{}</a> {}', address, cells.moment(row.last_run_at), outcome)


def _lost(row: Any) -> SafeString:
    return format_html('<span class="{}">{}</span>', "state partial" if row.lost else "zero", cells.grouped(row.lost))


TENANTS = Listing(
    key="tenants",
    title="Tenants",
    one="tenant",
    many="tenants",
    filterset=TenantListFilter,
    sorts=TENANT_SORTS,
    default_sort="name",
    rows=tenant_rows,
    coverage_kind=KIND,
    page="tenants:tenants",
    page_only=frozenset({"role", "people", "groups"}),
    columns=(
        Column("name", "Tenant", lambda row: row.name, _name, sort="name"),
        Column("status", "Status", lambda row: row.get_status_display(), shown=False),
        Column("state", "Data", lambda row: state_now(row).value, lambda row: cells.state(state_now(row).value)),
        Column(
            "complete",
            "Complete as of (UTC)",
            complete_as_of,
            lambda row: cells.moment(complete_as_of(row), "never read whole"),
        ),
        Column("last_run", "Last run (UTC)", lambda row: row.last_run_at, _last_run),
        Column("outcome", "Outcome of the last run", lambda row: row.last_outcome, shown=False),
        Column("visible", "Subscriptions", lambda row: row.visible, number=True),
        Column("lost", "Lost", lambda row: row.lost, _lost, number=True),
        Column("azure_tenant_id", "Azure tenant id", lambda row: str(row.azure_tenant_id), shown=False),
        Column(
            "connected",
            "Connected (UTC)",
            lambda row: row.connected_at,
            lambda row: cells.moment(row.connected_at),
            sort="connected_at",
            shown=False,
        ),
    ),
)


def tenants_for(access: Access) -> Listing:
    """The list as one person sees it: with their own role, the groups, and how many people where they may know it."""
    names = group_names()
    mine = Column("role", "My role", partial(_role, access))
    people = Column("people", "People", partial(_people, access), partial(_people_cell, access), number=True)
    groups = Column("groups", "Groups", lambda row: names.get(row.id), style="wrap")
    columns = (TENANTS.columns[0], mine, *TENANTS.columns[1:], people, groups)
    return replace(TENANTS, columns=columns, page_only=frozenset())


def _role(access: Access, row: Any) -> str:
    role = access.role_in(row.id)
    return role.word.capitalize() if role else ""


def _people(access: Access, row: Any) -> int | None:
    return row.people if access.may(Permission.SEE_PEOPLE, row.id) else None


def _people_cell(access: Access, row: Any) -> SafeString:
    if not access.may(Permission.SEE_PEOPLE, row.id):
        return cells.NOTHING
    return cells.link(reverse("tenants:people", args=[row.id]), cells.grouped(row.people))
