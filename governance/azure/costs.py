"""What was spent, asked of Cost Management's query: sums by day or month and at most two dimensions.

Reference: https://learn.microsoft.com/rest/api/cost-management/query/usage
Facts the code stands on: columns come in any order; a page has up to 5,000 rows and its nextLink wants POST with the
same body; 204 is no data; amounts are JSON numbers, of which a float would lose digits.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from governance.azure.cost_calls import HEADERS, CostCalls, response_of
from governance.azure.errors import BadShapeError
from governance.azure.transport import PageProgress

METRICS = {"actual": "ActualCost", "amortized": "AmortizedCost"}
COST_COLUMNS = ("cost", "pretaxcost", "costinbillingcurrency")
MOST_MONTHS = 12  # of one question: its price in QPU must fit the smallest quota


@dataclass(frozen=True, slots=True)
class Spent:
    """One row: an exact amount, tax excluded, for a day or for a whole month, and its dimensions as they were asked."""

    amount: Decimal
    currency: str  # upper case
    day: date | None
    month: date | None
    groups: tuple[str, ...]


def query_costs(
    calls: CostCalls,
    subscription_id: str,
    *,
    metric: str,
    first: date,
    last: date,
    grouping: Sequence[str] = (),
    granularity: str = "Daily",
) -> Iterator[Spent]:
    """What a subscription spent from `first` to `last`, both included; nothing where Azure has no data.

    `granularity` is Daily, Monthly or None. Costs one QPU for each month that the days touch, and each page. Raises
    NotOfferedError where the offer has no such metric.
    """
    body = {
        "type": METRICS[metric],
        "timeframe": "Custom",
        "timePeriod": {"from": f"{first}T00:00:00+00:00", "to": f"{last}T23:59:59+00:00"},
        "dataset": {
            "granularity": granularity,
            "aggregation": {"totalCost": {"name": "Cost", "function": "Sum"}},
            "grouping": [{"type": "Dimension", "name": name} for name in grouping],
        },
    }
    for page in _pages(calls, subscription_id, body, units=months_between(first, last)):
        yield from read_rows(page, grouping)


def months_between(first: date, last: date) -> int:
    """How many months the days from `first` to `last` touch."""
    return (last.year - first.year) * 12 + last.month - first.month + 1


def decode_exactly(content: bytes) -> dict[str, Any]:
    """A JSON object whose numbers keep every digit. Raises BadShapeError for anything else."""
    try:
        body = json.loads(content, parse_float=Decimal, parse_int=Decimal)
    except ValueError as error:
        raise BadShapeError(f"Azure's answer is not JSON ({len(content)} bytes).") from error
    if not isinstance(body, dict):
        raise BadShapeError("Azure's answer is JSON, but not an object.")
    return body


def read_rows(body: dict[str, Any], grouping: Sequence[str]) -> list[Spent]:
    """The rows of one answer, by the names of its columns. Raises BadShapeError when one that is needed is missing."""
    properties = body.get("properties")
    if not isinstance(properties, dict):
        raise BadShapeError("Cost Management's answer has no properties.")
    try:
        names = [str(column["name"]).lower() for column in properties["columns"]]
        rows = [dict(zip(names, row, strict=True)) for row in properties["rows"]]
        return [_spent(row, grouping) for row in rows]
    except (KeyError, TypeError, ValueError, InvalidOperation) as error:
        raise BadShapeError(f"Cost Management's answer could not be read: {error!r}.") from error


def _spent(row: dict[str, Any], grouping: Sequence[str]) -> Spent:
    amount = next((row[name] for name in COST_COLUMNS if name in row), None)
    if amount is None:
        raise KeyError("Cost")
    currency = row["currency"]
    if not isinstance(currency, str) or not currency:
        raise ValueError("a row without currency")
    day, month = row.get("usagedate"), row.get("billingmonth")
    return Spent(
        amount=Decimal(amount),
        currency=currency.upper(),
        day=None if day is None else datetime.strptime(str(int(day)), "%Y%m%d").date(),  # noqa: DTZ007  (a day has none)
        month=None if month is None else datetime.fromisoformat(str(month)).date().replace(day=1),
        groups=tuple(str(row[name.lower()] or "") for name in grouping),
    )


def _pages(calls: CostCalls, subscription_id: str, body: dict[str, Any], *, units: int) -> Iterator[dict[str, Any]]:
    scope, progress = f"subscriptions/{subscription_id}", PageProgress()
    client: Any = calls.azure.costs  # its types take a model only
    answer = calls.ask(lambda: client.query.usage(scope, body, headers=HEADERS, cls=response_of), units=units)
    while answer.status_code != 204:
        page = decode_exactly(answer.content)
        yield page
        properties = page["properties"]
        link = properties.get("nextLink")
        if not link:
            return
        progress.after_page(len(properties["rows"]), link)
        answer = calls.send("POST", link, body=body, units=units)
