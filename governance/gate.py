"""The gate before every view: each names what it needs, and one that names nothing answers nothing.

    @requires(Permission.SEE)                                               a page
    @requires(GET=Permission.SEE_PEOPLE, POST=Permission.MANAGE_PEOPLE)     one that differs by method
    requires = {"list": WhereHeld(Permission.SEE_PEOPLE), "create": …}      an API view, by action (or "get", "post")

What happens, in this order:

1. Nobody's request for what is not public is sent to sign in; the API answers 401.
2. Whoever holds the permission nowhere is refused (403). Only a look at one object goes on to the view, which alone can
   tell an object that one may not see (404) from one that needs a higher role (403).
3. The view finds the object and asks `require` in its tenant.
4. An answer that is no refusal leaves only if the view did ask, or if the scope of the request or `WhereHeld` narrowed
   it. That catches the view that forgot step 3.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import HttpRequest, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.shortcuts import resolve_url
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from governance.access import access_of, granted
from governance.permissions import Permission, Reach

if TYPE_CHECKING:  # DRF loads this module while it loads its views
    from rest_framework.views import APIView

View = Callable[..., HttpResponseBase]

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
FOLLOWING = frozenset({"head", "options"})  # need what GET needs
EVERY = "*"
VERSION = "version"  # the parameter of an API address that names no object


@dataclass(frozen=True, slots=True)
class WhereHeld:
    """A list that holds only what the person holds the permission for: empty for who holds it nowhere."""

    permission: Permission


Requirement = Permission | WhereHeld
Named = Mapping[str, Requirement]  # by method, or by the action of an API view; EVERY for all there are


def requires(every: Requirement | None = None, /, **by_method: Requirement) -> Callable[[View], View]:
    """Name what a view needs: for each of its methods the same, or by method. HEAD needs what GET needs."""
    named: Named = {EVERY: every} if every is not None else dict(by_method)

    def mark(view: View) -> View:
        @wraps(view)
        def marked(*args: Any, **kwargs: Any) -> HttpResponseBase:
            return view(*args, **kwargs)

        marked.requires = named  # type: ignore[attr-defined]
        return marked

    return mark


def named_by(view: Any) -> Named:
    """What a view of the URL configuration names; nothing when it names nothing."""
    found = getattr(view, "requires", None) or getattr(api_view(view), "requires", None) or {}
    return found if isinstance(found, Mapping) else {EVERY: found}


def api_view(view: Any) -> "type[APIView] | None":
    """The class behind a view of the API, which DRF notes on it; None for a page."""
    found: type[APIView] | None = getattr(view, "cls", None)
    return found


def methods_of(view: Any) -> dict[str, Requirement | None]:
    """What each method of a view needs; None where it does not say. HEAD and OPTIONS follow GET."""
    named, cls = named_by(view), api_view(view)
    if cls is None:
        return {name: named[name] for name in named if name != EVERY} or {"GET": named.get(EVERY)}
    there = [name for name in cls.http_method_names if name not in FOLLOWING and hasattr(cls, name)]
    actions = getattr(view, "actions", None) or {name: name for name in there}
    return {name.upper(): named.get(word, named.get(EVERY)) for name, word in actions.items() if name not in FOLLOWING}


class GateMiddleware:
    """Holds every view to what it names. Stands after `ScopeMiddleware`, which says who is asking."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The answer, if it may leave. Raises ImproperlyConfigured for one whose view did not ask."""
        response = self.get_response(request)
        if request.resolver_match and response.status_code < 400 and not _may_leave(request):
            raise ImproperlyConfigured(f"{request.resolver_match.view_name} answered without asking who may.")
        return response

    def process_view(
        self, request: HttpRequest, view: View, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        """Refuse here what needs no look at an object. An API view asks the same once it knows its caller (`Gate`)."""
        named = named_by(view)
        if not named:
            raise ImproperlyConfigured(f"{request.resolver_match} does not name what it needs.")
        method = "GET" if request.method in SAFE else request.method or ""
        if api_view(view) is not None:
            request.open = is_public(methods_of(view).get(method))  # type: ignore[attr-defined]
            return None
        requirement = named.get(method, named.get(EVERY))
        if requirement is None:
            return HttpResponseNotAllowed([*named])
        if not is_public(requirement) and not request.user.is_authenticated:
            request.open = True  # type: ignore[attr-defined]
            return redirect_to_login(request.get_full_path(), resolve_url(settings.LOGIN_URL))
        demand(request, requirement, names_object=bool(kwargs))
        return None


class Gate(BasePermission):
    """The same gate for the API, asked once its caller is known; part of every API view that is not public."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        """Whether the view may look. Raises PermissionDenied with the words of the permission."""
        method = (request.method or "").lower()
        if not hasattr(view, method):
            return True  # DRF answers that there is no such method
        named = named_by(view)
        requirement = named.get(getattr(view, "action", None) or method.replace("head", "get"), named.get(EVERY))
        if method == "options":
            requirement = Permission.OWN  # what the view is like: no rows
        if requirement is None:
            return False
        demand(request._request, requirement, names_object=bool(view.kwargs.keys() - {VERSION}))
        return True


def demand(request: HttpRequest, requirement: Requirement, *, names_object: bool) -> None:
    """Step 2. Raises PermissionDenied for whoever holds the permission nowhere, but for a look at one object."""
    request.requirement = requirement  # type: ignore[attr-defined]
    if is_narrowed(requirement) or (names_object and request.method in SAFE):
        return
    permission = permission_of(requirement)
    if not access_of(request).may_somewhere(permission):
        raise PermissionDenied(permission.refusal)


def _may_leave(request: HttpRequest) -> bool:
    """Step 4: whether the view asked, or the answer is narrowed by itself, or there was nothing to ask."""
    if getattr(request, "open", False):
        return True
    requirement: Requirement | None = getattr(request, "requirement", None)
    if requirement is None:
        return False
    return is_narrowed(requirement) or permission_of(requirement) in granted(request)


def permission_of(requirement: Requirement) -> Permission:
    """The permission that is needed."""
    return requirement.permission if isinstance(requirement, WhereHeld) else requirement


def is_public(requirement: Requirement | None) -> bool:
    """Whether nobody has to sign in."""
    return requirement is not None and permission_of(requirement).rule.reach is Reach.EVERYBODY


def is_narrowed(requirement: Requirement) -> bool:
    """Whether there is nothing to be asked in a tenant: public, one's own, seen through the scope, or `WhereHeld`."""
    return isinstance(requirement, WhereHeld) or requirement.rule.reach not in {Reach.TENANT, Reach.PLATFORM}
