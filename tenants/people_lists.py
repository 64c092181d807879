"""The lists of people, of their roles and of groups of tenants: filters and sorts, once for page and API."""

from typing import Any

import django_filters
from django.db.models import Prefetch, QuerySet
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from governance.access import Access, access_of
from governance.filters import StrictFilterSet, TextFilter
from governance.ui import cells
from governance.ui.listing import Column, Listing
from tenants.lists import GroupFilter, TenantFilter, TenantOwnedFilterSet, sort_filter
from tenants.models import Invitation, Membership, Tenant, TenantGroup, TenantGroupMember, User
from tenants.people import known

USER_SORTS = {"email": "email"}
MEMBERSHIP_SORTS = {"since": "id"}  # a key tells when it was made
PERSON_SORTS = {"email": "user__email", "since": "id"}
GROUP_SORTS = {"name": "name"}
TENANTS_NAMED = 20  # in one cell of the list of groups


class UserListFilter(StrictFilterSet):
    """Filters of the list of people: who has a role, this role, in the tenants asked for that one administers."""

    tenant = TenantFilter(label="Tenant", method="keep")
    group = GroupFilter()
    role = django_filters.ChoiceFilter(choices=Membership.RoleWord.choices, method="keep", label="Role")
    q = TextFilter(method="keep", label="E-mail contains")
    sort = sort_filter(USER_SORTS)

    class Meta:
        model = User
        fields: list[str] = []

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The people asked for. Tenant, group and role speak of one and the same role of theirs."""
        asked = self.form.cleaned_data
        held = self.filters["group"].filter(Membership.objects.seen_by(access_of(self.request)), asked.get("group"))
        if tenant := asked.get("tenant"):
            held = held.for_tenant(tenant.id)
        if role := asked.get("role"):
            held = held.filter(role=role)
        people = queryset.filter(id__in=held.values("user_id"))
        return people.filter(email__contains=asked["q"].strip().lower()) if asked.get("q") else people


class MembershipListFilter(TenantOwnedFilterSet):
    """Filters of the list of roles."""

    role = django_filters.ChoiceFilter(choices=Membership.RoleWord.choices, label="Role")
    sort = sort_filter(MEMBERSHIP_SORTS)

    class Meta:
        model = Membership
        fields: list[str] = []


class InvitationListFilter(TenantOwnedFilterSet):
    """Filters of the list of invitations."""

    role = django_filters.ChoiceFilter(choices=Membership.RoleWord.choices, label="Role")
    sort = sort_filter(MEMBERSHIP_SORTS)

    class Meta:
        model = Invitation
        fields: list[str] = []


class PersonListFilter(StrictFilterSet):
    """Filters of the list of the people of one tenant."""

    q = TextFilter(field_name="user__email", lookup_expr="icontains", label="E-mail contains")
    role = django_filters.ChoiceFilter(choices=Membership.RoleWord.choices, label="Role")
    sort = sort_filter(PERSON_SORTS)

    class Meta:
        model = Membership
        fields: list[str] = []


def people_of(tenant: Tenant, access: Access) -> Listing:
    """The people of one tenant, as one of its admins may know them. The first column leads to the person."""

    def rows() -> QuerySet[Any]:
        found: QuerySet[Any] = Membership.objects.for_tenant(tenant.id).select_related("user")
        return found

    def last_sign_in(row: Any) -> Any:
        return known(row.user, row.since, access).last_sign_in

    return Listing(
        key="people",
        title=f"People of {tenant.name}",
        one="person",
        many="people",
        filterset=PersonListFilter,
        sorts=PERSON_SORTS,
        default_sort="email",
        rows=rows,
        coverage_kind="",
        columns=(
            Column("email", "E-mail", lambda row: row.user.email, _person_link, sort="email"),
            Column("name", "Name", lambda row: known(row.user, row.since, access).name),
            Column("role", "Role", lambda row: row.get_role_display()),
            Column("since", "Since (UTC)", lambda row: row.since, lambda row: cells.moment(row.since), sort="since"),
            Column(
                "last_sign_in",
                "Last sign-in (UTC)",
                last_sign_in,
                lambda row: cells.moment(last_sign_in(row), "not since they have the role"),
            ),
        ),
    )


def _person_link(row: Any) -> SafeString:
    return cells.link(reverse("tenants:person", args=[row.tenant_id, row.id]), row.user.email)


class TenantGroupListFilter(StrictFilterSet):
    """Filters of the list of groups."""

    sort = sort_filter(GROUP_SORTS)

    class Meta:
        model = TenantGroup
        fields: list[str] = []


def groups_with_members() -> QuerySet[TenantGroup]:
    """Groups in scope with those of their tenants that are in scope, by name: two queries."""
    members = TenantGroupMember.objects.select_related("tenant").order_by("tenant__name")
    rows: QuerySet[TenantGroup] = TenantGroup.objects.prefetch_related(Prefetch("members", members))
    return rows


def _tenant_names(row: Any) -> SafeString:
    names = [member.tenant.name for member in row.members.all()]
    shown = ", ".join(names[:TENANTS_NAMED])
    return format_html("{}{}", shown, f" and {len(names) - TENANTS_NAMED} more" if len(names) > TENANTS_NAMED else "")


GROUPS = Listing(
    key="tenant-groups",
    title="Groups of tenants",
    one="group",
    many="groups",
    filterset=TenantGroupListFilter,
    sorts=GROUP_SORTS,
    default_sort="name",
    rows=groups_with_members,
    coverage_kind="",
    page="tenants:groups",
    columns=(
        Column(
            "name",
            "Group",
            lambda row: row.name,
            lambda row: cells.link(reverse("tenants:group", args=[row.id]), row.name),
            sort="name",
        ),
        Column("number", "Tenants", lambda row: len(row.members.all()), number=True),
        Column(
            "tenants",
            "Which",
            lambda row: ", ".join(member.tenant.name for member in row.members.all()),
            _tenant_names,
            style="wrap",
        ),
    ),
)
