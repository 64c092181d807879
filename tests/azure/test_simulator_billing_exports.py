"""Exports at a billing account of the simulated Azure: rows of two tenants and of the account itself in one file."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobServiceClient, ContainerClient

from governance.azure.simulator.focus import WITHOUT_ACCOUNT
from governance.azure.simulator.server import Simulator
from tests.azure.conftest import SETTLED_DAY
from tests.azure.simulator_client import Caller
from tests.azure.test_simulator_cost_exports import StorageCredential, manifests, rows_of, totals
from tests.azure.test_simulator_cost_query import sdk

JANUARY = date(2026, 1, 1)
SOURCES = ["ea-report", "ea-focus-csv", "payg-query"]


@pytest.fixture(params=["ea-focus-csv", "ea-details-csv"])
def enterprise(request: pytest.FixtureRequest, simulator_folder: Path) -> Iterator[Simulator]:
    """Three tenants, of which two share a billing account; each with a subscription that it does not bill."""
    options: dict[str, Any] = {"tenants": 3, "subscriptions_per_tenant": 3, "resources_per_tenant": 30}
    options |= {"cost_sources": SOURCES, "billing_exports": request.param, "day": SETTLED_DAY}
    with Simulator(folder=simulator_folder, **options) as simulator:
        yield simulator


def scope_of(azure: Simulator) -> str:
    account = azure.world.billing_account
    assert account
    return account.scope


def container(caller: Caller) -> ContainerClient:
    """The one that the exports of the billing account are delivered to."""
    found = sdk(caller).exports.list(scope_of(caller.azure)).value
    assert found
    destination = found[0].delivery_info.destination
    service = BlobServiceClient(
        caller.azure.blob_endpoint.format(account=destination.resource_id.rsplit("/", 1)[1]),
        credential=StorageCredential(caller),
        connection_verify=str(caller.azure.ca_file),
        retry_total=0,
    )
    return service.get_container_client(destination.container)


def delivered(caller: Caller, name: str) -> list[dict[str, str]]:
    """The rows of January's newest delivery."""
    with container(caller) as client:
        return rows_of(client, manifests(client, JANUARY, name, "billing")[0])


def billed_to(rows: list[dict[str, str]], subscription_id: str) -> list[dict[str, str]]:
    """Those of one subscription; "" is the account itself."""
    return [row for row in rows if row.get("SubscriptionId", row.get("SubAccountId", ""))[-36:] == subscription_id]


def is_focus(azure: Simulator) -> bool:
    """Whether the data set is FOCUS, whose rows of unused benefits and of rounding name no subscription."""
    account = azure.world.billing_account
    assert account
    return account.billing.export_types == ("FocusCost",)


def test_one_export_tells_the_costs_of_two_tenants(enterprise: Simulator) -> None:
    world = enterprise.world
    with Caller(enterprise, enterprise.tenants[1]) as caller:
        rows = delivered(caller, "focus-daily" if is_focus(enterprise) else "actual-daily")
    columns = ("BilledCost", "BillingCurrency")
    if not is_focus(enterprise):
        columns = ("CostInBillingCurrency", "BillingCurrencyCode")

    assert {row.tenant_id for row in world.billed} == {tenant.tenant_id for tenant in enterprise.tenants[:2]}
    assert len(world.billed) == 4  # two of each tenant: what is paid as it goes has another bill
    for subscription in world.billed:
        expected: dict[str, Decimal] = {}
        for charge in world.costs.rows(subscription, JANUARY, "actual"):
            if charge.billed and not (is_focus(enterprise) and charge.item.charge_type in WITHOUT_ACCOUNT):
                code = charge.item.currency
                expected[code] = expected.get(code, Decimal(0)) + charge.amount("actual")
        assert totals(billed_to(rows, subscription.subscription_id), *columns) == expected


def test_rows_of_the_account_itself_name_no_subscription(enterprise: Simulator) -> None:
    with Caller(enterprise, enterprise.tenants[0]) as caller:
        rows = delivered(caller, "focus-daily" if is_focus(enterprise) else "amortized-daily")

    own = billed_to(rows, "")

    amount, day = ("EffectiveCost", "ChargePeriodStart") if is_focus(enterprise) else ("CostInBillingCurrency", "Date")
    assert sum(Decimal(row[amount]) for row in own) > 1
    assert len({row[day] for row in own}) > 20
    account = enterprise.world.billing_account
    assert account
    assert {row["BillingAccountId"].rsplit("/", 1)[-1] for row in rows} == {account.account_id}


def test_whoever_has_no_role_at_the_account_is_refused(enterprise: Simulator) -> None:
    with Caller(enterprise, enterprise.tenants[2]) as stranger, Caller(enterprise, enterprise.tenants[0]) as known:
        for caller, scope in ((stranger, scope_of(enterprise)), (known, f"{scope_of(enterprise)[:-8]}12345678")):
            with pytest.raises(HttpResponseError) as refused:
                sdk(caller).exports.list(scope)
            assert refused.value.status_code == 403


def test_a_world_without_a_billing_account_answers_the_same(contoso_caller: Caller) -> None:
    with pytest.raises(HttpResponseError) as refused:
        sdk(contoso_caller).exports.list("providers/Microsoft.Billing/billingAccounts/12345678")

    assert refused.value.status_code == 403
