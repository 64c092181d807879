"""How tenants, subscriptions and people are written in the API."""

from typing import Any

from rest_framework import serializers

from tenants.models import Subscription, Tenant


class TenantSerializer(serializers.ModelSerializer[Tenant]):
    """A tenant. The credential reference is not part of it."""

    role = serializers.SerializerMethodField(help_text="Your role in this tenant.")

    class Meta:
        model = Tenant
        fields = ["id", "name", "azure_tenant_id", "status", "connected_at", "role"]

    def get_role(self, tenant: Tenant) -> str:
        """The person's own role there."""
        role = self.context["request"].access.role_in(tenant.id)
        return str(role.word)


class SubscriptionSerializer(serializers.ModelSerializer[Subscription]):
    """A subscription, visible or lost."""

    tenant_name = serializers.CharField(source="tenant.name")

    class Meta:
        model = Subscription
        fields = [
            "id",
            "tenant",
            "tenant_name",
            "subscription_id",
            "name",
            "state",
            "quota_id",
            "first_seen_at",
            "access_lost_at",
        ]


class RoleSerializer(serializers.Serializer[Any]):
    """A role in a tenant."""

    tenant = serializers.UUIDField()
    tenant_name = serializers.CharField()
    role = serializers.CharField()


class MeSerializer(serializers.Serializer[Any]):
    """The signed-in person and what they may reach."""

    id = serializers.UUIDField()
    email = serializers.EmailField()
    name = serializers.CharField()
    platform_role = serializers.CharField(allow_blank=True)
    roles = RoleSerializer(many=True)
