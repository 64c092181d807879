"""/api/v1/users/ and /api/v1/memberships/: the people of the tenants one administers, and their roles there."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from django.core.exceptions import ObjectDoesNotExist
from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, status
from rest_framework.request import Request
from rest_framework.response import Response

from governance.access import Permission, Role, access_of, get_visible_or_404, require
from governance.drf import Conflict, OwnRowsPagination, TenantViewSet
from governance.gate import EVERY, Named, WhereHeld
from tenants.actions import LastAdminError, change_role, remove_person
from tenants.invitations import InvitationGoneError, NotInvitedError, invite
from tenants.models import Membership, Tenant, User
from tenants.people import persons
from tenants.people_lists import MEMBERSHIP_SORTS, USER_SORTS, MembershipListFilter, UserListFilter
from tenants.serializers import (
    MembershipAskedSerializer,
    MembershipChangeSerializer,
    MembershipRequestSerializer,
    MembershipSerializer,
    PersonSerializer,
)

INVITED = "A mail goes to the address; whoever it belongs to has the role once they accept."


class PeopleViewSet(TenantViewSet):
    """A view of people. Who names a tenant without administering it is told so, rather than shown nobody."""

    pagination_class = OwnRowsPagination
    refuses_readers: ClassVar[bool] = True

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One page of the people of the tenants one administers."""
        rows = self.filter_queryset(self.get_queryset())
        if tenant := self.asked.form.cleaned_data.get("tenant"):
            require(request._request, Permission.SEE_PEOPLE, tenant.id)
        return self.get_paginated_response(self.told(self.paginate_queryset(rows)))

    def told(self, rows: Any) -> Any:
        """The rows as they are answered."""
        return self.get_serializer(rows, many=True).data


class UserView(PeopleViewSet):
    """The people of the tenants you administer, each with the roles there. Platform people see everybody's."""

    requires: ClassVar[Named] = {EVERY: WhereHeld(Permission.SEE_PEOPLE)}
    serializer_class = PersonSerializer
    filterset_class = UserListFilter
    sorts = USER_SORTS
    default_sort = "email"

    def get_queryset(self) -> QuerySet[User]:
        """People with a role in a tenant that the asker administers."""
        held = Membership.objects.seen_by(access_of(self.request))
        people: QuerySet[User] = User.objects.filter(id__in=held.values("user_id"))
        return people

    def told(self, rows: Any) -> Any:
        """The people with their roles."""
        return self.get_serializer(persons(rows, access_of(self.request)), many=True).data

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One person; 404 for anybody who has no role in a tenant that you administer."""
        (person,) = persons([get_visible_or_404(self.get_queryset(), kwargs["pk"])], access_of(request._request))
        return Response(self.get_serializer(person).data)


class MembershipView(PeopleViewSet):
    """Who has which role in the tenants you administer."""

    requires: ClassVar[Named] = {
        "list": WhereHeld(Permission.SEE_PEOPLE),
        "retrieve": Permission.SEE_PEOPLE,
        EVERY: Permission.MANAGE_PEOPLE,
    }
    serializer_class = MembershipSerializer
    filterset_class = MembershipListFilter
    sorts = MEMBERSHIP_SORTS
    default_sort = "since"
    conflicts: ClassVar[bool] = True

    def get_queryset(self) -> QuerySet[Membership]:
        """Roles in the tenants that the asker administers."""
        rows: QuerySet[Membership] = Membership.objects.seen_by(access_of(self.request))
        return rows.select_related("tenant", "user")

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One role; 403 in a tenant that you do not administer."""
        row = self._visible(kwargs["pk"])
        require(request._request, Permission.SEE_PEOPLE, row.tenant_id)
        return Response(self.get_serializer(row).data)

    @extend_schema(request=MembershipRequestSerializer, responses={202: MembershipAskedSerializer})
    def create(self, request: Request, **kwargs: Any) -> Response:
        """Invite an address to a role; needs the role admin there. Whether it has an account makes no difference.

        409 when the address has a role there or is invited already, or when too many are invited.
        """
        wanted = MembershipRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        asked = wanted.validated_data
        tenant = get_visible_or_404(Tenant.objects.all(), asked["tenant"])
        require(request._request, Permission.MANAGE_PEOPLE, tenant.id)
        with refusals_as_conflicts():
            done = invite([tenant], asked["email"], Role.from_word(asked["role"]), by=_person(request))
        answer = {
            "tenant": tenant.id,
            "email": asked["email"],
            "role": asked["role"],
            "invitation": done.rows[0].id,
            "detail": INVITED,
        }
        return Response(MembershipAskedSerializer(answer).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=MembershipChangeSerializer, responses=MembershipSerializer)
    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        """Change a role; needs the role admin there. 409 when the tenant would be left without an admin."""
        row = self._administered(request, kwargs["pk"])
        wanted = MembershipChangeSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        with refusals_as_conflicts():
            change_role(row, Role.from_word(wanted.validated_data["role"]), by_platform=_is_platform(request))
        return Response(self.get_serializer(self._visible(kwargs["pk"])).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, **kwargs: Any) -> Response:
        """Take a role away; needs the role admin there. 409 when the tenant would be left without an admin."""
        row = self._administered(request, kwargs["pk"])
        with refusals_as_conflicts():
            remove_person(row, by_platform=_is_platform(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _visible(self, key: str) -> Membership:
        row: Membership = get_visible_or_404(Membership.objects.select_related("tenant", "user"), key)
        return row

    def _administered(self, request: Request, key: str) -> Membership:
        row = self._visible(key)
        require(request._request, Permission.MANAGE_PEOPLE, row.tenant_id)
        return row


def _person(request: Request) -> User:
    if not isinstance(request.user, User):
        raise exceptions.NotAuthenticated
    return request.user


def _is_platform(request: Request) -> bool:
    return access_of(request._request).may(Permission.LEAVE_WITHOUT_ADMIN)


@contextmanager
def refusals_as_conflicts() -> Iterator[None]:
    """What a verb refuses becomes a 409, and what was there a moment ago and is gone a 404."""
    try:
        yield
    except (LastAdminError, NotInvitedError) as error:
        raise Conflict(str(error)) from error
    except (ObjectDoesNotExist, InvitationGoneError) as error:
        raise Http404 from error
