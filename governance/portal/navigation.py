"""What every page shows around its content: the places there are, and the tenants it can be narrowed to.

The choice of tenants stands in the address (`?tenant=` or `?group=`), never in a session: an address that is passed on
shows the same, and what is shown is never narrowed by something that cannot be seen.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from tenants.models import Tenant, TenantGroup

PLACES = (
    ("Overview", "portal:overview"),
    ("Costs", "costs:overview"),
    ("Resources", "inventory:resources"),
    ("Orphans", "portal:orphans"),
    ("Changes", "inventory:changes"),
    ("Tags", "inventory:tags"),
    ("Syncs", "portal:syncs"),
    ("Files", "portal:files"),
    ("Tenants", "tenants:tenants"),
    ("Audit", "portal:audit"),
)
TENANTS_NAMED = 12  # more are found by their name


@dataclass(frozen=True, slots=True)
class Place:
    """An entry of the navigation."""

    title: str
    address: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Switcher:
    """What the page can be narrowed to. `chosen` is the name in force, "" for all; `stays` is where a choice leads."""

    chosen: str
    chosen_group: str
    stays: str
    groups: tuple[str, ...]
    tenants: tuple[str, ...]
    more: int


def navigation(request: HttpRequest) -> dict[str, Any]:
    """The places a signed-in person can go to (a context processor). The switcher asks the database when printed."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"places": []}
    carried = _carried(request)
    places = [(title, reverse(name)) for title, name in PLACES]
    return {
        "places": [Place(title, address + carried, _is_at(request.path, address)) for title, address in places],
        "switcher": SimpleLazyObject(partial(_switcher, request)),
    }


def _is_at(path: str, address: str) -> bool:
    return path == address or (address != "/" and path.startswith(address))


def _carried(request: HttpRequest) -> str:
    """The choice of tenants as the rest of an address."""
    chosen = {name: request.GET[name][:64] for name in ("tenant", "group") if request.GET.get(name)}
    return f"?{urlencode(chosen)}" if chosen else ""


def _switcher(request: HttpRequest) -> Switcher:
    names = list(Tenant.objects.values_list("name", flat=True))
    match = request.resolver_match
    is_place = match is not None and any(match.view_name == name for _, name in PLACES)
    return Switcher(
        chosen=request.GET.get("tenant", "")[:64],
        chosen_group=request.GET.get("group", "")[:64],
        stays=request.path if is_place else reverse(PLACES[0][1]),
        groups=tuple(TenantGroup.objects.values_list("name", flat=True)),
        tenants=tuple(names[:TENANTS_NAMED]),
        more=max(0, len(names) - TENANTS_NAMED),
    )
