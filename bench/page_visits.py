"""In a fresh process: an administrator opens every page of the portal, and some lists in ways that cost more."""

import logging
from collections.abc import Iterator
from statistics import median
from typing import Any

from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from audit.models import AuditEvent, SyncRun
from bench.list_requests import HOST, seconds_of, statements_of
from governance.access import Role
from governance.keys import new_id
from governance.tenancy import Scope, entered
from inventory.models import Resource, TagRule
from tenants.actions import grant_role, group_tenants
from tenants.invitations import invite
from tenants.models import Invitation, Membership, Subscription, Tenant, TenantGroup, User
from tests.portal.crawl import addresses, token_for, view_of

ROUNDS = 5
FILES = ("export", "report")  # what they name is downloaded, not shown
# The ways to ask for the list of resources that read most. Each resource has the tag env; one in fifty is deleted.
RESOURCE_LISTS: dict[str, dict[str, str]] = {
    "one tenant": {"tenant": "tenant0"},
    "tag on every row": {"tag": "env"},
    "deleted": {"deleted": "yes"},
    "deleted or not": {"deleted": "any"},
    "last stored first": {"sort": "-stored"},
    "by type": {"sort": "type"},
    "search": {"q": "app-7"},
}


def measured() -> dict[str, Any]:
    """By page: the bytes of its HTML, its statements with nothing cached, and seconds when the cache is warm."""
    logging.disable(logging.WARNING)  # what only takes a POST is tried too
    ada, pat = _administrators()
    clients, keys = [_client_of(ada), _client_of(pat)], _keys(ada)
    visits = {}
    for address in addresses():
        if address.is_api:
            continue
        path = address.path(keys)
        shown = [client for client in clients if _shows_page(client, path)]
        if shown:
            visits[address.view] = _visit(shown[0], path, {})
    there = reverse("inventory:resources")
    return visits | {f"resources, {words}": _visit(clients[0], there, asked) for words, asked in RESOURCE_LISTS.items()}


def _administrators() -> tuple[User, User]:
    """Ada is an admin of each tenant; pat sees everything, and what only a platform admin may."""
    ada = User.objects.create_user("ada@contoso.example", name="Ada")
    pat = User.objects.create_user("pat@platform.example", name="Pat", platform_role="admin")
    with entered(Scope.every_tenant(reason="A bench gives an administrator her roles.")):
        for tenant in Tenant.objects.all():
            grant_role(ada, tenant, Role.ADMIN)
    return ada, pat


def _client_of(user: User) -> Client:
    client = Client(SERVER_NAME=HOST)
    client.force_login(user)
    return client


def _keys(user: User) -> dict[str, str]:
    """One object of each kind that a path of a page names. A new kind: add it here, and rows to the estate."""
    models = {"tenant": Tenant, "subscription": Subscription, "resource": Resource, "sync": SyncRun}
    with entered(Scope.every_tenant(reason="A bench looks for objects that exist.")):
        tenant = Tenant.objects.first()
        group_tenants("every-tenant", list(Tenant.objects.all()))
        invite([tenant], "guest@guests.example", Role.READER, by=user)
        models |= {"tag-rule": TagRule, "membership": Membership, "tenant-group": TenantGroup, "invitation": Invitation}
        models |= {"audit-event": AuditEvent}
        keys = {
            name: str(model._default_manager.order_by("pk").values_list("pk")[0][0]) for name, model in models.items()
        }
        own = {"view": view_of(user, tenant), "token": str(token_for(user, tenant).row.id)}
        return {**dict.fromkeys(FILES, str(new_id())), **keys, **own}


def _shows_page(client: Client, path: str) -> bool:
    """Whether it answers a page of HTML. RuntimeError when it breaks."""
    response = client.get(path)
    if response.status_code >= 500 and response.headers["Content-Type"].startswith("text/html"):
        raise RuntimeError(f"{path} answered {response.status_code}.")
    is_file = "Content-Disposition" in response.headers
    return response.status_code == 200 and response.headers["Content-Type"].startswith("text/html") and not is_file


def _visit(client: Client, path: str, asked: dict[str, str]) -> dict[str, Any]:
    cache.clear()
    statements = len(statements_of(client, path, asked))
    size = len(client.get(path, asked).content)
    return {"bytes": size, "statements": statements, "seconds": median(_rounds(client, path, asked))}


def _rounds(client: Client, path: str, asked: dict[str, str]) -> Iterator[float]:
    for _ in range(ROUNDS):
        yield seconds_of(client, path, asked)
