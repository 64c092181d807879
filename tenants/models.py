"""Who: tenants, their subscriptions, people and their roles."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.core.validators import RegexValidator
from django.db import models

from governance.keys import made_at, new_id
from governance.tenancy import Scope, TenantManager, TenantOwned, entered
from tenants.querysets import (
    ApiTokenManager,
    InvitationQuerySet,
    MembershipManager,
    SavedViewQuerySet,
    SubscriptionQuerySet,
    TenantGroupManager,
    TenantRowManager,
    UserManager,
)

TOKEN_PREFIX = "agp_"  # noqa: S105 - what secret scanners look for
TENANT_NAME = RegexValidator(
    r"\A[a-z0-9][a-z0-9-]{0,62}\Z", "Use lower-case letters, digits and hyphens, at most 63, starting with no hyphen."
)


class Tenant(models.Model):
    """One Azure tenant (directory) that the platform reads.

    `data_version` grows with every run that stored something: cached answers carry it in their key.
    `secret_ref` says where the credential is ("env:NAME", "federated:PATH"); the credential itself is never stored.
    `cost_export_scope` is where cost exports of several subscriptions stand, such as a billing account; "" is none.
    """

    class Status(models.TextChoices):
        """Whether its syncs run."""

        CONNECTED = "connected", "Connected"
        PAUSED = "paused", "Paused"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=63, unique=True, validators=[TENANT_NAME])
    azure_tenant_id = models.UUIDField(unique=True)
    client_id = models.UUIDField()
    secret_ref = models.CharField(max_length=512)
    cost_export_scope = models.CharField(max_length=512, blank=True, default="")
    status = models.CharField(max_length=16, choices=Status, default=Status.CONNECTED)
    connected_at = models.DateTimeField()
    data_version = models.PositiveBigIntegerField(default=0)

    objects: ClassVar[Any] = TenantRowManager()

    class Meta:
        db_table = "tenants"
        base_manager_name = "objects"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class TenantGroup(models.Model):
    """A named set of tenants, made by platform admins: a client's tenants, a region's.

    Its name is shown to everybody who may see one of its tenants, so it must not name another one. Who may see two of
    its five tenants sees a group of two.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=63, unique=True, validators=[TENANT_NAME])

    objects: ClassVar[Any] = TenantGroupManager()

    class Meta:
        db_table = "tenant_groups"
        base_manager_name = "objects"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class TenantGroupMember(TenantOwned):
    """One tenant in one group; a tenant may be in many."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    group = models.ForeignKey(TenantGroup, models.CASCADE, related_name="members", db_index=False)

    class Meta(TenantOwned.Meta):
        db_table = "tenant_group_members"
        constraints = [models.UniqueConstraint(fields=["tenant", "group"], name="once_in_a_group")]

    def __str__(self) -> str:
        return f"{self.tenant_id} in {self.group_id}"


class Subscription(TenantOwned):
    """A subscription that was ever visible in its tenant.

    One that is no longer visible has lost access or was deleted: `access_lost_at` says since when we cannot tell. Only
    a person can say that it is gone for good (`off_boarded_at`); until then every run expects it. One that is known
    from a cost file alone (`is_imported`) is expected of nobody, until Azure shows it.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    subscription_id = models.CharField(max_length=64)  # lower case
    name = models.CharField(max_length=256)
    state = models.CharField(max_length=32, blank=True)
    quota_id = models.CharField(max_length=128, blank=True)
    first_seen_at = models.DateTimeField()
    access_lost_at = models.DateTimeField(null=True, blank=True)
    off_boarded_at = models.DateTimeField(null=True, blank=True)
    is_imported = models.BooleanField(default=False)

    objects: ClassVar[Any] = TenantManager.from_queryset(SubscriptionQuerySet)()

    class Meta(TenantOwned.Meta):
        db_table = "subscriptions"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "subscription_id"], name="one_subscription_per_tenant")
        ]

    def __str__(self) -> str:
        return self.name


