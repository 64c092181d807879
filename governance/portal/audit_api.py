"""/api/v1/audit/events/, and who looked at a tenant."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from audit.models import AuditEvent
from audit.sightings import looks_at, role_then, what_was_seen
from governance.access import Permission, access_of, get_visible_or_404, require
from governance.drf import OwnRowsPagination, TenantViewSet
from governance.gate import WhereHeld
from governance.portal.audit_lists import EVENT_SORTS, AuditListFilter, LookFilter, rows_for
from tenants.models import Tenant


class ActorSerializer(serializers.Serializer[Any]):
    """Who did it, as they were called then."""

    kind = serializers.ChoiceField(choices=["person", "token", "nobody", "worker", "command", "process"])
    id = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # a field of that name, not DRF's attribute


class TargetSerializer(serializers.Serializer[Any]):
    """What it was done to, as it was called then."""

    type = serializers.CharField()
    id = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # a field of that name, not DRF's attribute


class AuditEventSerializer(serializers.Serializer[Any]):
    """An event as it is hashed: the canonical form of what is here without `hash` has that SHA-256."""

    format = serializers.IntegerField()
    chain = serializers.UUIDField()
    sequence = serializers.IntegerField()
    id = serializers.UUIDField()
    tenant = serializers.UUIDField(allow_null=True)
    at = serializers.CharField(help_text="UTC, to the microsecond.")
    verb = serializers.CharField()
    outcome = serializers.ChoiceField(choices=["done", "refused", "failed"])
    reason = serializers.CharField()
    actor = ActorSerializer()
    target = TargetSerializer()
    before = serializers.DictField(allow_null=True)
    after = serializers.DictField(allow_null=True)
    request_id = serializers.CharField()
    address = serializers.CharField()
    previous = serializers.CharField()
    hash = serializers.CharField()

    def to_representation(self, instance: AuditEvent) -> dict[str, Any]:
        """Its canonical form."""
        return instance.record()


class AuditEventView(TenantViewSet):
    """What was done in the tenants you administer, newest first; platform people read every chain."""

    requires = WhereHeld(Permission.SEE_AUDIT)
    serializer_class = AuditEventSerializer
    filterset_class = AuditListFilter
    pagination_class = OwnRowsPagination
    sorts = EVENT_SORTS
    default_sort = "-at"

    def get_queryset(self) -> QuerySet[AuditEvent]:
        """The events the person may read, now and with what they signed in with."""
        return rows_for(access_of(self.request))


class LookSerializer(serializers.Serializer[AuditEvent]):
    """One look at a tenant."""

    id = serializers.UUIDField()
    at = serializers.DateTimeField()
    who = serializers.CharField(source="actor_label")
    kind = serializers.CharField(source="actor_kind")
    role = serializers.SerializerMethodField()
    verb = serializers.CharField()
    seen = serializers.SerializerMethodField()

    def get_role(self, event: AuditEvent) -> str:
        """What they were in the tenant then; empty where the event does not tell."""
        return role_then(event)

    def get_seen(self, event: AuditEvent) -> str:
        """What they saw, without a word of other tenants."""
        return what_was_seen(event, self.context["tenant"].id)


class LookView(TenantViewSet):
    """Who looked at a tenant, newest first. For its admins and the platform's people."""

    requires = Permission.SEE_AUDIT
    refuses_readers = True
    serializer_class = LookSerializer
    filterset_class = LookFilter
    pagination_class = OwnRowsPagination
    sorts = EVENT_SORTS
    default_sort: ClassVar[str] = "-at"
    tenant: Tenant | None = None

    @extend_schema(operation_id="tenants_looks_list")
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One page of looks. What a person sees again is told once an hour, over several tenants once a day."""
        self.tenant = get_visible_or_404(Tenant.objects.all(), kwargs["tenant_id"])
        require(request._request, Permission.SEE_AUDIT, self.tenant.id)
        return super().list(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[AuditEvent]:
        """The looks at the tenant of the address."""
        if self.tenant is None:  # the API's description is made without a request
            nothing: QuerySet[AuditEvent] = AuditEvent.objects.none()
            return nothing
        rows: QuerySet[AuditEvent] = looks_at(self.tenant.id, since=self.tenant.connected_at)
        return rows

    def get_serializer_context(self) -> dict[str, Any]:
        """With the tenant that is asked about."""
        return {**super().get_serializer_context(), "tenant": self.tenant}
