"""Charges of a subscription that belong to no resource: reservation, marketplace, refund, tax, rounding."""

from collections.abc import Iterator
from datetime import date

from governance.azure.simulator.billing import Billing
from governance.azure.simulator.chance import guid
from governance.azure.simulator.charges import (
    PURCHASE,
    REFUND,
    RESERVATION,
    ROUNDING,
    TAX,
    UNUSED,
    Charge,
    Coverage,
    Horizon,
    Item,
    scattered,
    seed_number,
)
from governance.azure.simulator.meters import QUANTITY_PLACES

ONE = 10**QUANTITY_PLACES
HOURS = 24 * ONE
RESERVED_PRICE = 6127731  # 0.06127731 an hour
MACHINES_A_RESERVATION = 4  # it is bought for one in four machines
REFUND_DAY, REFUND_KNOWN_DAYS = 12, 3  # of the month; a refund is known that many days later: its day goes down
MARKETPLACE_PRICE, MARKETPLACE_SPREAD = 4_912_345_671, 1_999_999_999  # 49.12345671 a month, and up to 20 more
DAYS_A_YEAR, MONTHS_A_YEAR = 365, 12


def reservation(seed: str, subscription_id: str, machines: int) -> Coverage:
    """The one reservation of a subscription; part of it is never used."""
    order = guid(seed, subscription_id, "reservation order")
    number = guid(seed, subscription_id, "reservation")
    takers = max(1, machines // MACHINES_A_RESERVATION)
    return Coverage(
        daily=takers * HOURS,
        price=RESERVED_PRICE,
        benefit_id=f"/providers/Microsoft.Capacity/reservationOrders/{order}/reservations/{number}",
        benefit_name="VM_RI_2025",
        takers=takers,
    )


def reservation_charges(coverage: Coverage, seen: Horizon, currency: str) -> Iterator[Charge]:
    """The month's fee as one purchase (actual), and what nobody used of each day (amortized)."""
    fee = coverage.takers * HOURS * coverage.price * DAYS_A_YEAR // MONTHS_A_YEAR
    fee -= fee % ONE  # a price has fewer places than an amount
    bought = seen.first + 1 + seed_number(coverage.benefit_id) % 5
    if bought <= seen.as_of:
        yield Charge(date.fromordinal(bought), _reserved(coverage, PURCHASE, fee // ONE, currency), ONE, fee, 0)
    rest = _reserved(coverage, UNUSED, coverage.price, currency)
    for day in range(seen.first, min(seen.last, seen.as_of - 1) + 1):
        unused = coverage.daily - coverage.taken.get(day, 0)
        if unused:
            yield Charge(date.fromordinal(day), rest, unused, 0, unused * coverage.price)


def other_charges(seed: str, subscription_id: str, billing: Billing, seen: Horizon) -> Iterator[Charge]:
    """A marketplace purchase, in the second currency if there is one; a refund; tax and rounding at the month's end."""
    luck = scattered(seed_number(seed, subscription_id, "purchases") + seen.first)
    yield from _marketplace(billing, seen, luck)
    refunded = seen.first + REFUND_DAY - 1
    if seen.as_of >= refunded + REFUND_KNOWN_DAYS:
        price = 211_347_113 + luck % 100_000_000
        item = Item("Virtual Machines", "Service credit", "1", price, billing.currency, charge_type=REFUND)
        yield Charge(date.fromordinal(refunded), item, -ONE, -price * ONE, -price * ONE)
    if seen.as_of > seen.last:
        yield from _closing_charges(billing, date.fromordinal(seen.last), luck)


def account_charges(account_id: str, billing: Billing, seen: Horizon) -> list[Charge]:
    """What a billing account itself is charged: a reservation that nobody uses, tax, and the rounding of its bill."""
    bought = reservation("billing account", account_id, 2 * MACHINES_A_RESERVATION)
    charges = list(reservation_charges(bought, seen, billing.currency))
    if seen.as_of > seen.last:
        luck = scattered(seed_number(account_id, "bill") + seen.first)
        charges += _closing_charges(billing, date.fromordinal(seen.last), luck)
    return charges


def _marketplace(billing: Billing, seen: Horizon, luck: int) -> Iterator[Charge]:
    bought = seen.first + 3 + luck % 4
    if bought > seen.as_of:
        return
    price = MARKETPLACE_PRICE + luck % MARKETPLACE_SPREAD
    item = Item(
        service="SaaS",
        meter="Data pipeline - one seat",
        unit="1 Seat",
        price=price,
        currency=billing.second_currency or billing.currency,
        charge_type=PURCHASE,
        publisher="Pipelines Example Ltd",
        is_marketplace=True,
    )
    yield Charge(date.fromordinal(bought), item, ONE, price * ONE, price * ONE)


def _closing_charges(billing: Billing, last: date, luck: int) -> Iterator[Charge]:
    tax = 31_234_567 + luck % 10_000_000
    for kind, price in ((TAX, tax), (ROUNDING, luck % 900_000 - 450_000)):
        item = Item("", kind, "1", price, billing.currency, charge_type=kind, pricing_model="")
        yield Charge(last, item, ONE, price * ONE, price * ONE)


def _reserved(coverage: Coverage, charge_type: str, price: int, currency: str) -> Item:
    return Item(
        service="Virtual Machines",
        meter="D2s v5",
        unit="1 Hour",
        price=price,
        currency=currency,
        family="Compute",
        subcategory="Dv5 Series",
        provider="Microsoft.Capacity",
        charge_type=charge_type,
        pricing_model=RESERVATION,
        benefit_id=coverage.benefit_id,
        benefit_name=coverage.benefit_name,
    )
