"""What every page shows around its content."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse


@dataclass(frozen=True, slots=True)
class Place:
    """An entry of the navigation."""

    title: str
    address: str
    is_current: bool


def navigation(request: HttpRequest) -> dict[str, Any]:
    """The places a signed-in person can go to (a context processor)."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {"places": []}
    places = [("Resources", reverse("inventory:resources")), ("Syncs", reverse("portal:syncs"))]
    return {"places": [Place(title, address, request.path.startswith(address)) for title, address in places]}
