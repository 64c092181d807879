"""Exporting a list: at once or by a worker, in the words of the page, with what the person may see when it is made."""

import csv
import io
import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import openpyxl
import pytest
from django.test import Client
from django.utils import timezone

from audit import files as file_queue
from audit.actions import MOST_WAITING
from audit.files import take_up
from audit.models import ReportFile, ReportFileTenant
from audit.tasks import tend_files
from governance import storage
from governance.access import Role
from governance.azure.simulator.faults import Fault
from governance.azure.simulator.server import Simulator
from governance.portal import files as pages
from governance.portal.listings import LISTINGS, VIEWED
from governance.portal.tasks import make_file
from governance.tenancy import Scope, entered
from inventory.models import Resource
from tenants.actions import grant_role, group_tenants
from tenants.models import Membership, Tenant, User
from tests.conftest import signed_in, sync
from tests.portal.crawl import addresses, ask, body_of, client_of


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even a small list is for the worker."""
    monkeypatch.setattr(pages, "STREAMED_ROWS", 0)


@pytest.fixture
def read(contoso: Tenant, fabrikam: Tenant) -> None:
    """Both tenants are read."""
    sync(contoso)
    sync(fabrikam)


def export(client: Client, query: str = "", *, form: str = "csv", **more: Any) -> Any:
    """Press CSV or Excel on the list of resources."""
    return client.post("/exports/", {"list": "resources", "query": query, "format": form, **more})


def content(response: Any) -> bytes:
    """All of a streamed answer."""
    assert response.status_code == 200, response.content
    return b"".join(response.streaming_content)


def status_of(client: Client, path: str) -> int:
    """What an address answers; read to its end."""
    response: Any = client.get(path)
    list(response)
    return int(response.status_code)


def rows_of(data: bytes) -> list[dict[str, str]]:
    """A CSV by its header."""
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


def about(data: bytes) -> dict[Any, Any]:
    """The sheet About: what stands beside each heading."""
    return {row[0].value: row[1].value for row in openpyxl.load_workbook(io.BytesIO(data))["About"].iter_rows()}


def newest() -> ReportFile:
    """The file that was asked for last."""
    row: ReportFile = file_queue.every_file().newest_first().first()
    return row


def tenants_in(row: ReportFile) -> set[str]:
    """The names of the tenants a file is said to hold."""
    every = ReportFileTenant.objects.across_tenants(reason="A test looks at everything.")
    return set(every.filter(file=row).values_list("tenant__name", flat=True))


def names(tenant: Tenant, **wanted: Any) -> list[str]:
    """The names of a tenant's live resources in the order of the list."""
    with entered(Scope.of(tenant.id)):
        return list(Resource.objects.live().filter(**wanted).order_by("name", "id").values_list("name", flat=True))


# --- a small list comes at once ---------------------------------------------------------------------------------------


def test_a_csv_holds_what_the_list_holds(read: None, contoso: Tenant, bob: User) -> None:
    response = export(signed_in(bob))
    rows = rows_of(content(response))

    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"].startswith('attachment; filename="resources-')
    assert [row["name"] for row in rows] == names(contoso)
    assert {row["tenant"] for row in rows} == {"contoso"}
    assert {row["tenant_coverage"] for row in rows} == {"complete"}
    assert all(row["tenant_complete_as_of"].endswith("Z") for row in rows)
    assert file_queue.every_file().count() == 0


def test_filters_sort_and_columns_are_those_of_the_page(read: None, contoso: Tenant, bob: User) -> None:
    kind = "microsoft.compute/disks"
    query = urlencode({"type": kind, "sort": "-name", "columns": "name,azure_id", "page": "2"})

    rows = rows_of(content(export(signed_in(bob), query)))

    assert [row["name"] for row in rows] == names(contoso, type=kind)[::-1]
    assert list(rows[0]) == ["name", "azure_id", "tenant_coverage", "tenant_complete_as_of"]


def test_only_the_chosen_rows(read: None, contoso: Tenant, bob: User) -> None:
    with entered(Scope.of(contoso.id)):
        chosen = list(Resource.objects.live().order_by("name").values_list("id", "name")[3:6])

    rows = rows_of(content(export(signed_in(bob), ids=[str(key) for key, _ in chosen])))

    assert [row["name"] for row in rows] == [name for _, name in chosen]


