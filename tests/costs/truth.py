"""What the simulated Azure knows to be true about costs, in the money type, beside what we hold.

Every row is rounded on its own, as it comes: a row of a file, or the sum of a day, service and resource group where a
query was asked. So the sums below are equal to the last digit, or something was lost.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import Sum

from costs.models import CostReceipt, CostSlice, DailyCost, DailyResourceCost, DailyTagCost, Source
from governance.azure.simulator.focus import WITHOUT_ACCOUNT
from governance.azure.simulator.server import Simulator
from governance.money import rounded
from governance.tenancy import Scope, entered
from tenants.models import Tenant

METRICS = ("actual", "amortized")
Sums = dict[tuple[Any, ...], Decimal]
Place = tuple[str, date, str]  # subscription, month, metric


class TrueRow(NamedTuple):
    """One row that a source gives."""

    day: date
    service: str
    resource_group: str  # lower case
    resource: str  # the hash of its id; "" for none, and where the source names none
    tags: tuple[tuple[str, str], ...]  # names in lower case
    currency: str
    amount: Decimal


def true_rows(azure: Simulator, place: Place, source: str, *, as_of: date | None = None) -> list[TrueRow]:
    """The rows of a slice as this source gives them, known on that day. FOCUS has the rows of both metrics in each.

    At a billing account it names no subscription in rows of unused benefits and of rounding: nobody's slice has them.
    """
    subscription_id, month, metric = place
    subscription = next(
        row
        for tenant in azure.tenants
        for row in azure.world.subscriptions_seen_by(tenant)
        if row.subscription_id == subscription_id
    )
    exact: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
    rows: list[TrueRow] = []
    costs = azure.world.costs
    own, account = subscription.billing.export_types, azure.world.billing_account
    is_shared = source == Source.EXPORT and not own and account is not None
    data_sets = account.billing.export_types if is_shared and account else own
    tells_both = source == Source.EXPORT and "FocusCost" in data_sets
    charges = costs.charges(subscription, month, as_of=as_of) if tells_both else None
    for charge in costs.rows(subscription, month, metric, as_of=as_of) if charges is None else charges:
        item = charge.item
        if is_shared and tells_both and item.charge_type in WITHOUT_ACCOUNT:
            continue
        group, service = item.resource_group.lower(), item.service
        if source == Source.QUERY:
            exact[charge.day, service, group, item.currency] += charge.amount(metric)
            continue
        azure_id = item.resource_id.lower()
        key = hashlib.sha256(azure_id.encode()).hexdigest() if azure_id else ""
        tags = tuple(sorted((name.lower(), value) for name, value in (item.tags or {}).items()))
        rows.append(TrueRow(charge.day, service, group, key, tags, item.currency, rounded(charge.amount(metric))))
    rows += [
        TrueRow(day, service, group, "", (), currency, rounded(amount))
        for (day, service, group, currency), amount in exact.items()
    ]
    return rows


def true_total(azure: Simulator, place: Place) -> dict[str, Decimal]:
    """The exact total of a slice by currency, as the simulator adds it up itself."""
    subscription_id, month, metric = place
    for tenant in azure.tenants:
        for row in azure.world.subscriptions_seen_by(tenant):
            if row.subscription_id == subscription_id:
                return {code: amount for code, amount in azure.world.costs.total(row, month, metric).items() if amount}
    return {}


def summed(rows: Iterable[TrueRow], *fields: str) -> Sums:
    """Sums by these fields and the currency; "tag" counts a row once for each of its tags."""
    sums: Sums = defaultdict(Decimal)
    for row in rows:
        for tag in row.tags if "tag" in fields else ((),):
            values = (tag if field == "tag" else getattr(row, field) for field in fields)
            sums[*values, row.currency] += row.amount
    return {key: amount for key, amount in sums.items() if amount}


def held_sums(model: Any, place: Place, tenant: Tenant, *fields: str) -> Sums:
    """The same sums out of one of our tables."""
    subscription_id, month, metric = place
    with entered(Scope.of(tenant.id)):
        rows = model.objects.filter(subscription__subscription_id=subscription_id, month=month, metric=metric)
        found = rows.order_by().values_list(*fields, "currency").annotate(total=Sum("amount"))
        return {tuple(key): amount for *key, amount in found if amount}


def slices_of(tenant: Tenant) -> dict[Place, CostSlice]:
    """What is stored."""
    with entered(Scope.of(tenant.id)):
        rows = CostSlice.objects.select_related("subscription", "receipt")
        return {(row.subscription.subscription_id, row.month, row.metric): row for row in rows}


def receipts_of(tenant: Tenant, **wanted: Any) -> list[CostReceipt]:
    """Receipts in the order in which they were written."""
    with entered(Scope.of(tenant.id)):
        return list(CostReceipt.objects.filter(**wanted).select_related("subscription").order_by("at", "id"))


def assert_slice_is_true(
    azure: Simulator, tenant: Tenant, place: Place, held: CostSlice, *, as_of: date | None = None
) -> None:
    """Every cut of every table of sums equals the truth; what rounding lost stands on the receipt."""
    rows = true_rows(azure, place, held.source, as_of=as_of)
    assert held.row_count == len(rows), (place, held.source)
    assert held_sums(DailyCost, place, tenant) == summed(rows), place
    assert held_sums(DailyCost, place, tenant, "day") == summed(rows, "day"), place
    assert held_sums(DailyCost, place, tenant, "service") == summed(rows, "service"), place
    assert held_sums(DailyCost, place, tenant, "day", "service", "resource_group") == summed(
        rows, "day", "service", "resource_group"
    ), place
    by_resource = summed(rows, "day", "resource", "service") if held.has_resources else {}
    assert held_sums(DailyResourceCost, place, tenant, "day", "azure_id_hash", "service") == by_resource, place
    by_tag = {(*key[0], *key[1:]): amount for key, amount in summed(rows, "tag", "day").items()}
    assert held_sums(DailyTagCost, place, tenant, "name", "value", "day") == by_tag, place
    if as_of is None:
        _assert_residual_is_told(azure, place, held, rows)


def _assert_residual_is_told(azure: Simulator, place: Place, held: CostSlice, rows: list[TrueRow]) -> None:
    told = json.loads(held.receipt.totals)
    exact, stored = true_total(azure, place), summed(rows)
    for currency, amount in exact.items():
        assert Decimal(told[currency]["stored"]) == stored.get((currency,), Decimal(0))
        assert Decimal(told[currency]["stored"]) + Decimal(told[currency]["residual"]) == amount, (place, told)


def assert_costs_are_true(
    azure: Simulator, tenant: Tenant, months: Iterable[date] | None = None
) -> dict[Place, CostSlice]:
    """Everything that is stored of these months is true today; what is stored is returned."""
    held = slices_of(tenant)
    for place, row in held.items():
        if months is None or place[1] in months:
            assert_slice_is_true(azure, tenant, place, row)
    return held
