"""Cost exports of the simulated Azure: their list, the folders of their runs, and files in CSV and Parquet."""

import csv
import gzip
import io
import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from azure.storage.blob import BlobServiceClient, ContainerClient

from governance.azure.simulator.focus import FOCUS_COLUMNS
from governance.azure.simulator.server import Simulator
from governance.azure.simulator.world import Subscription
from tests.azure.simulator_client import Caller
from tests.azure.test_simulator_cost_query import Credential, scope_of, sdk

JANUARY = date(2026, 1, 1)
FEBRUARY = date(2026, 2, 1)
STORAGE_SCOPE = "https://storage.azure.com/.default"


def subscription_of(caller: Caller, number: int = 0) -> Subscription:
    return caller.azure.world.subscriptions_seen_by(caller.tenant)[number]


def exports(caller: Caller, number: int = 0) -> list[dict[str, Any]]:
    answer = caller.get(f"{scope_of(caller, number)}/providers/Microsoft.CostManagement/exports")
    assert answer.status_code == 200
    found: list[dict[str, Any]] = answer.json()["value"]
    return found


def destination(caller: Caller) -> dict[str, str]:
    found: dict[str, str] = exports(caller)[0]["properties"]["deliveryInfo"]["destination"]
    return found


class StorageCredential(Credential):
    def __init__(self, caller: Caller) -> None:
        self._token = caller.token(scope=STORAGE_SCOPE)


def container(caller: Caller, credential: Any = None, account: str = "") -> ContainerClient:
    there = destination(caller)
    name = account or there["resourceId"].rsplit("/", 1)[1]
    service = BlobServiceClient(
        caller.azure.blob_endpoint.format(account=name),
        credential=credential or StorageCredential(caller),
        connection_verify=str(caller.azure.ca_file),
        retry_total=0,
    )
    return service.get_container_client(there["container"])


@pytest.fixture
def exported(paying: Caller) -> Iterator[ContainerClient]:
    """Contoso's container when January is over and settled."""
    with container(paying) as client:
        yield client


def names(client: ContainerClient, prefix: str = "") -> list[str]:
    return [blob.name for blob in client.list_blobs(name_starts_with=prefix)]


def content(client: ContainerClient, name: str) -> bytes:
    found: bytes = client.download_blob(name).readall()
    return found


def manifests(
    client: ContainerClient, month: date, kind: str = "focus-daily", root: str = "contoso-production"
) -> list[dict[str, Any]]:
    """Of a month, the newest run first."""
    wanted = names(client, f"{root}/{kind}/{month:%Y%m}01-")
    found = [json.loads(content(client, name)) for name in wanted if name.endswith("manifest.json")]
    return sorted(found, key=lambda row: row["runInfo"]["submittedTime"], reverse=True)


def rows_of(client: ContainerClient, manifest: dict[str, Any]) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = []
    for blob in manifest["blobs"]:
        packed = content(client, blob["blobName"])
        assert len(packed) == blob["byteCount"]
        text = gzip.decompress(packed) if blob["blobName"].endswith(".gz") else packed
        rows += csv.DictReader(io.StringIO(text.decode("utf-8-sig")))
    assert len(rows) == manifest["dataRowCount"]
    return rows


def totals(rows: list[dict[str, str]], amount: str, currency: str = "BillingCurrency") -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for row in rows:
        if row[amount] != "0":
            sums[row[currency]] = sums.get(row[currency], Decimal(0)) + Decimal(row[amount])
    return sums


def test_exports_say_where_their_files_are(paying: Caller) -> None:
    (export,) = exports(paying)

    properties = export["properties"]
    assert properties["definition"]["type"] == "FocusCost"
    assert (properties["format"], properties["compressionMode"]) == ("Csv", "gzip")
    assert properties["deliveryInfo"]["destination"]["container"] == "exports"
    assert properties["deliveryInfo"]["destination"]["rootFolderPath"] == "contoso-production"
    assert exports(paying, 1) == []  # pay as you go


def test_the_sdk_lists_them_with_their_runs(paying: Caller) -> None:
    found = sdk(paying).exports.list(scope_of(paying), expand="runHistory")

    assert found.value
    runs = found.value[0].run_history
    assert runs
    assert runs.value
    assert {run.status for run in runs.value} == {"Completed", "InProgress"}
    assert sdk(paying).exports.get(scope_of(paying), "focus-daily").name == "focus-daily"
    with pytest.raises(ResourceNotFoundError):
        sdk(paying).exports.get(scope_of(paying), "weekly")