def test_a_foreign_row_among_the_chosen_is_as_one_that_is_not_there(
    read: None, contoso: Tenant, fabrikam: Tenant, bob: User
) -> None:
    with entered(Scope.of(fabrikam.id)):
        foreign = str(Resource.objects.live().first().id)
    answers = [export(signed_in(bob), ids=[key]) for key in (foreign, str(contoso.id), "no key")]

    assert [answer.status_code for answer in answers] == [400, 400, 400]
    assert len({answer.content.partition(b"csrf")[0] for answer in answers}) == 1


def test_excel_has_types_and_says_how_complete_it_is(read: None, azure: Simulator, contoso: Tenant, bob: User) -> None:
    azure.faults.add(Fault("bad_row", path="ResourceGraph", how="oversized_name", times=1))
    assert sync(contoso).outcome == "partial"

    response = export(signed_in(bob), "columns=name,first_seen", form="xlsx")
    data = content(response)
    sheet = openpyxl.load_workbook(io.BytesIO(data)).worksheets[0]
    said = about(data)

    assert [cell.value for cell in sheet[1]] == ["Name", "First seen (UTC)", "Coverage of tenant", "Complete as of"]
    assert [cell.data_type for cell in sheet[2]][:3] == ["s", "d", "s"]
    assert sheet[2][2].value == "partial"
    assert "-partial.xlsx" in response["Content-Disposition"]
    assert said["Coverage"] == "partial"
    assert said["Rows"] == sheet.max_row - 1 == len(names(contoso))
    assert said["Made for"] == "Bob"
    assert said["Tenants"] == "contoso"
    assert said["Data changed meanwhile"] == "no"
    assert "Not received from" in said


def test_no_row_at_all_still_says_that_nothing_was_read(contoso: Tenant, bob: User) -> None:
    response = export(signed_in(bob))

    assert rows_of(content(response)) == []
    assert "-never.csv" in response["Content-Disposition"]


def test_the_list_of_runs_is_exported_too(read: None, bob: User) -> None:
    response = signed_in(bob).post("/exports/", {"list": "syncs", "format": "xlsx", "query": ""})
    data = content(response)

    assert openpyxl.load_workbook(io.BytesIO(data)).worksheets[0].max_row == 2
    assert about(data)["Coverage"].startswith("These rows are the platform's own record")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"list": "secrets"}, "There is no list"),
        ({"format": "exe"}, "csv, xlsx"),
        ({"query": "colour=red"}, "There is no parameter"),
        ({"query": "columns=nothing"}, "There is no column"),
        ({"query": "tenant=nowhere"}, "There is no such tenant, or you may not see it."),
        ({"query": "tenant=fabrikam"}, "There is no such tenant, or you may not see it."),
        ({"query": "sort=size"}, "Select a valid choice"),
    ],
)
def test_what_cannot_be_exported_is_refused_with_the_reason(
    read: None, bob: User, asked: dict[str, str], words: str
) -> None:
    response = signed_in(bob).post("/exports/", {"list": "resources", "query": "", "format": "csv", **asked})

    assert response.status_code == 400
    assert words in response.content.decode()


@pytest.mark.parametrize("query", ["", "columns=state,role,people,groups"])
def test_tenants_are_exported_without_what_the_page_says_to_one_person(read: None, bob: User, query: str) -> None:
    response = signed_in(bob).post("/exports/", {"list": "tenants", "query": query, "format": "csv"})

    header, *rows = list(csv.reader(io.StringIO(content(response).decode("utf-8-sig"))))
    assert [row[0] for row in rows] == ["contoso"]
    assert {"name", "state", "tenant_coverage"} <= set(header)
    assert not {"role", "people", "groups"} & set(header)
    assert dict(zip(header, rows[0], strict=True))["tenant_coverage"] == "complete"


def test_groups_are_exported_with_the_tenants_one_may_see(
    read: None, contoso: Tenant, fabrikam: Tenant, bob: User
) -> None:
    group_tenants("everybody", [contoso, fabrikam])
    group_tenants("theirs", [fabrikam])

    response = signed_in(bob).post("/exports/", {"list": "tenant-groups", "query": "", "format": "csv"})

    _, *rows = list(csv.reader(io.StringIO(content(response).decode("utf-8-sig"))))
    assert rows == [["everybody", "1", "contoso"]]


