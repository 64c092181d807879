"""Exports of costs: their list in Resource Manager, and the folders that their daily runs leave in blob storage.

A run of the open month tells the month to date and so replaces the one before, whose folder is still there. Through
the 5th the month before is exported too. https://learn.microsoft.com/rest/api/cost-management/exports/list
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import orjson

from governance.azure.simulator.access import Access, require_api_version
from governance.azure.simulator.blobs import EXPORT_ACCOUNT, Blob, blob_at
from governance.azure.simulator.chance import digest, guid
from governance.azure.simulator.charges import SETTLED_DAY, Charge, next_month
from governance.azure.simulator.cost_files import Form, Part, Workshop, form_of
from governance.azure.simulator.cost_reports import months_before
from governance.azure.simulator.cost_tables import Table, details_table
from governance.azure.simulator.exchange import Refusal, Request, Response, json_response
from governance.azure.simulator.faults import Faults
from governance.azure.simulator.focus import FocusTable
from governance.azure.simulator.world import Subscription, World

CONTAINER = "exports"
MONTHS_BEFORE_DAY_ZERO = 1  # the exports were set up in the month before the world began
KEPT_RUNS = 2
KEPT_MONTHS = 4  # with the open one; a rule of the storage account deletes what is older
RUN_TIME, OPEN_RUN_TIME = "0512", "0930"
EXPORT_NAMES = {"FocusCost": "focus-daily", "ActualCost": "actual-daily", "AmortizedCost": "amortized-daily"}
DATA_VERSIONS = {"FocusCost": "1.0", "ActualCost": "2023-12-01-preview", "AmortizedCost": "2023-12-01-preview"}
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Export:
    subscription: Subscription
    kind: str

    @property
    def name(self) -> str:
        return EXPORT_NAMES[self.kind]

    @property
    def root(self) -> str:
        return self.subscription.display_name

    @property
    def form(self) -> Form:
        return form_of(self.subscription.billing.export_format, self.subscription.billing.compression)

    def table(self, month: date) -> Table:
        if self.kind == "FocusCost":
            return FocusTable(self.subscription, month, "actual")
        return details_table(self.subscription, month, "actual" if self.kind == "ActualCost" else "amortized")


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

    def every(self, request: Request, subscription_id: str) -> Response:
        subscription = self._subscription(request, subscription_id)
        has_runs = "runhistory" in request.query.get("$expand", "").lower()
        rows = [self._row(export, has_runs=has_runs) for export in exports_of(subscription)]
        return json_response({"value": rows})

    def one(self, request: Request, subscription_id: str, name: str) -> Response:
        export = self._export(request, subscription_id, name)
        has_runs = "runhistory" in request.query.get("$expand", "").lower()
        return json_response(self._row(export, has_runs=has_runs))

    def history(self, request: Request, subscription_id: str, name: str) -> Response:
        return json_response({"value": self._history(self._export(request, subscription_id, name))})

    def shelf(self, account: str) -> "Shelf | None":
        """The container of the tenant whose storage account this is."""
        for tenant in self._world.tenants:
            if account_of(tenant.tenant_id) == account:
                return Shelf(self, tenant.tenant_id)
        return None

    def runs(self, export: Export) -> list[Run]:
        """What is in the container today, the oldest month and run first."""
        first = months_before(self._world.day_zero, MONTHS_BEFORE_DAY_ZERO)
        month, found = max(first, months_before(self._world.today, KEPT_MONTHS - 1)), []
        while month <= self._world.today:
            found += self._runs_of(export, month)
            month = next_month(month)
        return found

    def exports_in(self, tenant_id: str) -> list[Export]:
        tenant = self._world.tenant(tenant_id)
        seen = self._world.subscriptions_seen_by(tenant) if tenant else ()
        return [export for row in seen if row.tenant_id == tenant_id for export in exports_of(row)]

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

    def _subscription(self, request: Request, subscription_id: str) -> Subscription:
        tenant = self._access.caller(request)
        require_api_version(request)
        return self._access.subscription(request, tenant, subscription_id)

    def _export(self, request: Request, subscription_id: str, name: str) -> Export:
        for export in exports_of(self._subscription(request, subscription_id)):
            if export.name == name:
                return export
        raise Refusal(404, "404", f"Export '{name}' could not be found.")

    def _runs_of(self, export: Export, month: date) -> list[Run]:
        last = min(self._world.today, next_month(month) + timedelta(days=SETTLED_DAY - 1))
        days = [last - timedelta(days=back) for back in range(KEPT_RUNS)]
        restated = self._world.costs.restated_on(export.subscription, month)
        wanted = {day for day in (*days, restated) if day and month <= day <= self._world.today}
        runs = [self._run(export, month, day, restated) for day in sorted(wanted)[-KEPT_RUNS:]]
        if month == self._world.today.replace(day=1):
            number = guid(self._world.seed, export.subscription.subscription_id, export.kind, self._world.today, "open")
            runs.append(Run(export, month, self._world.today, number, is_open=True))
        return runs

    def _run(self, export: Export, month: date, day: date, restated: date | None) -> Run:
        state = "restated" if restated and day >= restated else "usual"
        number = guid(self._world.seed, export.subscription.subscription_id, export.kind, month, day, state)
        return Run(export, month, day, number)

    def _forget_old(self) -> None:
        """Removes files of runs that are gone, or that faults would write in another way by now."""
        state = (self._faults.version, self._world.today)
        if state == self._state:
            return
        self._state = state
        everything = [export for tenant in self._world.tenants for export in self.exports_in(tenant.tenant_id)]
        there = {(run.number, state[0]) for export in everything for run in self.runs(export)}
        for key in set(self._written) - there:
            for blob in self._written.pop(key).blobs.values():
                blob.path.unlink(missing_ok=True)

    def _write(self, run: Run) -> Written:
        place = f"/{account_of(run.export.subscription.tenant_id)}/{CONTAINER}/{run.folder}"
        charges = self._charges(run)
        parts = self._workshop.write(place, run.export.table(run.month), charges, run.export.form)
        blobs = {part.name: blob_at(f"{run.folder}/{part.name}", part.path, run.day) for part in parts}
        spoilt = {fault.kind for fault in self._workshop.spoils_manifest(place)}
        if not run.is_open and "missing_manifest" not in spoilt:
            path = self._workshop.new_path()
            path.write_bytes(orjson.dumps(manifest(run, parts), option=orjson.OPT_INDENT_2))
            blobs[MANIFEST] = blob_at(f"{run.folder}/{MANIFEST}", path, run.day)
        return Written(run, blobs)

    def _charges(self, run: Run) -> list[Charge]:
        costs, subscription = self._world.costs, run.export.subscription
        if run.export.kind == "FocusCost":
            rows = costs.charges(subscription, run.month, as_of=run.day)
        else:
            metric = "actual" if run.export.kind == "ActualCost" else "amortized"
            rows = costs.rows(subscription, run.month, metric, as_of=run.day)
        return rows[: len(rows) // 2] if run.is_open else rows

    def _row(self, export: Export, *, has_runs: bool) -> dict[str, Any]:
        subscription, billing = export.subscription, export.subscription.billing
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
                    "resourceId": account_id(subscription),
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
            "id": _export_id(export),
            "name": export.name,
            "type": "Microsoft.CostManagement/exports",
            "eTag": f'"{digest(export.name, subscription.subscription_id).hex()[:16]}"',
            "properties": properties,
        }

    def _history(self, export: Export) -> list[dict[str, Any]]:
        """The newest first."""
        return [
            {
                "id": f"{_export_id(export)}/run/{run.number}",
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
    """One tenant's container of exports."""

    def __init__(self, exports: Exports, tenant_id: str) -> None:
        self._exports = exports
        self.tenant_id = tenant_id

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
        return [run for export in self._exports.exports_in(self.tenant_id) for run in self._exports.runs(export)]