@pytest.mark.parametrize("month", [date(2025, 12, 1), JANUARY, FEBRUARY])
def test_the_newest_run_tells_the_truth_of_today(paying: Caller, exported: ContainerClient, month: date) -> None:
    rows = rows_of(exported, manifests(exported, month)[0])

    costs, subscription = paying.azure.world.costs, subscription_of(paying)
    assert tuple(rows[0]) == FOCUS_COLUMNS
    assert totals(rows, "BilledCost") == costs.total(subscription, month, "actual")
    assert totals(rows, "EffectiveCost") == costs.total(subscription, month, "amortized")


def test_two_runs_are_there_and_the_older_knew_less(paying: Caller, exported: ContainerClient) -> None:
    newer, older = manifests(exported, FEBRUARY)

    assert newer["runInfo"]["runId"] != older["runInfo"]["runId"]
    assert [run["runInfo"]["submittedTime"][:10] for run in (newer, older)] == ["2026-02-06", "2026-02-05"]
    assert totals(rows_of(exported, newer), "BilledCost") != totals(rows_of(exported, older), "BilledCost")


def test_the_run_that_goes_on_has_no_manifest(exported: ContainerClient) -> None:
    folders = {name.rsplit("/", 1)[0] for name in names(exported) if "/20260201-20260228/" in name}
    finished = {name.rsplit("/", 1)[0] for name in names(exported) if name.endswith("manifest.json")}

    (going_on,) = folders - finished
    assert going_on == max(folders)


def test_a_settled_month_is_not_exported_again(paying: Caller, exported: ContainerClient) -> None:
    before = [run["runInfo"]["runId"] for run in manifests(exported, JANUARY)]

    paying.azure.advance(days=10)

    assert [run["runInfo"]["runId"] for run in manifests(exported, JANUARY)] == before


def test_a_month_restated_to_zero_is_exported_again(paying: Caller, exported: ContainerClient) -> None:
    paying.azure.advance(days=10)
    paying.azure.world.costs.restate_to_zero(subscription_of(paying).subscription_id, JANUARY)

    newest = manifests(exported, JANUARY)[0]

    assert newest["runInfo"]["submittedTime"].startswith("2026-02-16")
    assert totals(rows_of(exported, newest), "BilledCost") == {}
    assert newest["dataRowCount"] > 0


def test_files_that_nobody_can_ask_for_are_removed(paying: Caller, exported: ContainerClient) -> None:
    old = names(exported)
    paying.azure.advance(days=150)

    found = names(exported)

    assert not set(old) & set(found)
    assert {name.split("/")[2] for name in found} == {
        "20260401-20260430",
        "20260501-20260531",
        "20260601-20260630",
        "20260701-20260731",
    }
    with pytest.raises(ResourceNotFoundError):
        content(exported, old[0])


def test_known_gaps_of_focus(exported: ContainerClient) -> None:
    rows = rows_of(exported, manifests(exported, JANUARY)[0])

    without = [row for row in rows if not row["SubAccountId"]]
    assert {row["ChargeCategory"] for row in without} == {"Usage", "Adjustment"}  # unused benefits, rounding
    assert {row["CommitmentDiscountStatus"] for row in rows} == {"", "Used", "Unused"}
    assert all(row["ResourceId"] == row["ResourceId"].lower() for row in rows)
    assert all(json.loads(row["Tags"]) for row in rows if row["Tags"])


@pytest.fixture
def elsewhere(simulator_folder: Path) -> Iterator[Simulator]:
    """A world whose three subscriptions are exported in three other ways."""
    sources = ["ea-focus-parquet", "ea-details-csv", "mca-focus-parquet"]
    with Simulator(
        folder=simulator_folder,
        tenants=1,
        subscriptions_per_tenant=3,
        resources_per_tenant=60,
        cost_sources=sources,
        day=36,
    ) as azure:
        yield azure


