"""Who may do what: the roles, what a signed-in person may reach, and the two questions every view asks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, TypeVar
from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest

from governance import throttling
from governance.sights import saw
from governance.tenancy import Scope

Row = TypeVar("Row", bound=models.Model)


class Role(IntEnum):
    """What a person may do in one tenant. A higher role includes the lower ones."""

    READER = 1  # sees
    OPERATOR = 2  # runs syncs
    ADMIN = 3  # people and settings of the tenant

    @property
    def word(self) -> str:
        """The role as the database and people write it."""
        return self.name.lower()

    @classmethod
    def from_word(cls, word: str) -> "Role":
        """The role of a word; KeyError for any other word, never a default."""
        return cls[word.upper()]


@dataclass(frozen=True, slots=True)
class Access:
    """What one person may reach now: built once per request from the memberships, never from the request itself."""

    scope: Scope
    roles: Mapping[UUID, Role] = field(default_factory=dict)
    everywhere: Role | None = None  # platform auditors (reader) and platform admins (admin)

    def role_in(self, tenant_id: UUID) -> Role | None:
        """The person's role in a tenant; None for a stranger."""
        roles = [role for role in (self.everywhere, self.roles.get(tenant_id)) if role is not None]
        return max(roles, default=None)

    def may(self, role: Role, tenant_id: UUID) -> bool:
        """True when the person has at least `role` in the tenant."""
        held = self.role_in(tenant_id)
        return held is not None and held >= role

    @property
    def is_platform_admin(self) -> bool:
        """True for those who connect tenants and make groups."""
        return self.everywhere is Role.ADMIN

    def may_see_people(self, tenant_id: UUID) -> bool:
        """True for the admins of the tenant and for the platform's own people: an auditor reviews who may do what."""
        return self.everywhere is not None or self.may(Role.ADMIN, tenant_id)


NO_ACCESS = Access(Scope.nothing())


def access_of(request: HttpRequest) -> Access:
    """What the person behind this request may reach. Set by `tenants.middleware.ScopeMiddleware`."""
    access: Access = getattr(request, "access", NO_ACCESS)
    return access


def require_role(request: HttpRequest, role: Role, tenant_id: UUID) -> None:
    """Let pass whoever has the role; 404 for a stranger (as if there were no such tenant), 403 for a lesser role."""
    access = access_of(request)
    if access.role_in(tenant_id) is None:
        raise Http404
    if not access.may(role, tenant_id):
        raise PermissionDenied(f"This needs the role {role.word} in this tenant.")


def require_platform_admin(request: HttpRequest) -> None:
    """Let pass a platform admin; 403 for everybody else. Look for the object first: a stranger to it gets 404."""
    if not access_of(request).is_platform_admin:
        raise PermissionDenied("This is for platform admins.")


def require_sight_of_people(request: HttpRequest, tenant_id: UUID) -> None:
    """Let pass who may see the people of the tenant; 404 for a stranger, 403 for its readers and operators."""
    if not access_of(request).may_see_people(tenant_id):
        require_role(request, Role.ADMIN, tenant_id)


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
