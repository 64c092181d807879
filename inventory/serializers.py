"""How resources and their changes are written in the API."""

from typing import Any

from rest_framework import serializers

from inventory.models import Resource, ResourceChange


class ResourceSerializer(serializers.ModelSerializer[Resource]):
    """A resource in a list: everything but its properties."""

    tenant_name = serializers.CharField(source="tenant.name")
    subscription_id = serializers.CharField(source="subscription.subscription_id")
    subscription_name = serializers.CharField(source="subscription.name")
    region = serializers.CharField(source="location")
    tags = serializers.DictField(child=serializers.CharField())

    class Meta:
        model = Resource
        fields = [
            "id",
            "tenant",
            "tenant_name",
            "subscription_id",
            "subscription_name",
            "azure_id",
            "name",
            "type",
            "kind",
            "region",
            "resource_group",
            "managed_by",
            "tags",
            "first_seen_at",
            "stored_at",
            "deleted_at",
        ]


class ResourceDetailSerializer(ResourceSerializer):
    """A resource with all that Azure tells of it. `properties` is null while no source told them."""

    class Meta(ResourceSerializer.Meta):
        fields = [*ResourceSerializer.Meta.fields, "sku", "zones", "identity", "properties"]


class FieldChangeSerializer(serializers.Serializer[Any]):
    """One field by its dotted path; null stands for "was not there"."""

    field = serializers.CharField()
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)


class ChangeSerializer(serializers.ModelSerializer[ResourceChange]):
    """Something that happened between two readings. `baseline`: found by the first whole reading, not created then."""

    fields = FieldChangeSerializer(many=True)  # type: ignore[assignment]  # the column is called that

    class Meta:
        model = ResourceChange
        fields = ["id", "kind", "at", "baseline", "fields", "run"]
