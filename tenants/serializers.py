"""How tenants, subscriptions and people are written in the API."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from governance.drf import Text
from tenants.models import ApiToken, Invitation, Membership, PreflightResult, Subscription, Tenant, TenantGroup
from tenants.tokens import LONGEST_NAME, MOST_DAYS, USUAL_DAYS


class TenantSerializer(serializers.ModelSerializer[Tenant]):
    """A tenant. The credential reference is not part of it."""

    role = serializers.SerializerMethodField(help_text="Your role in this tenant.")

    class Meta:
        model = Tenant
        fields = ["id", "name", "azure_tenant_id", "cost_export_scope", "status", "connected_at", "role"]

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
            "is_imported",
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
    platform_role = serializers.CharField(allow_blank=True, help_text="Empty with an API token, which carries none.")
    roles = RoleSerializer(many=True)


class RoleHeldSerializer(serializers.ModelSerializer[Membership]):
    """A role that somebody holds."""

    tenant_name = serializers.CharField(source="tenant.name")
    since = serializers.DateTimeField()

    class Meta:
        model = Membership
        fields = ["id", "tenant", "tenant_name", "role", "since"]


class PersonSerializer(serializers.Serializer[Any]):
    """A person, with the roles in the tenants that you administer."""

    id = serializers.UUIDField()
    email = serializers.EmailField()
    name = serializers.CharField(help_text="Empty until the person has signed in with a role that you may see.")
    last_login = serializers.DateTimeField(
        allow_null=True, help_text="Null when the person has not signed in since they have a role that you may see."
    )
    roles = RoleHeldSerializer(many=True)


class MembershipSerializer(RoleHeldSerializer):
    """A role that somebody holds, and who it is."""

    email = serializers.EmailField(source="user.email")

    class Meta(RoleHeldSerializer.Meta):
        fields = [*RoleHeldSerializer.Meta.fields, "user", "email"]


class MembershipChangeSerializer(serializers.Serializer[Any]):
    """Which role somebody is to have."""

    role = serializers.ChoiceField(choices=Membership.RoleWord.choices)


class MembershipRequestSerializer(MembershipChangeSerializer):
    """Who is to have which role where."""

    tenant = serializers.UUIDField()
    email = serializers.EmailField(max_length=254)


class MembershipAskedSerializer(MembershipRequestSerializer):
    """What was asked for. It does not tell whether the person has an account."""

    invitation = serializers.UUIDField()
    detail = serializers.CharField()


class InvitationSerializer(serializers.ModelSerializer[Invitation]):
    """A role that is offered to an address and not accepted yet. The link is told to nobody but that address."""

    tenant_name = serializers.CharField(source="tenant.name")
    since = serializers.DateTimeField()
    expired = serializers.SerializerMethodField(help_text="Whether its time is over; sending it again opens it anew.")
    invited_by = serializers.EmailField(source="invited_by.email", allow_null=True, default=None)
    mail_problem = serializers.CharField(help_text="Why the mail could not be sent; empty when nothing is wrong.")

    class Meta:
        model = Invitation
        fields = [
            "id",
            "tenant",
            "tenant_name",
            "email",
            "role",
            "invited_by",
            "since",
            "expires_at",
            "expired",
            "mailed_at",
            "mail_problem",
        ]

    def get_expired(self, row: Invitation) -> bool:
        """True when it cannot be accepted any more."""
        return not row.is_open(timezone.now())


class TokenSerializer(serializers.ModelSerializer[ApiToken]):
    """An API token, without its secret. `role` is the most it may; the person's own role of the moment counts too."""

    tenant_name = serializers.CharField(source="tenant.name")
    email = serializers.EmailField(source="user.email")
    begins_with = serializers.CharField(source="visible_part", help_text="How the token begins; no part of the secret.")
    state = serializers.SerializerMethodField()
    made_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(
        allow_null=True, help_text="Null when it was never used. Written at most every five minutes."
    )

    class Meta:
        model = ApiToken
        fields = [
            *("id", "tenant", "tenant_name", "user", "email", "name", "role", "state", "begins_with"),
            *("made_at", "expires_at", "revoked_at", "last_used_at"),
        ]

    @extend_schema_field(serializers.ChoiceField(choices=ApiToken.State.choices))
    def get_state(self, token: ApiToken) -> str:
        """What it is worth now."""
        return token.state_at(timezone.now()).value


