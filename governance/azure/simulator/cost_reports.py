"""Cost details reports: asked for by POST, polled, then files behind links that expire.

https://learn.microsoft.com/rest/api/cost-management/generate-cost-details-report
"""

import itertools
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from governance.azure.simulator.access import Access, require_api_version
from governance.azure.simulator.blobs import REPORT_ACCOUNT, Blob, blob_at
from governance.azure.simulator.chance import guid
from governance.azure.simulator.charges import Charge, next_month
from governance.azure.simulator.cost_files import Part, Workshop
from governance.azure.simulator.cost_settings import CostSettings
from governance.azure.simulator.cost_tables import details_table
from governance.azure.simulator.exchange import Refusal, Request, Response, json_response
from governance.azure.simulator.faults import REPORT, Faults
from governance.azure.simulator.world import Subscription, World

METRICS = {"ActualCost": "actual", "AmortizedCost": "amortized"}
MONTHS_BACK = 13
LONGEST_DAYS = 31
CONTAINER = "armreports"
PATIENCE_SECONDS = 1.0  # how long a poll waits for a report that is being written
OFFER_NUMBERS = {"PayAsYouGo_2014-09-01": "MS-AZR-0003P"}
NOT_OFFERED = (
    "Cost Management supports only Enterprise Agreement, Web direct and Microsoft Customer Agreement offer types. "
    "offerId: {offer} is associated with offerType: None (Request ID: {request_id})"
)


@dataclass
class Report:
    """One that was asked for. It shows what was known on ``as_of``."""

    number: str
    subscription: Subscription
    metric: str
    first: date
    last: date
    as_of: date
    body: Mapping[str, Any]
    polls: int = 0
    answer: Future[dict[str, Any]] | None = None
    parts: list[Part] = field(default_factory=list)
    expires: float = math.inf  # seconds since 1970

    @property
    def folder(self) -> str:
        return f"{self.subscription.subscription_id}/{self.number}"


class Reports:
    """Also the container that holds the files of those that are done."""

    def __init__(
        self,
        world: World,
        access: Access,
        faults: Faults,
        settings: CostSettings,
        workshop: Workshop,
        now: Callable[[], float],
        link: Callable[[str, str], str],
    ) -> None:
        self._world = world
        self._access = access
        self._faults = faults
        self._settings = settings
        self._workshop = workshop
        self._now = now
        self._link = link
        self._reports: dict[str, Report] = {}
        self._blobs: dict[str, Blob] = {}
        self._serials = itertools.count(1)
        self._lock = threading.Lock()
        self._workers = ThreadPoolExecutor(1, "cost-report")

    def ask(self, request: Request, subscription_id: str) -> Response:
        subscription = self._subscription(request, subscription_id)
        if not subscription.billing.has_reports:
            raise not_offered(subscription)
        body = request.json()
        metric = METRICS.get(str(body.get("metric", "ActualCost")))
        if metric is None:
            raise _bad(f"The metric '{body.get('metric')}' is not supported.")
        first, last = _period(body, self._world.today)
        self._forget_expired()
        report = Report(
            number=guid(self._world.seed, "report", next(self._serials), self._now()),
            subscription=subscription,
            metric=metric,
            first=first,
            last=last,
            as_of=self._world.today,
            body=body,
        )
        self._reports[report.number] = report
        return self._later(request, report)

    def result(self, request: Request, subscription_id: str, number: str) -> Response:
        subscription = self._subscription(request, subscription_id)
        report = self._reports.get(number)
        if report is None or report.subscription != subscription:
            raise Refusal(404, "NotFound", f"There is no operation '{number}'.")
        report.polls += 1
        if report.polls <= self._settings.polls:
            return self._later(request, report)
        with self._lock:
            if report.answer is None:
                report.answer = self._workers.submit(self._finish, request, report)
        try:
            return json_response(report.answer.result(PATIENCE_SECONDS))
        except TimeoutError:  # a large one is still being written
            return self._later(request, report)

    def names(self, prefix: str, _delimiter: str) -> Sequence[str]:
        return [name for name in self._blobs if name.startswith(prefix)]

    def open(self, name: str) -> Blob | None:
        return self._blobs.get(name)

    def close(self) -> None:
        """Forgets everything, as its files are gone."""
        self._workers.shutdown(cancel_futures=True)
        self._workers = ThreadPoolExecutor(1, "cost-report")
        self._reports.clear()
        self._blobs.clear()

    def _subscription(self, request: Request, subscription_id: str) -> Subscription:
        tenant = self._access.caller(request)
        require_api_version(request)
        return self._access.subscription(request, tenant, subscription_id)

    def _forget_expired(self) -> None:
        """Removes the files whose links are no longer good."""
        with self._lock:
            for number, report in list(self._reports.items()):
                if report.expires <= self._now():
                    for part in report.parts:
                        self._blobs.pop(f"{report.folder}/{part.name}", None)
                        part.path.unlink(missing_ok=True)
                    del self._reports[number]

    def _later(self, request: Request, report: Report) -> Response:
        scope = f"subscriptions/{report.subscription.subscription_id}"
        path = f"{scope}/providers/Microsoft.CostManagement/costDetailsOperationResults/{report.number}"
        version = request.query["api-version"]
        headers = {
            "Location": f"{request.origin}/{path}?api-version={version}",
            "Retry-After": str(self._settings.retry_seconds),
        }
        return Response(202, b"", headers)

    def _finish(self, request: Request, report: Report) -> dict[str, Any]:
        scope = f"subscriptions/{report.subscription.subscription_id}"
        common = {
            "id": f"{scope}/providers/Microsoft.CostManagement/costDetailsOperationResults/{report.number}",
            "name": report.number,
            "type": "Microsoft.CostManagement/costDetailsOperationResults",
        }
        if self._faults.claim_first(REPORT, request):
            error = {"code": "InternalServerError", "message": "The report could not be generated."}
            return {**common, "status": "Failed", "error": error}
        charges = self._charges(report)
        if not charges:
            return {**common, "status": "NoDataFound"}
        place = f"/{REPORT_ACCOUNT}/{CONTAINER}/{report.folder}"
        table = details_table(report.subscription, report.first, report.metric)
        report.parts = self._workshop.write(place, table, charges)
        report.expires = self._now() + self._settings.valid_seconds
        for part in report.parts:
            name = f"{report.folder}/{part.name}"
            self._blobs[name] = blob_at(name, part.path, report.as_of)
        return {
            **common,
            "status": "Completed",
            "manifest": self._manifest(request, report, place),
            "validTill": time.strftime("%Y-%m-%dT%H:%M:%S.0000000Z", time.gmtime(report.expires)),
        }

    def _charges(self, report: Report) -> list[Charge]:
        months = {report.first.replace(day=1), report.last.replace(day=1)}
        return [
            row
            for month in sorted(months)
            for row in self._world.costs.rows(report.subscription, month, report.metric, as_of=report.as_of)
            if report.first <= row.day <= report.last
        ]

    def _manifest(self, request: Request, report: Report, place: str) -> dict[str, Any]:
        return {
            "manifestVersion": request.query["api-version"],
            "dataFormat": "Csv",
            "blobCount": len(report.parts),
            "byteCount": sum(part.byte_count for part in report.parts),
            "compressData": False,
            "requestContext": {
                "requestScope": f"subscriptions/{report.subscription.subscription_id}",
                "requestBody": dict(report.body),
            },
            "blobs": [
                {
                    "blobLink": self._link(request.origin, f"{place}/{part.name}"),
                    "byteCount": part.byte_count,
                }
                for part in report.parts
            ],
        }


