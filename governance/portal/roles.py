"""The page of the roles: the matrix of who may do what, and which roles one holds oneself."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from governance.access import Permission, access_of
from governance.gate import requires
from governance.permissions import MATRIX, Holder, Rule
from tenants.models import Tenant

SHOWN = tuple(holder for holder in Holder if holder is not Holder.NOBODY)
TENANTS_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Line:
    """One permission and, holder by holder, whether they have it."""

    rule: Rule
    cells: tuple[tuple[Holder, bool], ...]


@require_safe
@requires(Permission.OWN)
def roles(request: HttpRequest) -> HttpResponse:
    """Who may do what, for everybody who has signed in; one's own roles first."""
    access = access_of(request)
    tenants = Tenant.objects.filter(id__in=sorted(access.roles)[:TENANTS_SHOWN]).order_by("name")
    context = {
        "mine": [(tenant, access.roles[tenant.id].word) for tenant in tenants],
        "more": max(0, len(access.roles) - TENANTS_SHOWN),
        "platform": Holder.of_platform(access.everywhere) if access.everywhere else None,
        "holders": SHOWN,
        "lines": list(lines()),
        "may_see_platform_roles": access.may(Permission.SEE_PLATFORM_ROLES),
    }
    return render(request, "portal/roles.html", context)


def lines() -> Iterator[Line]:
    """The matrix as it is printed."""
    for rule in MATRIX.values():
        yield Line(rule, tuple((holder, holder in rule.holders) for holder in SHOWN))
