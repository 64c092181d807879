"""What a replaced slice said before, and what moved since: before + arrived + moved = after.

A day that was not whole when it was told goes on arriving: that an open month grows is no restatement.

The sums of days still tell the old state while the rows are the new one already; that moment is used. A resource is
named in the lines only where both states name resources: a slice that was read by service before, and by resource now,
has not moved where its days and services have not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet, Sum

from costs.models import (
    CostReceipt,
    CostRecord,
    CostSlice,
    DailyCost,
    DailyResourceCost,
    Restatement,
    RestatementLine,
)
from costs.slices import OneSlice
from costs.spans import told_until
from governance import bulk
from governance.money import NOTHING

LINE_COLUMNS = ("day", "service", "azure_id_hash", "before", "after")


@dataclass(frozen=True, slots=True)
class Told:
    """What a slice said until now: its totals by currency, until which day as a whole, and what of later days."""

    totals: Mapping[str, Decimal]
    until: date | None
    unfinished: Mapping[str, Decimal]
    finality: str
    has_resources: bool


def told(one: OneSlice, held: CostSlice) -> Told:
    """The state of a slice that is about to be replaced."""
    until = told_until(held.month, held.finality, held.through, held.read_at.astimezone(UTC).date())
    sums = one.of(DailyCost)
    return Told(totals(sums), until, totals(_after(sums, until)), held.finality, held.has_resources)


def _after(rows: QuerySet[Any], until: date | None) -> QuerySet[Any]:
    """The rows of the days that had not been told as a whole."""
    return rows if until is None else rows.filter(day__gt=until)


def totals(rows: QuerySet[Any]) -> dict[str, Decimal]:
    """The sum of these rows in each currency."""
    return dict(rows.order_by().values_list("currency").annotate(total=Sum("amount")))


def note(
    one: OneSlice, before: Told, after: Mapping[str, Decimal], receipt: CostReceipt, finest: str, *, by_resource: bool
) -> None:
    """Write what moved. To be called once the rows are new, and while the daily sums are the old ones.

    `after` are the totals of the new rows, `finest` the table of `rollups.finest_sums`.
    """
    late = after if before.until is None else totals(_after(one.of(CostRecord), before.until))
    for currency in sorted({*before.totals, *after}):
        was = before.totals.get(currency, NOTHING)
        came = late.get(currency, NOTHING) - before.unfinished.get(currency, NOTHING)
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
    """Write each day, service and resource that differs, of days that had been told as a whole. Returns how many do."""
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
