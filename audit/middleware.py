"""Every request acts as its person; what it looked at and what it was refused is written down before it is answered."""

from collections.abc import Callable
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse

from audit import looks, refusals
from audit.verbs import Verb
from governance.access import access_of
from governance.actors import Actor, ActorKind, acting_as
from governance.addresses import address_of
from governance.permissions import Holder
from governance.sights import Sight, watched

SAFE = ("GET", "HEAD")
# Pages that show no tenant's data, and those whose own event says more.
NO_LOOK = frozenset(
    {
        *("sign-in", "sign-in-password", "not-invited", "sign-out", "healthz", "schema", "api-docs", "me"),
        *("portal:views", "portal:view", "portal:file", "export-content", "report-content"),
        *("tenants:connect", "tenants:make-group", "tenants:delete-group"),
        *("portal:audit-trail", "portal:audit-anchors", "portal:audit-verifier"),
    }
)


class ActorMiddleware:
    """Says who acts for as long as the request lasts. Whoever signs in within it acts as themselves from then on.

    A way of signing in that is not a person's session sets `request.actor` to the Actor it found.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request as its person."""
        with acting_as(lambda: actor_of(request)), watched() as sight:
            response = self.get_response(request)
            if actor_of(request).kind in {ActorKind.PERSON, ActorKind.TOKEN}:
                _note(request, response, sight)
        return response


def actor_of(request: HttpRequest) -> Actor:
    """Who this request acts for."""
    told: Actor | None = getattr(request, "actor", None)
    if told is not None:
        return told
    where = {"request_id": request_id(), "address": address_of(request)}
    user: Any = getattr(request, "user", None)
    return Actor.person(user, **where) if user is not None and user.is_authenticated else Actor.nobody(**where)


def request_id() -> str:
    """The id under which the logs know this request."""
    return str(structlog.contextvars.get_contextvars().get("request_id", ""))


def _note(request: HttpRequest, response: HttpResponse, sight: Sight) -> None:
    match = request.resolver_match
    if match is None:  # an address that nothing answers
        return
    told: Any = match  # its stubs do not know what was captured from the path
    key = next((str(value) for name, value in (told.captured_kwargs or {}).items() if name != "version"), "")
    method = request.method or ""
    if response.status_code == 403:
        refusals.note(Verb.ACCESS_REFUSED, page=match.view_name, asked_for=key, method=method)
    elif response.status_code == 404 and key:
        refusals.note(Verb.ADDRESS_REFUSED, page=match.view_name, asked_for=key, method=method)
    elif response.status_code == 200 and method in SAFE and match.view_name not in NO_LOOK:
        _note_look(request, match.view_name, sight)


def _note_look(request: HttpRequest, page: str, sight: Sight) -> None:
    access = access_of(request)
    tenants = looks.seen(access.scope, sight.tenants())
    title = f"{'API: ' if request.path.startswith('/api/') else ''}{_title(page)}"
    looks.note(looks.Look(page=page, title=title, tenants=tenants, role=_role(access, tenants)))


def _title(page: str) -> str:
    """The name of an address in words: "inventory:tag-rules" is "tag rules"."""
    return page.rpartition(":")[2].replace("-", " ").replace("_", " ")


def _role(access: Any, tenants: Any) -> str:
    if access.everywhere is not None:
        return Holder.of_platform(access.everywhere).value
    held = {access.role_in(tenant) for tenant in tenants or ()}
    return held.pop().word if len(held) == 1 and None not in held else "several roles"
