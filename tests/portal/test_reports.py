"""The inventory report: asked for, made by a worker, tagged, whole, and seen by those who may see all of it."""

import csv
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from audit import files as file_queue
from audit.models import ReportFile
from governance import pdf
from governance.access import Role
from governance.azure.simulator.faults import Fault
from governance.azure.simulator.server import Simulator
from governance.portal import report_sections, reports
from governance.portal.tasks import make_file
from governance.tenancy import Scope, entered
from inventory.hygiene_lists import ORPHANS
from inventory.models import Resource
from tenants.actions import grant_role
from tenants.models import Tenant, User
from tests.conftest import signed_in, sync
from tests.processes import ROOT


@pytest.fixture
def read(azure: Simulator, contoso: Tenant, fabrikam: Tenant) -> None:
    """Both tenants are read twice, days apart, so that there are changes."""
    for tenant in (contoso, fabrikam):
        sync(tenant)
    azure.advance(days=3)
    for tenant in (contoso, fabrikam):
        sync(tenant)


def newest() -> ReportFile:
    """The file that was asked for last."""
    row: ReportFile = file_queue.every_file().newest_first().first()
    return row


def made(user: User, **asked: str) -> PdfReader:
    """Ask for a report on the page, let the worker make it, and download it."""
    client = signed_in(user)
    answer = client.post("/reports/", asked)
    assert (answer.status_code, answer["Location"]) == (303, "/files/"), answer.content
    make_file(str(newest().id))
    assert newest().status == "done", newest().reason
    response: Any = client.get(f"/files/{newest().id}/")
    data = b"".join(response.streaming_content)
    assert response["Content-Type"] == "application/pdf"
    if folder := os.environ.get("KEEP_REPORTS"):
        Path(folder, f"report-{'-'.join(asked.values()) or 'all'}.pdf").write_bytes(data)
    return PdfReader(io.BytesIO(data))


def words(document: PdfReader) -> str:
    """All that the document says."""
    return " ".join(" ".join(page.extract_text() for page in document.pages).split())


def tags(document: PdfReader) -> list[tuple[str, Any]]:
    """Every element of the structure tree: its role and itself."""
    found: list[tuple[str, Any]] = []

    def walk(node: Any) -> None:
        node = node.get_object()
        if isinstance(node, list):
            for child in node:
                walk(child)
        elif isinstance(node, dict):
            if "/S" in node:
                found.append((node["/S"], node))
            if "/K" in node:
                walk(node["/K"])

    root: Any = document.trailer["/Root"]
    walk(root["/StructTreeRoot"]["/K"])
    return found


def test_a_report_says_what_the_pages_say(read: None, contoso: Tenant, bob: User) -> None:
    said = words(made(bob, tenant="contoso"))

    with entered(Scope.of(contoso.id)):
        resources = list(Resource.objects.live().select_related("subscription"))
    assert "Inventory report contoso" in said
    assert f"Resources {len(resources)}" in said
    assert "Everything expected was received, recently." in said
    assert "bob@contoso.example" in said
    for title in (
        "Contents",
        "Summary",
        "Coverage receipt",
        "What there is",
        "Changes of the last 30 days",
        "All resources",
    ):
        assert title in said
    dense = said.replace(" ", "")
    assert all(row.name in dense for row in resources)
    assert all(row.subscription.name.replace(" ", "") in dense for row in resources)


def test_it_names_every_orphan_with_since_when(read: None, contoso: Tenant, bob: User) -> None:
    said = words(made(bob, tenant="contoso")).replace(" ", "")

    with entered(Scope.of(contoso.id)):
        rows = list(ORPHANS.rows().filter(ended_at=None).values_list("name", "since"))
    assert rows
    assert all(name in said and f"{since:%Y-%m-%d%H:%M}" in said for name, since in rows)


@pytest.mark.once
def test_it_is_a_tagged_document_with_title_language_contents_and_page_numbers(read: None, bob: User) -> None:
    document = made(bob, tenant="contoso")
    root: Any = document.trailer["/Root"]
    structure, facts = tags(document), document.metadata
    roles = [role for role, _ in structure]

    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == "en"
    assert facts is not None
    assert facts.title == "Inventory report of contoso"
    assert b"pdfuaid:part" in root["/Metadata"].get_object().get_data()
    assert next(str(item["/Title"]) for item in document.outline if isinstance(item, dict)) == "Inventory report"
    assert {"/H1", "/H2", "/Table", "/TH", "/TD", "/Figure", "/Link", "/L"} <= set(roles)
    figures = [element for role, element in structure if role == "/Figure"]
    assert figures
    assert all(element.get("/Alt") for element in figures)
    cells = [element["/A"].get_object() for role, element in structure if role == "/TD"]
    assert cells
    assert all(cell.get("/Headers") for cell in cells)
    pages = len(document.pages)
    assert f"2 of {pages}" in words_of_page(document, 1)
    assert f"{pages} of {pages}" in words_of_page(document, pages - 1)
    assert f"1 of {pages}" not in words_of_page(document, 0)


@pytest.mark.once
def test_the_contents_name_the_page_each_section_is_on(read: None, bob: User) -> None:
    document = made(bob, tenant="contoso")
    titles = [
        "Summary",
        "Coverage receipt",
        "What there is",
        "Orphans",
        "Tag violations",
        "Changes of the last 30 days",
    ]
    titles.append("All resources")

    told = [int(number) for number in words_of_page(document, 1).partition("Contents")[0].split()]

    there = [next(page for page in range(2, 99) if title in words_of_page(document, page)) + 1 for title in titles]
    assert told == there
    links = [element for role, element in tags(document) if role == "/Link"]
    assert len(links) >= len(titles)


