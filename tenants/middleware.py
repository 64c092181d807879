"""Every request runs in the scope of its person. Nobody's scope is empty, not absent."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse

from governance.access import NO_ACCESS
from governance.tenancy import entered
from tenants.authorization import access_for


class ScopeMiddleware:
    """Sets `request.access` and enters its scope for as long as the view runs."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request within the person's scope."""
        user: Any = request.user
        request.access = access_for(user) if user.is_authenticated else NO_ACCESS  # type: ignore[attr-defined]
        with entered(request.access.scope):  # type: ignore[attr-defined]
            return self.get_response(request)
