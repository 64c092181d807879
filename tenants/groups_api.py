"""/api/v1/tenant-groups/: named sets of tenants."""

from collections.abc import Sequence
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, status
from rest_framework.request import Request
from rest_framework.response import Response

from governance.access import Permission, get_visible_or_404, require
from governance.drf import OwnRowsPagination, TenantViewSet
from governance.gate import EVERY, Named
from tenants.actions import delete_group, group_tenants
from tenants.api import refusals_by_parameter
from tenants.models import Tenant, TenantGroup
from tenants.people_lists import GROUP_SORTS, TenantGroupListFilter, groups_with_members
from tenants.serializers import TenantGroupChangeSerializer, TenantGroupRequestSerializer, TenantGroupSerializer


class TenantGroupView(TenantViewSet):
    """The groups of tenants; each with those of its tenants that you may see. Platform admins make them."""

    requires: ClassVar[Named] = {"list": Permission.SEE, "retrieve": Permission.SEE, EVERY: Permission.MAKE_GROUPS}
    pagination_class = OwnRowsPagination
    serializer_class = TenantGroupSerializer
    filterset_class = TenantGroupListFilter
    sorts = GROUP_SORTS
    default_sort = "name"

    def get_queryset(self) -> QuerySet[TenantGroup]:
        """Groups in scope."""
        return groups_with_members()

    @extend_schema(request=TenantGroupRequestSerializer, responses={201: TenantGroupSerializer})
    def create(self, request: Request, **kwargs: Any) -> Response:
        """Make a group of these tenants."""
        require(request._request, Permission.MAKE_GROUPS)
        wanted = TenantGroupRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        name = wanted.validated_data["name"].strip().lower()
        if TenantGroup.objects.filter(name=name).exists():
            raise exceptions.ValidationError({"name": ["There is a group of this name already."]})
        return self._make(name, wanted.validated_data["tenants"], status.HTTP_201_CREATED)

    @extend_schema(request=TenantGroupChangeSerializer, responses=TenantGroupSerializer)
    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        """Let the group consist of exactly these tenants."""
        group = self._changeable(request, kwargs["pk"])
        wanted = TenantGroupChangeSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        return self._make(group.name, wanted.validated_data["tenants"], status.HTTP_200_OK)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, **kwargs: Any) -> Response:
        """Delete a group; its tenants stay as they are."""
        delete_group(self._changeable(request, kwargs["pk"]))
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _changeable(self, request: Request, key: str) -> TenantGroup:
        group: TenantGroup = get_visible_or_404(TenantGroup.objects.all(), key)
        require(request._request, Permission.MAKE_GROUPS)
        return group

    def _make(self, name: str, keys: Sequence[UUID], code: int) -> Response:
        with refusals_by_parameter():
            group = group_tenants(name, _tenants(keys))
        return Response(self.get_serializer(self.get_queryset().get(id=group.id)).data, status=code)


def _tenants(keys: Sequence[UUID]) -> list[Tenant]:
    wanted = set(keys)
    found = list(Tenant.objects.filter(id__in=sorted(wanted)))
    if len(found) < len(wanted):
        raise exceptions.ValidationError({"tenants": ["There is no such tenant, or you may not see it."]})
    return found
