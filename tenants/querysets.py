"""How tenants, subscriptions and memberships are asked for."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from django.apps import apps
from django.contrib.auth.models import BaseUserManager
from django.db import models

from governance.access import Access, Permission
from governance.tenancy import MAX_TENANTS_IN_LIST, TenantManager, TenantQuerySet, across_tenants, current_scope


class TenantRows(models.QuerySet[Any]):
    """Sentences about tenants themselves."""

    def connected(self) -> Self:
        """Tenants whose syncs run; paused ones are left out."""
        return self.filter(status="connected")

    def named(self, name: str) -> Self:
        """The tenant of this name, whatever its letter case."""
        return self.filter(name=name.strip().lower())

    def for_tenants(self, tenants: Collection[UUID] | None) -> Self:
        """Only these tenants; `None` is all in scope."""
        return self if tenants is None else self.filter(id__in=sorted(tenants))

    def version(self) -> str:
        """What kept answers about these tenants carry in their key: it changes with every run that stored something."""
        found = self.aggregate(total=models.Sum("data_version"), tenants=models.Count("id"))
        return f"{found['tenants']}-{found['total']}"


class TenantRowManager(TenantManager.from_queryset(TenantRows)):  # type: ignore[misc]  # a class made at run time
    """A tenant is in scope when its own id is."""

    tenant_column = "id"


class TenantGroupManager(models.Manager[Any]):
    """A group is in scope when one of its tenants is; an empty one only where every tenant is."""

    def get_queryset(self) -> models.QuerySet[Any]:
        """The groups in scope. Raises UnscopedError when there is none."""
        rows = super().get_queryset()
        if current_scope().is_every_tenant:
            return rows
        members = apps.get_model("tenants", "TenantGroupMember")._default_manager.values("group_id")
        return rows.filter(id__in=members)


class SubscriptionQuerySet(TenantQuerySet[Any]):
    """Sentences about subscriptions."""

    def expected(self) -> Self:
        """Every subscription ever seen in Azure and not off-boarded: what a complete reading has to contain."""
        return self.in_azure().filter(off_boarded_at=None)

    def in_azure(self) -> Self:
        """All but those that only an imported file names."""
        return self.filter(is_imported=False)


class MembershipQuerySet(TenantQuerySet[Any]):
    """Sentences about memberships."""

    def who_administer(self) -> Self:
        """Those who can administer: admins with an open account. An auditor's membership lets them write nothing."""
        return self.filter(role="admin", user__is_active=True).exclude(user__platform_role="auditor")

    def seen_by(self, access: Access) -> Self:
        """The memberships whose people this access may see."""
        return self.filter(self.model._default_manager.where_people_are_seen_by(access, "tenant_id"))


class MembershipManager(TenantManager.from_queryset(MembershipQuerySet)):  # type: ignore[misc]
    """Memberships are scoped like everything else, but for the one question that makes the scope."""

    def where_people_are_seen_by(self, access: Access, column: str) -> models.Q:
        """The condition for rows of tenants whose people this access may see: maybe fewer than the memberships."""
        if access.may(Permission.SEE_PEOPLE):
            return models.Q()
        seen = sorted(tenant_id for tenant_id in access.roles if access.may(Permission.SEE_PEOPLE, tenant_id))
        person = access.scope.user_id
        if len(seen) <= MAX_TENANTS_IN_LIST or person is None:
            return models.Q(**{f"{column}__in": seen})
        mine = self.of_user(person).filter(role__in=[role.word for role in Permission.SEE_PEOPLE.roles])
        return models.Q(**{f"{column}__in": mine.values("tenant_id")})

    def of_user(self, user_id: UUID) -> MembershipQuerySet:
        """All memberships of one person: what their scope is made from."""
        rows: MembershipQuerySet = self.across_tenants(reason="A person's own memberships make their scope.")
        return rows.filter(user_id=user_id)


class InvitationQuerySet(TenantQuerySet[Any]):
    """Sentences about invitations."""

    def pending(self) -> Self:
        """Those that nobody accepted and nobody revoked; expired ones too."""
        return self.filter(accepted_at=None, revoked_at=None)

    def open(self, now: datetime) -> Self:
        """Those that can be accepted now."""
        return self.pending().filter(expires_at__gt=now)

    def seen_by(self, access: Access) -> Self:
        """The invitations this person may see: of the tenants whose people they may see."""
        memberships: Any = apps.get_model("tenants", "Membership")._default_manager
        return self.filter(memberships.where_people_are_seen_by(access, "tenant_id"))


class ApiTokenQuerySet(TenantQuerySet[Any]):
    """Sentences about API tokens."""

    def of(self, user_id: UUID) -> Self:
        """One person's own."""
        return self.filter(user_id=user_id)

    def seen_by(self, access: Access, user_id: UUID) -> Self:
        """One's own, and those of the tenants whose people one may see."""
        if access.may(Permission.SEE_PEOPLE):
            return self.all()
        memberships: Any = apps.get_model("tenants", "Membership")._default_manager
        return self.filter(models.Q(user_id=user_id) | memberships.where_people_are_seen_by(access, "tenant_id"))

    def not_revoked(self) -> Self:
        """Active and expired ones."""
        return self.filter(revoked_at=None)

    def active(self, now: datetime) -> Self:
        """Those that open something."""
        return self.not_revoked().filter(expires_at__gt=now)

    def in_state(self, word: str, now: datetime) -> Self:
        """Those of one `ApiToken.State`."""
        if word == "revoked":
            return self.exclude(revoked_at=None)
        return self.active(now) if word == "active" else self.not_revoked().filter(expires_at__lte=now)


class ApiTokenManager(TenantManager.from_queryset(ApiTokenQuerySet)):  # type: ignore[misc]
    """Tokens are scoped like everything else, but for the one question that makes a scope of one."""

    def presented(self, token_id: UUID) -> ApiTokenQuerySet:
        """The token that a call names, with its person. Whoever asks has to check its secret before anything else."""
        rows: ApiTokenQuerySet = self.across_tenants(reason="A token makes the scope of its call; there is none yet.")
        return rows.filter(id=token_id).select_related("user")


class SavedViewQuerySet(models.QuerySet[Any]):
    """Sentences about saved views."""

    def of(self, user_id: UUID) -> Self:
        """One person's own, by list and name. The only question about them that a page asks."""
        return self.filter(user_id=user_id).order_by("listing", "name")


class UserManager(BaseUserManager[Any]):
    """People, found by e-mail address whatever its letter case.

    The ORM filters them by no scope, the database does: a scope holds its own person and those of its tenants.
    """

    def across_tenants(self, *, reason: str) -> Any:
        """Everybody, whatever the scope. Rare, greppable, reviewed."""
        return across_tenants(super().get_queryset(), reason=reason)

    def get_by_natural_key(self, username: str | None) -> Any:
        """The person who signs in with this address."""
        everybody = self.across_tenants(reason="Who signs in is not known yet.")
        return everybody.get(email=(username or "").strip().lower())

    def create_user(self, email: str, *, name: str = "", password: str | None = None, platform_role: str = "") -> Any:
        """A new person. Without a password they cannot sign in with one."""
        user = self.model(email=email.strip().lower(), name=name, platform_role=platform_role)
        user.set_password(password)
        user.save()
        return user
