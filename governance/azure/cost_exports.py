"""Cost exports: what a scope has delivered to a storage account day by day, and which delivery to believe.

References: https://learn.microsoft.com/rest/api/cost-management/exports/list and
https://learn.microsoft.com/azure/cost-management-billing/costs/tutorial-improved-exports (folders and manifest)
Facts the code stands on: each run of a month-to-date export replaces the one before, so that only the newest counts; a
run is there once its manifest is; only what the manifest lists belongs to it. Folders:
`{root}/{export}/{first day}-{last day}/{time}/{run}/manifest.json`.
"""

import calendar
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from governance.azure.blobs import ExportContainer
from governance.azure.cost_calls import COST_REMEDY, HEADERS, CostCalls, response_of
from governance.azure.costs import decode_exactly
from governance.azure.errors import BadShapeError

FOCUS, ACTUAL, AMORTIZED = "FocusCost", "ActualCost", "AmortizedCost"
DATA_SETS = {FOCUS: ("actual", "amortized"), ACTUAL: ("actual",), AMORTIZED: ("amortized",)}
MANIFEST = "manifest.json"
PERIOD = re.compile(r"/(\d{8})-(\d{8})/")


@dataclass(frozen=True, slots=True)
class CostExport:
    """An export of costs as it is set up: which data set, delivered where."""

    name: str
    data_set: str  # a key of DATA_SETS
    account: str
    container: str
    folder: str

    @property
    def prefix(self) -> str:
        """What the names of all its files begin with."""
        return "/".join(filter(None, (self.folder.strip("/"), self.name))) + "/"


@dataclass(frozen=True, slots=True)
class ExportFile:
    """One part of a delivery; every part has a header of its own."""

    name: str
    bytes: int | None
    rows: int | None


@dataclass(frozen=True, slots=True)
class ExportRun:
    """One delivery of one month, as its manifest tells it."""

    export: CostExport
    month: date
    submitted_at: datetime
    rows: int | None
    files: tuple[ExportFile, ...]


def list_exports(calls: CostCalls, scope: str, *, remedy: str = COST_REMEDY) -> list[CostExport]:
    """The exports of costs that stand at a scope, without those of other data sets, or that cannot be read.

    `scope` is a subscription's or one of `governance.azure.cost_scopes`, with no slash before it.
    """
    client = calls.azure.costs
    answer = calls.ask(lambda: client.exports.list(scope, headers=HEADERS, cls=response_of), remedy=remedy)
    rows = decode_exactly(answer.content).get("value")
    if not isinstance(rows, list):
        raise BadShapeError("The list of cost exports has no value.")
    return [export for row in rows if (export := read_export(row)) is not None]


def read_export(row: Any) -> CostExport | None:
    """One row of the list; None when it is not an export of costs to blob storage."""
    try:
        properties = row["properties"]
        data_set = properties["definition"]["type"]
        destination = properties["deliveryInfo"]["destination"]
        account = destination["resourceId"].rstrip("/").rpartition("/")[2].lower()
        container, folder = destination["container"], destination.get("rootFolderPath") or ""
        name = row["name"]
    except (KeyError, TypeError, AttributeError):
        return None
    return CostExport(name, data_set, account, container, folder) if data_set in DATA_SETS else None


def runs_of(container: ExportContainer, export: CostExport, months: Iterable[date]) -> dict[date, ExportRun]:
    """The newest whole delivery of each of these months that has one: one listing, and these months' manifests."""
    wanted, found = set(months), dict[date, ExportRun]()
    for name in _manifests(container, export, wanted):
        run = read_manifest(container.read(name), export)
        if run is None or run.month not in wanted:
            continue
        if run.month not in found or run.submitted_at > found[run.month].submitted_at:
            found[run.month] = run
    return found


def read_manifest(content: bytes, export: CostExport) -> ExportRun | None:
    """What a manifest says; None when it is not of a whole month (to the day it was made), or of another data set.

    Raises BadShapeError when it cannot be read.
    """
    body = decode_exactly(content)
    try:
        config, run = body["exportConfig"], body["runInfo"]
        first, last = _day(run["startDate"]), _day(run["endDate"])
        submitted_at = _moment(run["submittedTime"])
        files = tuple(ExportFile(str(row["blobName"]), *_counts(row)) for row in body["blobs"])
        announced, rows = body.get("blobCount"), body.get("dataRowCount")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadShapeError(f"The manifest of the cost export {export.name} could not be read: {error!r}.") from error
    if announced is not None and int(announced) != len(files):
        raise BadShapeError(f"The manifest of {export.name} announces {announced} file(s) and names {len(files)}.")
    if config.get("type") != export.data_set or not is_whole_month(first, last, submitted_at):
        return None
    return ExportRun(export, first, submitted_at, None if rows is None else int(rows), files)


def is_whole_month(first: date, last: date, submitted_at: datetime) -> bool:
    """True when these days are a month from its first day to its end, or to the day before the export was made."""
    end = month_end(first)
    return first.day == 1 and min(end, submitted_at.date() - timedelta(days=1)) <= last <= end + timedelta(days=1)


def month_end(day: date) -> date:
    """The last day of the month."""
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def _manifests(container: ExportContainer, export: CostExport, months: set[date]) -> Iterator[str]:
    for entry in container.entries(export.prefix):
        period = PERIOD.search(f"/{entry.name.removeprefix(export.prefix)}")
        if period and entry.name.endswith(f"/{MANIFEST}") and _compact(period[1]) in months:
            yield entry.name


def _compact(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _day(text: str) -> date:
    return date.fromisoformat(text[:10])


def _moment(text: str) -> datetime:
    """A time with up to seven decimals, as .NET writes it."""
    moment = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _counts(row: dict[str, Any]) -> tuple[int | None, int | None]:
    size, rows = row.get("byteCount"), row.get("dataRowCount")
    return (None if size is None else int(size)), (None if rows is None else int(rows))
