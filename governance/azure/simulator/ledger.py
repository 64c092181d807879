"""The truth about costs: every row of every subscription and month as it is known on a day, and sums of it."""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from governance.azure.simulator.charges import Charge, Horizon, horizon, money, resource_charges
from governance.azure.simulator.commitments import other_charges, reservation, reservation_charges

if TYPE_CHECKING:
    from governance.azure.simulator.world import Subscription, World

Metric = Literal["actual", "amortized"]
METRICS: tuple[Metric, Metric] = ("actual", "amortized")
KEPT_ROWS = 400_000  # of months that were worked out already
CUTS = ("subscription", "day", "service", "resource_group", "resource", "region", "charge_type", "meter")
TAG_CUT = "tag:"


class Ledger:
    """Thread-safe. Rows are worked out from the resources' past when they are asked for."""

    def __init__(self, world: "World", *, meters_per_resource: int | None = None) -> None:
        self._world = world
        self._meters = meters_per_resource
        self._zeroed: dict[tuple[str, date], tuple[bool, date]] = {}
        self._kept: OrderedDict[tuple[str, date, date], list[Charge]] = OrderedDict()
        self._lock = threading.RLock()

    def charges(self, subscription: "Subscription", month: date, *, as_of: date | None = None) -> list[Charge]:
        """Rows of both metrics, as known today or on an earlier day. Shared list: do not change it."""
        day = min(as_of or self._world.today, self._world.today)
        key = (subscription.subscription_id, month.replace(day=1), day)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = self._restated(subscription, key[1], day)
                self._forget()
            self._kept.move_to_end(key)
            return self._kept[key]

    def rows(
        self, subscription: "Subscription", month: date, metric: str, *, as_of: date | None = None
    ) -> list[Charge]:
        """Those that stand in one metric's report."""
        found = self.charges(subscription, month, as_of=as_of)
        if metric == "actual":
            return [row for row in found if row.is_actual]
        return [row for row in found if row.is_amortized]

    def total(self, subscription: "Subscription", month: date, metric: str) -> dict[str, Decimal]:
        """Exact, by currency."""
        return {currency: amount for (currency,), amount in summed([(subscription, month)], self, metric, ()).items()}

    def truth(
        self,
        name_or_id: str,
        month: date,
        *,
        metric: Metric | None = None,
        subscription_id: str | None = None,
        by: Sequence[str] = ("day", "service", "resource_group"),
    ) -> dict[str, Any]:
        """Exact amounts as text: per metric the total by currency, and one row for each cut by ``by`` and currency.

        ``by`` takes words of ``CUTS`` and ``tag:NAME``. Raises KeyError for an unknown tenant or word.
        """
        tenant = self._world.tenant(name_or_id)
        if tenant is None:
            raise KeyError(name_or_id)
        wanted = [
            (row, month)
            for row in self._world.subscriptions_seen_by(tenant)
            if row.tenant_id == tenant.tenant_id and subscription_id in (None, row.subscription_id)
        ]
        metrics = (metric,) if metric else METRICS
        return {
            "tenant": tenant.name,
            "month": f"{month:%Y-%m}",
            "day": self._world.day,
            "date": self._world.today,
            "metrics": {name: self._cut(wanted, name, by) for name in metrics},
        }

    def restate_to_zero(self, subscription_id: str, month: date, *, keeps_rows: bool = True) -> None:
        """From today on the month cost nothing: its rows say 0, or there are none any more."""
        with self._lock:
            self._zeroed[subscription_id.lower(), month.replace(day=1)] = (keeps_rows, self._world.today)
            self._kept.clear()

    def restore(self) -> None:
        """No month is restated to zero any more."""
        with self._lock:
            self._zeroed.clear()
            self._kept.clear()

    def _cut(self, wanted: Sequence[tuple["Subscription", date]], metric: Metric, by: Sequence[str]) -> dict[str, Any]:
        totals = summed(wanted, self, metric, ())
        cuts = summed(wanted, self, metric, by)
        return {
            "totals": {currency: plain(amount) for (currency,), amount in totals.items()},
            "rows": sum(len(self.rows(subscription, month, metric)) for subscription, month in wanted),
            "cuts": [
                {**dict(zip(by, key, strict=False)), "currency": key[-1], "amount": plain(amount)}
                for key, amount in sorted(cuts.items())
            ],
        }

    def restated_on(self, subscription: "Subscription", month: date) -> date | None:
        """The day on which the month was restated to zero, if it was."""
        found = self._zeroed.get((subscription.subscription_id, month.replace(day=1)))
        return found[1] if found else None

    def _restated(self, subscription: "Subscription", month: date, as_of: date) -> list[Charge]:
        keeps_rows, since = self._zeroed.get((subscription.subscription_id, month), (True, date.max))
        if as_of < since:
            return list(self._worked_out(subscription, horizon(month, as_of)))
        if not keeps_rows:
            return []
        found = self._worked_out(subscription, horizon(month, as_of))
        return [Charge(row.day, row.item, 0, 0, 0) for row in found]

    def _worked_out(self, subscription: "Subscription", seen: Horizon) -> Iterable[Charge]:
        billing, world = subscription.billing, self._world
        slots = world.slots_of(subscription)
        machines = sum(slot.type.key == "vm" and not slot.born for slot in slots)
        coverage = None
        if billing.has_commitments and slots:
            coverage = reservation(world.seed, subscription.subscription_id, machines)
        for slot in slots:
            yield from resource_charges(
                slot,
                seen,
                day_zero=world.day_zero,
                currency=billing.currency,
                coverage=coverage,
                meters=self._meters,
            )
        if coverage:
            yield from reservation_charges(coverage, seen, billing.currency)
        if slots:
            yield from other_charges(world.seed, subscription.subscription_id, billing, seen)

    def _forget(self) -> None:
        while len(self._kept) > 1 and sum(map(len, self._kept.values())) > KEPT_ROWS:
            self._kept.popitem(last=False)


def summed(
    wanted: Iterable[tuple["Subscription", date]], ledger: Ledger, metric: str, by: Sequence[str]
) -> dict[tuple[str, ...], Decimal]:
    """Exact sums by these words and, last, the currency."""
    sums: dict[tuple[str, ...], int] = {}
    for subscription, month in wanted:
        for row in ledger.rows(subscription, month, metric):
            key = (*(cut_value(row, word, subscription.subscription_id) for word in by), row.item.currency)
            sums[key] = sums.get(key, 0) + (row.billed if metric == "actual" else row.effective)
    return {key: money(units) for key, units in sums.items()}


def cut_value(row: Charge, word: str, subscription_id: str) -> str:
    """Groups, regions and resources in lower case, as Azure does not tell their cases apart."""
    item = row.item
    if word.startswith(TAG_CUT):
        wanted = word.removeprefix(TAG_CUT).lower()
        return next((value for name, value in (item.tags or {}).items() if name.lower() == wanted), "")
    values = {
        "subscription": subscription_id,
        "day": row.day.isoformat(),
        "service": item.service,
        "resource_group": item.resource_group.lower(),
        "resource": item.resource_id.lower(),
        "region": item.region.lower(),
        "charge_type": item.charge_type,
        "meter": item.meter,
    }
    return values[word]


def plain(amount: Decimal) -> str:
    """Without an exponent."""
    return format(amount, "f")
