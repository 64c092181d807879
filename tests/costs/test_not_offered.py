"""A subscription whose offer Cost Management does not support: told as such, not as nothing, and not asked for ever."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from audit.models import CoverageReceipt
from costs.models import CostReceipt
from costs.months import still_moving
from governance.access import Role
from governance.azure.simulator.server import Simulator
from governance.tenancy import Scope, entered
from tenants.models import Tenant
from tests.conftest import StartAzure, connect, person, signed_in
from tests.costs.truth import assert_costs_are_true, receipts_of, slices_of

COSTS = "Microsoft.CostManagement"

pytestmark = pytest.mark.django_db


def offered(start_azure: StartAzure, arrangement: str) -> Simulator:
    """Contoso, with one subscription of this arrangement: always the same one."""
    azure = start_azure(
        tenants=1,
        subscriptions_per_tenant=1,
        resources_per_tenant=12,
        cost_sources=[arrangement],
        day_zero=timezone.now().date() - timedelta(days=20),
    )
    azure.advance(days=20)
    return azure


@pytest.fixture
def sponsored(start_azure: StartAzure) -> Simulator:
    """Contoso, with one subscription that is sponsored."""
    return offered(start_azure, "sponsored-none")


@pytest.fixture
def guest(sponsored: Simulator) -> Tenant:
    """Contoso."""
    return connect(sponsored, "contoso")


def run() -> dict[str, Any]:
    """What `manage.py sync costs` says; it must not exit with an error."""
    out = StringIO()
    call_command("sync", "costs", "--all", "--json", stdout=out)
    [summary] = [json.loads(line) for line in out.getvalue().splitlines()]
    return dict(summary)


def test_an_offer_without_costs_leaves_not_offered_receipts_and_no_red_run(sponsored: Simulator, guest: Tenant) -> None:
    summary = run()

    assert (summary["outcome"], summary["received"]) == ("ok", 0)
    assert slices_of(guest) == {}
    receipts = receipts_of(guest)
    assert len(receipts) == 14 * 2
    assert {row.verdict for row in receipts} == {CostReceipt.Verdict.NOT_OFFERED}
    assert all(row.reason.count("MS-AZR-0036P") == 1 for row in receipts)
    with entered(Scope.of(guest.id)):
        [told] = CoverageReceipt.objects.all()
    assert (told.complete, told.expected, told.received) == (True, 0, 0)
    assert told.reason.count("does not have this") == 1
    assert told.reason.startswith("28 slices from ")
    asked = [path for _, path in sponsored.requests if COSTS in path and not path.endswith("exports")]
    assert len(asked) == 2 * 2  # a report and a query of each metric


def test_past_months_that_are_not_offered_are_not_asked_again(sponsored: Simulator, guest: Tenant) -> None:
    run()
    before = {row.id for row in receipts_of(guest)}

    run()

    again = {row.month for row in receipts_of(guest) if row.id not in before}
    assert again == set(still_moving(timezone.now().date()))


def test_once_the_offer_is_another_the_months_before_are_asked_again(
    sponsored: Simulator, guest: Tenant, start_azure: StartAzure
) -> None:
    run()
    azure = offered(start_azure, "payg-query")
    run()  # reads what still moves, and so learns of the other offer
    assert {month for _, month, _ in slices_of(guest)} == set(still_moving(azure.today))

    run()

    assert len(assert_costs_are_true(azure, guest)) == 14 * 2


def test_what_an_offer_that_has_costs_lacks_is_not_asked_again(
    sponsored: Simulator, guest: Tenant, start_azure: StartAzure
) -> None:
    run()
    azure = offered(start_azure, "payg-query")
    run()
    newest = max(receipts_of(guest), key=lambda row: row.at)
    with entered(Scope.of(guest.id)):  # as if the months before had been asked for in that run, in vain
        CostReceipt.objects.filter(verdict=CostReceipt.Verdict.NOT_OFFERED).update(at=newest.at)

    run()

    assert {month for _, month, _ in slices_of(guest)} == set(still_moving(azure.today))


def test_the_api_and_the_page_say_that_it_is_not_offered_and_not_zero(sponsored: Simulator, guest: Tenant) -> None:
    run()
    browser = signed_in(person("bob@contoso.example", contoso=Role.READER))

    answer = browser.get("/api/v1/costs/summary/").json()
    pages = [browser.get(path).content.decode() for path in ("/costs/", "/costs/explore/")]

    assert answer["coverage"]["state"] == "complete"  # all is here that Azure has
    assert (answer["total"]["state"], answer["total"]["amounts"]) == ("unknown", [])
    [unread] = answer["standing"]["unread"]
    assert "offer does not have this" in unread["reason"]
    assert all("offer does not have this" in page for page in pages)
