"""That an open month grows is no restatement; what changes of days that were whole is one. On the simulator's clock."""

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from costs.models import Restatement
from governance.access import Role
from governance.azure.simulator.server import Simulator
from governance.tenancy import Scope, entered
from tenants.models import Tenant
from tests.api.program import Program
from tests.conftest import StartAzure, person, read_costs, signed_in
from tests.costs.test_sync import one_subscription
from tests.costs.truth import slices_of, true_rows
from tests.portal.test_cost_reports import dense
from tests.portal.test_costs_pages import body
from tests.portal.test_reports import made
from tests.portal.test_resources_page import text

pytestmark = pytest.mark.django_db
FEBRUARY = date(2026, 2, 1)
DAY = timedelta(days=1)


@pytest.fixture
def grown(start_azure: StartAzure) -> tuple[Simulator, Tenant, date]:
    """February was read, then again on the next day; and the day of the first reading."""
    azure, contoso = one_subscription(start_azure, "ea-report")
    read_costs(contoso, today=azure.today, month=FEBRUARY)
    first = azure.today
    azure.advance(days=1)
    read_costs(contoso, today=azure.today, month=FEBRUARY)
    return azure, contoso, first


def by_day(azure: Simulator, contoso: Tenant, on: date) -> dict[date, Decimal]:
    """What February's days cost in euros as it was known on a day."""
    ((place, held),) = ((place, row) for place, row in slices_of(contoso).items() if place[2] == "actual")
    sums: dict[date, Decimal] = defaultdict(Decimal)
    for row in true_rows(azure, place, held.source, as_of=on):
        if row.currency == "EUR":
            sums[row.day] += row.amount
    return sums


def restatements(tenant: Tenant) -> list[Any]:
    with entered(Scope.of(tenant.id)):
        rows = Restatement.objects.of_metric("actual").filter(currency="EUR")
        return list(rows.order_by("at", "id").prefetch_related("lines"))


def test_days_that_were_not_whole_have_arrived_and_none_of_them_moved(grown: tuple[Simulator, Tenant, date]) -> None:
    azure, contoso, first = grown
    then, now = by_day(azure, contoso, first), by_day(azure, contoso, azure.today)
    assert then[first] < now[first], "the world should tell a part of the day it is"
    whole = [day for day in now if day <= first - 2 * DAY]

    (found,) = restatements(contoso)

    assert {line.day for line in found.lines.all()} <= set(whole)
    assert found.moved == sum(now[day] - then[day] for day in whole)
    assert found.arrived == sum(now[day] - then[day] for day in now if day not in whole)
    assert found.before + found.arrived + found.moved == found.after == sum(now.values())


def test_a_real_restatement_has_moved(grown: tuple[Simulator, Tenant, date]) -> None:
    azure, contoso, _ = grown
    then, read_on = by_day(azure, contoso, azure.today), azure.today
    azure.advance(days=1)
    azure.world.costs.restate_to_zero(azure.tenants[0].subscription_ids[0], FEBRUARY)

    read_costs(contoso, today=azure.today, month=FEBRUARY)

    found = restatements(contoso)[-1]
    whole = {day for day in then if day <= read_on - 2 * DAY and then[day]}
    assert {line.day for line in found.lines.all()} == whole
    assert found.moved == -sum(then[day] for day in whole)
    assert (found.arrived, found.after) == (-sum(then[day] for day in then if day not in whole), 0)


def test_page_api_and_report_call_growth_no_restatement(grown: tuple[Simulator, Tenant, date]) -> None:
    _, contoso, first = grown
    bob = person("bob@contoso.example", contoso=Role.READER)
    (found,) = restatements(contoso)
    unfinished = {first, first - DAY, first + DAY}

    told = Program(bob).page("costs/moved/", since="2026-01-01")
    lines = Program(bob).rows(f"costs/restatements/{found.id}/lines/")
    page = body(text(signed_in(bob).get("/costs/moved/?since=2026-01-01")))

    assert {date.fromisoformat(row["word"]) for row in told["by_day"]}.isdisjoint(unfinished)
    assert {date.fromisoformat(row["day"]) for row in lines}.isdisjoint(unfinished)
    assert {row["currency"]: Decimal(row["arrived"]) for row in told["totals"]}["EUR"] == found.arrived
    assert not [day for day in unfinished if f"{day.day} {day:%b %Y} +" in page]
    assert "arrived of days that had not been told as a whole" in page
    assert "Restatements" in dense(made(bob, report="costs"))
