"""Every request runs in the scope of its person. Nobody's scope is empty, not absent."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth import middleware
from django.http import HttpRequest, HttpResponse

from governance.access import NO_ACCESS
from governance.tenancy import Scope, entered
from tenants.authorization import access_for


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
        user: Any = request.user
        request.access = access_for(user) if user.is_authenticated else NO_ACCESS  # type: ignore[attr-defined]
        with entered(request.access.scope):  # type: ignore[attr-defined]
            response = self.get_response(request)
        if not response.has_header("Cache-Control"):
            # Error pages name the person too. No cache on the way may keep an answer and give it to another.
            response["Cache-Control"] = "private, no-store"
        return response
