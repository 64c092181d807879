"""Where the costs of a subscription come from: an export in its storage account, else a cost details report, else a
query by service and resource group.

The best source that has a month gives it; why no better one did is told with it. Lacking is not failing: no export set
up, or an offer without reports, is how things are. A source that should have answered and did not makes the next one a
fallback. What is held with its resources is not overwritten by a fallback that names none: it stays, and is read again.
"""

import hashlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import chain, islice
from pathlib import Path

from costs.deliveries import Deliveries, fetched, is_recent
from costs.files import EXACT, CostFiles, UnreadableFileError
from costs.found import LINES, Found, LackError, Missing, Totals, added, of_rows, words
from costs.models import CostReceipt, Source
from costs.months import last_of, spans
from costs.report_orders import ReportOrders
from costs.rows import RefusedRow, SliceKey
from costs.setbacks import Setbacks
from governance.azure.blobs import download_link
from governance.azure.cost_calls import CostCalls
from governance.azure.cost_exports import DATA_SETS, FOCUS, ExportRun
from governance.azure.cost_reports import CostReport
from governance.azure.costs import MOST_MONTHS, query_costs
from governance.azure.errors import (
    AccessDeniedError,
    AzureError,
    BadShapeError,
    GoneError,
    NotOfferedError,
    SignInFailedError,
    ThrottledError,
)

GROUPING = ("ServiceName", "ResourceGroupName")
ASKED_TWICE = 2  # how often a report is made whose files cannot be fetched
REFUSED_SHOWN = 100  # rows of one file that are told one by one


@dataclass(slots=True)
class SubscriptionSources:
    """The sources of one subscription in one run. `months` are all that the run wants of it, by metric."""

    calls: CostCalls
    subscription_id: str
    today: date
    now: datetime
    months: Mapping[str, Sequence[date]]
    reports: ReportOrders
    deliveries: Deliveries = field(init=False)
    lacking: dict[tuple[Source, str], str] = field(default_factory=dict)  # by source and metric: not offered, and why
    controls: dict[str, dict[date, Totals]] = field(default_factory=dict)
    setbacks: dict[Source, Setbacks] = field(default_factory=lambda: {source: Setbacks() for source in Source})

    def __post_init__(self) -> None:
        wanted = {month for months in self.months.values() for month in months}
        self.deliveries = Deliveries(self.calls, self.subscription_id, wanted)

    def wants_report(self, key: SliceKey) -> bool:
        """Whether no export has the slice, as far as that is known without its files."""
        if self.setbacks[Source.REPORT].given_up:
            return False
        run = self.deliveries.newest(key.metric, key.month)
        return run is None or not is_recent(run, now=self.now)

    def given_up(self, source: Source, key: SliceKey) -> str:
        """Why this source is not asked for the slice, in words; "" also where an export has nothing of it.

        A report that is made already is still waited for.
        """
        is_made = source == Source.REPORT and key in self.reports.orders
        has_nothing = source == Source.EXPORT and self.deliveries.newest(key.metric, key.month) is None
        return "" if is_made or has_nothing else self.setbacks[source].given_up

    def note(self, source: Source, key: SliceKey, error: Exception) -> None:
        """A source did not give the slice. That it refused us is so for the whole run, but of the link to a file."""
        is_final = isinstance(error, AccessDeniedError) and (
            source != Source.REPORT or (key.subscription_id, key.metric) in self.reports.refused
        )
        what = key.month if source == Source.EXPORT else (key.month, key.metric)  # a delivery may tell both metrics
        self.setbacks[source].note(what, f"{source.label}: {error}", is_final=is_final)

    @contextmanager
    def reading(self, month: date) -> Iterator["MonthReading"]:
        """Read one month: its files lie in a folder that is gone afterwards."""
        with tempfile.TemporaryDirectory(prefix="costs-") as folder, ExitStack() as opened:
            yield MonthReading(self, month, Path(folder), opened)

    def control(self, month: date, metric: str, until: date) -> Totals | None:
        """What a cost query says the month cost up to this day, by currency; None when it could not be asked.

        One question for all months the run wants of this metric, as far as the quota lets one have.
        """
        known = self.controls.setdefault(metric, {})
        is_asked = (Source.QUERY, metric) not in self.lacking and not self.setbacks[Source.QUERY].given_up
        if month not in known and is_asked:
            span = next(span for span in spans(self.months[metric], MOST_MONTHS) if month in span)
            try:
                self._ask_control(metric, span, until)
            except NotOfferedError as error:
                self.lacking[Source.QUERY, metric] = str(error)
            except (ThrottledError, SignInFailedError):
                raise
            except AzureError as error:
                self.note(Source.QUERY, SliceKey(self.subscription_id, month, metric), error)
        return known.get(month)

    def _ask_control(self, metric: str, span: Sequence[date], until: date) -> None:
        totals: dict[date, dict[str, Decimal]] = {month: {} for month in span}
        first, last = min(span), max(last_of(month) if last_of(month) < self.today else until for month in span)
        for row in query_costs(
            self.calls, self.subscription_id, metric=metric, first=first, last=last, granularity="Monthly"
        ):
            if row.month is None:
                raise BadShapeError("Cost Management's answer by month names none.")
            of_month = totals.setdefault(row.month, {})
            of_month[row.currency] = EXACT.add(of_month.get(row.currency, Decimal(0)), row.amount)
        self.controls[metric].update(totals)