def _period(body: Mapping[str, Any], today: date) -> tuple[date, date]:
    """At most one month, not older than 13 months; exactly one of time period, billing period, invoice."""
    given = [name for name in ("timePeriod", "billingPeriod", "invoiceId") if body.get(name)]
    if len(given) > 1:
        raise _bad("Only one of timePeriod, billingPeriod and invoiceId can be given.")
    if given == ["invoiceId"]:
        raise _bad("Reports by invoice are not available at the subscription scope.")
    try:
        first, last = _days(body, today)
    except (KeyError, TypeError, ValueError) as error:
        raise _bad("The time period is not valid: start and end are days as YYYY-MM-DD.") from error
    if first > last:
        raise _bad("The start date lies after the end date.")
    if (last - first).days >= LONGEST_DAYS:
        raise _bad("The time period must not be longer than one month.")
    if first < months_before(today, MONTHS_BACK):
        raise _bad("The start date must not lie more than 13 months back.")
    return first, last


def _days(body: Mapping[str, Any], today: date) -> tuple[date, date]:
    if body.get("billingPeriod"):
        first = date.fromisoformat(f"{body['billingPeriod'][:4]}-{body['billingPeriod'][4:]}-01")
        return first, next_month(first) - timedelta(days=1)
    if not body.get("timePeriod"):
        return today.replace(day=1), today
    start, end = (date.fromisoformat(str(body["timePeriod"][word])[:10]) for word in ("start", "end"))
    return start, end


def months_before(day: date, months: int) -> date:
    """The first day of the month that lies so many months before."""
    number = day.year * 12 + day.month - 1 - months
    return date(number // 12, number % 12 + 1, 1)


def not_offered(subscription: Subscription) -> Refusal:
    """The 400 of an offer that Cost Management, or its reports, do not support."""
    offer = OFFER_NUMBERS.get(subscription.quota_id, "MS-AZR-0036P")
    request_id = guid(subscription.subscription_id, "not offered")
    return Refusal(400, "400", NOT_OFFERED.format(offer=offer, request_id=request_id))


def _bad(message: str) -> Refusal:
    return Refusal(400, "BadRequest", message)
