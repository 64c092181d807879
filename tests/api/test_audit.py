"""/api/v1/audit/events/ and who looked: who may ask, page by page, and each event as it is hashed."""

from typing import Any

import pytest

from audit.standalone.verify_audit import digest
from audit.trail import PLATFORM
from governance.tenancy import Scope, entered
from tenants.actions import group_tenants, pause_tenant, resume_tenant
from tenants.models import Tenant, User
from tests.audit.trails import events
from tests.conftest import signed_in


def answer(user: User | None, address: str, *, status: int = 200) -> Any:
    """What the API says to this person."""
    response = signed_in(user).get(address)
    assert response.status_code == status, response.content
    return response.json()


def toggle(tenant: Tenant, times: int) -> None:
    """Pause and resume a tenant, an event each."""
    with entered(Scope.of(tenant.id)):
        for number in range(times):
            (resume_tenant if number % 2 else pause_tenant)(tenant)


def test_an_event_is_answered_as_it_is_hashed(contoso: Tenant, alice: User) -> None:
    toggle(contoso, 1)

    [event, *_] = answer(alice, "/api/v1/audit/events/?verb=tenant.paused")["results"]

    assert event["hash"] == digest(event)
    assert event == answer(alice, f"/api/v1/audit/events/{event['id']}/")
    assert (event["chain"], event["tenant"], event["verb"]) == (str(contoso.id), str(contoso.id), "tenant.paused")


def test_pages_go_on_where_the_one_before_ended(contoso: Tenant, alice: User) -> None:
    toggle(contoso, 7)
    known = {str(event.id) for event in events(contoso.id)}

    found, address = [], "/api/v1/audit/events/?page_size=3"
    while address:
        page = answer(alice, address)
        found += [event["id"] for event in page["results"]]
        address = page["next"]

    assert len(found) == len(set(found))
    assert known <= set(found)


def test_who_may_read_which_events(
    contoso: Tenant, fabrikam: Tenant, alice: User, bob: User, charlie: User, auditor: User
) -> None:
    group_tenants("everybody", [contoso])

    def chains(user: User) -> set[str]:
        return {event["chain"] for event in answer(user, "/api/v1/audit/events/?page_size=1000")["results"]}

    assert chains(alice) == {str(contoso.id)}
    assert chains(charlie) == {str(fabrikam.id)}
    assert chains(bob) == set()
    assert chains(auditor) == {str(contoso.id), str(fabrikam.id), str(PLATFORM)}


@pytest.mark.parametrize("who", ["bob", "charlie"])
def test_a_foreign_event_is_as_one_that_is_not_there(who: str, contoso: Tenant, request: pytest.FixtureRequest) -> None:
    user = request.getfixturevalue(who)

    foreign = answer(user, f"/api/v1/audit/events/{events(contoso.id)[0].id}/", status=404)
    missing = answer(user, f"/api/v1/audit/events/{PLATFORM}/", status=404)

    assert foreign == missing


def test_an_unknown_filter_is_refused(contoso: Tenant, alice: User) -> None:
    assert "errors" in answer(alice, "/api/v1/audit/events/?colour=red", status=400)
    assert "verb" in answer(alice, "/api/v1/audit/events/?verb=painted", status=400)["errors"]


def test_who_looked_is_told_to_admins_and_the_platform(
    contoso: Tenant, alice: User, bob: User, charlie: User, auditor: User
) -> None:
    answer(bob, "/api/v1/resources/")
    answer(auditor, "/api/v1/resources/")
    address = f"/api/v1/tenants/{contoso.id}/looks/"

    told = answer(alice, address)["results"]

    assert {(look["who"], look["role"]) for look in told} == {
        ("bob@contoso.example", "reader"),
        ("audrey@platform.example", "platform auditor"),
    }
    assert {look["seen"] for look in told} == {"API: resource list", "API: resource list of every tenant"}
    answer(auditor, address)
    answer(bob, address, status=403)
    answer(charlie, address, status=404)
    answer(None, address, status=401)
