"""/api/v1/exports/: asking, waiting, reading, and what is refused."""

import csv
import hashlib
import io
from typing import Any

import pytest
from django.test import Client

from audit.actions import MOST_WAITING
from audit.files import every_file
from governance.portal.tasks import make_file
from governance.tenancy import Scope, entered
from inventory.models import Resource
from tenants.models import Tenant, User
from tests.conftest import signed_in, sync

ADDRESS = "/api/v1/exports/"


@pytest.fixture
def read(contoso: Tenant, fabrikam: Tenant) -> None:
    """Both tenants are read."""
    sync(contoso)
    sync(fabrikam)


def ask(client: Client, **what: Any) -> Any:
    """Ask for an export of the resources."""
    return client.post(ADDRESS, {"list": "resources", "format": "csv", **what}, content_type="application/json")


def test_an_export_from_asking_to_its_bytes(read: None, contoso: Tenant, bob: User) -> None:
    client = signed_in(bob)

    asked = ask(client, query="sort=-name&columns=name,type")
    waiting = client.get(f"{ADDRESS}{asked.json()['id']}/").json()
    early = client.get(f"{ADDRESS}{asked.json()['id']}/content/")
    make_file(asked.json()["id"])
    done = client.get(f"{ADDRESS}{asked.json()['id']}/").json()
    data = b"".join(client.get(done["content"]))

    assert asked.status_code == 202
    assert (waiting["status"], waiting["content"]) == ("queued", None)
    assert (early.status_code, early["Content-Type"]) == (409, "application/problem+json")
    assert (done["status"], done["tenants"], done["subject"]) == ("done", ["contoso"], "resources")
    assert done["coverage"]["state"] == "complete"
    assert done["columns"] == ["name", "type"]
    assert (done["size_bytes"], done["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    rows = list(csv.DictReader(io.StringIO(data.decode())))
    assert done["rows"] == done["expected"] == len(rows)
    assert [row["name"] for row in rows] == sorted((row["name"] for row in rows), reverse=True)


def test_the_list_has_ones_own_only_and_can_be_filtered_and_paged(read: None, alice: User, bob: User) -> None:
    ids = [ask(signed_in(bob)).json()["id"] for _ in range(3)]
    ask(signed_in(alice))
    make_file(ids[0])

    everything = signed_in(bob).get(ADDRESS).json()
    done = signed_in(bob).get(f"{ADDRESS}?status=done").json()
    first = signed_in(bob).get(f"{ADDRESS}?page_size=2").json()
    rest = signed_in(bob).get(first["next"]).json()

    assert [row["id"] for row in everything["results"]] == ids[::-1]
    assert set(everything) == {"next", "results"}
    assert [row["id"] for row in done["results"]] == ids[:1]
    assert [row["id"] for row in first["results"] + rest["results"]] == ids[::-1]


def test_chosen_rows(read: None, contoso: Tenant, bob: User) -> None:
    with entered(Scope.of(contoso.id)):
        chosen = dict(Resource.objects.live().values_list("id", "name")[:2])

    asked = ask(signed_in(bob), ids=[str(key) for key in chosen], format="xlsx").json()
    make_file(asked["id"])

    assert asked["expected"] == 2
    assert every_file().get().rows == 2


@pytest.mark.parametrize(
    ("wrong", "parameter"),
    [
        ({"list": "people"}, "list"),
        ({"format": "pdf"}, "format"),
        ({"query": "nonsense=1"}, "parameters"),
        ({"query": "tenant=fabrikam"}, "tenant"),
        ({"query": "x" * 2001}, "query"),
        ({"ids": ["no key"]}, "ids"),
        ({"ids": ["01a20fee-248c-7217-9fc6-c8378bd11140"] * 1001}, "ids"),
    ],
)
def test_what_is_wrong_is_named(read: None, bob: User, wrong: dict[str, Any], parameter: str) -> None:
    answer = ask(signed_in(bob), **wrong)

    assert answer.status_code == 400
    assert parameter in answer.json()["errors"]
    assert every_file().count() == 0


def test_a_lost_selection_is_refused_by_the_worker_too(read: None, contoso: Tenant, bob: User) -> None:
    with entered(Scope.of(contoso.id)):
        resource = Resource.objects.live().first()
        asked = ask(signed_in(bob), ids=[str(resource.id)]).json()
        Resource.objects.filter(id=resource.id).update(deleted_at=resource.stored_at)

    make_file(asked["id"])

    assert every_file().get().status == "failed"
    assert "not there any more" in every_file().get().reason


def test_too_many_waiting(read: None, bob: User) -> None:
    for _ in range(MOST_WAITING):
        assert ask(signed_in(bob)).status_code == 202

    answer = ask(signed_in(bob))

    assert answer.status_code == 400
    assert "waiting already" in answer.json()["errors"]["file"][0]


def test_an_expired_one_is_gone(read: None, bob: User) -> None:
    asked = ask(signed_in(bob)).json()
    every_file().update(status="expired")

    answer = signed_in(bob).get(f"{ADDRESS}{asked['id']}/content/")

    assert answer.status_code == 410
    assert "expired" in answer.json()["detail"]
