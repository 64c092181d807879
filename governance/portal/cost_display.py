"""The section of the cost report in a display currency: all currencies in one, at which rates, and what has none."""

import io
from collections.abc import Sequence
from datetime import date

from costs.displayed import MOST_RATES, Displayed
from costs.exchange import Converted, UsedRate
from costs.overview import STATE_WORDS
from governance.exports import Value, write_csv
from governance.portal.report_parts import Heading, Section, Table, Tabled
from governance.ui.cells import money

_MONTHS = (
    Heading("Month", 22),
    Heading("Cost", 22, number=True),
    Heading("Without a rate", 28, number=True),
    Heading("State", 28),
)
_RATES = (
    *(Heading("From", 10), Heading("Into", 10), Heading("Rate", 16, number=True), Heading("Of", 14)),
    *(Heading("Published by", 22), Heading("Used from", 14), Heading("Used to", 14)),
)


def in_one(found: Displayed, ground: Tabled, month: date) -> Section:
    """A year up to this month, in one currency, and the rates one by one, inside the document where there are many."""
    told = [f"{one.base} {one.words}." for one in found.told] or ["Nothing had to be converted."]
    apart = [f"{money(one.amount, one.currency)} has no rate: it is in no figure here." for one in found.without_rate]
    rows: list[tuple[Value, ...]] = [
        (f"{point.span.first:%B %Y}", _amount(amount), _apart(amount), STATE_WORDS[point.state] or "whole")
        for point, amount in zip(found.trend.points, found.amounts, strict=True)
    ]
    tables = [ground.table(f"By month, all in {found.currency}", _MONTHS, rows)]
    if found.rates:
        tables.append(_rates(found, ground))
    return Section(
        "in-one",
        f"All in {found.currency}",
        ("For display only: what was billed are the amounts in their own currencies.", *told, *apart),
        figures=((f"{month:%B %Y}, all in {found.currency}", _amount(found.last)),),
        columns=found.chart,
        tables=tuple(tables),
    )


def _amount(amount: Converted | None) -> str:
    """What could be converted; "no rate" where nothing of it could."""
    if amount is None:
        return money(None)
    return "no rate" if amount.is_apart else money(amount.amount)


def _apart(amount: Converted | None) -> str:
    return ", ".join(money(one.amount, one.currency) for one in amount.without_rate) if amount else ""


def _rates(found: Displayed, ground: Tabled) -> Table:
    rows = [_rate(one, found.currency) for one in found.rates]
    if len(rows) <= MOST_RATES:
        return ground.table("Rates", _RATES, rows)
    out = io.BytesIO()
    write_csv(out, [heading.words for heading in _RATES], [rows])
    return ground.attached("Rates", _RATES, len(rows), out.getvalue())


def _rate(one: UsedRate, currency: str) -> tuple[Value, ...]:
    """A rate as it was published, and the days it was used for."""
    pair: Sequence[Value] = (currency, one.base) if one.rate.is_inverse else (one.base, currency)
    return (*pair, f"{one.rate.rate.normalize():f}", one.rate.day, one.rate.source, one.first, one.last)
