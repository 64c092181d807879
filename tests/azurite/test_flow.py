"""An export from the page to Azure Blob Storage and back: the browser is sent to an address that works for minutes."""

import csv
import io

import requests

from audit.files import every_file, expire
from governance import storage
from governance.portal.tasks import make_file
from tenants.models import Tenant, User
from tests.conftest import signed_in, sync


def test_an_export_is_downloaded_from_azure_by_its_owner_only(
    blobs: str, contoso: Tenant, bob: User, alice: User, charlie: User
) -> None:
    sync(contoso)
    client = signed_in(bob)
    asked = client.post("/api/v1/exports/", {"list": "resources", "format": "csv"}, content_type="application/json")
    file_id = asked.json()["id"]
    make_file(file_id)

    page, api = client.get(f"/files/{file_id}/"), client.get(f"/api/v1/exports/{file_id}/content/")
    data = requests.get(page["Location"], timeout=10)

    assert (page.status_code, api.status_code) == (302, 302)
    assert page["Cache-Control"] == "private, no-store"
    assert page["Referrer-Policy"] == "same-origin"
    assert data.status_code == 200
    assert len(list(csv.DictReader(io.StringIO(data.text)))) == every_file().get().rows > 50
    assert "resources-" in data.headers["Content-Disposition"]
    assert data.headers["Cache-Control"] == "private, no-store"
    for stranger in (alice, charlie):
        assert signed_in(stranger).get(f"/files/{file_id}/").status_code == 404


def test_an_expired_export_is_gone_from_azure_and_old_addresses_lead_nowhere(
    blobs: str, contoso: Tenant, bob: User
) -> None:
    sync(contoso)
    asked = signed_in(bob).post(
        "/api/v1/exports/", {"list": "resources", "format": "xlsx"}, content_type="application/json"
    )
    make_file(asked.json()["id"])
    row = every_file().get()
    address = signed_in(bob).get(f"/files/{row.id}/")["Location"]

    expire(row.expires_at)

    assert not storage.container("exports").exists(row.blob)
    assert requests.get(address, timeout=10).status_code == 404
    assert signed_in(bob).get(f"/files/{row.id}/").status_code == 410


def test_a_report_lies_in_its_own_container_and_opens_from_azure(blobs: str, contoso: Tenant, bob: User) -> None:
    sync(contoso)
    signed_in(bob).post("/reports/", {"tenant": "contoso"})
    make_file(str(every_file().get().id))
    row = every_file().get()

    data = requests.get(signed_in(bob).get(f"/files/{row.id}/")["Location"], timeout=10)

    assert storage.container("reports").exists(row.blob)
    assert not storage.container("exports").exists(row.blob)
    assert data.headers["Content-Type"] == "application/pdf"
    assert data.content.startswith(b"%PDF-")
    assert len(data.content) == row.size_bytes