class NewTokenSerializer(TokenSerializer):
    """A token that was just made, with its text: told this once, kept nowhere."""

    token = serializers.CharField()

    class Meta(TokenSerializer.Meta):
        fields = [*TokenSerializer.Meta.fields, "token"]


class TokenRequestSerializer(serializers.Serializer[Any]):
    """A token to make."""

    tenant = serializers.UUIDField()
    name = Text(max_length=LONGEST_NAME)
    role = serializers.ChoiceField(choices=Membership.RoleWord.choices)
    days = serializers.IntegerField(default=USUAL_DAYS, min_value=1, max_value=MOST_DAYS)


class CredentialsSerializer(serializers.Serializer[Any]):
    """Which application reads a tenant, and where its secret is. Written, never read."""

    client_id = serializers.UUIDField(write_only=True)
    secret_ref = Text(
        write_only=True,
        max_length=512,
        help_text="env:NAME or federated:PATH. The secret itself never goes here.",
    )


class CostScopeSerializer(serializers.Serializer[Any]):
    """Where cost exports of more than one subscription stand."""

    cost_export_scope = Text(
        required=False,
        allow_blank=True,
        max_length=512,
        help_text="A billing account, or a billing profile, invoice section, department, enrollment account or "
        "customer of it, or a management group: providers/Microsoft.Billing/billingAccounts/ID. Empty for none; left "
        "out, it stays as it is.",
    )


class TenantConnectSerializer(CredentialsSerializer, CostScopeSerializer):
    """A tenant to connect."""

    name = Text(max_length=63)
    azure_tenant_id = serializers.UUIDField()


class TenantChangeSerializer(CostScopeSerializer):
    """What is to be different: the status (for admins of the tenant); the credentials and where its cost exports stand
    (for platform admins)."""

    status = serializers.ChoiceField(choices=Tenant.Status.choices, required=False)
    credentials = CredentialsSerializer(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Something has to be asked for."""
        if not attrs:
            raise serializers.ValidationError({"status": "Give status, credentials or cost_export_scope."})
        return attrs


class CheckSerializer(serializers.Serializer[Any]):
    """The answer to one question. `passed` is null when it was not asked because an earlier one failed."""

    name = serializers.CharField()
    passed = serializers.BooleanField(allow_null=True)
    finding = serializers.CharField()
    remedy = serializers.CharField(allow_blank=True)


class PreflightSerializer(serializers.ModelSerializer[PreflightResult]):
    """Whether a tenant can be read, as of `ran_at`; null when that was never asked with the present credentials."""

    waiting = serializers.SerializerMethodField(help_text="Whether a worker still has to answer.")
    requested_at = serializers.DateTimeField(allow_null=True)
    readable = serializers.BooleanField(source="is_readable", allow_null=True)
    checks = CheckSerializer(many=True)

    class Meta:
        model = PreflightResult
        fields = ["tenant", "waiting", "requested_at", "ran_at", "readable", "checks"]

    def get_waiting(self, result: PreflightResult) -> bool:
        """True while no worker has answered."""
        return result.request is not None


class MemberSerializer(serializers.Serializer[Any]):
    """A tenant of a group."""

    id = serializers.UUIDField(source="tenant.id")
    name = serializers.CharField(source="tenant.name")


class TenantGroupSerializer(serializers.ModelSerializer[TenantGroup]):
    """A group with those of its tenants that you may see."""

    tenants = MemberSerializer(source="members", many=True)

    class Meta:
        model = TenantGroup
        fields = ["id", "name", "tenants"]


class TenantGroupChangeSerializer(serializers.Serializer[Any]):
    """The tenants a group is to consist of."""

    tenants = serializers.ListField(child=serializers.UUIDField(), max_length=1000)


class TenantGroupRequestSerializer(TenantGroupChangeSerializer):
    """A group to make."""

    name = Text(max_length=63)
