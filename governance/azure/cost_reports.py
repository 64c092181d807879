"""Cost details reports: every row of cost of one subscription and month, made on request as one or more CSV files.

Reference: https://learn.microsoft.com/rest/api/cost-management/generate-cost-details-report/create-operation
Enterprise Agreements and Microsoft Customer Agreements only. The client of azure-mgmt-costmanagement is not used to
wait: it would sleep past any quota, and fails on the empty body of the 202.
"""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from governance.azure.cost_calls import CostCalls
from governance.azure.costs import METRICS, decode_exactly
from governance.azure.errors import BadShapeError, UnavailableError

API_VERSION = "2025-03-01"
POLL_SECONDS = 15.0  # where Azure names no time
COMPLETED, NO_DATA = "Completed", "NoDataFound"


@dataclass(frozen=True, slots=True)
class ReportBlob:
    """One file of a report. The link lets anybody read it until it expires: it is never told or logged."""

    link: str = field(repr=False)
    bytes: int | None


@dataclass(frozen=True, slots=True)
class CostReport:
    """A finished report; without files there was nothing to tell. `is_compressed`: its files are gzip."""

    blobs: tuple[ReportBlob, ...]
    is_compressed: bool = False


@dataclass(frozen=True, slots=True)
class OrderedReport:
    """A report that Azure is making: where to look, and when. `place` is None when there is nothing to make."""

    place: str | None
    seconds: float


def order_report(calls: CostCalls, subscription_id: str, *, metric: str, first: date, last: date) -> OrderedReport:
    """Have a report made. At most one month, 13 months back. Raises NotOfferedError where the offer has none."""
    path = f"/subscriptions/{subscription_id}/providers/Microsoft.CostManagement/generateCostDetailsReport"
    url = f"{calls.azure.access.arm_endpoint}{path}?api-version={API_VERSION}"
    period = {"start": first.isoformat(), "end": last.isoformat()}
    answer = calls.send("POST", url, body={"metric": METRICS[metric], "timePeriod": period})
    return OrderedReport(None, 0.0) if answer.status_code == 204 else OrderedReport(*_next_look(answer.headers))


def look(calls: CostCalls, ordered: OrderedReport) -> CostReport | OrderedReport:
    """Ask once for a report: it, or when to look again. Raises UnavailableError when Azure could not make it."""
    if ordered.place is None:
        return CostReport(())
    answer = calls.send("GET", ordered.place)
    if answer.status_code == 200:
        return read_report(decode_exactly(answer.content))
    return CostReport(()) if answer.status_code == 204 else OrderedReport(*_next_look(answer.headers))


def read_report(body: dict[str, Any]) -> CostReport:
    """A finished operation. Raises UnavailableError when it failed, BadShapeError when its files are not all named."""
    status = body.get("status")
    if status == NO_DATA:
        return CostReport(())
    if status != COMPLETED:
        raise UnavailableError(f"Azure could not make the cost details report: {_why(body)}")
    try:
        manifest = body["manifest"]
        blobs = tuple(ReportBlob(str(row["blobLink"]), _count(row.get("byteCount"))) for row in manifest["blobs"])
        announced = _count(manifest.get("blobCount"))
        is_compressed = bool(manifest.get("compressData"))
    except (KeyError, TypeError, AttributeError) as error:
        raise BadShapeError(f"A cost details report has no readable manifest: {error!r}.") from error
    if announced is not None and announced != len(blobs):
        raise BadShapeError(f"A cost details report announces {announced} file(s) and names {len(blobs)}.")
    return CostReport(blobs, is_compressed)


def _next_look(headers: Any) -> tuple[str, float]:
    place = headers.get("Location") or headers.get("Azure-AsyncOperation")
    if not place:
        raise BadShapeError("Azure accepted a cost details report and did not say where it will be.")
    try:
        return place, max(0.0, float(headers.get("Retry-After") or POLL_SECONDS))
    except ValueError:
        return place, POLL_SECONDS


def _why(body: dict[str, Any]) -> str:
    error = body.get("error")
    words = (error.get("message") or error.get("code")) if isinstance(error, dict) else None
    return str(words or body.get("status") or "it gives no reason.")[:300]


def _count(value: Any) -> int | None:
    return None if value is None else int(value)
