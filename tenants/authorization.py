"""What a person may reach: from their memberships and platform role, read afresh for every request."""

from uuid import UUID

from governance.access import NO_ACCESS, Access, Role
from governance.tenancy import Scope
from tenants.models import Membership, User


def access_for(user: User) -> Access:
    """The access of a signed-in person, in one query. An inactive person has none."""
    if not user.is_active:
        return NO_ACCESS
    roles = {
        tenant_id: Role.from_word(word)
        for tenant_id, word in Membership.objects.of_user(user.id).values_list("tenant_id", "role")
    }
    if user.platform_role == User.PlatformRole.ADMIN:
        return Access(Scope.every_tenant(reason="platform admin", user_id=user.id), roles, everywhere=Role.ADMIN)
    if user.platform_role == User.PlatformRole.AUDITOR:
        # An auditor writes nothing anywhere, whatever memberships say.
        return Access(Scope.every_tenant(reason="platform auditor", user_id=user.id), everywhere=Role.READER)
    return Access(Scope(frozenset(roles), user_id=user.id), roles)


def access_with(user: User, *, tenant_id: UUID, ceiling: Role) -> Access:
    """The access of a person in one tenant alone and with at most this role there; a stranger to the tenant has none.

    A platform role counts as the role it gives in that tenant, and gives nothing beyond it.
    """
    held = access_for(user).role_in(tenant_id)
    if held is None:
        return NO_ACCESS
    return Access(Scope(frozenset({tenant_id}), user_id=user.id), {tenant_id: min(held, ceiling)})
