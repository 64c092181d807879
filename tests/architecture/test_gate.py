"""Every view names what it needs, and one that does not, or does not ask for it, answers nothing."""

from typing import Any

import pytest
from django.conf import LazySettings
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django.urls import get_resolver

from governance import doors
from governance.doors import every_door
from governance.gate import is_public, permission_of
from governance.permissions import Permission
from tenants.models import Tenant, User
from tests.conftest import signed_in

CARELESS = "tests.architecture.ungated"
CARELESS_PATHS = ["/unnamed/", "/api/v1/unnamed/", "/api/v1/open/", "/forgetful/", "/api/v1/forgetful/"]
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}
# The addresses that nobody has to sign in for. A new one is a decision: add it here.
PUBLIC = {
    *("sign-in", "sign-in-password", "sign-in-b2c", "sign-in-b2c-done", "sign-in-oidc", "sign-in-oidc-done"),
    *("not-invited", "sign-out", "tenants:invitation", "schema", "api-docs", "healthz", "healthz-data"),
}


@pytest.fixture
def careless(settings: LazySettings) -> None:
    """Our addresses, and those of a careless colleague."""
    settings.ROOT_URLCONF = CARELESS


def names(patterns: list[Any], spaces: tuple[str, ...] = ()) -> set[str]:
    """Every address by its name, walked without what is being tested."""
    found: set[str] = set()
    for entry in patterns:
        if hasattr(entry, "url_patterns"):
            found |= names(entry.url_patterns, (*spaces, entry.namespace) if entry.namespace else spaces)
        else:
            found.add(":".join((*spaces, entry.name)))
    return found


def asked_strictly(user: User | None, path: str, method: str = "GET") -> Any:
    """One request; an exception becomes the answer that users get."""
    client = Client(raise_request_exception=False)
    if user is not None:
        client.force_login(user)
    return client.generic(method, path)


# --- what there is ----------------------------------------------------------------------------------------------------


def test_every_address_and_method_names_a_permission() -> None:
    found = list(every_door())

    assert {door.name for door in found} == names(get_resolver().url_patterns)
    assert [door for door in found if door.requirement is None or door.method not in METHODS] == []
    assert len(found) > 60


def test_what_is_public_is_decided_here() -> None:
    assert {door.name for door in every_door() if is_public(door.requirement)} == PUBLIC


def test_every_permission_is_asked_for_at_a_door_or_by_a_verb() -> None:
    at_doors = {permission_of(door.requirement) for door in every_door() if door.requirement}

    beside = {Permission.LEAVE_WITHOUT_ADMIN, Permission.SEE_PLATFORM_AUDIT}  # asked for beside another one
    assert set(Permission) - at_doors == beside


# --- the system checks ------------------------------------------------------------------------------------------------


def test_the_checks_have_nothing_to_say_of_ours() -> None:
    assert doors.gate_stands(None) == doors.every_door_names_its_permission(None) == []


@pytest.mark.usefixtures("careless")
def test_a_door_without_a_permission_or_past_the_gate_is_an_error() -> None:
    found = {(error.id, error.obj, error.msg) for error in doors.every_door_names_its_permission(None)}

    assert found == {
        ("governance.E071", "unnamed", "GET /unnamed/ names no permission."),
        ("governance.E071", "api-unnamed", "GET /api/<version>/unnamed/ names no permission."),
        ("governance.E073", "api-open", "GET /api/<version>/open/ goes past the gate."),
    }


@pytest.mark.parametrize("order", [["scope"], ["gate", "scope"]])
def test_without_its_middleware_in_its_place_nothing_starts(settings: LazySettings, order: list[str]) -> None:
    named = {"scope": doors.SCOPE, "gate": doors.GATE}
    settings.MIDDLEWARE = [*(m for m in settings.MIDDLEWARE if m not in named.values()), *(named[one] for one in order)]

    assert [error.id for error in doors.gate_stands(None)] == ["governance.E072"]


# --- a view that is not held by its name ------------------------------------------------------------------------------


@pytest.mark.usefixtures("careless")
@pytest.mark.parametrize(
    "path", ["/unnamed/", "/api/v1/unnamed/", "/api/v1/open/", "/forgetful/", "/api/v1/forgetful/"]
)
def test_its_answer_leaves_for_nobody(alice: User, pat: User, path: str) -> None:
    for user in (alice, pat, None):
        answer = asked_strictly(user, path)

        assert answer.status_code != 200
        assert b"nobody may read" not in answer.content
    with pytest.raises(ImproperlyConfigured):
        signed_in(alice).get(path)


@pytest.mark.usefixtures("careless")
def test_a_method_that_is_not_named_is_not_answered(alice: User) -> None:
    assert asked_strictly(alice, "/half-named/").status_code == 200

    refused = asked_strictly(alice, "/half-named/", "POST")

    assert (refused.status_code, refused["Allow"]) == (405, "GET")


@pytest.mark.usefixtures("careless")
def test_who_holds_it_nowhere_is_stopped_before_the_view(bob: User, contoso: Tenant) -> None:
    assert asked_strictly(bob, "/forgetful/").status_code == 403
    assert asked_strictly(bob, "/forgetful/", "POST").status_code == 403
    assert asked_strictly(bob, f"/forgetful/{contoso.id}/", "POST").status_code == 403
    assert asked_strictly(bob, "/api/v1/forgetful/").status_code == 403
    assert asked_strictly(bob, f"/forgetful/{contoso.id}/").status_code == 500  # a look at one object: the view decides
