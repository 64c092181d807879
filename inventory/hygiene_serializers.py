"""How orphans, changes of all resources, tag rules and compliance are written in the API."""

from typing import Any

from rest_framework import serializers

from governance.drf import Flag, Text
from inventory.models import Orphan, ResourceChange, TagRule, TagViolation
from inventory.orphans import RULE_OF_KEY
from inventory.serializers import FieldChangeSerializer


class OrphanSerializer(serializers.ModelSerializer[Orphan]):
    """A time during which nothing used something. Exactly one of `resource` and `group` (a resource group) is set.

    `since_basis`: "azure" (Azure itself says since when), "seen" (it began between two readings), or "at_least" (it was
    so already when it was first judged). `ended_at` is null while it lasts.
    """

    tenant_name = serializers.CharField(source="tenant.name")
    subscription_id = serializers.CharField(source="subscription.subscription_id")
    subscription_name = serializers.CharField(source="subscription.name")
    region = serializers.CharField(source="location")
    rule_words = serializers.SerializerMethodField()
    since_is_known = serializers.BooleanField()

    class Meta:
        model = Orphan
        fields = [
            "id",
            "tenant",
            "tenant_name",
            "resource",
            "group",
            "subscription_id",
            "subscription_name",
            "name",
            "type",
            "region",
            "resource_group",
            "rule",
            "rule_words",
            "verdict",
            "why",
            "since",
            "since_basis",
            "since_is_known",
            "unreadable_since",
            "ended_at",
            "ending",
        ]

    def get_rule_words(self, period: Orphan) -> str:
        """What the rule looks at, in a sentence."""
        rule = RULE_OF_KEY.get(period.rule)
        return rule.words if rule else ""


class FeedChangeSerializer(serializers.ModelSerializer[ResourceChange]):
    """Something that happened to a resource. `baseline`: found by the first whole reading, not created then."""

    tenant_name = serializers.CharField(source="tenant.name")
    subscription_id = serializers.CharField(source="resource.subscription.subscription_id")
    resource_name = serializers.CharField(source="resource.name")
    type = serializers.CharField(source="resource.type")
    resource_group = serializers.CharField(source="resource.resource_group")
    fields = FieldChangeSerializer(many=True)  # type: ignore[assignment]  # the column is called that

    class Meta:
        model = ResourceChange
        fields = [
            "id",
            "tenant",
            "tenant_name",
            "subscription_id",
            "resource",
            "resource_name",
            "type",
            "resource_group",
            "kind",
            "at",
            "baseline",
            "fields",
            "run",
        ]


class TagRuleSerializer(serializers.ModelSerializer[TagRule]):
    """What a tenant demands of one tag."""

    tenant_name = serializers.CharField(source="tenant.name")
    allowed_values = serializers.ListField(child=serializers.CharField())
    types = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = TagRule
        fields = [
            "id",
            "tenant",
            "tenant_name",
            "key",
            "is_required",
            "allowed_values",
            "types",
            "created_at",
            "changed_at",
        ]


class TagRuleWishSerializer(serializers.Serializer[Any]):
    """What is wanted of a tag. Without `allowed_values` any value is right; without `types` it is for all resources."""

    key = Text(max_length=512)
    is_required = Flag(default=True)
    allowed_values = serializers.ListField(child=Text(max_length=256), default=list, max_length=200)
    types = serializers.ListField(child=Text(max_length=256), default=list, max_length=50)


class NewTagRuleSerializer(TagRuleWishSerializer):
    """A new rule, for one tenant or for each tenant that the group has now (of those that you may see)."""

    tenant = serializers.UUIDField(required=False)
    group = Text(required=False, max_length=63)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Exactly one of the two."""
        if ("tenant" in attrs) == ("group" in attrs):
            raise serializers.ValidationError("Give either tenant or group.")
        return attrs


class NewTagRulesSerializer(serializers.Serializer[Any]):
    """The rules that were made: one, or one for each tenant of the group."""

    rules = TagRuleSerializer(many=True)


class TagViolationSerializer(serializers.ModelSerializer[TagViolation]):
    """One way in which a resource breaks a rule; `key` and `value` as they were found, "" where the tag is missing."""

    tenant_name = serializers.CharField(source="tenant.name")
    resource_name = serializers.CharField(source="resource.name")
    type = serializers.CharField(source="resource.type")
    wanted_key = serializers.CharField(source="rule.key")

    class Meta:
        model = TagViolation
        fields = [
            "id",
            "tenant",
            "tenant_name",
            "rule",
            "wanted_key",
            "resource",
            "resource_name",
            "type",
            "kind",
            "key",
            "value",
            "found_at",
        ]


class TallySerializer(serializers.Serializer[Any]):
    """Resources that a rule is for. `percent` is null while some of them are not judged, and when there are none."""

    resources = serializers.IntegerField()
    compliant = serializers.IntegerField()
    violating = serializers.IntegerField()
    not_judged = serializers.IntegerField()
    percent = serializers.IntegerField(allow_null=True)


class TypeTallySerializer(TallySerializer):
    """The resources of one type."""

    type = serializers.CharField(source="label")


class TagComplianceSerializer(serializers.Serializer[Any]):
    """How well one tenant keeps its tag rules. `pending_since`: its rules changed then, and it is being judged anew."""

    id = serializers.UUIDField(source="tenant_id")
    name = serializers.CharField(source="tenant")
    rules = serializers.IntegerField()
    pending_since = serializers.DateTimeField(allow_null=True)
    judged_at = serializers.DateTimeField(allow_null=True)
    total = TallySerializer()
    types = TypeTallySerializer(many=True)
