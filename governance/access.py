"""What a signed-in person may reach, and the two questions every view asks: may they, and which object is it?"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest

from governance import throttling
from governance.permissions import Holder, Permission, Reach, Role
from governance.sights import saw
from governance.tenancy import Scope

__all__ = ["NO_ACCESS", "Access", "Permission", "Role", "access_of", "get_visible_or_404", "granted", "require"]

Row = TypeVar("Row", bound=models.Model)


@dataclass(frozen=True, slots=True)
class Access:
    """What one person may reach now: built once per request from the memberships, never from the request itself."""

    scope: Scope
    roles: Mapping[UUID, Role] = field(default_factory=dict)
    everywhere: Role | None = None  # platform auditors (reader) and platform admins (admin)
    is_somebody: bool = True  # false for whoever has not signed in

    def role_in(self, tenant_id: UUID) -> Role | None:
        """The person's role in a tenant; None for a stranger."""
        roles = [role for role in (self.everywhere, self.roles.get(tenant_id)) if role is not None]
        return max(roles, default=None)

    def may(self, permission: Permission, tenant_id: UUID | None = None) -> bool:
        """Whether the person holds the permission in this tenant; without one, by what they are everywhere."""
        return not permission.rule.holders.isdisjoint(self._holders(tenant_id))

    def may_somewhere(self, permission: Permission) -> bool:
        """Whether the person holds the permission everywhere, or in at least one of their tenants."""
        held = {Holder.of_role(role) for role in self.roles.values()}
        return self.may(permission) or not permission.rule.holders.isdisjoint(held)

    def _holders(self, tenant_id: UUID | None) -> Collection[Holder]:
        """What the person is, seen from a tenant or from none."""
        found = [Holder.NOBODY, Holder.PERSON] if self.is_somebody else [Holder.NOBODY]
        if self.everywhere is not None:
            found.append(Holder.of_platform(self.everywhere))
        held = self.roles.get(tenant_id) if tenant_id is not None else None
        return [*found, Holder.of_role(held)] if held is not None else found


NO_ACCESS = Access(Scope.nothing(), is_somebody=False)


def access_of(request: HttpRequest) -> Access:
    """What the person behind this request may reach. Set by `tenants.middleware.ScopeMiddleware`."""
    access: Access = getattr(request, "access", NO_ACCESS)
    return access


def require(request: HttpRequest, permission: Permission, tenant_id: UUID | None = None) -> None:
    """Let pass whoever holds the permission, in the tenant when it is one of those.

    404 for a stranger to the tenant, as if there were no such tenant; 403 for a lesser role. For a permission over the
    platform look for the object first: a stranger to it gets 404. That it was asked for is noted (`granted`).
    """
    access = access_of(request)
    if permission.rule.reach is Reach.TENANT and tenant_id is None:
        raise ValueError(f"{permission.value} is held in a tenant: name it.")
    if tenant_id is not None and access.role_in(tenant_id) is None:
        raise Http404
    if not access.may(permission, tenant_id):
        raise PermissionDenied(permission.refusal)
    request.granted = granted(request) | {permission}  # type: ignore[attr-defined]


def granted(request: HttpRequest) -> frozenset[Permission]:
    """The permissions that `require` found held in this request."""
    found: frozenset[Permission] = getattr(request, "granted", frozenset())
    return found


def get_visible_or_404(rows: "models.QuerySet[Row]", key: Any) -> Row:
    """The row with this primary key if it is in scope. Foreign, missing and malformed keys are the same 404.

    The request counts for the row's tenant. Raises TooManyRequestsError (429).
    """
    try:
        row = rows.get(pk=UUID(str(key)))
    except (ObjectDoesNotExist, ValueError) as error:
        raise Http404 from error
    saw(row)
    if tenant_id := getattr(row, getattr(rows.model._default_manager, "tenant_column", ""), None):
        throttling.about(tenant_id)
    return row
