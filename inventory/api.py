"""/api/v1/resources/ and /api/v1/resources/{id}/changes/."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.serializers import BaseSerializer

from governance.access import Permission, get_visible_or_404
from inventory.lists import CHANGE_SORTS, RESOURCE_SORTS, ChangeListFilter, ResourceListFilter
from inventory.models import Resource, ResourceChange
from inventory.serializers import ChangeSerializer, ResourceDetailSerializer, ResourceSerializer
from tenants.api import CoveredViewSet

RESOURCE_ID = OpenApiParameter("resource_id", OpenApiTypes.UUID, OpenApiParameter.PATH)


class ResourceView(CoveredViewSet):
    """The resources of your tenants."""

    requires = Permission.SEE
    filterset_class = ResourceListFilter
    sorts = RESOURCE_SORTS
    default_sort = "name"

    def get_queryset(self) -> QuerySet[Resource]:
        """Resources in scope; a list leaves the properties in the database."""
        rows: QuerySet[Resource] = Resource.objects.select_related("tenant", "subscription")
        return rows.defer("properties", "sku", "zones", "identity") if self.action == "list" else rows

    def get_serializer_class(self) -> type[BaseSerializer[Any]]:
        """One resource is told whole."""
        return ResourceSerializer if self.action == "list" else ResourceDetailSerializer


@extend_schema_view(list=extend_schema(parameters=[RESOURCE_ID]))
class ChangeView(CoveredViewSet):
    """What happened to one resource, newest first."""

    requires = Permission.SEE
    serializer_class = ChangeSerializer
    filterset_class = ChangeListFilter
    sorts = CHANGE_SORTS
    default_sort = "-at"

    def get_queryset(self) -> QuerySet[ResourceChange]:
        """The changes of the resource in the address, if that is in scope."""
        if getattr(self, "swagger_fake_view", False):
            nothing: QuerySet[ResourceChange] = ResourceChange.objects.none()
            return nothing
        resource = get_visible_or_404(Resource.objects.only("id", "tenant_id"), self.kwargs["resource_id"])
        rows: QuerySet[ResourceChange] = ResourceChange.objects.for_tenant(resource.tenant_id).filter(resource=resource)
        return rows
