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
LONGEST_REPORT_SECONDS = 600.0  # a report that takes longer is asked for again by the next run
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


def cost_report(calls: CostCalls, subscription_id: str, *, metric: str, first: date, last: date) -> CostReport:
    """Have a report made and wait for it. At most one month, 13 months back.

    Raises NotOfferedError where the offer has none, UnavailableError when it failed or takes too long.
    """
    path = f"/subscriptions/{subscription_id}/providers/Microsoft.CostManagement/generateCostDetailsReport"
    url = f"{calls.azure.access.arm_endpoint}{path}?api-version={API_VERSION}"
    period = {"start": first.isoformat(), "end": last.isoformat()}
    answer = calls.send("POST", url, body={"metric": METRICS[metric], "timePeriod": period})
    waited = 0.0
    while answer.status_code == 202:
        place, seconds = _next_look(answer.headers)
        waited += seconds
        if waited > LONGEST_REPORT_SECONDS:
            raise UnavailableError(f"The cost details report was not ready after {LONGEST_REPORT_SECONDS:.0f} seconds.")
        calls.azure.sleep(seconds)
        answer = calls.send("GET", place)
    return CostReport(()) if answer.status_code == 204 else read_report(decode_exactly(answer.content))


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
        return place, max(1.0, float(headers.get("Retry-After") or POLL_SECONDS))
    except ValueError:
        return place, POLL_SECONDS


def _why(body: dict[str, Any]) -> str:
    error = body.get("error")
    words = (error.get("message") or error.get("code")) if isinstance(error, dict) else None
    return str(words or body.get("status") or "it gives no reason.")[:300]


def _count(value: Any) -> int | None:
    return None if value is None else int(value)