def test_every_list_that_offers_an_export_is_known_to_it(read: None, alice: User) -> None:
    offered, kept = set(), set()
    for address in addresses():
        if not address.needs_key and not address.is_api:
            page: Any = ask(client_of(alice), "GET", address.path({}))
            said = body_of(page).decode("utf-8", "replace")
            forms = re.findall(r'<form[^>]*action="/exports/".*?</form>', said, re.DOTALL)
            offered |= {key for form in forms for key in re.findall(r'name="list" value="([^"]*)"', form)}
            kept |= set(re.findall(r'name="list" value="([^"]*)"', said))

    assert offered >= {"resources", "syncs", "cost-records"}
    assert offered <= set(LISTINGS)
    assert kept <= set(VIEWED)


def test_an_export_is_asked_for_by_post_only(read: None, bob: User) -> None:
    assert signed_in(bob).get("/exports/").status_code == 405


def test_a_list_offers_its_export_with_its_own_filters(read: None, bob: User) -> None:
    page = signed_in(bob).get("/resources/?type=microsoft.compute/disks&sort=-name").content.decode()

    assert 'name="query" value="type=microsoft.compute%2Fdisks&amp;sort=-name"' in page
    assert page.count('form="export"') > 1
    assert len(signed_in(bob).get("/resources/").content) < 100_000  # with 50 rows and their boxes to tick


# --- a large one is made by a worker ----------------------------------------------------------------------------------


def test_a_queued_export_is_made_listed_and_handed_out(queued: None, read: None, contoso: Tenant, bob: User) -> None:
    client = signed_in(bob)
    answer = export(client, "type=microsoft.compute/disks")
    row = newest()
    waiting = client.get("/files/").content.decode()
    early = client.get(f"/files/{row.id}/")

    make_file(str(row.id))

    assert (answer.status_code, answer["Location"]) == (303, "/files/")
    assert "Queued" in waiting
    assert early.status_code == 409
    listed = client.get("/files/").content.decode()
    assert f'href="/files/{row.id}/"' in listed
    assert "type=microsoft.compute/disks" in listed
    data = content(client.get(f"/files/{row.id}/"))
    made = newest()
    assert [one["name"] for one in rows_of(data)] == names(contoso, type="microsoft.compute/disks")
    assert (made.status, made.rows, made.expected) == ("done", len(rows_of(data)), len(rows_of(data)))
    assert made.size_bytes == len(data)
    assert tenants_in(made) == {"contoso"}


def test_every_page_of_rows_is_progress(queued: None, read: None, bob: User, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, int, int | None]] = []
    export(signed_in(bob))
    progress = file_queue.FileInTheMaking.progress

    def noted(self: Any, **values: Any) -> None:
        progress(self, **values)
        row = newest()
        seen.append((row.status, row.rows, row.expected))

    monkeypatch.setattr(file_queue.FileInTheMaking, "progress", noted)
    monkeypatch.setattr("governance.batches.pages_in_order.__kwdefaults__", {"size": 20})

    make_file(str(newest().id))

    total = newest().rows
    assert [rows for _, rows, _ in seen] == [0, *range(20, total, 20), total]
    assert {(status, expected) for status, _, expected in seen} == {("running", total)}


def test_another_persons_export_is_not_there(queued: None, read: None, bob: User, alice: User, charlie: User) -> None:
    export(signed_in(bob))
    row = newest()
    make_file(str(row.id))

    for stranger in (alice, charlie):
        assert signed_in(stranger).get(f"/files/{row.id}/").status_code == 404
        assert str(row.id) not in signed_in(stranger).get("/files/").content.decode()


