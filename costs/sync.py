"""The cost sync of one tenant: fetch, shape, store, sweep, judge.

The unit is the slice: one subscription, month and metric. Each is stored whole in a transaction of its own, so that a
run that is killed, or that Azure throttles, leaves whole slices; the next run goes on with what is still due. There is
nothing to sweep: replacing a slice removes what is no longer in it, and a slice that cannot be read stays.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import groupby
from operator import itemgetter
from uuid import UUID

import structlog
from django.db.models import Max
from django.utils import timezone

from audit.models import CoverageReceipt, Outcome
from audit.runs import ActiveRun, SyncSummary, previous_receipts, sync_run
from costs.billing_scope import BillingScope
from costs.coverage import COSTS, NOT_OFFERED, RECEIVED, SliceReading, SubscriptionReading, judge, shortfall, totals
from costs.found import Found, Missing, Totals
from costs.models import CostReceipt, CostSlice
from costs.month_reading import MonthReading
from costs.months import METRICS, Place, due, first_of, last_day_of_closing, last_of, readable_months
from costs.report_orders import ReportOrders
from costs.rows import SliceKey
from costs.sources import SubscriptionSources
from costs.store import note_failure, replace_slice
from governance import bulk
from governance.azure import arm
from governance.azure.cost_calls import CostCalls
from governance.azure.errors import AzureError, ThrottledError
from governance.azure.transport import AzureConnection
from governance.azure_budgets import CostBudget
from tenants.connections import azure_access
from tenants.models import Subscription, Tenant
from tenants.subscriptions import record_subscriptions

log = structlog.get_logger(__name__)

KIND = "costs"


class UnreadableMonthError(ValueError):
    """The month asked for is not one that Azure still tells the costs of. The text says which are."""


def sync_costs(
    tenant: Tenant, *, requested_by: UUID | None = None, month: date | None = None, today: date | None = None
) -> SyncSummary:
    """Read what is due of the tenant's costs, or only `month`, and make our slices equal to it.

    Raises UnreadableMonthError, and RunInProgressError when the tenant's costs are being synced elsewhere. Whatever
    Azure refuses ends in the summary; after throttling that says when to go on.
    """
    now = _moment(today)
    asked = None if month is None else _checked(month, now.date())
    access = azure_access(tenant)
    with sync_run(tenant.id, KIND, requested_by=requested_by, withhold=access.withhold) as run:
        throttled: float | None = None
        try:
            with AzureConnection(access, on_request=run.count_request) as azure:
                calls = CostCalls(azure, CostBudget(access.tenant_id))
                throttled = _CostSync(tenant, calls, run, now, asked).read()
        except AzureError as error:
            throttled = error.retry_after_seconds if isinstance(error, ThrottledError) else None
            with run.page():
                run.conclude(Outcome.FAILED, reason=str(error))
        bulk.refresh_statistics()
        summary = run.summary(tenant.name, retry_after_seconds=throttled)
        told = {"outcome": summary.outcome, "received": summary.received, "seconds": summary.seconds}
        log.info("sync_finished", **told, reason=summary.reason)
        return summary


@dataclass(slots=True)
class _CostSync:
    """One run's way through a tenant's subscriptions and months."""

    tenant: Tenant
    calls: CostCalls
    run: ActiveRun
    now: datetime
    asked: date | None  # only this month
    readings: dict[UUID, SubscriptionReading] = field(default_factory=dict)
    held: dict[UUID, dict[Place, CostSlice]] = field(default_factory=dict)
    sources: dict[str, SubscriptionSources] = field(default_factory=dict)
    reports: ReportOrders = field(init=False)
    billing: BillingScope = field(init=False)
    throttled: float | None = None

    def __post_init__(self) -> None:
        self.billing = BillingScope(self.calls, self.tenant.cost_export_scope)
        self.reports = ReportOrders(self.calls, self.now.date(), self.run.beat, self._wants_report)

    def read(self) -> float | None:
        """The whole run. Returns the seconds Azure wants to be left alone, if that is what ended it."""
        subscriptions = self._subscriptions()
        self._remember(subscriptions)
        visible = [row for row in subscriptions if row.access_lost_at is None]
        wanted = self._plan(visible)
        turns = [
            (row, month, metrics)
            for month in readable_months(self.now.date())
            for row in visible
            if (metrics := wanted[row.id].get(month))
        ]
        self.reports.ahead.extend(
            SliceKey(row.subscription_id, month, metric) for row, month, metrics in turns for metric in metrics
        )
        for _, of_month in groupby(turns, key=itemgetter(1)):
            with self.billing.reading():
                for row, month, metrics in of_month:
                    self._read_month(row, month, metrics)
        self._note_lost(row for row in subscriptions if row.access_lost_at is not None)
        self._finish(subscriptions)
        return self.throttled

    # --- what is due ---

    def _subscriptions(self) -> list[Subscription]:
        own = [
            record
            for record in arm.list_subscriptions(self.calls.azure)
            if record.tenant_id == self.calls.azure.access.tenant_id.lower()
        ]
        return record_subscriptions(self.tenant, own, now=timezone.now())

    def _remember(self, subscriptions: Iterable[Subscription]) -> None:
        self.readings = {row.id: SubscriptionReading(row.subscription_id) for row in subscriptions}
        for held in CostSlice.objects.for_tenant(self.tenant.id):
            self.held.setdefault(held.subscription_id, {})[held.month, held.metric] = held

    def _plan(self, visible: Sequence[Subscription]) -> dict[UUID, dict[date, list[str]]]:
        """Per subscription the months that are due, with their metrics."""
        not_offered = self._not_offered()
        plan: dict[UUID, dict[date, list[str]]] = {}
        for row in visible:
            finality = {place: held.finality for place, held in self.held.get(row.id, {}).items()}
            places = self._only() or due(self.now.date(), finality, not_offered.get(row.id, ()))
            plan[row.id] = {}
            for month, metric in places:
                plan[row.id].setdefault(month, []).append(metric)
            self.billing.subscriptions.add(row.subscription_id)
            self.billing.months.update(month for month, _ in places)
            by_metric = {metric: [month for month, of in places if of == metric] for metric in METRICS}
            self.sources[row.subscription_id] = SubscriptionSources(
                self.calls, row.subscription_id, self.now.date(), self.now, by_metric, self.reports, self.billing
            )
        return plan

    def _not_offered(self) -> dict[UUID, set[Place]]:
        """What an offer did not have, by subscription; without what it may have since. Two queries.

        Where nothing at all was to be had of a subscription then, and something is now, its offer has become another.
        """
        receipts = CostReceipt.objects.for_tenant(self.tenant.id).order_by()
        refused = receipts.filter(verdict=CostReceipt.Verdict.NOT_OFFERED)
        places = list(refused.values_list("subscription_id", "metric", "month").annotate(last=Max("at")))
        came = receipts.filter(verdict__in=RECEIVED, subscription__in=refused.values("subscription"))
        received: dict[tuple[UUID, str], set[datetime]] = defaultdict(set)
        for key, metric, at in came.values_list("subscription_id", "metric", "at").distinct() if places else ():
            received[key, metric].add(at)
        found: dict[UUID, set[Place]] = defaultdict(set)
        for key, metric, month, refused_at in places:
            moments = received[key, metric]
            if refused_at in moments or max(moments, default=refused_at) <= refused_at:
                found[key].add((month, metric))
        return found

    def _wants_report(self, key: SliceKey) -> bool:
        return self.sources[key.subscription_id].wants_report(key)

    def _only(self) -> list[Place]:
        return [] if self.asked is None else [(self.asked, metric) for metric in METRICS]

    # --- fetch, shape, store ---

    def _read_month(self, subscription: Subscription, month: date, metrics: Sequence[str]) -> None:
        if self.throttled is not None:
            for metric in metrics:
                self._note_waiting(subscription, month, metric, ThrottledError(self.throttled))
            return
        with MonthReading.of(self.sources[subscription.subscription_id], month) as reading:
            for metric in metrics:
                try:
                    self._read_slice(subscription, reading, metric)
                except ThrottledError as error:
                    self.throttled = error.retry_after_seconds
                    self._note_waiting(subscription, month, metric, error)

    def _read_slice(self, subscription: Subscription, reading: MonthReading, metric: str) -> None:
        if self.throttled is not None:
            raise ThrottledError(self.throttled)
        held = self.held.get(subscription.id, {}).get((reading.month, metric))
        found = reading.find(metric, is_held_with_resources=held is not None and held.has_resources)
        if isinstance(found, Missing):
            self._note_missing(subscription, found)
        else:
            control = reading.control(found, held_rows=held.row_count if held else 0)
            self._store(subscription, found, control, is_new=held is None)

    def _store(self, subscription: Subscription, found: Found, control: Totals | None, *, is_new: bool) -> None:
        gaps = self._gaps(found, control)
        with self.run.page():
            receipt = replace_slice(
                self.tenant.id,
                subscription,
                found.key,
                found.lines(),
                source=found.source,
                source_reason=self.run.withhold(found.reason)[:1000],
                has_resources=found.has_resources,
                read_at=self.now,
                today=last_day_of_closing(found.key.month, self.now.date()) if gaps else self.now.date(),
                content_hash=found.content_hash,
                expected_rows=found.rows,
                control=control,
                residual=found.residual,
                run=self.run.row,
            )
        self._count(found, receipt, is_new=is_new)
        is_refused = receipt.verdict == CostReceipt.Verdict.REFUSED
        reading = SliceReading(
            month=found.key.month,
            metric=found.key.metric,
            verdict=receipt.verdict,
            rows=found.rows,
            expected=found.rows + found.refused_count,
            set_aside=found.refused_count,
            failure=receipt.reason if is_refused else gaps,
        )
        self.readings[subscription.id].slices.append(reading)

    def _gaps(self, found: Found, control: Totals | None) -> str:
        """Why the slice is not whole though it is there: it is not final then, and the next run reads it again."""
        aside = f"{found.refused_count} row(s) could not be read and were set aside." if found.refused_count else ""
        is_over = last_of(found.key.month) < self.now.date()
        return " ".join(filter(None, [found.fallback_for, aside, shortfall(found.totals, control) if is_over else ""]))

    def _count(self, found: Found, receipt: CostReceipt, *, is_new: bool) -> None:
        """`created` and `changed` count slices; what the files refused is kept row by row."""
        tally = self.run.tally
        if receipt.verdict == CostReceipt.Verdict.STORED:
            tally.created += is_new
            tally.changed += not is_new
        for row in found.refused:
            self.run.put_aside("", f"{found.key.month:%Y-%m} {found.key.metric}: {row.reason}")
        tally.set_aside += found.refused_count - len(found.refused)

    def _note_missing(self, subscription: Subscription, missing: Missing) -> None:
        with self.run.page():
            note_failure(
                self.tenant.id,
                subscription,
                missing.key,
                source=missing.source,
                source_reason="",
                verdict=missing.verdict,
                reason=self.run.withhold(missing.reason)[:1000],
                at=self.now,
                run=self.run.row,
            )
        is_lack = missing.verdict == NOT_OFFERED
        reading = SliceReading(
            missing.key.month,
            missing.key.metric,
            missing.verdict,
            failure="" if is_lack else missing.reason,
            not_offered=missing.reason if is_lack else "",
        )
        self.readings[subscription.id].slices.append(reading)

    def _note_waiting(self, subscription: Subscription, month: date, metric: str, error: ThrottledError) -> None:
        """Nothing was asked about this slice: the tenant's turn is over, and the next run goes on here."""
        reading = SliceReading(month, metric, CostReceipt.Verdict.FAILED, failure=str(error))
        self.readings[subscription.id].slices.append(reading)

    # --- judge ---

    def _note_lost(self, lost: Iterable[Subscription]) -> None:
        for row in lost:
            since = f"{row.access_lost_at:%Y-%m-%d}" if row.access_lost_at else ""
            self.readings[
                row.id
            ].failure = (
                f"Subscription {row.name} is not visible since {since}: access lost or deleted. Its costs are kept."
            )

    def _finish(self, subscriptions: Sequence[Subscription]) -> None:
        """Receipts and outcome, in one short transaction."""
        readings = list(self.readings.values())
        self.run.tally.expected, self.run.tally.received = totals(readings)
        judgement = judge(readings)
        before = {row.subscription_id: row for row in previous_receipts(self.run.row) if row.source == COSTS}
        receipts = [self._receipt(row, before.get(row.id)) for row in subscriptions]
        with self.run.page():
            self.run.conclude(Outcome(judgement.outcome), reason=judgement.reason, receipts=receipts)

    def _receipt(self, subscription: Subscription, earlier: CoverageReceipt | None) -> CoverageReceipt:
        """Of a run that read one month alone: what was known before, since the open month was not looked at."""
        reading = self.readings[subscription.id]
        last_complete_at = earlier.last_complete_at if earlier else None
        is_complete, reason = reading.is_complete, reading.missing or reading.not_offered
        if self.asked is None or self.asked == first_of(self.now.date()):
            last_complete_at = timezone.now() if is_complete else last_complete_at
        elif is_complete:
            is_complete = earlier is not None and earlier.complete
            reason = earlier.reason if earlier else f"Only {self.asked:%Y-%m} was read so far."
        return CoverageReceipt(
            tenant_id=self.tenant.id,
            run=self.run.row,
            subscription=subscription,
            source=COSTS,
            expected=reading.expected,
            received=reading.received,
            set_aside=reading.set_aside,
            complete=is_complete,
            reason=reason[:1000],
            last_complete_at=last_complete_at,
        )


def _moment(today: date | None) -> datetime:
    """Now, on another day if one is given."""
    now = timezone.now()
    return now if today is None else datetime.combine(today, now.astimezone(UTC).timetz())


def _checked(month: date, today: date) -> date:
    readable = readable_months(today)
    if first_of(month) not in readable:
        raise UnreadableMonthError(
            f"{month:%Y-%m} cannot be read: Azure tells the months from {readable[-1]:%Y-%m} to {readable[0]:%Y-%m}."
        )
    return first_of(month)