class User(AbstractBaseUser):
    """A person who may sign in. What they may see comes from their memberships, or from a platform role.

    A session belongs to one `session_generation`: the next one ends them all. A password with `password_expires_at`
    was given by `manage.py break_glass` and works until then; any other only where local accounts are allowed.
    """

    class PlatformRole(models.TextChoices):
        """Roles over the whole platform; most people have none."""

        NONE = "", "None"
        AUDITOR = "auditor", "Platform auditor"
        ADMIN = "admin", "Platform admin"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    email = models.EmailField(unique=True, max_length=254)  # lower case
    name = models.CharField(max_length=200, blank=True)
    platform_role = models.CharField(max_length=16, choices=PlatformRole, blank=True, default=PlatformRole.NONE)
    is_active = models.BooleanField(default=True)
    session_generation = models.PositiveIntegerField(default=0, editable=False)
    password_expires_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects: ClassVar[Any] = UserManager()

    USERNAME_FIELD = "email"

    class Meta:
        db_table = "users"

    def __str__(self) -> str:
        return self.name or self.email

    def save(self, *args: Any, **kwargs: Any) -> None:
        """As Django's. An account is the platform's, whoever's scope this is; the database refuses any other write."""
        with entered(Scope.every_tenant(reason="An account belongs to no tenant.")):
            super().save(*args, **kwargs)

    def get_session_auth_hash(self) -> str:
        """What a session must hold to be this person's: another password or generation ends all sessions there are."""
        return f"{super().get_session_auth_hash()}:{self.session_generation}"

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        """The same with the secret keys of before."""
        for kept in super().get_session_auth_fallback_hash():
            yield f"{kept}:{self.session_generation}"


class Identity(models.Model):
    """An account at an identity provider that signs a person in. A person may have several.

    It is known by `issuer` and `subject` alone, exactly as the provider writes them: e-mail addresses change hands.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="identities")
    issuer = models.CharField(max_length=255)
    subject = models.CharField(max_length=255)
    bound_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[Any] = models.Manager()

    class Meta:
        db_table = "identities"
        constraints = [models.UniqueConstraint(fields=["issuer", "subject"], name="one_person_per_identity")]

    def __str__(self) -> str:
        return f"{self.subject} at {self.issuer}"


class Membership(TenantOwned):
    """A person's role in one tenant."""

    class RoleWord(models.TextChoices):
        """The roles of `governance.access.Role` as they are stored."""

        READER = "reader", "Reader"
        OPERATOR = "operator", "Operator"
        ADMIN = "admin", "Admin"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    role = models.CharField(max_length=16, choices=RoleWord)

    objects: ClassVar[Any] = MembershipManager()

    class Meta(TenantOwned.Meta):
        db_table = "memberships"
        constraints = [models.UniqueConstraint(fields=["tenant", "user"], name="one_role_per_tenant_and_person")]

    def __str__(self) -> str:
        return f"{self.user_id} is {self.role} of {self.tenant_id}"

    @property
    def since(self) -> datetime:
        """When the person was given a role in this tenant, whichever it was then: the time in the row's own key."""
        return made_at(self.id)