def test_the_worker_sees_what_the_person_may_see_then(
    queued: None, read: None, contoso: Tenant, fabrikam: Tenant, bob: User
) -> None:
    grant_role(bob, fabrikam, Role.READER)
    client = signed_in(bob)
    export(client)
    asked_for = tenants_in(newest())
    leave(bob, fabrikam)

    hidden = client.get(f"/files/{newest().id}/").status_code
    make_file(str(newest().id))

    assert asked_for == {"contoso", "fabrikam"}
    assert hidden == 404
    assert tenants_in(newest()) == {"contoso"}
    rows = rows_of(content(client.get(f"/files/{newest().id}/")))
    assert {row["tenant"] for row in rows} == {"contoso"}


def test_what_names_a_lost_tenant_fails_as_for_one_that_is_not_there(
    queued: None, read: None, fabrikam: Tenant, bob: User
) -> None:
    grant_role(bob, fabrikam, Role.READER)
    export(signed_in(bob), "tenant=fabrikam")
    leave(bob, fabrikam)

    make_file(str(newest().id))

    assert newest().status == "failed"
    assert newest().reason == "tenant: There is no such tenant, or you may not see it."
    assert signed_in(bob).get(f"/files/{newest().id}/").status_code == 404


def test_a_file_disappears_with_the_membership_and_comes_back_with_it(
    queued: None, read: None, fabrikam: Tenant, bob: User
) -> None:
    grant_role(bob, fabrikam, Role.READER)
    client = signed_in(bob)
    export(client)
    make_file(str(newest().id))
    path = f"/files/{newest().id}/"

    before = status_of(client, path)
    leave(bob, fabrikam)
    without = status_of(client, path)
    listed = str(newest().id) in client.get("/files/").content.decode()
    grant_role(bob, fabrikam, Role.READER)

    assert (before, without, listed) == (200, 404, False)
    assert status_of(client, path) == 200


def test_an_auditor_exports_every_tenant_for_themselves(queued: None, read: None, auditor: User, alice: User) -> None:
    client = signed_in(auditor)
    export(client)
    make_file(str(newest().id))

    assert tenants_in(newest()) == {"contoso", "fabrikam"}
    assert {row["tenant"] for row in rows_of(content(client.get(f"/files/{newest().id}/")))} == {"contoso", "fabrikam"}
    assert signed_in(alice).get(f"/files/{newest().id}/").status_code == 404


def test_nothing_is_made_for_somebody_who_may_not_sign_in(queued: None, read: None, bob: User) -> None:
    export(signed_in(bob))
    bob.is_active = False
    bob.save()

    make_file(str(newest().id))

    assert newest().status == "failed"
    assert "may not sign in" in newest().reason


def test_a_person_has_only_so_many_waiting(queued: None, read: None, bob: User, alice: User) -> None:
    client = signed_in(bob)
    for _ in range(MOST_WAITING):
        assert export(client).status_code == 303

    refused = export(client)

    assert refused.status_code == 400
    assert f"You have {MOST_WAITING} files waiting already" in refused.content.decode()
    assert export(signed_in(alice)).status_code == 303
    make_file(str(newest().id))
    assert file_queue.every_file().count() == MOST_WAITING + 1


