"""Costs out of exports at a billing account that bills two tenants: to each its own, once, and nothing of the rest."""

import logging
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from audit.models import CoverageReceipt, SetAsideRow, SyncRun
from costs.billing_scope import NAMELESS, SharedDelivery
from costs.files import CostFiles
from costs.models import CostReceipt, CostSlice, DailyCost, Source
from governance.azure.simulator.faults import Fault
from governance.azure.simulator.server import Simulator
from governance.tenancy import Scope, entered
from tenants.actions import set_cost_export_scope
from tenants.models import Subscription, Tenant
from tests.conftest import StartAzure, connect, read_costs
from tests.costs.cost_files import EA_HEADER, SUBSCRIPTION, ea, write
from tests.costs.truth import (
    assert_costs_are_true,
    held_sums,
    receipts_of,
    slices_of,
    summed,
    true_rows,
)

DECEMBER, JANUARY, FEBRUARY = date(2025, 12, 1), date(2026, 1, 1), date(2026, 2, 1)
LISTED, PART, QUERY = "microsoft.billing/", "/exports/billing/.*part_", "CostManagement/query"
SPOILT = 70
AT_SCOPE = "at the billing scope"

pytestmark = pytest.mark.django_db


def enterprise(
    start_azure: StartAzure, *sources: str, exports: str = "ea-details-csv", day: int = 40, **world: Any
) -> tuple[Simulator, list[Tenant]]:
    """Contoso and fabrikam, billed together, with a subscription for each of these; by default on 10 February.

    Fabrikam's last one has vanished by then.
    """
    count = len(sources)
    wanted = {"tenants": 2, "subscriptions_per_tenant": count, "resources_per_tenant": 12 * count, **world}
    azure = start_azure(cost_sources=list(sources), billing_exports=exports, **wanted)
    azure.advance(days=day)
    tenants = [connect(azure, tenant.name) for tenant in azure.tenants]
    account = azure.world.billing_account
    assert account
    for tenant in tenants:
        with entered(Scope.of(tenant.id)):
            set_cost_export_scope(tenant, account.scope)
    return azure, tenants


def asked(azure: Simulator, word: str) -> int:
    """How often the exports of a scope were listed, or something else was asked for."""
    return len([path for _, path in azure.requests if word.lower() in path.lower()])


def reasons(tenant: Tenant) -> dict[str, str]:
    """Why each slice came from where it came, by subscription."""
    return {place[0]: row.receipt.source_reason for place, row in slices_of(tenant).items()}


def everything_told(tenant: Tenant) -> str:
    """All words of the tenant's runs and costs."""
    models = (SyncRun, CoverageReceipt, CostReceipt, SetAsideRow, CostSlice, Subscription, DailyCost)
    with entered(Scope.of(tenant.id)):
        return "\n".join(str(row.__dict__) for model in models for row in model.objects.all())


def test_each_tenant_gets_its_own_out_of_the_shared_files(
    start_azure: StartAzure, caplog: pytest.LogCaptureFixture
) -> None:
    azure, tenants = enterprise(start_azure, "ea-report", "ea-report", "payg-query", "payg-query")

    told: dict[str, str] = {}
    for tenant in tenants:
        caplog.clear()
        with caplog.at_level(logging.DEBUG), capture_logs() as logs:
            summary = read_costs(tenant, today=azure.today, month=JANUARY)
        assert (summary.outcome, summary.reason, summary.set_aside) == ("ok", "", 0)
        assert summary.received == summary.expected
        told[tenant.name] = f"{everything_told(tenant)}\n{logs}\n{caplog.text}"

    for tenant, other in zip(tenants, reversed(tenants), strict=True):
        held = assert_costs_are_true(azure, tenant, [JANUARY])
        billed = {row.subscription_id for row in azure.world.billed}
        assert {place[0] for place, row in held.items() if row.source == Source.EXPORT} == billed & {
            place[0] for place in held
        }
        assert Counter(row.source for row in held.values())[Source.EXPORT] == 4
        assert len(held) in {6, 8}
        assert all(AT_SCOPE in reason for key, reason in reasons(tenant).items() if key in billed)
        assert all("are left out" in reason for key, reason in reasons(tenant).items() if key in billed)
        foreign = azure.tenant(other.name)
        for row in azure.world.subscriptions_seen_by(foreign):
            assert row.subscription_id not in told[tenant.name]
            assert row.display_name not in told[tenant.name]
        assert "billing-account:" not in told[tenant.name]


