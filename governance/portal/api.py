"""/api/v1/syncs/: the runs, their receipts, and asking for one."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from kombu.exceptions import OperationalError
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from audit.models import CoverageReceipt, SyncRun
from governance.access import Permission, get_visible_or_404, require
from governance.drf import ServiceUnavailable
from governance.gate import Named
from governance.portal.sync_lists import SYNC_SORTS, SyncListFilter
from governance.schedules import KINDS
from tenants.api import CoveredViewSet
from tenants.dispatch import enqueue
from tenants.models import Tenant


class ReceiptSerializer(serializers.ModelSerializer[CoverageReceipt]):
    """What one source gave for one subscription. `expected` is null when it is not known."""

    subscription_id = serializers.CharField(source="subscription.subscription_id")
    subscription_name = serializers.CharField(source="subscription.name")

    class Meta:
        model = CoverageReceipt
        fields = [
            "subscription_id",
            "subscription_name",
            "source",
            "expected",
            "received",
            "set_aside",
            "complete",
            "reason",
            "last_complete_at",
        ]


class SyncSerializer(serializers.ModelSerializer[SyncRun]):
    """One run of a sync."""

    tenant_name = serializers.CharField(source="tenant.name")
    seconds = serializers.FloatField(allow_null=True)

    class Meta:
        model = SyncRun
        fields = [
            "id",
            "tenant",
            "tenant_name",
            "kind",
            "outcome",
            "reason",
            "started_at",
            "finished_at",
            "seconds",
            "expected",
            "received",
            "created",
            "changed",
            "returned",
            "gone",
            "set_aside",
            "requests",
        ]


class SyncDetailSerializer(SyncSerializer):
    """One run with its coverage receipt per subscription and source."""

    receipts = ReceiptSerializer(many=True)

    class Meta(SyncSerializer.Meta):
        fields = [*SyncSerializer.Meta.fields, "receipts"]


class SyncRequestSerializer(serializers.Serializer[Any]):
    """Which sync to run now."""

    tenant = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=list(KINDS))


class SyncRequestedSerializer(SyncRequestSerializer):
    """What was handed to the worker."""

    detail = serializers.CharField()


class SyncView(CoveredViewSet):
    """The runs of the syncs of your tenants, newest first."""

    requires: ClassVar[Named] = {"list": Permission.SEE, "retrieve": Permission.SEE, "create": Permission.RUN_SYNCS}
    filterset_class = SyncListFilter
    sorts: ClassVar[dict[str, str]] = SYNC_SORTS
    default_sort = "-started_at"

    def get_queryset(self) -> QuerySet[SyncRun]:
        """Runs in scope."""
        rows: QuerySet[SyncRun] = SyncRun.objects.select_related("tenant")
        return rows.prefetch_related("receipts__subscription") if self.action == "retrieve" else rows

    def get_serializer_class(self) -> type[serializers.BaseSerializer[Any]]:
        """One run is told with its receipts."""
        return SyncSerializer if self.action == "list" else SyncDetailSerializer

    @extend_schema(request=SyncRequestSerializer, responses={202: SyncRequestedSerializer})
    def create(self, request: Request, **kwargs: Any) -> Response:
        """Hand a tenant's sync to the worker; needs the role operator there. 503 when no broker answers."""
        wanted = SyncRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        tenant_id, kind = wanted.validated_data["tenant"], wanted.validated_data["kind"]
        tenant = get_visible_or_404(Tenant.objects.all(), tenant_id)
        require(request._request, Permission.RUN_SYNCS, tenant.id)
        try:
            enqueue(kind, tenant.id, requested_by=request.user.pk)
        except OperationalError as error:
            raise ServiceUnavailable("The broker does not answer; the sync was not handed to a worker.") from error
        answer = {"tenant": tenant.id, "kind": kind, "detail": "Handed to a worker."}
        return Response(SyncRequestedSerializer(answer).data, status=status.HTTP_202_ACCEPTED)
