"""/api/v1/tenants/, /subscriptions/ and /me/."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.access import access_of
from governance.drf import CoverageSerializer, TenantViewSet
from tenants.freshness import coverage
from tenants.lists import SUBSCRIPTION_SORTS, TENANT_SORTS, SubscriptionListFilter, TenantListFilter, tenants_asked_for
from tenants.models import Subscription, Tenant, User
from tenants.serializers import MeSerializer, SubscriptionSerializer, TenantSerializer


class CoveredViewSet(TenantViewSet):
    """A view of synced rows: says how complete and fresh the syncs of `kind` left them."""

    kind: ClassVar[str] = "resources"

    def coverage(self) -> dict[str, Any]:
        """Coverage of the tenants asked for, or of all in scope."""
        tenants = tenants_asked_for(self.asked)
        return dict(CoverageSerializer(coverage(self.kind, now=timezone.now(), tenants=tenants)).data)


class TenantView(CoveredViewSet):
    """The tenants you belong to."""

    serializer_class = TenantSerializer
    filterset_class = TenantListFilter
    sorts = TENANT_SORTS
    default_sort = "name"

    def get_queryset(self) -> QuerySet[Tenant]:
        """Tenants in scope."""
        rows: QuerySet[Tenant] = Tenant.objects.all()
        return rows


class SubscriptionView(CoveredViewSet):
    """Every subscription ever seen in your tenants, also those that are no longer visible."""

    serializer_class = SubscriptionSerializer
    filterset_class = SubscriptionListFilter
    sorts = SUBSCRIPTION_SORTS
    default_sort = "name"

    def get_queryset(self) -> QuerySet[Subscription]:
        """Subscriptions in scope."""
        rows: QuerySet[Subscription] = Subscription.objects.select_related("tenant")
        return rows


class MeView(APIView):
    """Who you are and which roles you hold."""

    @extend_schema(responses=MeSerializer)
    def get(self, request: Request, **kwargs: Any) -> Response:
        """The signed-in person."""
        access, user = access_of(request._request), request.user
        if not isinstance(user, User):
            raise NotAuthenticated
        roles = [
            {"tenant": tenant.id, "tenant_name": tenant.name, "role": role.word}
            for tenant in Tenant.objects.filter(id__in=list(access.roles))
            if (role := access.role_in(tenant.id))
        ]
        me = {
            "id": user.pk,
            "email": user.email,
            "name": user.name,
            "platform_role": user.platform_role,
            "roles": roles,
        }
        return Response(MeSerializer(me).data)