def test_parquet_holds_exact_numbers(elsewhere: Simulator, tmp_path: Path) -> None:
    with Caller(elsewhere, elsewhere.tenant("contoso")) as caller, container(caller) as client:
        manifest = manifests(client, JANUARY)[0]
        file = tmp_path / "part.parquet"
        file.write_bytes(content(client, manifest["blobs"][0]["blobName"]))
        subscription = subscription_of(caller)

    with duckdb.connect() as connection:
        read = connection.read_parquet(str(file))
        found = read.aggregate("BillingCurrency, sum(BilledCost)", "BillingCurrency").fetchall()
        columns = tuple(read.columns)
    assert columns == FOCUS_COLUMNS
    assert dict(found) == elsewhere.world.costs.total(subscription, JANUARY, "actual")
    assert manifest["deliveryConfig"]["fileFormat"] == "Parquet"


def test_actual_and_amortized_can_be_exports_of_their_own(elsewhere: Simulator) -> None:
    with Caller(elsewhere, elsewhere.tenant("contoso")) as caller, container(caller) as client:
        assert [export["properties"]["definition"]["type"] for export in exports(caller, 1)] == [
            "ActualCost",
            "AmortizedCost",
        ]
        for kind, metric in (("actual-daily", "actual"), ("amortized-daily", "amortized")):
            rows = rows_of(client, manifests(client, JANUARY, kind, "contoso-development")[0])
            told = totals(rows, "CostInBillingCurrency", "BillingCurrencyCode")
            assert told == elsewhere.world.costs.total(subscription_of(caller, 1), JANUARY, metric)


def test_a_token_for_storage_is_needed(paying: Caller, fabrikam_caller: Caller) -> None:
    class ResourceManager(Credential):
        pass

    with container(paying, ResourceManager(paying)) as wrong, pytest.raises(ClientAuthenticationError):
        names(wrong)
    with container(paying, StorageCredential(fabrikam_caller)) as stranger, pytest.raises(HttpResponseError) as error:
        names(stranger)
    assert error.value.status_code == 403
    with container(paying, account="stexports0000") as nowhere, pytest.raises(ResourceNotFoundError):
        names(nowhere)
    with pytest.raises(ResourceNotFoundError), container(paying) as client:
        content(client, "contoso-production/none.csv")


def test_lists_come_in_pages_and_by_folder(paying: Caller, exported: ContainerClient) -> None:
    everything = names(exported)
    paying.azure.cost_settings.list_names = 3

    assert names(exported) == everything
    assert len(everything) > 6
    months = [item.name for item in exported.walk_blobs(name_starts_with="contoso-production/focus-daily/")]
    assert months == [
        "contoso-production/focus-daily/20251201-20251231/",
        "contoso-production/focus-daily/20260101-20260131/",
        "contoso-production/focus-daily/20260201-20260228/",
    ]
    assert names(exported, "contoso-production/focus-daily/202601") == [
        name for name in everything if "/20260101-" in name
    ]


def test_large_exports_have_parts(paying: Caller, exported: ContainerClient) -> None:
    paying.azure.cost_settings.partition_rows = 400
    small_azure = paying.azure
    small_azure.faults.clear()  # what was written before is written anew

    manifest = manifests(exported, JANUARY)[0]

    assert manifest["blobCount"] == len(manifest["blobs"]) > 1
    assert totals(rows_of(exported, manifest), "BilledCost") == small_azure.world.costs.total(
        subscription_of(paying), JANUARY, "actual"
    )


def test_a_manifest_can_be_missing(paying: Caller, exported: ContainerClient) -> None:
    newest = manifests(exported, JANUARY)[0]["runInfo"]["runId"]
    paying.control("POST", "faults", {"kind": "missing_manifest", "path": newest})

    assert newest not in [run["runInfo"]["runId"] for run in manifests(exported, JANUARY)]
    assert any(newest in name for name in names(exported))


@pytest.mark.parametrize("kind", ["missing_column", "unknown_currency", "truncated_csv", "wrong_byte_count"])
def test_files_of_exports_can_be_spoilt(paying: Caller, exported: ContainerClient, kind: str) -> None:
    paying.control("POST", "faults", {"kind": kind, "path": "/20260101-20260131/"})

    manifest = manifests(exported, JANUARY)[0]

    packed = content(exported, manifest["blobs"][0]["blobName"])
    is_told = len(packed) == manifest["blobs"][0]["byteCount"]
    assert is_told is (kind in ("missing_column", "unknown_currency"))
    if kind == "missing_column":
        assert "BilledCost" not in rows_of(exported, manifest)[0]
    if kind == "unknown_currency":
        assert rows_of(exported, manifest)[0]["BillingCurrency"] == "XXQ"
    if kind == "truncated_csv":
        with pytest.raises(EOFError):
            gzip.decompress(packed)