def test_twice_is_once(start_azure: StartAzure) -> None:
    azure, [contoso, _] = enterprise(start_azure, "ea-report", "ea-report")
    read_costs(contoso, today=azure.today, month=FEBRUARY)
    before = slices_of(contoso)

    again = read_costs(contoso, today=azure.today, month=FEBRUARY)

    after = assert_costs_are_true(azure, contoso)
    assert (again.outcome, again.created, again.changed) == ("ok", 0, 0)
    assert {place: row.receipt_id for place, row in before.items()} == {
        place: row.receipt_id for place, row in after.items()
    }


@pytest.mark.once
def test_a_run_lists_the_exports_once_and_fetches_each_file_once(start_azure: StartAzure) -> None:
    azure, [contoso] = enterprise(start_azure, "ea-report", "ea-report", tenants=1, resources_per_tenant=8)

    summary = read_costs(contoso, today=azure.today)

    assert (summary.outcome, summary.reason) == ("ok", "")
    assert asked(azure, LISTED) == 1
    fetched = Counter(path for _, path in azure.requests if "/exports/billing/" in path and "part_" in path)
    assert len(fetched) == 3 * 2  # December, January and February of two metrics
    assert set(fetched.values()) == {1}
    held = assert_costs_are_true(azure, contoso)
    assert {month for (_, month, _), row in held.items() if row.source == Source.EXPORT} == {
        DECEMBER,
        JANUARY,
        FEBRUARY,
    }


@pytest.mark.once
def test_a_tenant_without_the_scope_asks_nothing_more(start_azure: StartAzure) -> None:
    azure, [contoso, _] = enterprise(start_azure, "ea-report")
    with entered(Scope.of(contoso.id)):
        set_cost_export_scope(contoso, "")

    assert read_costs(contoso, today=azure.today, month=FEBRUARY).outcome == "ok"

    assert asked(azure, LISTED) == asked(azure, "/exports/billing/") == 0
    assert {row.source for row in slices_of(contoso).values()} == {Source.REPORT}
    assert all("billing" not in reason and "at the" not in reason for reason in reasons(contoso).values())


@pytest.mark.once
@pytest.mark.parametrize(
    ("fault", "says", "most"),
    [
        ({"kind": "forbidden", "path": LISTED}, "EnrollmentReader", 0),
        ({"kind": "server_error", "path": LISTED}, "503", 0),
        ({"kind": "forbidden", "path": PART}, "Storage Blob Data Reader", 1),
        ({"kind": "missing_blob", "path": f"{PART}0_0002"}, "404", 4),
        ({"kind": "truncated_csv", "path": PART}, "is cut or damaged", 8),
        ({"kind": "missing_column", "path": PART}, "lacks a column", 8),
        ({"kind": "wrong_row_count", "path": PART}, "has not as many rows as it announces", 8),
        ({"kind": "wrong_byte_count", "path": PART}, "is cut or damaged", 8),
    ],
    ids=lambda value: "-".join(map(str, value.values()))[:40] if isinstance(value, dict) else "",
)
def test_what_fails_there_is_told_and_the_next_source_is_a_fallback(
    start_azure: StartAzure, fault: dict[str, Any], says: str, most: int
) -> None:
    azure, [contoso, _] = enterprise(start_azure, "ea-report", "ea-report")
    azure.cost_settings.partition_rows = 400
    azure.faults.add(Fault(**fault))

    summary = read_costs(contoso, today=azure.today, month=FEBRUARY)

    assert summary.outcome == "partial", summary
    assert says in summary.reason
    held = assert_costs_are_true(azure, contoso)
    assert {row.source for row in held.values()} == {Source.REPORT}
    assert len(held) == 4
    assert all(says in row.receipt.source_reason for row in held.values())
    if fault["kind"] == "forbidden":
        assert asked(azure, LISTED) == 1
    assert len([path for _, path in azure.requests if "/exports/billing/" in path and "part_" in path]) <= most
    azure.faults.clear()
    assert read_costs(contoso, today=azure.today, month=FEBRUARY).outcome == "ok"
    assert {row.source for row in receipts_of(contoso)[-4:]} == {Source.EXPORT}
    assert_costs_are_true(azure, contoso)


