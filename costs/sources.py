"""The sources of one subscription in one run: what they have, what failed of them, what Azure says in total."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from costs.billing_scope import BillingScope
from costs.deliveries import Deliveries
from costs.files import EXACT
from costs.found import Totals
from costs.models import Source
from costs.months import last_of, spans
from costs.report_orders import ReportOrders
from costs.rows import SliceKey
from costs.setbacks import Setbacks
from governance.azure.cost_calls import CostCalls
from governance.azure.costs import MOST_MONTHS, query_costs
from governance.azure.errors import (
    AccessDeniedError,
    AzureError,
    BadShapeError,
    NotOfferedError,
    SignInFailedError,
    ThrottledError,
)


@dataclass(slots=True)
class SubscriptionSources:
    """The sources of one subscription in one run. `months` are all that the run wants of it, by metric."""

    calls: CostCalls
    subscription_id: str
    today: date
    now: datetime
    months: Mapping[str, Sequence[date]]
    reports: ReportOrders
    billing: BillingScope
    deliveries: Deliveries = field(init=False)
    short: set[str] = field(default_factory=set)  # metrics of which the billing scope has not all of the subscription
    lacking: dict[tuple[Source, str], str] = field(default_factory=dict)  # by source and metric: not offered, and why
    controls: dict[str, dict[date, Totals]] = field(default_factory=dict)
    setbacks: dict[Source, Setbacks] = field(default_factory=lambda: {source: Setbacks() for source in Source})

    def __post_init__(self) -> None:
        wanted = {month for months in self.months.values() for month in months}
        at = " at the subscription" if self.billing.scope else ""
        self.deliveries = Deliveries(self.calls, f"subscriptions/{self.subscription_id}", wanted, at)

    def wants_report(self, key: SliceKey) -> bool:
        """Whether no export has the slice, as far as that is known without its files."""
        if self.setbacks[Source.REPORT].given_up:
            return False
        is_shared = key.metric not in self.short and not self.billing.setbacks.given_up
        deliveries = (self.deliveries, self.billing.deliveries) if is_shared else (self.deliveries,)
        return not any(row.has_recent(key.metric, key.month, now=self.now) for row in deliveries)

    def note_short(self, metric: str) -> None:
        """The billing scope does not have all of a month: the other months may need reports too, which are ordered."""
        if metric not in self.short:
            self.short.add(metric)
            months = sorted(self.months[metric], reverse=True)
            self.reports.ahead.extend(SliceKey(self.subscription_id, month, metric) for month in months)

    def given_up(self, source: Source, setbacks: Setbacks, key: SliceKey) -> str:
        """Why this source is not asked for the slice, in words; "" also where an export has nothing of it.

        A report that is made already is still waited for.
        """
        is_made = source == Source.REPORT and key in self.reports.orders
        deliveries = self.billing.deliveries if setbacks is self.billing.setbacks else self.deliveries
        has_nothing = source == Source.EXPORT and deliveries.newest(key.metric, key.month) is None
        return "" if is_made or has_nothing else setbacks.given_up

    def note(self, source: Source, setbacks: Setbacks, key: SliceKey, error: Exception) -> None:
        """A source did not give the slice. That it refused us is so for the whole run, but of the link to a file."""
        is_final = isinstance(error, AccessDeniedError) and (
            source != Source.REPORT or (key.subscription_id, key.metric) in self.reports.refused
        )
        what = key.month if source == Source.EXPORT else (key.month, key.metric)  # a delivery may tell both metrics
        setbacks.note(what, f"{source.label}: {error}", is_final=is_final)

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
                key = SliceKey(self.subscription_id, month, metric)
                self.note(Source.QUERY, self.setbacks[Source.QUERY], key, error)
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
