"""What the people of a tenant may know of one another (docs/adr/0009-people-of-a-tenant.md)."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Prefetch

from governance.access import Access
from tenants.models import Membership, User


@dataclass(frozen=True, slots=True)
class Known:
    """What is told of an account beside its address. `last_sign_in` is None when there was none that may be told."""

    name: str
    last_sign_in: datetime | None


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a role in tenants that the asker administers; `roles` holds those alone."""

    id: UUID
    email: str
    name: str
    last_login: datetime | None
    roles: tuple[Membership, ...]


def doer(field: str) -> "Prefetch[str]":
    """To prefetch who did something in a tenant, although they may belong to the platform or not to it any more."""
    reason = "Who did something in a tenant is named there, wherever they belong now."
    return Prefetch(field, queryset=User.objects.across_tenants(reason=reason))


def known(user: User, since: datetime, access: Access) -> Known:
    """Name and last sign-in, once the person has signed in with the role held since then; all of it to the platform.

    Before, whoever administers any tenant could ask for any address and read what its owner told somebody else.
    """
    has_come = user.last_login is not None and user.last_login >= since
    if has_come or access.everywhere is not None:
        return Known(user.name, user.last_login)
    return Known("", None)


def persons(users: Collection[User], access: Access) -> list[Person]:
    """These people with their roles where the asker may see people. One query, for at most 1,000 people."""
    held: dict[UUID, list[Membership]] = {user.id: [] for user in users}
    rows = Membership.objects.seen_by(access).filter(user_id__in=list(held)).select_related("tenant")
    for row in rows.order_by("tenant__name"):
        held[row.user_id].append(row)
    return [_person(user, held[user.id], access) for user in users]


def _person(user: User, roles: list[Membership], access: Access) -> Person:
    since = min((role.since for role in roles), default=None)
    told = known(user, since, access) if since else Known("", None)
    return Person(user.id, user.email, told.name, told.last_sign_in, tuple(roles))
