"""Every address that changes something, by everybody: a change writes its event; without its event there is none."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from audit.models import AuditEvent
from audit.refusals import REFUSALS
from audit.verbs import Verb
from governance.tenancy import Scope, entered
from tests.portal.crawl import METHODS, SAFE, Address, addresses, ask, client_of
from tests.portal.test_access_crawl import SIGNING_IN, World, body_for, people, stored, world

__all__ = ["people", "world"]  # fixtures
pytestmark = pytest.mark.once  # takes long; on the second engine test_trail.py stands for it

LOOKS = {Verb.TENANT_LOOKED_AT, Verb.EVERY_TENANT_LOOKED_AT}
# What is done without changing a row of the tables that the crawl watches.
CHANGES_NO_ROW = {
    *(Verb.SIGNED_IN, Verb.SIGNED_OUT, Verb.SIGN_IN_REFUSED),
    *(Verb.EXPORT_MADE, Verb.FILE_DOWNLOADED, Verb.REPORT_VIEWED, Verb.RUN_ASKED_FOR, Verb.TRAIL_EXPORTED),
}
PRIVATE = "SavedView"  # a person's own, and in no trail


def writes() -> Iterator[tuple[str, Address]]:
    """Every address with every method that may change something."""
    for address in addresses():
        for method in METHODS:
            if method not in SAFE:
                yield method, address


def shared() -> dict[str, Any]:
    """Every value of the tables that people change together."""
    rows: dict[str, Any] = stored()
    del rows[PRIVATE]
    return rows


def written() -> list[str]:
    """What every event there is tells of, in the order they were written."""
    with entered(Scope.every_tenant(reason="A test looks at the trail.")):
        return list(AuditEvent.objects.order_by("at", "id").values_list("verb", flat=True))


@pytest.mark.parametrize(
    ("who", "whose"), [("pat", "own"), ("alice", "own"), ("alice", "foreign"), ("bob", "own"), ("auditor", "own")]
)
def test_a_change_writes_its_event_and_what_changes_nothing_writes_none(world: World, who: str, whose: str) -> None:
    side = world.own(who) if whose == "own" else world.foreign(who)
    changes, rows, events = set(), shared(), len(written())

    for method, address in writes():
        if address.view in SIGNING_IN:
            continue
        body = body_for(side.keys["tenant"], world.people[who])
        keys = {**world.keys(who), **side.keys} if whose == "foreign" else world.keys(who)
        response = ask(world.browser(who), method, address.path(keys), body, as_json=address.is_api)
        new = [Verb(verb) for verb in written()[events:]]
        events += len(new)

        told = f"{who} {method} {address.view}: {response.status_code}, {new}"
        done = set(new) - LOOKS - set(REFUSALS)
        before, rows = rows, shared()
        if rows != before:
            assert done, told
            changes |= done
        else:
            assert done <= CHANGES_NO_ROW, told
        if response.status_code >= 400:
            assert not done, told
    if (who, whose) == ("pat", "own"):
        wanted = {Verb.TENANT_CONNECTED, Verb.TENANT_CREDENTIALS_CHANGED, Verb.TENANT_PAUSED, Verb.GROUP_CHANGED}
        wanted |= {Verb.GROUP_DELETED, Verb.TAG_RULE_ADDED, Verb.TAG_RULE_DELETED, Verb.FILE_ASKED_FOR}
        assert wanted | {Verb.PREFLIGHT_ASKED_FOR} <= changes


@contextmanager
def unwritable() -> Iterator[None]:
    """The database takes no event any more."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("CREATE TRIGGER broken BEFORE INSERT ON audit_logs BEGIN SELECT RAISE(ABORT, 'full'); END")
        else:
            cursor.execute("ALTER TABLE audit_logs ADD CONSTRAINT broken CHECK (false) NOT VALID")
        yield
        cursor.execute(
            "DROP TRIGGER broken" if connection.vendor == "sqlite" else "ALTER TABLE audit_logs DROP CONSTRAINT broken"
        )


@pytest.mark.django_db(transaction=True)
def test_what_cannot_be_written_down_is_not_done(world: World) -> None:
    browser, failed = client_of(world.people["pat"], raise_request_exception=False), set()
    rows = shared()

    with unwritable():
        for method, address in writes():
            if address.view in SIGNING_IN:
                continue
            body = body_for(world.contoso.keys["tenant"], world.people["pat"])
            response = ask(browser, method, address.path(world.keys("pat")), body, as_json=address.is_api)
            assert shared() == rows, f"{method} {address.view}: {response.status_code}"
            if response.status_code == 500:
                failed.add(address.view)

    assert {"tenants:connect", "tenants:pause", "tenants:delete-group", "inventory:tag-rules", "exports"} - failed <= {
        "exports"
    }


@pytest.mark.django_db(transaction=True)
def test_a_page_that_cannot_be_written_down_is_not_shown(world: World) -> None:
    browser = client_of(world.people["bob"], raise_request_exception=False)

    with unwritable():
        refused = [browser.get(path).status_code for path in ("/resources/", "/resources/")]

    assert refused == [500, 500]
    assert browser.get("/resources/").status_code == 200