@pytest.mark.once
def test_rows_that_cannot_be_read_are_told_to_whom_they_belong_alone(start_azure: StartAzure) -> None:
    azure, tenants = enterprise(start_azure, "ea-report", "payg-query")
    azure.faults.add(Fault("unknown_currency", path=f"{PART}0_0001", row=0, rows=SPOILT))  # of the first day

    summaries = [read_costs(tenant, today=azure.today, month=FEBRUARY) for tenant in tenants]

    spoilt = []
    for tenant, summary in zip(tenants, summaries, strict=True):
        held = {place: row for place, row in slices_of(tenant).items() if row.source == Source.EXPORT}
        gone = sum(len(true_rows(azure, place, row.source)) - row.row_count for place, row in held.items())
        spoilt.append(gone)
        assert len(held) == 2
        assert (summary.outcome, summary.set_aside) == ("partial", gone)
        with entered(Scope.of(tenant.id)):
            told = [row.reason for row in SetAsideRow.objects.all()]
        assert len(told) == gone
        assert all('"XXQ" in Billing' in reason for reason in told)
    assert all(spoilt)
    assert sum(spoilt) == 2 * SPOILT - 1  # one of the amortized ones is the account's own


@pytest.mark.once
def test_rows_that_cannot_be_read_make_the_next_source_a_fallback_when_the_rest_is_too_little(
    start_azure: StartAzure,
) -> None:
    azure, [contoso, _] = enterprise(start_azure, "ea-report")
    azure.faults.add(Fault("unknown_currency", path=f"{PART}0_0001", row=0, rows=100_000))

    summary = read_costs(contoso, today=azure.today, month=FEBRUARY)

    assert summary.outcome == "partial"
    assert {row.source for row in assert_costs_are_true(azure, contoso).values()} == {Source.REPORT}
    assert all("could not be read" in reason for reason in reasons(contoso).values())


@pytest.mark.once
def test_a_row_of_nobody_is_told_without_what_it_says(tmp_path: Path) -> None:
    rows = [
        ea(),
        ea(SubscriptionId="another"),
        ea(SubscriptionId="", BillingAccountId="", MeterCategory="Secret"),
        ea(BillingCurrency="QQX", SubscriptionId="another"),
        ea(SubscriptionId="", Cost="?"),
    ]
    with CostFiles([write(tmp_path / "costs.csv", rows, EA_HEADER)], metric="actual") as files:
        delivery = SharedDelivery.of(files, {SUBSCRIPTION})
        told = delivery.refused(SUBSCRIPTION, most=10)

    assert [row.reason for row in told] == [NAMELESS]
    assert (delivery.refused_count(SUBSCRIPTION), delivery.has_account_rows) == (1, False)
    assert set(delivery.contents) == {SUBSCRIPTION}


@pytest.mark.once
@pytest.mark.parametrize("source", ["mca-report", "payg-query"])
def test_a_subscription_that_is_not_billed_there_is_read_as_before(start_azure: StartAzure, source: str) -> None:
    azure, [contoso, _] = enterprise(start_azure, "ea-report", source)

    summary = read_costs(contoso, today=azure.today, month=JANUARY)

    assert (summary.outcome, summary.reason) == ("ok", "")
    held = assert_costs_are_true(azure, contoso)
    billed = {row.subscription_id for row in azure.world.billed}
    assert {row.source for place, row in held.items() if place[0] in billed} == {Source.EXPORT}
    others = {place: row for place, row in held.items() if place[0] not in billed}
    assert {row.source for row in others.values()} == {source.partition("-")[2]}
    assert all("which did cost something" in row.receipt.source_reason for row in others.values())


