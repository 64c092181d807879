"""What a replaced slice said before, and what moved since: before + arrived + moved = after.

The sums of days still tell the old state while the rows are the new one already; that moment is used. A resource is
named in the lines only where both states name resources: a slice that was read by service before, and by resource now,
has not moved where its days and services have not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Sum

from costs.finality import told_until
from costs.models import (
    CostReceipt,
    CostRecord,
    CostSlice,
    DailyCost,
    DailyResourceCost,
    Restatement,
    RestatementLine,
)
from costs.querysets import CostQuerySet
from costs.slices import OneSlice
from governance import bulk
from governance.money import NOTHING

LINE_COLUMNS = ("day", "service", "azure_id_hash", "before", "after")


@dataclass(frozen=True, slots=True)
class Told:
    """What a slice said until now: its totals by currency, until which day, and whether it named resources."""

    totals: Mapping[str, Decimal]
    until: date | None
    finality: str
    has_resources: bool


def told(one: OneSlice, held: CostSlice) -> Told:
    """The state of a slice that is about to be replaced."""
    until = told_until(held.month, held.finality, held.through)
    return Told(totals(one.of(DailyCost)), until, held.finality, held.has_resources)


def totals(rows: CostQuerySet) -> dict[str, Decimal]:
    """The sum of these rows in each currency."""
    return dict(rows.order_by().values_list("currency").annotate(total=Sum("amount")))


def note(
    one: OneSlice, before: Told, after: Mapping[str, Decimal], receipt: CostReceipt, finest: str, *, by_resource: bool
) -> None:
    """Write what moved. To be called once the rows are new, and while the daily sums are the old ones.

    `after` are the totals of the new rows, `finest` the table of `rollups.finest_sums`.
    """
    arrived = after if before.until is None else totals(one.of(CostRecord).filter(day__gt=before.until))
    for currency in sorted({*before.totals, *after}):
        was, came = before.totals.get(currency, NOTHING), arrived.get(currency, NOTHING)
        now = after.get(currency, NOTHING)
        row = Restatement.objects.create(
            tenant_id=one.tenant,
            subscription_id=one.subscription,
            month=one.month,
            metric=one.metric,
            receipt=receipt,
            at=receipt.at,
            currency=currency,
            before=was,
            arrived=came,
            moved=now - was - came,
            after=now,
            finality_before=before.finality,
        )
        moved = 0 if before.until is None else _lines(one, before.until, row, finest, by_resource=by_resource)
        if not moved and not came:
            row.delete()


def _lines(one: OneSlice, until: date, restatement: Restatement, finest: str, *, by_resource: bool) -> int:
    """Write each day, service and resource that differs among the days that had been told. Returns how many do."""
    keys = ("day", "service", "azure_id_hash") if by_resource else ("day", "service")
    model: Any = DailyResourceCost if by_resource else DailyCost
    sums = one.of(model).filter(currency=restatement.currency, day__lte=until).values_list(*keys, "amount")
    by = ", ".join(keys)
    both = (
        f"SELECT {by}, amount AS told, 0 AS tells FROM earlier UNION ALL "  # noqa: S608
        f"SELECT {by}, 0 AS told, amount AS tells FROM {finest} AS sums WHERE currency = %s AND day <= %s"
    )
    shown = by if by_resource else f"{by}, ''"
    select = (
        f"SELECT {shown}, SUM(told), SUM(tells) FROM ({both}) AS compared "  # noqa: S608
        f"GROUP BY {by} HAVING SUM(told) <> SUM(tells)"
    )
    return bulk.insert_select(
        RestatementLine,
        LINE_COLUMNS,
        select,
        {"earlier": ((*keys, "amount"), sums)},
        given=(restatement.currency, until.isoformat()),
        alike={"tenant": one.tenant, "restatement": restatement.id},
    )
