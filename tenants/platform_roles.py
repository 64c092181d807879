"""The roles over the whole platform: giving and taking them. The last admin of the platform stays."""

from contextlib import AbstractContextManager

from django.db import transaction
from django.utils import timezone

from audit.trail import gathered, record
from audit.verbs import Verb
from governance.tenancy import Scope, entered
from tenants.models import Invitation, Membership, User
from tenants.sessions import end_sessions_of_stranger


class LastPlatformAdminError(Exception):
    """What was asked for would leave the platform without anybody who may administer it. Nothing was changed."""


def person_with(email: str) -> User | None:
    """Whoever has an account with this address, whatever its letter case."""
    with _everywhere():
        found: User | None = User.objects.filter(email=email.strip().lower()).first()
    return found


@transaction.atomic
def set_platform_role(user: User, role: User.PlatformRole) -> bool:
    """Make a person auditor or admin of the platform, or neither. Whether anything changed.

    Raises LastPlatformAdminError when no admin of the platform with an open account would be left.
    """
    with _everywhere(), gathered():
        return _set(user, role)


def _everywhere() -> AbstractContextManager[Scope]:
    return entered(Scope.every_tenant(reason="The platform's people belong to no tenant, and may have acted in any."))


def _set(user: User, role: User.PlatformRole) -> bool:
    admins = User.objects.filter(platform_role=User.PlatformRole.ADMIN)
    admins.update(platform_role=User.PlatformRole.ADMIN)  # holds their rows until the end: one change at a time
    before = User.objects.values_list("platform_role", flat=True).get(id=user.id)
    if before == role:
        return False
    User.objects.filter(id=user.id).update(platform_role=role)
    if before == User.PlatformRole.ADMIN:
        if not admins.filter(is_active=True).exists():
            raise LastPlatformAdminError("The platform would be left without an admin. Make somebody else admin first.")
        _withdraw_invitations(user)
    user.platform_role = role
    end_sessions_of_stranger(user)
    was, now = {"platform_role": before}, {"platform_role": role.value}
    record(Verb.PLATFORM_ROLE_CHANGED, tenant_id=None, target=user, before=was, after=now)
    return True


def _withdraw_invitations(user: User) -> None:
    """Revoke what they offered in tenants that they do not administer by themselves."""
    own = Membership.objects.filter(user=user, role=Membership.RoleWord.ADMIN).values("tenant_id")
    offered = Invitation.objects.pending().filter(invited_by=user).exclude(tenant_id__in=own)
    for row in offered:
        record(Verb.INVITATION_REVOKED, tenant_id=row.tenant_id, target=row, reason="Who invited may not any more.")
    offered.update(revoked_at=timezone.now(), mail_due_at=None)