@pytest.mark.once
def test_absence_is_zero_only_where_azures_own_total_says_so(start_azure: StartAzure) -> None:
    azure, [contoso, fabrikam] = enterprise(start_azure, "ea-report", "payg-query", day=34)
    for tenant in azure.tenants:
        azure.world.costs.restate_to_zero(tenant.subscription_ids[0], JANUARY, keeps_rows=False)
    azure.advance(days=2)

    sure = read_costs(contoso, today=azure.today, month=JANUARY)
    azure.faults.add(Fault("forbidden", path=QUERY))
    read_costs(fabrikam, today=azure.today, month=JANUARY)

    assert (sure.outcome, sure.reason) == ("ok", "")
    mine = [azure.tenants[0].subscription_ids[0], azure.tenants[1].subscription_ids[0]]
    held = [row for place, row in slices_of(contoso).items() if place[0] == mine[0]]
    assert [(row.source, row.row_count) for row in held] == [(Source.EXPORT, 0)] * 2
    told = receipts_of(fabrikam, subscription__subscription_id=mine[1])
    assert len(told) == 2
    assert {row.source for row in told} == {Source.REPORT}
    assert all("no total of Azure's says zero" in row.source_reason for row in told)


@pytest.mark.once
def test_what_was_held_is_not_emptied_by_absence(start_azure: StartAzure) -> None:
    azure, [contoso, _] = enterprise(start_azure, "ea-report", day=36)
    read_costs(contoso, today=azure.today, month=JANUARY)
    azure.world.costs.restate_to_zero(azure.tenants[0].subscription_ids[0], JANUARY, keeps_rows=False)
    azure.faults.add(Fault("forbidden", path=QUERY))
    azure.faults.add(Fault("forbidden", path="generateCostDetailsReport"))
    azure.advance(days=1)

    summary = read_costs(contoso, today=azure.today, month=JANUARY)

    assert summary.outcome == "failed"
    assert all(row.row_count > 0 for row in slices_of(contoso).values())
    assert {row.verdict for row in receipts_of(contoso)[2:]} == {CostReceipt.Verdict.FAILED}


@pytest.mark.once
def test_a_recent_export_of_its_own_goes_before(start_azure: StartAzure) -> None:
    azure, [contoso, _] = enterprise(start_azure, "ea-focus-csv", "ea-report")

    assert read_costs(contoso, today=azure.today, month=JANUARY).outcome == "ok"

    own, other = azure.tenants[0].subscription_ids
    told = reasons(contoso)
    assert "Cost export focus-daily at the subscription, delivered" in told[own]
    assert AT_SCOPE not in told[own]
    assert AT_SCOPE in told[other]
    assert "No cost export at the subscription is set up." in told[other]
    assert_costs_are_true(azure, contoso)


@pytest.mark.once
@pytest.mark.parametrize(
    ("source", "path", "outcome", "found"),
    [
        ("ea-details-csv", "/contoso-production/", "ok", Source.EXPORT),  # the one at the billing scope takes its place
        ("mca-focus-parquet", "/contoso-production/", "partial", Source.REPORT),  # it is not billed there
        ("ea-report", "/billing/", "partial", Source.REPORT),
    ],
)
def test_an_export_that_has_stopped(
    start_azure: StartAzure, source: str, path: str, outcome: str, found: Source
) -> None:
    azure, [contoso, _] = enterprise(start_azure, source)
    azure.faults.add(Fault("missing_manifest", path=f"{path}.*/20260205"))  # January's last delivery

    summary = read_costs(contoso, today=azure.today, month=JANUARY)

    assert summary.outcome == outcome, summary
    held = assert_costs_are_true(azure, contoso)
    assert {row.source for row in held.values()} == {found}
    assert all("It has stopped since." in row.receipt.source_reason for row in held.values())


@pytest.mark.once
def test_what_focus_tells_of_no_subscription_is_had_from_a_report(start_azure: StartAzure) -> None:
    azure, [contoso, _] = enterprise(start_azure, "ea-report", exports="ea-focus-plain")

    summary = read_costs(contoso, today=azure.today, month=JANUARY)

    assert (summary.outcome, summary.reason) == ("ok", "")
    held = {place[2]: (place, row) for place, row in slices_of(contoso).items()}
    place, actual = held["actual"]
    assert actual.source == Source.EXPORT  # what is missing of it is the rounding alone
    assert held_sums(DailyCost, place, contoso) == summed(true_rows(azure, place, actual.source))
    place, amortized = held["amortized"]  # what nobody used of a reservation names no subscription in FOCUS
    assert amortized.source == Source.REPORT
    assert "and Azure's own total is" in amortized.receipt.source_reason
    assert held_sums(DailyCost, place, contoso) == summed(true_rows(azure, place, amortized.source))
