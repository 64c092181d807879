"""What every answer goes through: the limits, and the headers that no library here sets."""

from collections.abc import Callable

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import Resolver404, resolve

from governance import throttling
from governance.access import access_of
from governance.addresses import address_of
from governance.limits import EXPORTS, NOT_LIMITED, SIGN_IN
from governance.problems import is_for_programs, problem
from governance.throttling import Budget, Standing, TooManyRequestsError, Wish

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded"

Answer = Callable[[HttpRequest], HttpResponse]


class HeadersMiddleware:
    """Sets the headers of the setting SECURITY_HEADERS on every answer: pages, files, errors and refusals."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request, with the headers."""
        response = self.get_response(request)
        for name, value in settings.SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)
        return response


class LimitMiddleware:
    """Counts the request before its view runs. What is one too many is answered with 429, and when to come again.

    Stands inside the middleware that knows the person and the scope.
    """

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request, or refuse it."""
        structlog.contextvars.bind_contextvars(ip=address_of(request))
        name = _name_of(request)
        with throttling.entered(Budget()) as budget:
            try:
                if name not in NOT_LIMITED:
                    budget.count(_wishes(request, name))
                response = self.get_response(request)
            except TooManyRequestsError as error:
                response = refused(request, error.standing)
        if is_for_programs(request):
            budget.write_headers(response)
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """A limit that was met while the view ran: that of the tenant of an object."""
        return refused(request, exception.standing) if isinstance(exception, TooManyRequestsError) else None


def refused(request: HttpRequest, standing: Standing) -> HttpResponse:
    """429 as a problem for programs and as a page for people; both say when the next request is welcome."""
    limit, seconds = standing.limit, standing.reset_seconds
    structlog.contextvars.bind_contextvars(limit=limit.name)  # the event of this request, with its 429, says which
    if is_for_programs(request):
        told = f"More than {limit.quota} requests in {limit.seconds} seconds; ask again in {seconds} seconds."
        more = {"violated-policies": [limit.name]}
        response = problem(429, "Too many requests", told, kind=QUOTA_EXCEEDED, **more)
    else:
        # No query for a page that is shown because there were too many: the switcher of tenants is left out.
        context = {"seconds": seconds, "is_read": request.method in SAFE, "switcher": None}
        response = render(request, "429.html", context, status=429)
        # htmx shows it in place of the page, not inside the list that was to be redrawn.
        response["HX-Retarget"] = response["HX-Reselect"] = "#main"
        response["HX-Reswap"], response["HX-Push-Url"] = "outerHTML", "false"
    response["Retry-After"] = str(seconds)
    return response


def _wishes(request: HttpRequest, name: str) -> list[Wish]:
    wishes = throttling.caller_of(request)
    scope = access_of(request).scope
    if len(scope.tenants) == 1:
        wishes += [("tenant", str(tenant_id)) for tenant_id in scope.tenants]
    if request.method in SAFE:
        return wishes
    if SIGN_IN.fullmatch(name):
        wishes += throttling.tries_to_sign_in(request)
    if name in EXPORTS and request.user.is_authenticated:
        wishes += [("export", str(request.user.pk))]
    return wishes


def _name_of(request: HttpRequest) -> str:
    """The name of the address; "" for one that does not exist."""
    try:
        return resolve(request.path_info).view_name
    except Resolver404:
        return ""
