"""The list of audit events, once for page, API and export; and who looked at one tenant."""

from typing import Any
from uuid import UUID

import django_filters
from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.safestring import SafeString

from audit.models import AuditEvent, EventOutcome
from audit.sightings import looks_at, role_then, what_was_seen
from audit.verbs import Verb
from governance.access import Access, Permission, Role
from governance.actors import ActorKind
from governance.filters import MomentFilter, StrictFilterSet, TextFilter
from governance.tenancy import MAX_TENANTS_IN_LIST, current_scope
from governance.ui import cells
from governance.ui.listing import Column, Listing
from tenants.lists import TenantOwnedFilterSet, sort_filter
from tenants.models import Membership, Tenant

EVENT_SORTS = {"at": "at"}
VERBS = dict(Verb.choices)
KINDS = [(kind.value, kind.value.capitalize()) for kind in ActorKind]
PLATFORM = "the platform"


class AuditListFilter(TenantOwnedFilterSet):
    """Filters of the list of audit events. `chain=platform`: what belongs to no tenant."""

    chain = django_filters.ChoiceFilter(
        choices=[("platform", "The platform's"), ("tenants", "The tenants'")], method="of_chain", label="Chain"
    )
    actor = TextFilter(method="by_actor", label="Who (name or id)")
    kind = django_filters.ChoiceFilter(choices=KINDS, field_name="actor_kind", label="Kind of actor")
    verb = django_filters.ChoiceFilter(choices=Verb.choices, label="What was done")
    outcome = django_filters.ChoiceFilter(choices=EventOutcome.choices, label="Outcome")
    target = TextFilter(method="on_target", label="To what (name or id)")
    since = MomentFilter(field_name="at", lookup_expr="gte", label="Since (UTC)")
    until = MomentFilter(field_name="at", lookup_expr="lt", label="Until (UTC)")
    sort = sort_filter(EVENT_SORTS)

    class Meta:
        model = AuditEvent
        fields: list[str] = []

    def of_chain(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """`chain=`: the platform's or the tenants'."""
        return queryset.filter(tenant__isnull=value == "platform")

    def by_actor(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """`actor=`: part of who it was, or their id."""
        return queryset.filter(Q(actor_label__icontains=value) | Q(actor_id=value[:64]))

    def on_target(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """`target=`: part of what it was called, or its id."""
        return queryset.filter(Q(target_label__icontains=value) | Q(target_id=value[:64]))


def audit_rows() -> QuerySet[Any]:
    """The events a person may read: of the tenants they administer; platform people read all, the platform's too."""
    rows: QuerySet[Any] = AuditEvent.objects.select_related("tenant")
    scope = current_scope()
    if scope.is_every_tenant:
        return rows
    if scope.user_id is None:
        return rows.none()
    held = Membership.objects.of_user(scope.user_id).filter(role=Role.ADMIN.word)
    return rows.filter(tenant_id__in=held.values("tenant_id"))


def rows_for(access: Access) -> QuerySet[Any]:
    """As `audit_rows`, with no more than this request's own access: a token may give less than its person has."""
    tenants = administered(access)
    if access.may(Permission.SEE_PLATFORM_AUDIT) or len(tenants) > MAX_TENANTS_IN_LIST:
        return audit_rows()
    rows: QuerySet[Any] = AuditEvent.objects.select_related("tenant")
    return rows.filter(tenant_id__in=tenants)


def administered(access: Access) -> list[UUID]:
    """The tenants whose trail this access may read."""
    return sorted(tenant for tenant in access.roles if access.may(Permission.SEE_AUDIT, tenant))


def may_read_any(access: Access) -> bool:
    """Whether there is a trail that this access may read."""
    return access.may(Permission.SEE_PLATFORM_AUDIT) or bool(administered(access))


def verb_in_words(event: AuditEvent) -> str:
    """What was done; the stored word for one that this version does not know."""
    return str(VERBS.get(event.verb, event.verb))


def tenant_name(event: AuditEvent) -> str:
    """Whose event it is."""
    return event.tenant.name if event.tenant else PLATFORM


def _at(event: AuditEvent) -> SafeString:
    return cells.link(reverse("portal:audit-event", args=[event.pk]), cells.moment(event.at))


def _outcome(event: AuditEvent) -> SafeString:
    shown = {"done": "ok", "refused": "partial", "failed": "failed"}
    return cells.state(shown.get(event.outcome, event.outcome), event.outcome.capitalize())


AUDIT = Listing(
    key="audit",
    title="Audit",
    one="event",
    many="events",
    filterset=AuditListFilter,
    sorts=EVENT_SORTS,
    default_sort="-at",
    rows=audit_rows,
    coverage_kind="",
    page="portal:audit",
    columns=(
        Column("at", "At (UTC)", lambda row: row.at, _at, sort="at"),
        Column("actor", "Who", lambda row: row.actor_label, style="cut"),
        Column("verb", "What", verb_in_words, style="cut"),
        Column("target", "To what", lambda row: row.target_label, style="cut"),
        Column("tenant", "Tenant", tenant_name, style="cut"),
        Column("outcome", "Outcome", lambda row: row.outcome, _outcome),
        Column("reason", "Reason", lambda row: row.reason, shown=False, style="wrap"),
        Column("kind", "Kind of actor", lambda row: row.actor_kind, shown=False),
        Column("address", "Address", lambda row: row.address, shown=False),
        Column("request", "Request", lambda row: row.request_id, shown=False, style="cut"),
        Column("sequence", "Place in its chain", lambda row: row.sequence, shown=False, number=True),
        Column("word", "Verb as stored", lambda row: row.verb, shown=False),
        Column("hash", "Hash", lambda row: row.hash, shown=False, style="cut"),
    ),
)


class LookFilter(StrictFilterSet):
    """Filters of who looked at a tenant."""

    actor = TextFilter(field_name="actor_label", lookup_expr="icontains", label="Who")
    since = MomentFilter(field_name="at", lookup_expr="gte", label="Since (UTC)")
    until = MomentFilter(field_name="at", lookup_expr="lt", label="Until (UTC)")
    sort = sort_filter(EVENT_SORTS)

    class Meta:
        model = AuditEvent
        fields: list[str] = []


def looks_of(tenant: Tenant) -> Listing:
    """Who looked at one tenant, newest first."""

    def seen(event: AuditEvent) -> str:
        return what_was_seen(event, _own(tenant))

    return Listing(
        key="looks",
        title=f"Who looked at {tenant.name}",
        one="look",
        many="looks",
        filterset=LookFilter,
        sorts=EVENT_SORTS,
        default_sort="-at",
        rows=lambda: looks_at(tenant.id, since=tenant.connected_at),
        coverage_kind="",
        columns=(
            Column("at", "At (UTC)", lambda row: row.at, lambda row: cells.moment(row.at), sort="at"),
            Column("who", "Who", lambda row: row.actor_label, style="cut"),
            Column("role", "As", role_then, lambda row: cells.text(role_then(row))),
            Column("what", "What", verb_in_words),
            Column("seen", "Of what", seen, style="wrap"),
        ),
    )


def _own(tenant: Tenant) -> UUID:
    key: UUID = tenant.id
    return key
