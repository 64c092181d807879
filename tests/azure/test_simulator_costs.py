"""The ledger of the simulated world: what costs are true, and how they move while the days go by."""

import itertools
from datetime import date
from decimal import Decimal

import pytest

from governance.azure.simulator.charges import PURCHASE, REFUND, RESERVATION, ROUNDING, TAX, UNUSED, Charge
from governance.azure.simulator.ledger import METRICS
from governance.azure.simulator.meters import meters_of
from governance.azure.simulator.resource_types import RESOURCE_TYPES
from governance.azure.simulator.resources import Resource
from governance.azure.simulator.server import Simulator
from governance.azure.simulator.world import Subscription, World
from tests.azure.simulator_client import Caller

JANUARY = date(2026, 1, 1)
DECEMBER = date(2025, 12, 1)


def world(**options: object) -> World:
    return World(**{"tenants": 2, "resources_per_tenant": 60, **options})  # type: ignore[arg-type]


def subscription_of(place: World, name: str = "contoso", number: int = 0) -> Subscription:
    tenant = place.tenant(name)
    assert tenant
    return place.subscriptions_seen_by(tenant)[number]


def total(rows: list[Charge], metric: str = "actual") -> Decimal:
    return sum((row.amount(metric) for row in rows), Decimal(0))


def test_the_world_has_a_calendar() -> None:
    late = world(day_zero=date(2026, 11, 20), day=4)

    newborn = max(row.changed_time for row in late.truth("contoso").resources)

    assert late.today == late.truth("contoso").date == date(2026, 11, 24)
    assert newborn == "2026-11-24T06:00:00.0000000Z"
    assert world().today == JANUARY


def test_the_same_world_costs_the_same_whichever_way_it_came_there() -> None:
    straight, winding = world(day=20), world()
    for day in (3, 40, 20):
        winding.set_day(day)
        winding.costs.charges(subscription_of(winding), JANUARY)

    assert straight.costs.charges(subscription_of(straight), JANUARY) == winding.costs.charges(
        subscription_of(winding), JANUARY
    )


def test_what_was_known_before_can_still_be_asked() -> None:
    place = world(day=9)
    then = place.costs.charges(subscription_of(place), JANUARY)

    place.set_day(15)

    assert place.costs.charges(subscription_of(place), JANUARY, as_of=date(2026, 1, 10)) == then
    assert place.costs.charges(subscription_of(place), JANUARY) != then


def is_free(resource: Resource) -> bool:
    """By the type, and where two have one name by the abbreviation with which names begin."""
    keys = [key for key, kind in RESOURCE_TYPES.items() if kind.name == resource.type]
    return not any(meters_of(key) for key in keys if len(keys) == 1 or resource.name.startswith(key))


def test_a_resource_costs_while_it_is_there() -> None:
    place = world(day=60, resources_per_tenant=300)
    rows = place.costs.charges(subscription_of(place), JANUARY)
    paid = {(row.item.resource_id.lower(), row.day) for row in rows}

    for day in (0, 10, 20, 30):
        place.set_day(day)
        alive = place.resources_of(subscription_of(place))
        priced = {row.key for row in alive if not is_free(row)}
        assert {key for key, when in paid if when == place.today and key} == priced
        assert 0 < len(priced) < len(alive)


def test_thirteen_months_have_costs() -> None:
    place = world(day=5, resources_per_tenant=300)

    assert total(place.costs.rows(subscription_of(place), date(2024, 12, 1), "actual")) > 0
    assert place.costs.rows(subscription_of(place), date(2026, 2, 1), "actual") == []


def test_leftovers_cost_money() -> None:
    place = world(day=5)
    orphans = {row.key for row in place.truth("contoso").resources if row.orphan_reason}
    spent = place.costs.truth("contoso", JANUARY, metric="actual", by=["resource"])["metrics"]["actual"]["cuts"]

    assert {row["resource"].split("/")[-2] for row in spent if row["resource"] in orphans} >= {
        "disks",
        "publicipaddresses",
        "snapshots",
    }