def words_of_page(document: PdfReader, number: int) -> str:
    """The text of one page, from 0."""
    return " ".join(document.pages[number].extract_text().split())


def test_a_partial_reading_is_said_on_the_cover_and_in_the_receipt(
    read: None, azure: Simulator, contoso: Tenant, bob: User
) -> None:
    azure.faults.add(Fault("bad_row", path="ResourceGraph", how="oversized_name", times=1))
    assert sync(contoso).outcome == "partial"

    document = made(bob, tenant="contoso")

    assert "The last reading missed something." in words_of_page(document, 0)
    assert "What was not received" in words(document)
    assert "-partial.pdf" in newest().filename


def test_what_does_not_fit_is_attached_and_counted(
    read: None, contoso: Tenant, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "PRINTED_ROWS", 30)

    document = made(bob, tenant="contoso")

    with entered(Scope.of(contoso.id)):
        names = sorted(Resource.objects.live().values_list("name", flat=True))
    assert f"{len(names)} rows, attached as all-resources.csv: more than this document prints." in words(document)
    (content,) = document.attachments["all-resources.csv"]
    rows = list(csv.DictReader(io.StringIO(content.decode())))
    assert sorted(row["name"] for row in rows) == names
    assert {row["tenant_coverage"] for row in rows} == {"complete"}


def test_too_many_to_attach_are_counted_with_the_way_to_get_them(
    read: None, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report_sections, "ATTACHED_ROWS", 10)

    document = made(bob, tenant="contoso")

    assert "are too many for a document. Export the list of resources as CSV or Excel." in words(document)
    assert not document.attachments


def test_a_report_on_several_tenants_is_seen_by_those_only_who_see_all_of_them(
    read: None, fabrikam: Tenant, alice: User, bob: User, charlie: User, auditor: User
) -> None:
    grant_role(bob, fabrikam, Role.READER)

    said = words(made(bob))
    path = f"/files/{newest().id}/"

    assert "2 tenants" in said
    assert "fabrikam" in said
    assert [signed_in(user).get(path).status_code for user in (alice, charlie)] == [404, 404]
    assert status_of(auditor, path) == 200


def test_a_report_on_one_tenant_is_seen_by_its_people(read: None, alice: User, bob: User, charlie: User) -> None:
    said = words(made(bob, tenant="contoso"))
    row = newest()

    assert "fabrikam" not in said
    assert status_of(alice, f"/files/{row.id}/") == 200
    assert row.title in signed_in(alice).get("/files/").content.decode()
    assert signed_in(charlie).get(f"/files/{row.id}/").status_code == 404
    assert row.title not in signed_in(charlie).get("/files/").content.decode()


def status_of(user: User, path: str) -> int:
    """What an address answers this person; read to its end."""
    response: Any = signed_in(user).get(path)
    list(response)
    return int(response.status_code)


def test_the_overview_offers_the_report_on_what_it_shows(read: None, bob: User) -> None:
    page = signed_in(bob).get("/?tenant=contoso").content.decode()

    form = page.partition('action="/reports/"')[2].partition("</form>")[0]
    assert 'name="tenant" value="contoso"' in form


def test_a_foreign_tenant_is_refused_as_one_that_is_not_there(read: None, bob: User) -> None:
    answers = [signed_in(bob).post("/reports/", {"tenant": name}) for name in ("fabrikam", "nowhere1")]

    assert [answer.status_code for answer in answers] == [400, 400]
    assert "There is no such tenant, or you may not see it." in answers[0].content.decode()
    assert file_queue.every_file().count() == 0


@pytest.mark.once
def test_names_from_azure_are_text_and_fetch_nothing(read: None, contoso: Tenant, bob: User) -> None:
    evil = '<img src="http://127.0.0.1:9/x"><link rel=stylesheet href=file:///etc/passwd>'
    with entered(Scope.of(contoso.id)):
        Resource.objects.filter(id=Resource.objects.live().first().id).update(name=evil)

    assert "<imgsrc=" in words(made(bob, tenant="contoso")).replace(" ", "")


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:9/x.css",
        "file:///etc/passwd",
        "static:governance/print.css",
        "https://contoso.example/x.css",
        "data:text/css,p{}",
    ],
)
def test_the_renderer_fetches_nothing(address: str) -> None:
    html = f'<html lang="en"><title>x</title><link rel="stylesheet" href="{address}"><p>x'

    with pytest.raises(pdf.ForbiddenAddressError):
        pdf.write_pdf(html, io.BytesIO())


def test_the_api_makes_reports_too(read: None, bob: User, alice: User) -> None:
    client = signed_in(bob)
    asked = client.post("/api/v1/reports/", {"tenant": "contoso"}, content_type="application/json")
    make_file(asked.json()["id"])

    done = client.get(f"/api/v1/reports/{asked.json()['id']}/").json()
    refused = client.post("/api/v1/reports/", {"tenant": "fabrikam"}, content_type="application/json")

    assert asked.status_code == 202
    assert (done["status"], done["format"], done["coverage"]["state"]) == ("done", "pdf", "complete")
    assert b"".join(client.get(done["content"])).startswith(b"%PDF-")
    assert [row["id"] for row in signed_in(alice).get("/api/v1/reports/").json()["results"]] == [done["id"]]
    assert client.get(f"/api/v1/exports/{done['id']}/").status_code == 404
    assert refused.status_code == 400


def test_no_web_process_loads_the_renderer() -> None:
    code = "import governance.wsgi, governance.urls, sys; sys.exit('weasyprint' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_missing_libraries_are_named_by_their_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pdf.missing_packages() == []

    monkeypatch.setitem(pdf.LIBRARIES, "libnowhere.so.0", "libnowhere0")

    assert pdf.missing_packages() == ["libnowhere0"]
