"""Every door against every person: what the matrix says of a permission is what each address with it answers.

Who may what stands here once more, by hand; nothing of the platform's own matrix is asked.
"""

from dataclasses import replace
from typing import Any

import pytest
from django.test import Client

from governance.azure.simulator.server import Simulator
from governance.doors import Door, every_door
from governance.gate import EVERY, api_view, is_narrowed, named_by, permission_of
from governance.permissions import Permission
from tenants.actions import group_tenants
from tenants.models import Tenant, User
from tests.conftest import person, sync
from tests.portal.crawl import (
    Address,
    addresses,
    ask,
    client_of,
    demand_a_tag,
    files_of,
    invite_a_guest,
    missing,
    side,
)

pytestmark = pytest.mark.once  # who may what does not depend on the engine

MEMBERS = {"bob", "olga", "alice"}  # reader, operator, admin of contoso
PLATFORM = {"auditor", "pat"}
EVERYBODY = MEMBERS | PLATFORM
ADMINS = {"alice", "pat"}
HOLDERS = {
    Permission.SEE: EVERYBODY,
    Permission.EXPORT: EVERYBODY,
    Permission.RUN_SYNCS: ADMINS | {"olga"},
    Permission.RUN_PREFLIGHT: ADMINS | {"olga"},
    Permission.MANAGE_TAG_RULES: ADMINS,
    Permission.OFF_BOARD: ADMINS,
    Permission.PAUSE: ADMINS,
    Permission.SEE_PEOPLE: ADMINS | {"auditor"},
    Permission.MANAGE_PEOPLE: ADMINS,
    Permission.SEE_AUDIT: ADMINS | {"auditor"},
    Permission.CONNECT_TENANTS: {"pat"},
    Permission.CHANGE_CREDENTIALS: {"pat"},
    Permission.MAKE_GROUPS: {"pat"},
    Permission.SEE_PLATFORM_ROLES: PLATFORM,
    Permission.GIVE_PLATFORM_ROLES: {"pat"},
}
REFUSED = {401, 403}
OWN_ONLY = {"portal:view", "portal:file", "export-detail", "export-content", "report-detail", "report-content"}


@pytest.fixture
def browsers(alice: User, olga: User, bob: User, auditor: User, pat: User, charlie: User) -> dict[str, Client]:
    """Everybody's browser, signed in once for all doors; nora has signed in and has no role."""
    members = {"alice": alice, "olga": olga, "bob": bob, "auditor": auditor, "pat": pat, "charlie": charlie}
    people = {**members, "nora": person("nora@contoso.example"), "nobody": None}
    return {who: client_of(user) for who, user in people.items()}


@pytest.fixture
def keys(
    azure: Simulator, contoso: Tenant, fabrikam: Tenant, browsers: dict[str, Client], alice: User, charlie: User
) -> dict[str, str]:
    """Contoso's objects."""
    for tenant in (contoso, fabrikam):
        sync(tenant)
    azure.advance(days=20)
    for tenant, asker in ((contoso, alice), (fabrikam, charlie)):
        sync(tenant)
        group_tenants(f"group-of-{tenant.name}", [tenant])
        demand_a_tag(tenant, asker)
        invite_a_guest(tenant, asker)
    return side(azure, contoso, fabrikam, [alice], files_of(alice, made=("export",))).keys


def doors_with(permissions: set[Permission]) -> list[tuple[Door, Address]]:
    """The doors that need one of these, with where they are."""
    where = {address.view: address for address in addresses()}
    found = [door for door in every_door() if door.requirement and permission_of(door.requirement) in permissions]
    every = [door for door in found if door.requirement and not api_view(door.view) and EVERY in named_by(door.view)]
    posts = [replace(door, method="POST") for door in every if door.requirement and not is_narrowed(door.requirement)]
    return [(door, where[door.name]) for door in (*found, *posts)]


def knock(browser: Client, door: Door, address: Address, keys: dict[str, str]) -> int:
    """What the door answers to a request whose body says little but which tenant."""
    asked = {"tenant": keys["tenant"], "kind": "resources", "email": "new@guests.example", "role": "reader", "key": "x"}
    body: dict[str, Any] | None = None if door.method == "GET" else asked
    answer = ask(browser, door.method, address.path(keys), body, as_json=address.is_api)
    return int(answer.status_code)


def test_whoever_does_not_hold_a_permission_is_refused_by_each_of_its_doors(
    browsers: dict[str, Client], keys: dict[str, str]
) -> None:
    asked = doors_with(set(HOLDERS) - {Permission.SEE, Permission.EXPORT})
    assert len(asked) > 35
    for door, address in asked:
        assert door.requirement is not None
        is_list = not isinstance(door.requirement, Permission)  # narrowed: empty for who holds it nowhere
        for who in sorted(browsers.keys() - HOLDERS[permission_of(door.requirement)]):
            status = knock(browsers[who], door, address, keys)
            told = f"{who} {door.method} {address.view}: {status}"
            if who == "nobody":
                assert status in {302, 401}, told
            elif is_list:
                assert status in ({403, 404} if address.needs_key else {200}), told
            else:
                # charlie may it elsewhere, and learns at most that there is no such method.
                assert status in ({403, 404, 405} if who in {"nora", "charlie"} else {403}), told


@pytest.mark.parametrize("who", ["olga", "auditor", "pat"])
def test_whoever_holds_a_permission_is_let_in_by_each_of_its_doors(
    browsers: dict[str, Client], keys: dict[str, str], who: str
) -> None:
    mine = {permission for permission, holders in HOLDERS.items() if who in holders}

    for door, address in doors_with(mine):
        status = knock(browsers[who], door, address, keys)
        assert status not in REFUSED | {302}, f"{who} {door.method} {address.view}: {status}"


def test_an_admin_is_let_in_by_each_door_that_is_hers(browsers: dict[str, Client], keys: dict[str, str]) -> None:
    mine = {permission for permission, holders in HOLDERS.items() if "alice" in holders}

    for door, address in doors_with(set(HOLDERS)):
        assert door.requirement is not None
        status = knock(browsers["alice"], door, address, keys)
        told = f"alice {door.method} {address.view}: {status}"
        if permission_of(door.requirement) in mine:
            assert status not in REFUSED | {302}, told
        else:
            assert status == 403, told


@pytest.mark.parametrize("permission", [Permission.SEE, Permission.EXPORT])
def test_who_sees_the_tenant_looks_and_a_stranger_finds_nothing(
    browsers: dict[str, Client], keys: dict[str, str], permission: Permission
) -> None:
    for door, address in doors_with({permission}):
        if door.method != "GET" or address.view in OWN_ONLY:
            continue
        for who in ("nobody", "nora", "charlie", *sorted(EVERYBODY)):
            status = knock(browsers[who], door, address, keys)
            stranger = who in {"nora", "charlie"} and address.needs_key
            expected = {302, 401} if who == "nobody" else {404} if stranger else {200}
            assert status in expected, f"{who} {door.method} {address.view}: {status}"


def test_a_refusal_is_the_same_whether_the_object_is_there(browsers: dict[str, Client], keys: dict[str, str]) -> None:
    for door, address in doors_with(set(HOLDERS) - {Permission.SEE, Permission.EXPORT}):
        if not address.needs_key:
            continue
        for who in ("nora", "charlie"):
            there = knock(browsers[who], door, address, keys)
            nowhere = knock(browsers[who], door, address, missing())
            assert there == nowhere, f"{who} {door.method} {address.view}: {there}, {nowhere}"
