"""/api/v1/invitations/: who is invited into the tenants one administers; sending it again, and revoking it."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from governance.access import Permission, access_of, get_visible_or_404, require
from governance.gate import Named, WhereHeld
from tenants.invitations import resend, revoke
from tenants.models import Invitation
from tenants.people_api import PeopleViewSet, refusals_as_conflicts
from tenants.people_lists import MEMBERSHIP_SORTS, InvitationListFilter
from tenants.serializers import InvitationSerializer


class InvitationView(PeopleViewSet):
    """The roles offered in the tenants you administer that nobody accepted yet. Invite with POST /memberships/."""

    requires: ClassVar[Named] = {
        "list": WhereHeld(Permission.SEE_PEOPLE),
        "retrieve": Permission.SEE_PEOPLE,
        "destroy": Permission.MANAGE_PEOPLE,
        "resend": Permission.MANAGE_PEOPLE,
    }
    serializer_class = InvitationSerializer
    filterset_class = InvitationListFilter
    sorts = MEMBERSHIP_SORTS
    default_sort = "since"
    conflicts: ClassVar[bool] = True

    def get_queryset(self) -> QuerySet[Invitation]:
        """Pending invitations of the tenants whose people the asker may see."""
        rows: QuerySet[Invitation] = Invitation.objects.pending().seen_by(access_of(self.request))
        return rows.select_related("tenant", "invited_by")

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One invitation; 403 in a tenant that you do not administer."""
        row = self._visible(kwargs["pk"])
        require(request._request, Permission.SEE_PEOPLE, row.tenant_id)
        return Response(self.get_serializer(row).data)

    @extend_schema(request=None, responses=InvitationSerializer)
    @action(detail=True, methods=["post"])
    def resend(self, request: Request, **kwargs: Any) -> Response:
        """Send it again, with a new link and seven more days; needs the role admin. 409 just after the last mail."""
        row = self._managed(request, kwargs["pk"])
        with refusals_as_conflicts():
            resend(row)
        return Response(self.get_serializer(self._visible(kwargs["pk"])).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, **kwargs: Any) -> Response:
        """Take the offer back; needs the role admin there."""
        row = self._managed(request, kwargs["pk"])
        with refusals_as_conflicts():
            revoke(row)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _visible(self, key: str) -> Invitation:
        row: Invitation = get_visible_or_404(Invitation.objects.pending().select_related("tenant", "invited_by"), key)
        return row

    def _managed(self, request: Request, key: str) -> Invitation:
        row = self._visible(key)
        require(request._request, Permission.MANAGE_PEOPLE, row.tenant_id)
        return row
