"""What a resource is charged for a month of days, as it is known on a later day. Whole numbers only, so it is exact.

Recent days are told in part, then estimated, then corrected, some downwards; a few charges come late. From the 5th of
the next month on nothing moves any more.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from governance.azure.simulator.chance import digest, guid
from governance.azure.simulator.meters import AMOUNT_PLACES, PRICE_PLACES, QUANTITY_PLACES, Meter, meters_of
from governance.azure.simulator.names import GLOBAL
from governance.azure.simulator.slots import Slot
from governance.azure.simulator.tags import tags_of

USAGE, PURCHASE, REFUND, UNUSED = "Usage", "Purchase", "Refund", "UnusedReservation"
TAX, ROUNDING = "Tax", "RoundingAdjustment"
ON_DEMAND, RESERVATION = "OnDemand", "Reservation"
MASK = (1 << 64) - 1
CLOSING_DAYS = 3  # after its end a month's estimates are settled
SETTLED_DAY = 5  # of the next month: the last late charge
DISCOUNT_PERCENT = 80  # what is paid of the list price


@dataclass(frozen=True, slots=True)
class Item:
    """What one line of the bill is about. ``price`` in 0.00000001; "" is: it has none."""

    service: str
    meter: str
    unit: str
    price: int
    currency: str
    resource_id: str = ""
    resource_type: str = ""
    resource_group: str = ""
    region: str = ""
    tags: Mapping[str, str] | None = None
    family: str = ""
    subcategory: str = ""
    provider: str = ""
    charge_type: str = USAGE
    pricing_model: str = ON_DEMAND
    benefit_id: str = ""
    benefit_name: str = ""
    publisher: str = "Microsoft"
    is_marketplace: bool = False

    @property
    def resource_name(self) -> str:
        return self.resource_id.rsplit("/", 1)[-1]

    @property
    def meter_id(self) -> str:
        return guid("meter", self.service, self.subcategory, self.meter, self.region)

    @property
    def product(self) -> str:
        words = [self.service, self.subcategory, self.meter, self.region]
        return " - ".join(word for word in words if word)

    @property
    def list_price(self) -> int:
        return self.price * 100 // DISCOUNT_PERCENT


class Charge(NamedTuple):
    """One row. ``billed`` is the actual and ``effective`` the amortized cost, in units of 10^-14."""

    day: date
    item: Item
    quantity: int
    billed: int
    effective: int

    @property
    def is_actual(self) -> bool:
        """Whether the row stands among the actual costs."""
        return self.item.charge_type != UNUSED

    @property
    def is_amortized(self) -> bool:
        return not (self.item.charge_type == PURCHASE and self.item.pricing_model == RESERVATION)

    def amount(self, metric: str) -> Decimal:
        """``actual`` or ``amortized``, exact."""
        return money(self.billed if metric == "actual" else self.effective)


def money(units: int) -> Decimal:
    """Exact, whatever the context's precision."""
    return Decimal(amount_text(units))


def amount_text(units: int) -> str:
    return _text(units, AMOUNT_PLACES)


def quantity_text(units: int) -> str:
    return _text(units, QUANTITY_PLACES)


def price_text(units: int) -> str:
    return _text(units, PRICE_PLACES)


def _text(units: int, places: int) -> str:
    """A plain decimal number without needless zeros; made by hand, since a million of them are written."""
    whole, rest = divmod(abs(units), 10**places)
    sign = "-" if units < 0 else ""
    return f"{sign}{whole}.{rest:0{places}d}".rstrip("0").rstrip(".")


class Horizon(NamedTuple):
    """What is known when: a month's days as ordinals, seen on day ``as_of``."""

    month: date
    first: int
    last: int
    as_of: int

    @property
    def closed(self) -> int:
        return self.last + 1 + CLOSING_DAYS

    @property
    def settled(self) -> int:
        return self.last + SETTLED_DAY


def horizon(month: date, as_of: date) -> Horizon:
    first = month.replace(day=1)
    return Horizon(first, first.toordinal(), next_month(first).toordinal() - 1, as_of.toordinal())


def next_month(month: date) -> date:
    return (month.replace(day=1) + timedelta(days=32)).replace(day=1)