def test_every_kind_of_row_occurs() -> None:
    place = world(day=40)
    rows = place.costs.charges(subscription_of(place), JANUARY)
    kinds = {row.item.charge_type for row in rows}

    assert kinds == {"Usage", PURCHASE, REFUND, UNUSED, TAX, ROUNDING}
    assert {row.item.currency for row in rows} == {"EUR", "USD"}
    assert all(row.billed < 0 for row in rows if row.item.charge_type == REFUND)
    assert any(row.amount("actual").normalize().as_tuple().exponent < -11 for row in rows)  # type: ignore[operator]
    assert all(not row.item.resource_id and not row.item.tags for row in rows if row.item.charge_type != "Usage")


def test_a_reservation_is_bought_once_or_used_day_by_day() -> None:
    place = world(day=40)
    rows = place.costs.charges(subscription_of(place), JANUARY)
    reserved = [row for row in rows if row.item.pricing_model == RESERVATION]
    daily: dict[date, int] = {}
    for row in reserved:
        daily[row.day] = daily.get(row.day, 0) + row.effective

    purchases = [row for row in reserved if row.item.charge_type == PURCHASE]
    assert len(purchases) == 1
    assert purchases[0].is_actual
    assert not purchases[0].is_amortized
    assert sum(row.billed for row in reserved) == purchases[0].billed
    assert len(set(daily.values())) == 1
    assert len(daily) == 31
    assert any(row.item.charge_type == UNUSED for row in reserved)
    assert total(place.costs.rows(subscription_of(place), JANUARY, "actual")) != total(
        place.costs.rows(subscription_of(place), JANUARY, "amortized"), "amortized"
    )


def test_pay_as_you_go_has_one_cost_only() -> None:
    place = world(day=40)
    rows = place.costs.charges(subscription_of(place, number=1), JANUARY)

    assert all(row.billed == row.effective and row.is_actual and row.is_amortized for row in rows)


def test_recent_days_move_up_and_down_until_the_fifth() -> None:
    place = world(resources_per_tenant=300)
    seen: list[dict[date, Decimal]] = []
    for day in range(28, 40):
        place.set_day(day)
        by_day: dict[date, Decimal] = {}
        for row in place.costs.rows(subscription_of(place), JANUARY, "actual"):
            by_day[row.day] = by_day.get(row.day, Decimal(0)) + row.amount("actual")
        seen.append(by_day)

    changes = [
        after[day] - before[day]
        for before, after in itertools.pairwise(seen)
        for day in before
        if after[day] != before[day]
    ]
    fifth = (date(2026, 2, 5) - JANUARY).days - 28
    assert min(changes) < 0 < max(changes)
    assert seen[fifth - 1] != seen[fifth]  # the last late charge
    assert all(state == seen[fifth] for state in seen[fifth:])


def test_today_is_told_in_part() -> None:
    place = world(day=10, resources_per_tenant=300)
    today = [row for row in place.costs.charges(subscription_of(place), JANUARY) if row.day == place.today]

    place.set_day(40)

    then = [row for row in place.costs.charges(subscription_of(place), JANUARY) if row.day == date(2026, 1, 11)]
    assert 0 < total(today) < total(then) / 2


@pytest.mark.parametrize("keeps_rows", [True, False])
def test_a_month_can_be_restated_to_zero(keeps_rows: bool) -> None:  # noqa: FBT001 - a parameter of pytest
    place = world(day=40)
    subscription = subscription_of(place)
    place.costs.restate_to_zero(subscription.subscription_id, JANUARY, keeps_rows=keeps_rows)

    rows = place.costs.charges(subscription, JANUARY)

    assert bool(rows) is keeps_rows
    assert total(rows) == 0
    assert total(place.costs.charges(subscription, DECEMBER)) > 0
    place.costs.restore()
    assert total(place.costs.charges(subscription, JANUARY)) > 0


