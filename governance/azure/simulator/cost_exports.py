"""Exports of costs: their list in Resource Manager, and the folders that their daily runs leave in blob storage.

A run of the open month tells the month to date and so replaces the one before, whose folder is still there. Through
the 5th the month before is exported too. https://learn.microsoft.com/rest/api/cost-management/exports/list
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import orjson

from governance.azure.simulator.access import Access, require_api_version
from governance.azure.simulator.billing_exports import exports_at_account
from governance.azure.simulator.blobs import Blob, blob_at
from governance.azure.simulator.chance import digest, guid
from governance.azure.simulator.charges import SETTLED_DAY, next_month
from governance.azure.simulator.cost_files import Part, Workshop
from governance.azure.simulator.cost_reports import months_before
from governance.azure.simulator.exchange import Refusal, Request, Response, json_response
from governance.azure.simulator.export_setups import Export, account_of, exports_of
from governance.azure.simulator.faults import Faults
from governance.azure.simulator.world import Tenant, World

CONTAINER = "exports"
MONTHS_BEFORE_DAY_ZERO = 1  # the exports were set up in the month before the world began
KEPT_RUNS = 2
KEPT_MONTHS = 4  # with the open one; a rule of the storage account deletes what is older
RUN_TIME, OPEN_RUN_TIME = "0512", "0930"
DATA_VERSIONS = {"FocusCost": "1.0", "ActualCost": "2023-12-01-preview", "AmortizedCost": "2023-12-01-preview"}
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Run:
    """``is_open``: it has not finished, there is no manifest yet and half of the rows only."""

    export: Export
    month: date
    day: date
    number: str
    is_open: bool = False

    @property
    def folder(self) -> str:
        end = next_month(self.month) - timedelta(days=1)
        time = OPEN_RUN_TIME if self.is_open else RUN_TIME
        export = self.export
        return f"{export.root}/{export.name}/{self.month:%Y%m%d}-{end:%Y%m%d}/{self.day:%Y%m%d}{time}/{self.number}"


@dataclass(frozen=True)
class Written:
    run: Run
    blobs: dict[str, Blob]


class Exports:
    """Thread-safe. Files are written when somebody looks for them."""

    def __init__(self, world: World, access: Access, faults: Faults, workshop: Workshop) -> None:
        self._world = world
        self._access = access
        self._faults = faults
        self._workshop = workshop
        self._written: dict[tuple[str, int], Written] = {}
        self._state: tuple[int, date] | None = None
        self._lock = threading.RLock()

    def every(self, at: Callable[..., list[Export]], request: Request, scope: str) -> Response:
        """``at`` finds the exports of the scope, if the caller may read them."""
        has_runs = "runhistory" in request.query.get("$expand", "").lower()
        return json_response({"value": [self._row(export, has_runs=has_runs) for export in at(request, scope)]})

    def one(self, at: Callable[..., list[Export]], request: Request, scope: str, name: str) -> Response:
        has_runs = "runhistory" in request.query.get("$expand", "").lower()
        return json_response(self._row(_named(at(request, scope), name), has_runs=has_runs))

    def history(self, at: Callable[..., list[Export]], request: Request, scope: str, name: str) -> Response:
        return json_response({"value": self._history(_named(at(request, scope), name))})

    def of_subscription(self, request: Request, subscription_id: str) -> list[Export]:
        tenant = self._access.caller(request)
        require_api_version(request)
        return exports_of(self._access.subscription(request, tenant, subscription_id))

    def of_account(self, request: Request, account_id: str) -> list[Export]:
        """Refused without a role at the billing account, and likewise where there is none."""
        tenant, account = self._access.caller(request), self._world.billing_account
        require_api_version(request)
        if account is None or account.account_id != account_id or tenant.tenant_id not in account.tenant_ids:
            raise Refusal(
                403,
                "AuthorizationFailed",
                f"The client '{tenant.client_id}' does not have authorization to perform action "
                f"'Microsoft.CostManagement/exports/read' over scope '{request.shown_path}' or the scope is invalid.",
            )
        return exports_at_account(self._world)

    def shelf(self, account: str) -> "Shelf | None":
        """The container of this storage account: a tenant's own, or the one of the billing account."""
        for tenant in self._world.tenants:
            if account_of(tenant.tenant_id) == account:
                return Shelf(self, self._exports_in(tenant), (tenant.tenant_id,))
        shared = self._world.billing_account
        if shared and account_of(shared.account_id) == account:
            return Shelf(self, exports_at_account(self._world), shared.tenant_ids)
        return None

    def runs(self, export: Export) -> list[Run]:
        """What is in the container today, the oldest month and run first."""
        first = months_before(self._world.day_zero, MONTHS_BEFORE_DAY_ZERO)
        month, found = max(first, months_before(self._world.today, KEPT_MONTHS - 1)), []
        while month <= self._world.today:
            found += self._runs_of(export, month)
            month = next_month(month)
        return found

    def written(self, run: Run) -> Written:
        """The run's files; written anew when faults were added or cleared since."""
        key = (run.number, self._faults.version)
        with self._lock:
            if key not in self._written:
                self._forget_old()
                self._written[key] = self._write(run)
            return self._written[key]

    def close(self) -> None:
        """Forgets what was written, as its files are gone."""
        self._written.clear()

    def _exports_in(self, tenant: Tenant) -> list[Export]:
        seen = self._world.subscriptions_seen_by(tenant)
        return [export for row in seen if row.tenant_id == tenant.tenant_id for export in exports_of(row)]

    def _runs_of(self, export: Export, month: date) -> list[Run]:
        last = min(self._world.today, next_month(month) + timedelta(days=SETTLED_DAY - 1))
        days = [last - timedelta(days=back) for back in range(KEPT_RUNS)]
        restated = export.restated_on(self._world.costs, month)
        wanted = {day for day in (*days, restated) if day and month <= day <= self._world.today}
        runs = [self._run(export, month, day, restated) for day in sorted(wanted)[-KEPT_RUNS:]]
        if month == self._world.today.replace(day=1):
            number = guid(self._world.seed, export.owner, export.kind, self._world.today, "open")
            runs.append(Run(export, month, self._world.today, number, is_open=True))
        return runs

    def _run(self, export: Export, month: date, day: date, restated: date | None) -> Run:
        state = "restated" if restated and day >= restated else "usual"
        number = guid(self._world.seed, export.owner, export.kind, month, day, state)
        return Run(export, month, day, number)

    def _forget_old(self) -> None:
        """Removes files of runs that are gone, or that faults would write in another way by now."""
        state = (self._faults.version, self._world.today)
        if state == self._state:
            return
        self._state = state
        everything = [export for tenant in self._world.tenants for export in self._exports_in(tenant)]
        everything += exports_at_account(self._world)
        there = {(run.number, state[0]) for export in everything for run in self.runs(export)}
        for key in set(self._written) - there:
            for blob in self._written.pop(key).blobs.values():
                blob.path.unlink(missing_ok=True)

    def _write(self, run: Run) -> Written:
        place = f"/{run.export.storage_account}/{CONTAINER}/{run.folder}"
        table, charges = run.export.content(self._world.costs, run.month, run.day)
        if run.is_open:
            charges = charges[: len(charges) // 2]
        parts = self._workshop.write(place, table, charges, run.export.form)
        blobs = {part.name: blob_at(f"{run.folder}/{part.name}", part.path, run.day) for part in parts}
        spoilt = {fault.kind for fault in self._workshop.spoils_manifest(place)}
        if not run.is_open and "missing_manifest" not in spoilt:
            path = self._workshop.new_path()
            path.write_bytes(orjson.dumps(manifest(run, parts), option=orjson.OPT_INDENT_2))
            blobs[MANIFEST] = blob_at(f"{run.folder}/{MANIFEST}", path, run.day)
        return Written(run, blobs)

    def _row(self, export: Export, *, has_runs: bool) -> dict[str, Any]:
        billing = export.billing
        start = months_before(self._world.day_zero, MONTHS_BEFORE_DAY_ZERO)
        properties: dict[str, Any] = {
            "format": billing.export_format,
            "compressionMode": billing.compression,
            "dataOverwriteBehavior": "OverwritePreviousReport",
            "partitionData": True,
            "exportDescription": "Costs, every day.",
            "schedule": {
                "status": "Active",
                "recurrence": "Daily",
                "recurrencePeriod": {"from": f"{start}T05:00:00Z", "to": "2050-02-01T00:00:00Z"},
            },
            "deliveryInfo": {
                "destination": {
                    "type": "AzureBlob",
                    "resourceId": export.storage_id,
                    "container": CONTAINER,
                    "rootFolderPath": export.root,
                }
            },
            "definition": {
                "type": export.kind,
                "timeframe": "MonthToDate",
                "dataSet": {"granularity": "Daily", "configuration": {"dataVersion": DATA_VERSIONS[export.kind]}},
            },
            "nextRunTimeEstimate": f"{self._world.today + timedelta(days=1)}T05:00:00Z",
        }
        if has_runs:
            properties["runHistory"] = {"value": self._history(export)}
        return {
            "id": export.id,
            "name": export.name,
            "type": "Microsoft.CostManagement/exports",
            "eTag": f'"{digest(export.name, export.owner).hex()[:16]}"',
            "properties": properties,
        }

    def _history(self, export: Export) -> list[dict[str, Any]]:
        """The newest first."""
        return [
            {
                "id": f"{export.id}/run/{run.number}",
                "name": run.number,
                "type": "Microsoft.CostManagement/exports/run",
                "properties": {
                    "executionType": "Scheduled",
                    "status": "InProgress" if run.is_open else "Completed",
                    "submittedBy": "System",
                    "submittedTime": _submitted(run),
                    "processingStartTime": _submitted(run),
                    "fileName": run.folder,
                },
            }
            for run in reversed(self.runs(export))
        ]


class Shelf:
    """A container of exports, and the tenants whose principals may read it."""

    def __init__(self, exports: Exports, held: Sequence[Export], readers: Sequence[str]) -> None:
        self._exports = exports
        self._held = held
        self.readers = readers

    def names(self, prefix: str, delimiter: str) -> Sequence[str]:
        """Writes the files of those runs only that are asked for."""
        found: list[str] = []
        for run in self._runs():
            folder = f"{run.folder}/"
            if folder.startswith(prefix) and delimiter and delimiter in folder[len(prefix) :]:
                found.append(folder)
            elif folder.startswith(prefix) or prefix.startswith(folder):
                found += [blob.name for blob in self._exports.written(run).blobs.values()]
        return [name for name in found if name.startswith(prefix)]

    def open(self, name: str) -> Blob | None:
        folder, _, file = name.rpartition("/")
        for run in self._runs():
            if run.folder == folder:
                return self._exports.written(run).blobs.get(file)
        return None

    def _runs(self) -> list[Run]:
        return [run for export in self._held for run in self._exports.runs(export)]


def _named(exports: Sequence[Export], name: str) -> Export:
    for export in exports:
        if export.name == name:
            return export
    raise Refusal(404, "404", f"Export '{name}' could not be found.")


def manifest(run: Run, parts: Sequence[Part]) -> dict[str, Any]:
    """https://learn.microsoft.com/azure/cost-management-billing/costs/tutorial-improved-exports"""
    export, billing = run.export, run.export.billing
    return {
        "manifestVersion": "2024-04-01",
        "byteCount": sum(part.byte_count for part in parts),
        "blobCount": len(parts),
        "dataRowCount": sum(part.row_count for part in parts),
        "exportConfig": {
            "exportName": export.name,
            "resourceId": export.id,
            "dataVersion": DATA_VERSIONS[export.kind],
            "apiVersion": "2023-07-01-preview",
            "type": export.kind,
            "timeFrame": "MonthToDate",
            "granularity": "Daily",
        },
        "deliveryConfig": {
            "partitionData": True,
            "dataOverwriteBehavior": "OverwritePreviousReport",
            "fileFormat": billing.export_format,
            "compressionMode": billing.compression,
            "containerUri": export.storage_id,
            "rootFolderPath": export.root,
        },
        "runInfo": {
            "executionType": "Scheduled",
            "submittedTime": _submitted(run),
            "runId": run.number,
            "startDate": f"{run.month}T00:00:00",
            "endDate": f"{min(run.day, next_month(run.month) - timedelta(days=1))}T00:00:00Z",
        },
        "blobs": [
            {
                "blobName": f"{run.folder}/{part.name}",
                "byteCount": part.byte_count,
                "dataRowCount": part.row_count,
            }
            for part in parts
        ],
    }


def _submitted(run: Run) -> str:
    time = OPEN_RUN_TIME if run.is_open else RUN_TIME
    return f"{run.day}T{time[:2]}:{time[2:]}:06.5234447Z"