def scattered(number: int) -> int:
    """64 bits that look like chance (splitmix64): a digest a row would be too slow."""
    number &= MASK
    number = ((number ^ (number >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    number = ((number ^ (number >> 27)) * 0x94D049BB133111EB) & MASK
    return number ^ (number >> 31)


def seed_number(*words: object) -> int:
    return int.from_bytes(digest(*words)[:8], "big")


def usual(daily: int, luck: int) -> int:
    """What was really used that day: within 6 per cent of the usual."""
    return daily + daily * ((luck >> 40 & 1023) - 512) // 8192


def told(quantity: int, luck: int, day: int, seen: Horizon) -> int | None:
    """What is known of what was used on a day; ``None``: nothing yet."""
    if seen.as_of >= seen.settled:
        return quantity
    age = seen.as_of - day
    if age <= 0:  # usage arrives 8 to 24 hours late
        return quantity * (6 + (luck >> 1) % 9) // 24 if age == 0 and luck & 1 else None
    if luck >> 8 & 127 == 5 and seen.as_of < seen.settled - (luck >> 15 & 3):  # a late charge
        return None
    if age == 1 and luck >> 20 & 15 == 3:
        return None
    if luck >> 24 & 7 == 1 and seen.as_of < min(day + 2 + (luck >> 27 & 7), seen.closed):
        return quantity * (80 + (luck >> 30) % 45) // 100  # an estimate: 80 to 124 per cent
    return quantity


class Coverage:
    """What a reservation still has to give on each day; resources take from it in their order."""

    def __init__(self, *, daily: int, price: int, benefit_id: str, benefit_name: str, takers: int) -> None:
        self.daily = daily
        self.price = price
        self.benefit_id = benefit_id
        self.benefit_name = benefit_name
        self.takers = takers
        self.taken: dict[int, int] = {}

    def take(self, day: int, quantity: int) -> bool:
        """Whether it covers this much more."""
        taken = self.taken.get(day, 0)
        if taken + quantity > self.daily:
            return False
        self.taken[day] = taken + quantity
        return True


def resource_charges(
    slot: Slot,
    seen: Horizon,
    *,
    day_zero: date,
    currency: str,
    coverage: Coverage | None = None,
    meters: int | None = None,
) -> Iterator[Charge]:
    """Rows of one resource, day by day and meter by meter."""
    kinds = meters_of(slot.type.key, meters)
    days = _days_alive(slot, seen, day_zero.toordinal()) if kinds else []
    if not days:
        return
    seed = seed_number(slot.key, "cost")
    items: dict[tuple[int, int], list[Item]] = {}
    for day, day_of_world in days:
        state = (_turns(slot.retagged, day_of_world), _turns(slot.resized, day_of_world))
        if state not in items:
            items[state] = _items(slot, kinds, currency, *state)
        stamp = date.fromordinal(day)
        for number, item in enumerate(items[state]):
            luck = scattered(seed + number * 0x9E3779B97F4A7C15 + day * 0xD1B54A32D192ED03)
            quantity = told(usual(kinds[number].daily, luck), luck, day, seen)
            if quantity is not None:
                yield _charge(stamp, day, item, quantity, coverage if kinds[number].is_reserved else None)


def _charge(stamp: date, day: int, item: Item, quantity: int, coverage: Coverage | None) -> Charge:
    if coverage and coverage.take(day, quantity):
        covered = _covered(item, coverage)
        return Charge(stamp, covered, quantity, 0, quantity * coverage.price)
    amount = quantity * item.price
    return Charge(stamp, item, quantity, amount, amount)


def _covered(item: Item, coverage: Coverage) -> Item:
    return Item(
        service=item.service,
        meter=item.meter,
        unit=item.unit,
        price=coverage.price,
        currency=item.currency,
        resource_id=item.resource_id,
        resource_type=item.resource_type,
        resource_group=item.resource_group,
        region=item.region,
        tags=item.tags,
        family=item.family,
        subcategory=item.subcategory,
        provider=item.provider,
        pricing_model=RESERVATION,
        benefit_id=coverage.benefit_id,
        benefit_name=coverage.benefit_name,
    )


def _days_alive(slot: Slot, seen: Horizon, zero: int) -> list[tuple[int, int]]:
    """(ordinal, day of the world) of each day of the month on which it was there."""
    start = max(seen.first, zero + slot.created)
    days = range(start, min(seen.last, seen.as_of) + 1)
    if not slot.came_or_went and slot.parent is None:
        return [(day, day - zero) for day in days]
    return [(day, day - zero) for day in days if slot.was_alive(day - zero)]


def _turns(edits: Sequence[int], day: int) -> int:
    """How many of the edits had been made by the end of the day; there are few."""
    return sum(edit <= day for edit in edits)


def _items(slot: Slot, kinds: Sequence[Meter], currency: str, tag_turns: int, size_turns: int) -> list[Item]:
    """One for each meter, with the tags and the size that the resource had."""
    tags = tags_of(slot.key, slot.group.environment, slot.number, turns=tag_turns) or None
    size = (slot.number + size_turns) % max(1, len(slot.type.sizes))
    region = GLOBAL if slot.type.is_global else slot.group.region
    return [
        Item(
            service=kind.service,
            meter=kind.name,
            unit=kind.unit,
            price=_price(kind, region, size),
            currency=currency,
            resource_id=slot.id,
            resource_type=slot.type.name,
            resource_group=slot.group.name,
            region=region,
            tags=tags,
            family=kind.family,
            subcategory=kind.subcategory,
            provider=kind.provider,
        )
        for kind in kinds
    ]


def _price(kind: Meter, region: str, size: int) -> int:
    """Regions differ by up to 16 per cent; a larger size costs a multiple."""
    times = 1 + size if kind.grows_with_size else 1
    return kind.price * times * (100 + sum(region.encode()) % 17) // 100
