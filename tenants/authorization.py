"""What a person may reach: from their memberships and platform role, read afresh for every request."""

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