class Invitation(TenantOwned):
    """A role in a tenant that is offered to whoever an address belongs to, until it expires or is revoked.

    The mail is a `letter`: invitations into several tenants at once go in one. The link in it carries a secret of which
    only the hash is kept, and only once a worker made it to send it. `mail_due_at` says when a worker is to send it, or
    to try again; None when there is nothing to do any more.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    email = models.EmailField(max_length=254)  # lower case
    role = models.CharField(max_length=16, choices=Membership.RoleWord)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    letter = models.UUIDField()
    secret_hash = models.CharField(max_length=64, blank=True)  # SHA-256
    mail_due_at = models.DateTimeField(null=True, blank=True)
    mail_attempts = models.PositiveSmallIntegerField(default=0)
    mail_problem = models.CharField(max_length=200, blank=True)
    mailed_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[Any] = TenantManager.from_queryset(InvitationQuerySet)()

    class Meta(TenantOwned.Meta):
        db_table = "invitations"
        indexes = [
            models.Index(fields=["tenant", "email"], name="invitations_of_tenant"),
            models.Index(fields=["letter"], name="invitations_of_letter"),  # docs/adr/0015
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def since(self) -> datetime:
        """When the address was invited: the time in the row's own key."""
        return made_at(self.id)

    def is_open(self, now: datetime) -> bool:
        """Whether it can be accepted now."""
        return self.accepted_at is None and self.revoked_at is None and self.expires_at > now


class ApiToken(TenantOwned):
    """A secret with which a program acts for one person in one tenant.

    It never may more than the person may at the moment of the call: the lesser of `role` and the role they hold then.
    Of the secret only the SHA-256 is kept; the key of the row is the part of the token that may be seen.
    """

    class State(models.TextChoices):
        """Whether it opens anything, the person's own role aside."""

        ACTIVE = "active", "Active"
        EXPIRED = "expired", "Expired"
        REVOKED = "revoked", "Revoked"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    name = models.CharField(max_length=80)
    role = models.CharField(max_length=16, choices=Membership.RoleWord)
    secret_hash = models.CharField(max_length=64)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[Any] = ApiTokenManager()

    class Meta(TenantOwned.Meta):
        db_table = "api_tokens"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "user", "name"], condition=models.Q(revoked_at=None), name="one_token_of_a_name"
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def visible_part(self) -> str:
        """How the token begins: enough to find it by, and no part of the secret."""
        return f"{TOKEN_PREFIX}{self.id.hex}"

    @property
    def made_at(self) -> datetime:
        """When it was made: the time in the row's own key."""
        return made_at(self.id)

    def state_at(self, now: datetime) -> State:
        """What it is worth then."""
        if self.revoked_at is not None:
            return self.State.REVOKED
        return self.State.EXPIRED if self.expires_at <= now else self.State.ACTIVE


class SavedView(models.Model):
    """A question to a list that a person named: its filters, sort and columns, as the rest of an address.

    It belongs to a person and not to a tenant: only its owner ever sees it. It keeps the words of the question and no
    answer; whatever the owner may not see any more is refused when the question is asked.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="+", db_index=False)
    listing = models.CharField(max_length=64)  # `Listing.key`
    name = models.CharField(max_length=80)
    query = models.CharField(max_length=2000, blank=True)

    objects: ClassVar[Any] = models.Manager.from_queryset(SavedViewQuerySet)()

    class Meta:
        db_table = "saved_views"
        constraints = [models.UniqueConstraint(fields=["user", "listing", "name"], name="one_view_of_a_name_per_list")]

    def __str__(self) -> str:
        return self.name


class PreflightResult(TenantOwned):
    """The last preflight of a tenant: what Azure answered when, and whether one is asked for that was not answered yet.

    `request` names the asking that a worker still has to answer; an answer to an older one is dropped. `checks` holds
    the words of `tenants.preflight.Check`, without the credentials that Azure's own words may repeat.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    request = models.UUIDField(null=True, blank=True)
    requested_at = models.DateTimeField()
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    ran_at = models.DateTimeField(null=True, blank=True)
    checks = models.JSONField(default=list, blank=True)

    class Meta(TenantOwned.Meta):
        db_table = "preflight_results"
        constraints = [models.UniqueConstraint(fields=["tenant"], name="one_preflight_result_per_tenant")]

    def __str__(self) -> str:
        return f"preflight of {self.tenant_id}"

    @property
    def is_readable(self) -> bool | None:
        """True when every check passed, False when one failed; None before the first answer."""
        return all(check["passed"] for check in self.checks) if self.ran_at else None
