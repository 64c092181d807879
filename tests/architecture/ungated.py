"""Addresses that a careless colleague might add: each goes past the gate in its own way. Only tests load them."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from governance.gate import requires
from governance.permissions import Permission
from governance.urls import urlpatterns as ours


def unnamed(request: HttpRequest) -> HttpResponse:
    """A page that names nothing."""
    return HttpResponse("what nobody may read")


@requires(GET=Permission.SEE)
def half_named(request: HttpRequest) -> HttpResponse:
    """A page that names its GET and answers everything."""
    return HttpResponse("what nobody may read")


@requires(Permission.PAUSE)
def forgetful(request: HttpRequest, tenant_id: str = "") -> HttpResponse:
    """A page that names what it needs in a tenant, and then asks for none."""
    return HttpResponse("what nobody may read")


class Unnamed(APIView):
    """A view of the API that names nothing."""

    def get(self, request: Request, **kwargs: Any) -> Response:
        """The answer."""
        return Response({"what": "nobody may read"})


class Open(Unnamed):
    """One that names its permission and lets everybody pass."""

    requires = Permission.SEE
    permission_classes = []


class Forgetful(Unnamed):
    """One that names what it needs in a tenant, and then asks for none."""

    requires = Permission.PAUSE


urlpatterns = [
    *ours,
    path("unnamed/", unnamed, name="unnamed"),
    path("half-named/", half_named, name="half-named"),
    path("forgetful/", forgetful, name="forgetful"),
    path("forgetful/<str:tenant_id>/", forgetful, name="forgetful-of-one"),
    path("api/<str:version>/unnamed/", Unnamed.as_view(), name="api-unnamed"),
    path("api/<str:version>/open/", Open.as_view(), name="api-open"),
    path("api/<str:version>/forgetful/", Forgetful.as_view(), name="api-forgetful"),
]