def exports_of(subscription: Subscription) -> list[Export]:
    return [Export(subscription, kind) for kind in subscription.billing.export_types]


def account_of(tenant_id: str) -> str:
    return f"{EXPORT_ACCOUNT}{digest(tenant_id, 'exports').hex()[:8]}"


def account_id(subscription: Subscription) -> str:
    """The account is in a subscription of its own group, beside what is billed."""
    group = f"/subscriptions/{subscription.subscription_id}/resourceGroups/rg-finops"
    return f"{group}/providers/Microsoft.Storage/storageAccounts/{account_of(subscription.tenant_id)}"


def manifest(run: Run, parts: Sequence[Part]) -> dict[str, Any]:
    """https://learn.microsoft.com/azure/cost-management-billing/costs/tutorial-improved-exports"""
    export, billing = run.export, run.export.subscription.billing
    return {
        "manifestVersion": "2024-04-01",
        "byteCount": sum(part.byte_count for part in parts),
        "blobCount": len(parts),
        "dataRowCount": sum(part.row_count for part in parts),
        "exportConfig": {
            "exportName": export.name,
            "resourceId": _export_id(export),
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
            "containerUri": account_id(export.subscription),
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


def _export_id(export: Export) -> str:
    scope = f"/subscriptions/{export.subscription.subscription_id}"
    return f"{scope}/providers/Microsoft.CostManagement/exports/{export.name}"


def _submitted(run: Run) -> str:
    time = OPEN_RUN_TIME if run.is_open else RUN_TIME
    return f"{run.day}T{time[:2]}:{time[2:]}:06.5234447Z"
