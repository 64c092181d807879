"""Who looked at which tenant, and who was refused what: written once for what is seen again and again."""

import hashlib
from typing import Any
from uuid import UUID

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from audit.models import AuditEvent, ConcernedTenant
from audit.refusals import MOST_AN_HOUR
from audit.trail import PLATFORM
from audit.verbs import Verb
from governance.access import Role
from governance.keys import new_id
from governance.tenancy import Scope, entered
from tenants.models import Tenant, User
from tests.audit.trails import events
from tests.conftest import person, signed_in


def looks(tenant: Tenant) -> list[tuple[str, str, str]]:
    """Who looked at which page of a tenant, as its chain tells."""
    found = [event for event in events(tenant.id) if event.verb == Verb.TENANT_LOOKED_AT]
    return [(event.actor_label, event.target_id, event.record()["after"]["role"]) for event in found]


def in_platform(*verbs: Verb) -> list[AuditEvent]:
    """The events of these verbs in the platform's chain."""
    return [event for event in events(PLATFORM) if event.verb in verbs]


def test_a_look_at_a_page_is_written_once_an_hour(contoso: Tenant, bob: User) -> None:
    browser = signed_in(bob)

    for _ in range(3):
        browser.get("/resources/")
        browser.get("/changes/")

    who = "bob@contoso.example"
    assert looks(contoso) == [(who, "inventory:resources", "reader"), (who, "inventory:changes", "reader")]


def test_an_event_of_a_request_tells_its_id_and_address(contoso: Tenant, bob: User) -> None:
    signed_in(bob).get("/resources/", REMOTE_ADDR="192.0.2.7")

    event = events(contoso.id)[-1]
    assert (event.actor_kind, event.actor_id) == ("person", str(bob.id))
    assert (UUID(event.request_id).version, event.address) == (4, "192.0.2.7")


@pytest.mark.parametrize("address", ["/tenants/{id}/", "/resources/?tenant=contoso", "/api/v1/resources/?tenant={id}"])
def test_what_was_narrowed_to_a_tenant_is_a_look_at_that_tenant_alone(
    address: str, contoso: Tenant, fabrikam: Tenant, auditor: User
) -> None:
    signed_in(auditor).get(address.format(id=contoso.id))

    assert [(who, role) for who, _, role in looks(contoso)] == [("audrey@platform.example", "platform auditor")]
    assert looks(fabrikam) == []
    assert in_platform(Verb.EVERY_TENANT_LOOKED_AT) == []


def test_who_looks_at_every_tenant_is_written_in_the_platforms_chain(
    contoso: Tenant, fabrikam: Tenant, pat: User
) -> None:
    browser = signed_in(pat)

    for _ in range(2):
        browser.get("/resources/")

    [event] = in_platform(Verb.EVERY_TENANT_LOOKED_AT)
    assert (event.actor_label, event.target_id) == ("pat@platform.example", "inventory:resources")
    assert looks(contoso) == []


def test_who_sees_several_tenants_at_once_writes_one_event_a_day_that_concerns_each(
    contoso: Tenant, fabrikam: Tenant
) -> None:
    many = signed_in(person("mary@both.example", contoso=Role.READER, fabrikam=Role.OPERATOR))

    for address in ("/resources/", "/changes/", "/resources/"):
        many.get(address)

    [event] = in_platform(Verb.TENANT_LOOKED_AT)
    with entered(Scope.every_tenant(reason="A test looks at the trail.")):
        concerned = set(ConcernedTenant.objects.filter(event=event).values_list("tenant_id", flat=True))
    assert concerned == {contoso.id, fabrikam.id}
    assert looks(contoso) == looks(fabrikam) == []


@pytest.mark.parametrize("address", ["/api/docs/", "/views/", "/api/v1/me/", "/healthz"])
def test_what_shows_no_tenant_is_no_look(address: str, contoso: Tenant, bob: User) -> None:
    signed_in(bob).get(address)

    assert looks(contoso) == []


def test_a_look_costs_four_statements_and_nothing_when_it_is_known(contoso: Tenant, bob: User) -> None:
    browser = signed_in(bob)
    browser.get("/resources/")  # what the filters offer is kept from here on
    cache.delete_many(_look_keys())

    def statements() -> int:
        with CaptureQueriesContext(connection) as asked:
            browser.get("/resources/")
        return len(asked)

    first, then = statements(), statements()
    assert first - then == 4


def _look_keys() -> list[str]:
    keys: Any = cache
    return list(keys.keys("look:*"))


@pytest.mark.parametrize("missing", ["", "missing"])
def test_an_address_of_an_object_that_is_not_theirs_is_written_without_telling_whether_it_is_there(
    missing: str, contoso: Tenant, charlie: User
) -> None:
    key = new_id() if missing else contoso.id

    assert signed_in(charlie).get(f"/tenants/{key}/").status_code == 404

    [event] = in_platform(Verb.ADDRESS_REFUSED)
    told = event.record()
    assert (event.actor_label, event.outcome) == ("charlie@fabrikam.example", "refused")
    assert told["target"] == {"type": "page", "id": "tenants:tenant", "label": "GET tenants:tenant"}
    asked_for = {"asked_for_sha256": hashlib.sha256(str(key).encode()).hexdigest()}
    assert (told["before"], told["after"], told["reason"]) == (None, asked_for, "")
    assert not any(event.verb == Verb.ADDRESS_REFUSED for event in events(contoso.id))


def test_a_role_that_does_not_suffice_is_a_refusal(contoso: Tenant, bob: User) -> None:
    assert signed_in(bob).post(f"/tenants/{contoso.id}/pause/", {"status": "paused"}).status_code == 403

    [event] = in_platform(Verb.ACCESS_REFUSED)
    assert event.target_label == "POST tenants:pause"
    assert not any(event.verb == Verb.TENANT_PAUSED for event in events(contoso.id))


def test_a_scanner_cannot_fill_the_trail(contoso: Tenant, charlie: User) -> None:
    browser = signed_in(charlie)

    for _ in range(MOST_AN_HOUR + 20):
        browser.get(f"/tenants/{new_id()}/")

    written = in_platform(Verb.ADDRESS_REFUSED)
    assert len(written) == MOST_AN_HOUR
    assert [bool(event.reason) for event in written] == [False] * (MOST_AN_HOUR - 1) + [True]


def test_nobody_writes_no_event(contoso: Tenant) -> None:
    before = len(events(PLATFORM))

    for address in ("/", "/resources/", f"/tenants/{contoso.id}/", "/nowhere/", "/api/v1/resources/"):
        Client().get(address)

    assert len(events(PLATFORM)) == before