@pytest.mark.parametrize(
    "by", [[], ["day"], ["service", "resource_group"], ["resource"], ["region", "charge_type"], ["tag:owner"]]
)
def test_every_cut_has_the_same_sum(by: list[str]) -> None:
    truth = world(day=40).costs.truth("contoso", JANUARY, by=by)

    for metric in METRICS:
        told = truth["metrics"][metric]
        for currency, amount in told["totals"].items():
            cut = [Decimal(row["amount"]) for row in told["cuts"] if row["currency"] == currency]
            assert sum(cut) == Decimal(amount)


def test_a_world_can_have_as_many_meters_as_wanted() -> None:
    place = world(day=31, subscriptions_per_tenant=1, meters_per_resource=10)

    rows = place.costs.rows(subscription_of(place), JANUARY, "actual")

    assert len([row for row in rows if row.day == JANUARY and row.item.resource_id]) == pytest.approx(600, rel=0.05)


def test_every_way_to_read_costs_occurs() -> None:
    place = world(tenants=3, subscriptions_per_tenant=3)
    billings = [
        subscription.billing for tenant in place.tenants for subscription in place.subscriptions_seen_by(tenant)
    ]

    assert {(billing.agreement, billing.export_types) for billing in billings} == {
        ("EA", ("FocusCost",)),
        ("EA", ()),
        ("EA", ("ActualCost", "AmortizedCost")),
        ("MCA", ()),
        ("MCA", ("FocusCost",)),
        ("WebDirect", ()),
    }
    assert {billing.currency for billing in billings} == {"EUR", "USD", "CHF"}
    assert [billing.export_types for billing in billings[:2]] == [("FocusCost",), ()]
    with pytest.raises(ValueError, match="No such ways to read costs: fax"):
        world(cost_sources=["fax"])


def test_the_control_surface_changes_sizes(contoso_caller: Caller, small_azure: Simulator) -> None:
    told = contoso_caller.control("POST", "costs", {"page_rows": 12}).json()

    assert told["settings"]["page_rows"] == small_azure.cost_settings.page_rows == 12
    for wrong in ({"page_rows": "many"}, {"pages": 3}, {"polls": True}, {"polls": -1}):
        assert contoso_caller.control("POST", "costs", wrong).status_code == 400


def test_the_control_surface_tells_exact_costs(contoso_caller: Caller, small_azure: Simulator) -> None:
    small_azure.advance(days=3)
    subscription = small_azure.tenant("contoso").subscription_ids[0]
    where = f"tenant=contoso&month=2026-01&subscription={subscription}&metric=amortized&by=service"

    told = contoso_caller.control("GET", f"costs?{where}").json()

    assert told == {
        **small_azure.world.costs.truth(
            "contoso", JANUARY, metric="amortized", subscription_id=subscription, by=["service"]
        ),
        "date": "2026-01-04",
    }
    assert contoso_caller.control("GET", "costs?tenant=nobody&month=2026-01").status_code == 400
    assert contoso_caller.control("GET", "costs?tenant=contoso&month=January").status_code == 400
    assert contoso_caller.control("GET", "health").json()["date"] == "2026-01-04"


def test_the_control_surface_restates_a_month_to_zero(contoso_caller: Caller, small_azure: Simulator) -> None:
    subscription = small_azure.tenant("contoso").subscription_ids[0]
    wanted = {"subscription": subscription, "month": "2025-12"}
    where = f"costs?tenant=contoso&month=2025-12&subscription={subscription}&metric=actual&by="

    contoso_caller.control("POST", "costs", {"restate_to_zero": wanted})
    zero = contoso_caller.control("GET", where).json()["metrics"]["actual"]["totals"]
    contoso_caller.control("POST", "costs", {"restate_to_zero": None})
    again = contoso_caller.control("GET", where).json()["metrics"]["actual"]["totals"]

    assert {Decimal(amount) for amount in zero.values()} == {Decimal(0)}
    assert Decimal(again["EUR"]) > 0
    assert contoso_caller.control("POST", "costs", {"restate_to_zero": {"month": "2025-12"}}).status_code == 400
