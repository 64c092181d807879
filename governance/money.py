"""Amounts of money in the database: exact on every engine.

NUMERIC(28, 9) on servers; on SQLite, whose SUM of decimals is a float, whole billionths in a 64-bit integer (sums up to
9.2 billion units of a currency; beyond that SQLite refuses with "integer overflow"). In Python always `Decimal`.
An amount means nothing without the currency that stands beside it.
"""

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

DIGITS, PLACES = 28, 9
UNIT = Decimal(1).scaleb(-PLACES)
UNITS = Decimal((0, (1,), PLACES))  # in one; its single digit keeps a product as exact as the amount
NOTHING = Decimal(0)


def rounded(amount: Decimal) -> Decimal:
    """The amount as it is stored: half-even at nine places."""
    return amount.quantize(UNIT, ROUND_HALF_EVEN)


def in_units(amounts: Sequence[Decimal | None]) -> list[int | None]:
    """Many amounts in billionths, as SQLite keeps them. Raises ValueError when one has more places than are stored."""
    scaled = [None if amount is None else amount * UNITS for amount in amounts]
    units = [None if amount is None else int(amount) for amount in scaled]
    if units != scaled:
        raise ValueError(f"An amount has more than {PLACES} places. Round it first.")
    return units


def as_text(amount: Decimal) -> str:
    """The exact amount in plain digits, alike for equal amounts: no exponent, no zeros at the end."""
    text = f"{amount:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


class AmountField(models.Field):  # type: ignore[type-arg]  # not subscriptable at run time
    """An exact amount. What is assigned must fit nine places: round first, with `rounded`."""

    description = "An exact amount of money"

    def db_type(self, connection: Any) -> str:
        """The column's type."""
        return "bigint" if connection.vendor == "sqlite" else f"numeric({DIGITS}, {PLACES})"

    def cast_db_type(self, connection: Any) -> str:
        """The type of a CAST."""
        return self.db_type(connection)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Decimal | None:
        """As the engine gave it, back to the amount."""
        if value is None:
            return None
        return Decimal(value).scaleb(-PLACES) if connection.vendor == "sqlite" else Decimal(value)

    def to_python(self, value: Any) -> Decimal | None:
        """An amount from text or number. Raises ValidationError."""
        if value is None or isinstance(value, Decimal):
            return value
        try:
            return Decimal(str(value))
        except InvalidOperation as error:
            raise ValidationError(f"{value!r} is not an amount.") from error

    def get_prep_value(self, value: Any) -> Any:
        """The amount, refused when it has more places than are stored."""
        amount = self.to_python(super().get_prep_value(value))
        if amount is not None and amount != rounded(amount):
            raise ValueError(f"{amount} has more than {PLACES} places. Round it first.")
        return amount

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:  # noqa: FBT001, FBT002
        """As the engine takes it."""
        amount = value if prepared else self.get_prep_value(value)
        if amount is None or hasattr(amount, "resolve_expression"):
            return amount
        return int(amount.scaleb(PLACES)) if connection.vendor == "sqlite" else amount
