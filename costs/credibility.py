"""Whether a reading of a slice is to be believed. Pure.

Less than was there before is normal: months are restated downwards too. What gives a broken delivery away is that it
says less than it announced, or less than Azure says when it is asked for the total alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

# A file and a query are made hours apart, so they differ a little; less than this is no delay any more.
LEAST_SHARE_OF_CONTROL = Decimal("0.8")


@dataclass(frozen=True, slots=True)
class Reading:
    """What came. Totals are by currency; `control` is None where the total could not be asked for."""

    rows: int
    totals: Mapping[str, Decimal]
    before: Mapping[str, Decimal] = field(default_factory=dict)  # what is stored
    expected_rows: int | None = None
    control: Mapping[str, Decimal] | None = None


def doubt(reading: Reading) -> str:
    """Why a reading is not believed; "" when it is."""
    if reading.expected_rows is not None and reading.rows != reading.expected_rows:
        return f"{reading.expected_rows} rows were announced and {reading.rows} came."
    for currency, control in sorted((reading.control or {}).items()):
        came = reading.totals.get(currency, Decimal(0))
        if came < control * LEAST_SHARE_OF_CONTROL and control > 0:
            words = f"{_plain(came)} {currency} came, and Azure's own total is {_plain(control)}"
            return f"{words}: less than {LEAST_SHARE_OF_CONTROL:.0%} of it."
    is_gone_in_azure = reading.control is not None and not any(reading.control.values())
    if not reading.rows and any(reading.before.values()) and not is_gone_in_azure:
        stored = ", ".join(f"{_plain(amount)} {currency}" for currency, amount in sorted(reading.before.items()))
        return f"Nothing came where {stored} had been stored, and no total of Azure's says that it is gone."
    return ""


def _plain(amount: Decimal) -> str:
    return f"{amount.normalize():f}"
