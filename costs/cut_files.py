"""The explorer's table as a file: every row of the cut, each with how final and how whole it is."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from tempfile import TemporaryFile
from typing import Any
from urllib.parse import quote

from django.http import FileResponse, QueryDict
from django.utils import timezone

from audit.actions import note_export
from costs.exchange import Conversion, UsedRate, rates_told
from costs.explorer import Cut, cut, rows_converted
from costs.lists import MOST_ROWS, display_currency_of
from costs.page_lists import EXPLORER, ExplorerFilter, label_of
from costs.questions import UnanswerableError
from costs.sums import Key
from governance.exports import Table, Value, Written, write_csv, write_xlsx
from governance.money import NOTHING, rounded
from tenants.lists import tenants_asked_for
from tenants.models import Tenant

CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
SHOWN_KEYS = ("shown", "shown_currency", "without_rate", "rates")  # beside the amounts, in a display currency
SHOWN_TITLES = ("Shown as", "Shown in", "Without a rate", "Rates")
LEFT_OVER = "(all others)"


class RefusedCutError(ValueError):
    """What was asked for cannot be exported; `problems` says why, by parameter."""

    def __init__(self, problems: Mapping[str, Sequence[str]]) -> None:
        self.problems = {name: list(found) for name, found in problems.items()}
        super().__init__(str(self.problems))


def cut_file(query: str, *, format: str, for_whom: str, today: date) -> FileResponse:  # noqa: A002 - its word
    """The table that the explorer shows at this address, whole. Raises RefusedCutError."""
    if format not in CONTENT_TYPES:
        raise RefusedCutError({"format": [f"Give one of {', '.join(CONTENT_TYPES)}."]})
    asked = ExplorerFilter(QueryDict(query), queryset=EXPLORER.rows().none())
    if not asked.is_valid():
        raise RefusedCutError(asked.problems())
    currency = display_currency_of(asked)
    try:
        found = cut(asked.question(), asked.dimensions, today=today, top=MOST_ROWS)
        shown = rows_converted(found, currency) if currency else None
    except UnanswerableError as error:
        raise RefusedCutError({"by": [str(error)]}) from error
    out = TemporaryFile(prefix="export-")  # noqa: SIM115 - the response closes it
    try:
        written = _write(out, found, shown, format=format, for_whom=for_whom, query=query)
        tenants = Tenant.objects.all().for_tenants(tenants_asked_for(asked)).values_list("id", flat=True)
        note_export(tenants, title=EXPLORER.title, subject=EXPLORER.key, query=query, format=format, rows=written.rows)
    except BaseException:
        out.close()
        raise
    out.seek(0)
    name = f"costs-{timezone.now():%Y-%m-%d-%H%M}.{format}"
    return FileResponse(out, as_attachment=True, filename=quote(name), content_type=CONTENT_TYPES[format])


def _write(out: Any, found: Cut, shown: Conversion | None, *, format: str, for_whom: str, query: str) -> Written:  # noqa: A002
    rows = list(_rows(found, shown))
    if format == "csv":
        keys = [*(one.word for one in found.by), "cost", "currency", "metric", "from", "to", "finality", "coverage"]
        return write_csv(out, [*keys, *(SHOWN_KEYS if shown else ())], [rows])
    titles = [*(label_of(one) for one in found.by), "Cost", "Currency", "Metric", "From", "To", "Finality", "Coverage"]
    titles += SHOWN_TITLES if shown else ()
    return write_xlsx(
        out, EXPLORER.title, titles, [rows], lambda written: _about(found, shown, written, for_whom, query)
    )


def _rows(found: Cut, shown: Conversion | None) -> Iterator[list[Value]]:
    question, standing = found.question, found.standing
    told: list[Value] = [question.metric, question.first, question.last, standing.finality or "unknown"]
    told.append(str(standing.state))
    for one in found.currencies:
        for row in one.rows:
            labels: list[Value] = [part.label for part in row.parts]
            yield [*labels, row.amount, one.currency, *told, *_shown(shown, one.currency, row.keys)]
        if one.rest_rows:
            others: list[Value] = [LEFT_OVER, *("" for _ in found.by[1:])]
            yield [*others, one.rest, one.currency, *told, *_shown(shown, one.currency, None)]


def _shown(shown: Conversion | None, currency: str, keys: tuple[Key, ...] | None) -> list[Value]:
    """A row in the display currency: the amount, empty without any rate; what has none; and the rates in words."""
    if shown is None:
        return []
    amount = shown.of((currency, keys))
    rates = "; ".join(one.words for one in rates_told(rate for rate in shown.rates if rate.base == currency))
    without_rate = rounded(amount.apart.get(currency, NOTHING))
    return [None if amount.is_apart else amount.amount, shown.currency, without_rate, rates]


def _about(found: Cut, shown: Conversion | None, written: Written, for_whom: str, query: str) -> Table:
    """What a reader must know before trusting a number of this file."""
    question, standing = found.question, found.standing
    rows: list[Sequence[Value]] = [
        ("Export of", EXPLORER.title),
        ("Made for", for_whom),
        ("Made at", timezone.now()),
        ("All times are", "UTC"),
        ("Asked for", query),
        ("Metric", question.metric),
        ("Days", question.first, question.last),
        ("Rows", written.rows),
        ("Amounts are", "in the billing currency, tax excluded; currencies are never added up"),
        (),
        ("Finality", standing.finality or "unknown"),
        ("Coverage", str(standing.state)),
        ("Whole days", standing.days_known, f"of {standing.days}"),
        ("Months of subscriptions read", standing.slices_read, f"of {standing.slices_expected}"),
        ("Read between", standing.oldest_read_at, standing.newest_read_at),
    ]
    rows += [("Total", one.total, one.currency) for one in found.currencies]
    if shown:
        rows.append(("Converted into", shown.currency, "for display; the amount before is the original"))
        rows += [("Total without a rate", one.amount, one.currency) for one in shown.total.without_rate]
        rows += [_rate(shown.currency, one) for one in shown.rates]
    rows += [("Never read", one.tenant, one.subscription, one.reason) for one in standing.unread]
    rows += [("A reading was refused", one.tenant, one.subscription, one.reason) for one in standing.refused]
    return rows


def _rate(currency: str, used: UsedRate) -> tuple[Value, ...]:
    pair = (currency, used.base) if used.rate.is_inverse else (used.base, currency)
    return (
        "Rate",
        used.rate.rate,
        f"{pair[1]} for 1 {pair[0]}",
        used.rate.day,
        used.rate.source,
        used.first,
        used.last,
    )
