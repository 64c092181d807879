"""A row of cost as the readers of files and queries give it: plain values, checked and cleaned. Pure.

Readers yield `CostLine`s; `costs/store.py` takes them in batches. Everything is what the source says but for the
amount, which is rounded half-even to nine places (`governance.money.rounded`); what that lost is counted beside it.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple


class SliceKey(NamedTuple):
    """Which slice a row belongs to. `subscription_id` is Azure's, lower case; `month` the first day."""

    subscription_id: str
    month: date
    metric: str  # of costs.models.Metric


class CostLine(NamedTuple):
    """One row. "" is: the source does not tell. `tags` is canonical JSON ({} as ""), keys as given."""

    day: date
    currency: str
    amount: Decimal
    azure_id: str = ""
    azure_id_hash: str = ""
    resource_group: str = ""
    service: str = ""
    meter: str = ""
    region: str = ""
    charge_type: str = ""
    pricing_model: str = ""
    benefit: str = ""
    quantity: Decimal | None = None
    unit: str = ""
    tags: str = ""


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that was not taken. `line` counts from 1 without the header; `reason` says what to do."""

    file: str
    line: int
    reason: str
