"""Every request runs in the scope of its person. Nobody's scope is empty, not absent."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth import middleware
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from audit.middleware import request_id
from governance.access import NO_ACCESS, Access
from governance.actors import Actor
from governance.addresses import address_of
from governance.tenancy import Scope, entered
from tenants.authorization import access_for
from tenants.bearer import Caller, Credential, credential_of
from tenants.models import ApiToken
from tenants.tokens import note_use

API = "/api/"  # pages take no bearer token: below it a browser's session counts, above it nothing else does


class BearerMiddleware:
    """Sets `request.credential`: what an Authorization header of a call to the API says, or None without one.

    With a header the session's person is not the caller, whatever the header is worth. It stands before the middleware
    that logs who called, and after the one that reads the session.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request as its caller."""
        header = request.headers.get("Authorization") if request.path_info.startswith(API) else None
        credential = None if header is None else credential_of(header)
        request.credential = credential  # type: ignore[attr-defined]
        if isinstance(credential, Caller):
            request.user, request.auth = credential.user, credential  # type: ignore[attr-defined]
            request.limit_key = credential.limit_key  # type: ignore[attr-defined]
        elif credential is not None:
            request.user = AnonymousUser()
        return self.get_response(request)


class AuthenticationMiddleware(middleware.AuthenticationMiddleware):
    """As Django's, but it looks for the person at once, and in everybody's accounts: the database hides them later."""

    def process_request(self, request: HttpRequest) -> None:
        """Set `request.user`, loaded."""
        super().process_request(request)
        with entered(Scope.every_tenant(reason="Whose session this is, is not known yet.")):
            request.user.is_authenticated  # noqa: B018 - loads the person


class ScopeMiddleware:
    """Sets `request.access`, enters its scope for as long as the view runs, and keeps answers out of shared caches."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request within the person's scope."""
        credential: Credential | None = request.credential  # type: ignore[attr-defined]
        request.access = _access(request, credential)  # type: ignore[attr-defined]
        with entered(request.access.scope):  # type: ignore[attr-defined]
            if isinstance(credential, Caller) and credential.api_token:
                request.actor = _actor(request, credential.api_token)  # type: ignore[attr-defined]
                note_use(credential.api_token, now=timezone.now())
            response = self.get_response(request)
        if not response.has_header("Cache-Control"):
            # Error pages name the person too. No cache on the way may keep an answer and give it to another.
            response["Cache-Control"] = "private, no-store"
        return response


def _actor(request: HttpRequest, token: ApiToken) -> Actor:
    label = f"{token.name}, API token of {token.user.email}"
    return Actor.token(token.id, label, request_id=request_id(), address=address_of(request))


def _access(request: HttpRequest, credential: Credential | None) -> Access:
    if isinstance(credential, Caller):
        return credential.access
    user: Any = request.user
    return access_for(user) if user.is_authenticated else NO_ACCESS
