"""Every request acts as its person; a request without one as nobody."""

from collections.abc import Callable
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse

from governance.actors import Actor, acting_as


class ActorMiddleware:
    """Says who acts for as long as the request lasts. Whoever signs in within it acts as themselves from then on.

    A way of signing in that is not a person's session sets `request.actor` to the Actor it found.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request as its person."""
        with acting_as(lambda: actor_of(request)):
            return self.get_response(request)


def actor_of(request: HttpRequest) -> Actor:
    """Who this request acts for."""
    told: Actor | None = getattr(request, "actor", None)
    if told is not None:
        return told
    where = {"request_id": request_id(), "address": address_of(request)}
    user: Any = getattr(request, "user", None)
    return Actor.person(user, **where) if user is not None and user.is_authenticated else Actor.nobody(**where)


def address_of(request: HttpRequest) -> str:
    """Where the request comes from, as far as the connection tells."""
    return str(request.META.get("REMOTE_ADDR", ""))


def request_id() -> str:
    """The id under which the logs know this request."""
    return str(structlog.contextvars.get_contextvars().get("request_id", ""))