def test_a_sync_in_the_middle_is_told(
    queued: None, read: None, azure: Simulator, contoso: Tenant, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(signed_in(bob), form="xlsx")
    progress = file_queue.FileInTheMaking.progress
    azure.advance(days=3)

    def sync_meanwhile(self: Any, *, rows: int, expected: int | None = None) -> None:
        if rows and expected is None:
            sync(contoso)
        progress(self, rows=rows, expected=expected)

    monkeypatch.setattr(file_queue.FileInTheMaking, "progress", sync_meanwhile)
    make_file(str(newest().id))

    data = content(signed_in(bob).get(f"/files/{newest().id}/"))
    assert about(data)["Data changed meanwhile"].startswith("yes")


def test_the_choice_of_a_tenant_narrows_the_files_too(
    queued: None, read: None, contoso: Tenant, fabrikam: Tenant, bob: User
) -> None:
    grant_role(bob, fabrikam, Role.READER)
    client, ids = signed_in(bob), {}
    for name in ("contoso", "fabrikam"):
        export(client, f"tenant={name}")
        ids[name] = str(newest().id)
        make_file(ids[name])

    page = client.get("/files/?tenant=contoso").content.decode()

    assert ids["contoso"] in page
    assert ids["fabrikam"] not in page
    assert client.get("/files/?tenant=nowhere").status_code == 400


# --- what goes wrong --------------------------------------------------------------------------------------------------


def test_a_failed_one_says_so_and_leaves_no_file(
    queued: None, read: None, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    export(signed_in(bob))
    monkeypatch.setattr("governance.exports.csv.writer", full)

    make_file(str(newest().id))

    row = newest()
    assert (row.status, row.blob) == ("failed", "")
    assert "OSError" in row.reason
    assert not storage.container("exports").exists(file_queue.blob_name(row, 1))
    response = signed_in(bob).get(f"/files/{row.id}/")
    assert response.status_code == 410
    assert "OSError" in response.content.decode()


def test_a_finished_file_is_not_made_again(queued: None, read: None, bob: User) -> None:
    export(signed_in(bob))
    make_file(str(newest().id))
    before = newest()

    make_file(str(before.id))

    assert (newest().attempt, newest().sha256, newest().finished_at) == (1, before.sha256, before.finished_at)


def test_one_attempt_at_a_time_and_the_lost_one_leaves_nothing(queued: None, read: None, bob: User) -> None:
    export(signed_in(bob))
    first = take_up(newest().id)
    with pytest.raises(file_queue.NotToBeMadeError):
        take_up(newest().id)
    silent = timezone.now() - timedelta(hours=1)
    file_queue.every_file().update(heartbeat_at=silent)

    second = take_up(newest().id)
    second.conclude(io.BytesIO(b"second"), rows=1, coverage=None)
    with pytest.raises(file_queue.FileLostError):
        first.conclude(io.BytesIO(b"first"), rows=1, coverage=None)

    store = storage.container("exports")
    with store.open(newest().blob) as made:
        assert made.read() == b"second"
    assert not store.exists(file_queue.blob_name(first.row, 1))
    assert newest().attempt == 2


def test_what_kills_the_worker_each_time_is_given_up(queued: None, read: None, bob: User) -> None:
    export(signed_in(bob))
    for _ in range(file_queue.ATTEMPTS):
        take_up(newest().id)
        file_queue.every_file().update(heartbeat_at=timezone.now() - timedelta(hours=1))

    make_file(str(newest().id))

    assert newest().status == "failed"
    assert newest().reason == file_queue.DIED_TOO_OFTEN


# --- the time a file is kept ------------------------------------------------------------------------------------------


def test_an_expired_file_is_deleted_and_its_row_says_so(queued: None, read: None, bob: User) -> None:
    client = signed_in(bob)
    export(client)
    make_file(str(newest().id))
    blob, path = newest().blob, f"/files/{newest().id}/"
    tend_files()
    kept = status_of(client, path)

    file_queue.every_file().update(expires_at=timezone.now() - timedelta(seconds=1))
    tend_files()

    assert kept == 200
    assert newest().status == "expired"
    assert not storage.container("exports").exists(blob)
    assert status_of(client, path) == 410
    assert "Expired" in client.get("/files/").content.decode()


def test_what_nobody_was_told_of_is_woken(queued: None, read: None, bob: User, settings: Any) -> None:
    from redis import Redis

    export(signed_in(bob))
    broker = Redis.from_url(settings.CELERY_BROKER_URL)
    broker.flushdb()
    tend_files()
    fresh = broker.llen("celery")
    file_queue.every_file().update(created_at=timezone.now() - timedelta(minutes=6))

    tend_files()

    assert (fresh, broker.llen("celery")) == (0, 1)
    assert str(newest().id) in str(broker.lindex("celery", 0))
    broker.flushdb()
    broker.close()


def test_a_broker_that_is_down_is_said_and_the_export_stays_queued(
    queued: None, read: None, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    from celery import current_app
    from kombu.exceptions import OperationalError

    def refused(*_: Any, **__: Any) -> None:
        raise OperationalError("no broker")

    monkeypatch.setattr(current_app, "send_task", refused)
    client = signed_in(bob)

    assert export(client).status_code == 303
    assert "no worker could be told" in client.get("/files/").content.decode()
    assert newest().status == "queued"


def leave(user: User, tenant: Tenant) -> None:
    """A person loses their role in a tenant."""
    with entered(Scope.of(tenant.id)):
        Membership.objects.filter(user=user).delete()
