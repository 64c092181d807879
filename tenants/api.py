"""/api/v1/tenants/ with their preflight, /subscriptions/ and /me/."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from kombu.exceptions import OperationalError
from rest_framework import exceptions, status
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.access import Permission, access_of, get_visible_or_404, require
from governance.drf import CoverageSerializer, ServiceUnavailable, TenantViewSet
from governance.gate import Named
from tenants.actions import connect_tenant, pause_tenant, resume_tenant, set_cost_export_scope, set_credentials
from tenants.dispatch import enqueue_preflight, last_preflight
from tenants.freshness import coverage
from tenants.lists import SUBSCRIPTION_SORTS, TENANT_SORTS, SubscriptionListFilter, TenantListFilter, tenants_asked_for
from tenants.models import PreflightResult, Subscription, Tenant, User
from tenants.serializers import (
    MeSerializer,
    PreflightSerializer,
    SubscriptionSerializer,
    TenantChangeSerializer,
    TenantConnectSerializer,
    TenantSerializer,
)


class CoveredViewSet(TenantViewSet):
    """A view of synced rows: says how complete and fresh the syncs of `kind` left them."""

    kind: ClassVar[str] = "resources"

    def coverage(self) -> dict[str, Any]:
        """Coverage of the tenants asked for, or of all in scope."""
        tenants = tenants_asked_for(self.asked)
        return dict(CoverageSerializer(coverage(self.kind, now=timezone.now(), tenants=tenants)).data)


class TenantView(CoveredViewSet):
    """The tenants you belong to; connecting and changing them."""

    requires: ClassVar[Named] = {
        "list": Permission.SEE,
        "retrieve": Permission.SEE,
        "create": Permission.CONNECT_TENANTS,
        "partial_update": Permission.PAUSE,
    }
    serializer_class = TenantSerializer
    filterset_class = TenantListFilter
    sorts = TENANT_SORTS
    default_sort = "name"

    def get_queryset(self) -> QuerySet[Tenant]:
        """Tenants in scope."""
        rows: QuerySet[Tenant] = Tenant.objects.all()
        return rows

    @extend_schema(request=TenantConnectSerializer, responses={200: TenantSerializer, 201: TenantSerializer})
    def create(self, request: Request, **kwargs: Any) -> Response:
        """Connect a tenant (201), or give a known one new credentials (200). For platform admins."""
        require(request._request, Permission.CONNECT_TENANTS)
        wanted = TenantConnectSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        asked = wanted.validated_data
        with refusals_by_parameter():
            tenant, is_new = connect_tenant(asked.pop("name"), **asked)
        code = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        return Response(self.get_serializer(tenant).data, status=code)

    @extend_schema(request=TenantChangeSerializer, responses=TenantSerializer)
    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        """Pause or resume a tenant (its admins); read it with other credentials, or from other cost exports (platform
        admins)."""
        tenant = get_visible_or_404(Tenant.objects.all(), kwargs["pk"])
        require(request._request, Permission.PAUSE, tenant.id)
        wanted = TenantChangeSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        asked = wanted.validated_data
        with transaction.atomic(), refusals_by_parameter():
            if credentials := asked.get("credentials"):
                require(request._request, Permission.CHANGE_CREDENTIALS)
                set_credentials(tenant, **credentials)
            if "cost_export_scope" in asked:
                require(request._request, Permission.CHANGE_CREDENTIALS)
                set_cost_export_scope(tenant, asked["cost_export_scope"])
            if word := asked.get("status"):
                (pause_tenant if word == Tenant.Status.PAUSED else resume_tenant)(tenant)
        return Response(self.get_serializer(Tenant.objects.get(id=tenant.id)).data)


@extend_schema(parameters=[OpenApiParameter("tenant_id", OpenApiTypes.UUID, OpenApiParameter.PATH)])
class PreflightView(APIView):
    """Can this tenant be read? Four checks, each with its remedy."""

    requires: ClassVar[Named] = {"get": Permission.SEE, "post": Permission.RUN_PREFLIGHT}

    @extend_schema(responses=PreflightSerializer)
    def get(self, request: Request, tenant_id: str, **kwargs: Any) -> Response:
        """The last answer, and whether another one is waited for."""
        return Response(_preflight_of(get_visible_or_404(Tenant.objects.all(), tenant_id)))

    @extend_schema(request=None, responses={202: PreflightSerializer})
    def post(self, request: Request, tenant_id: str, **kwargs: Any) -> Response:
        """Have a worker ask Azure; needs the role operator. 503 when no broker answers."""
        tenant = get_visible_or_404(Tenant.objects.all(), tenant_id)
        require(request._request, Permission.RUN_PREFLIGHT, tenant.id)
        try:
            enqueue_preflight(tenant, requested_by=request.user)  # type: ignore[arg-type]  # signed in: a User
        except OperationalError as error:
            raise ServiceUnavailable("The broker does not answer; no worker was told to ask Azure.") from error
        return Response(_preflight_of(tenant), status=status.HTTP_202_ACCEPTED)


def _preflight_of(tenant: Tenant) -> dict[str, Any]:
    never = PreflightResult(tenant=tenant)
    return dict(PreflightSerializer(last_preflight(tenant) or never).data)


@contextmanager
def refusals_by_parameter() -> Iterator[None]:
    """What a verb finds wrong with its values becomes a 400 that names them."""
    try:
        yield
    except ValidationError as error:
        raise exceptions.ValidationError(error.message_dict) from error


class SubscriptionView(CoveredViewSet):
    """Every subscription ever seen in your tenants, also those that are no longer visible."""

    requires = Permission.SEE
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

    requires = Permission.OWN

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
            "platform_role": "" if access.everywhere is None else user.platform_role,  # an API token carries none
            "roles": roles,
        }
        return Response(MeSerializer(me).data)
