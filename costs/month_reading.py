"""Where the costs of a subscription come from: an export of its own, else one at the tenant's billing scope, else a
cost details report, else a query by service and resource group.

The best source that has a month gives it; why no better one did is told with it. Lacking is not failing: no export set
up, or an offer without reports, is how things are. A source that should have answered and did not makes the next one a
fallback. What is held with its resources is not overwritten by a fallback that names none: it stays, and is read again.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import islice
from pathlib import Path
from typing import Self

from costs.coverage import shortfall
from costs.credibility import Reading, doubt
from costs.deliveries import Deliveries, fetched, is_recent
from costs.files import CostFiles, UnreadableFileError
from costs.found import Found, LackError, Missing, Totals, filled, of_rows, words
from costs.models import CostReceipt, Source
from costs.months import last_of
from costs.rows import SliceKey
from costs.sources import SubscriptionSources
from governance.azure.blobs import download_link
from governance.azure.cost_exports import DATA_SETS, FOCUS, ExportRun
from governance.azure.cost_reports import CostReport
from governance.azure.costs import query_costs
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
SPOILT = "Rows of it could not be read."
ACCOUNT_LEFT_OUT = "Rows that name no subscription are the billing account's, and are left out."


@dataclass(slots=True)
class MonthReading:
    """The way through the sources for one month of one subscription; both metrics share what was downloaded."""

    sources: SubscriptionSources
    month: date
    folder: Path
    opened: ExitStack
    files: dict[str, CostFiles] = field(default_factory=dict)  # by data set
    unreadable: dict[str, str] = field(default_factory=dict)  # by data set, why
    stopped: set[str] = field(default_factory=set)  # the words on exports that have stopped

    @classmethod
    @contextmanager
    def of(cls, sources: SubscriptionSources, month: date) -> Iterator[Self]:
        """Read one month: its files lie in a folder that is gone afterwards."""
        with tempfile.TemporaryDirectory(prefix="costs-") as folder, ExitStack() as opened:
            yield cls(sources, month, Path(folder), opened)

    def find(self, metric: str, *, is_held_with_resources: bool) -> Found | Missing:
        """The slice of the best source that has it. Raises ThrottledError, and SignInFailedError."""
        key = SliceKey(self.sources.subscription_id, self.month, metric)
        lacks: list[str] = []
        failures: list[str] = []
        own, shared = self.sources.setbacks, self.sources.billing.setbacks
        for source, setbacks, read in (
            (Source.EXPORT, own[Source.EXPORT], self._from_export),
            (Source.EXPORT, shared, self._from_billing_export),
            (Source.REPORT, own[Source.REPORT], self._from_report),
            (Source.QUERY, own[Source.QUERY], self._from_query),
        ):
            if source == Source.QUERY and failures and is_held_with_resources:
                failures.append("What was read before, with its resources, is kept.")
                return Missing(key, source, CostReceipt.Verdict.FAILED, words(failures))
            if told := self.sources.given_up(source, setbacks, key):
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
            except _UnfitError as error:
                failures.append(f"{source.label}: {error}")
                self.stopped.add(failures[-1])
            except (AzureError, UnreadableFileError) as error:
                failures.append(f"{source.label}: {error}")
                self.sources.note(source, setbacks, key, error)
            else:
                setbacks.note_success()
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

    # --- an export of its own ---

    def _from_export(self, key: SliceKey, lacks: list[str], failures: list[str]) -> Found:
        run, delivered = self._recent(self.sources.deliveries, key, failures)
        files = self._delivered(run)
        found = self._content(key, files, Source.EXPORT, delivered, announced=run.rows)
        return replace(found, until=min(found.until, _whole_days(run)))

    def _recent(self, deliveries: Deliveries, key: SliceKey, failures: list[str]) -> tuple[ExportRun, str]:
        """The delivery of these exports that has the slice, and the words on it."""
        run = deliveries.newest(key.metric, key.month)
        if run is None:
            if deliveries.failure:
                failures.append(deliveries.failure)
            raise LackError("" if deliveries.failure else deliveries.lack)
        delivered = f"Cost export {run.export.name}{deliveries.at}, delivered {run.submitted_at:%Y-%m-%d %H:%M} UTC."
        if not is_recent(run, now=self.sources.now):
            raise _UnfitError(f"{delivered} It has stopped since.")
        return run, delivered

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

    # --- an export at the billing scope ---

    def _from_billing_export(self, key: SliceKey, lacks: list[str], failures: list[str]) -> Found:
        """It is no fallback for an export of the subscription's own that has stopped: it takes its place."""
        billing = self.sources.billing
        run, delivered = self._recent(billing.deliveries, key, failures)
        shared = billing.delivery(run)
        left_out = ACCOUNT_LEFT_OUT if shared.has_account_rows else ""
        reason = words([*lacks, *failures, delivered, left_out])
        failures = [failure for failure in failures if failure not in self.stopped]
        until = min(self._until, _whole_days(run))
        found = filled(
            of_rows(key, [], Source.EXPORT, reason, failures, until=until),
            shared.files,
            shared.contents_of(key),
            refused=shared.refused(key.subscription_id, most=REFUSED_SHOWN),
            refused_count=shared.refused_count(key.subscription_id),
        )
        if why := self._missing_of(found):
            is_spoilt = found.refused_count > 0
            raise (_UnfitError if is_spoilt else LackError)(f"{delivered} {why} {SPOILT if is_spoilt else ''}".strip())
        return found

    def _missing_of(self, found: Found) -> str:
        """What a delivery of the billing scope lacks of the subscription, in words, by Azure's own total of it.

        That it has no row means nothing: the scope may not bill it. Rows of it may stand there as the account's own.
        """
        control = self.control(found, held_rows=0)
        if control is None:
            return "" if found.rows else "It has no row of this subscription, and no total of Azure's says zero."
        is_over = last_of(self.month) < self.sources.today
        why = shortfall(found.totals, control) if is_over else doubt(Reading(found.rows, found.totals, control=control))
        if not found.rows and any(control.values()):
            why = "It has no row of this subscription, which did cost something."
        if why:
            self.sources.note_short(found.key.metric)
        return why

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
        empty = of_rows(key, [], source, reason, failures, until=self._until)
        refused = islice(files.refused(), REFUSED_SHOWN)
        return filled(empty, files, contents, refused=refused, refused_count=files.refused_count)

    def _is_ours(self, key: SliceKey, files: CostFiles) -> bool:
        """Rows of the subscription, and those that name none: what it did not use of a commitment, and rounding.

        All these files are of one subscription; FOCUS leaves it out of such rows.
        """
        of_account = {row.subscription_id for row in files.subscriptions() if row.is_account}
        return key.subscription_id == self.sources.subscription_id or key.subscription_id in of_account


def _whole_days(run: ExportRun) -> date:
    """The last day that a delivery can tell of: the day it was made is told in part at best."""
    return run.submitted_at.date() - timedelta(days=1)


class _UnfitError(AzureError):
    """An export delivers no more, or rows that cannot be read. What else it delivered may still be had from it."""