@dataclass(slots=True)
class MonthReading:
    """The way through the sources for one month of one subscription; both metrics share what was downloaded."""

    sources: SubscriptionSources
    month: date
    folder: Path
    opened: ExitStack
    files: dict[str, CostFiles] = field(default_factory=dict)  # by data set
    unreadable: dict[str, str] = field(default_factory=dict)  # by data set, why

    def find(self, metric: str, *, is_held_with_resources: bool) -> Found | Missing:
        """The slice of the best source that has it. Raises ThrottledError, and SignInFailedError."""
        key = SliceKey(self.sources.subscription_id, self.month, metric)
        lacks: list[str] = []
        failures: list[str] = []
        for source, read in (
            (Source.EXPORT, self._from_export),
            (Source.REPORT, self._from_report),
            (Source.QUERY, self._from_query),
        ):
            if source == Source.QUERY and failures and is_held_with_resources:
                failures.append("What was read before, with its resources, is kept.")
                return Missing(key, source, CostReceipt.Verdict.FAILED, words(failures))
            if told := self.sources.given_up(source, key):
                failures.append(told)
                continue
            try:
                found = read(key, lacks, failures)
            except (ThrottledError, SignInFailedError):
                raise
            except NotOfferedError as error:
                self.sources.lacking[source, metric] = str(error)
                lacks.append(str(error))
            except LackError as error:
                lacks.append(str(error))
            except _StoppedError as error:
                failures.append(f"{source.label}: {error}")
            except (AzureError, UnreadableFileError) as error:
                failures.append(f"{source.label}: {error}")
                self.sources.note(source, key, error)
            else:
                self.sources.setbacks[source].note_success()
                return found
        verdict = CostReceipt.Verdict.FAILED if failures else CostReceipt.Verdict.NOT_OFFERED
        return Missing(key, Source.QUERY, verdict, words(failures or lacks))

    def control(self, found: Found, *, held_rows: int) -> Totals | None:
        """What a cost query says beside a file, and beside a query that found nothing where there was something.

        None beside any other query, and where nothing could be told yet.
        """
        is_doubtful = found.has_resources or (held_rows and not found.rows)
        if not is_doubtful or found.until < self.month:
            return None
        return self.sources.control(self.month, found.key.metric, found.until)

    # --- an export in its storage account ---

    def _from_export(self, key: SliceKey, lacks: list[str], failures: list[str]) -> Found:
        deliveries = self.sources.deliveries
        run = deliveries.newest(key.metric, key.month)
        if run is None:
            if deliveries.failure:
                failures.append(deliveries.failure)
            raise LackError("" if deliveries.failure else deliveries.lack)
        delivered = f"Cost export {run.export.name}, delivered {run.submitted_at:%Y-%m-%d %H:%M} UTC."
        if not is_recent(run, now=self.sources.now):
            raise _StoppedError(f"{delivered} It has stopped since.")
        files = self._delivered(run)
        whole_days = run.submitted_at.date() - timedelta(days=1)  # the day it was made is told in part at best
        found = self._content(key, files, Source.EXPORT, delivered, announced=run.rows)
        return replace(found, until=min(found.until, whole_days))

    def _delivered(self, run: ExportRun) -> CostFiles:
        name = run.export.data_set
        if name in self.unreadable:
            raise UnreadableFileError(self.unreadable[name])
        if name not in self.files:
            try:
                paths = fetched(self.sources.calls, run, self.folder)
                self.files[name] = self._open(paths, None if name == FOCUS else DATA_SETS[name][0])
            except (AzureError, UnreadableFileError) as error:
                self.unreadable[name] = str(error)
                raise
        return self.files[name]

    # --- a cost details report ---

    def _from_report(self, key: SliceKey, lacks: list[str], failures: list[str]) -> Found:
        files = self._reported(key)
        reason = words([*lacks, *failures])
        if files is None:
            return of_rows(key, [], Source.REPORT, reason, failures, until=self._until)
        return self._content(key, files, Source.REPORT, reason, failures=failures)

    def _reported(self, key: SliceKey) -> CostFiles | None:
        """The files of a report; None when it says that there is nothing. One whose links died is made once more."""
        for attempt in range(ASKED_TWICE):
            report = self.sources.reports.finished(key)
            if not report.blobs:
                return None
            try:
                return self._open(self._fetched(report, key.metric), key.metric)
            except (AccessDeniedError, GoneError):
                if attempt == ASKED_TWICE - 1:
                    raise
        raise AssertionError("unreachable")

    def _fetched(self, report: CostReport, metric: str) -> list[Path]:
        suffix, paths = ".csv.gz" if report.is_compressed else ".csv", []
        for number, blob in enumerate(report.blobs):
            paths.append(self.folder / f"report-{metric}-{number}{suffix}")
            download_link(self.sources.calls.azure, blob.link, paths[-1], expected_bytes=blob.bytes)
        return paths

    # --- a query ---

    def _from_query(self, key: SliceKey, lacks: list[str], failures: list[str]) -> Found:
        if told := self.sources.lacking.get((Source.QUERY, key.metric)):
            raise LackError(told)
        rows = list(
            query_costs(
                self.sources.calls,
                key.subscription_id,
                metric=key.metric,
                first=key.month,
                last=self._until,
                grouping=GROUPING,
            )
        )
        return of_rows(key, rows, Source.QUERY, words([*lacks, *failures]), failures, until=self._until)

    # --- files ---

    @property
    def _until(self) -> date:
        return min(last_of(self.month), self.sources.today)

    def _open(self, paths: Sequence[Path], metric: str | None) -> CostFiles:
        return self.opened.enter_context(CostFiles(paths, metric=metric))

    def _content(
        self,
        key: SliceKey,
        files: CostFiles,
        source: Source,
        reason: str,
        *,
        announced: int | None = None,
        failures: Sequence[str] = (),
    ) -> Found:
        """The slice out of files that may hold others too: of other subscriptions, and of the other metric."""
        if announced is not None and announced != files.rows:
            raise BadShapeError(f"The delivery announces {announced} rows and has {files.rows}.")
        contents = [row for row in files.slices() if row.key.metric == key.metric and self._is_ours(row.key, files)]
        mine = [row for row in contents if row.key.month == key.month]
        found = of_rows(key, [], source, reason, failures, until=self._until)
        if mine:
            found = replace(
                found,
                rows=sum(row.rows for row in mine),
                content_hash=hashlib.sha256(repr([row.content_hash for row in mine]).encode()).hexdigest(),
                totals=added(row.totals for row in mine),
                residual=added(row.residual for row in mine),
                lines=lambda: chain.from_iterable(files.lines(row.key, size=LINES) for row in mine),
            )
        strays = [
            RefusedRow("", 0, f"{row.rows} row(s) of {row.key.month:%Y-%m} stand in the files of {key.month:%Y-%m}.")
            for row in contents
            if row.key.month != key.month
        ]
        refused = (*strays, *islice(files.refused(), REFUSED_SHOWN))
        return replace(found, refused=refused, refused_count=len(strays) + files.refused_count)

    def _is_ours(self, key: SliceKey, files: CostFiles) -> bool:
        """Rows of the subscription, and those that name none: what it did not use of a commitment, and rounding.

        All our deliveries are of one subscription; FOCUS leaves it out of such rows.
        """
        of_account = {row.subscription_id for row in files.subscriptions() if row.is_account}
        return key.subscription_id == self.sources.subscription_id or key.subscription_id in of_account


class _StoppedError(AzureError):
    """An export delivers no more: a judgement of the listing, after which older months may still be had from it."""
