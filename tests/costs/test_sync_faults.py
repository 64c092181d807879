"""The cost sync on bad answers: the stated outcome, nothing half-stored, nothing told that lets somebody in, healed."""

import logging
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from audit.models import CoverageReceipt, SetAsideRow, SyncRun
from costs.models import CostReceipt, Restatement, Source
from governance.azure.simulator.faults import Fault
from governance.azure.simulator.server import Simulator
from governance.tenancy import Scope, entered
from tenants.models import Tenant
from tests.conftest import StartAzure, read_costs
from tests.costs.test_sync import FEBRUARY, JANUARY, QUERY, one_subscription
from tests.costs.truth import assert_costs_are_true, assert_slice_is_true, receipts_of, slices_of, true_rows

pytestmark = [pytest.mark.django_db, pytest.mark.once]  # what Azure does wrong does not depend on the engine

REPORTS, EXPORTS, REPORT_CALL = "/armreports/", "/exports/", "generateCostDetailsReport"
SECOND = "part_0_0002"
OK, PARTIAL, FAILED = "ok", "partial", "failed"


@dataclass(frozen=True)
class Case:
    """A fault during the first reading of a month, and during a later one: what each run has to say.

    A later one keeps what is held with its resources, instead of falling back to a query that names none.
    """

    name: str
    arrangement: str
    fault: dict[str, Any]
    first: str
    later: str
    says: str = ""
    source: str = ""  # that the first reading comes from
    skips: tuple[str, ...] = field(default=())


CASES = [
    Case("link expired once", "ea-report", {"kind": "expired_link", "path": REPORTS, "times": 1}, OK, OK, "", "report"),
    Case(
        "link expired always", "ea-report", {"kind": "expired_link", "path": REPORTS}, PARTIAL, FAILED, "403", "query"
    ),
    Case("second blob missing", "ea-report", {"kind": "missing_blob", "path": SECOND}, PARTIAL, FAILED, "404", "query"),
    Case("second blob missing once", "ea-report", {"kind": "missing_blob", "path": SECOND, "times": 1}, OK, OK),
    Case("report truncated", "ea-report", {"kind": "truncated_csv", "path": REPORTS}, PARTIAL, FAILED, "", "query"),
    Case(
        "report shorter than announced",
        "ea-report",
        {"kind": "wrong_byte_count", "path": REPORTS},
        PARTIAL,
        FAILED,
        "cut",
        "query",
    ),
    Case(
        "report without amounts", "ea-report", {"kind": "missing_column", "path": REPORTS}, PARTIAL, FAILED, "", "query"
    ),
    Case("report failed", "mca-report", {"kind": "report_failed"}, PARTIAL, FAILED, "could not", "query"),
    Case("report forbidden", "ea-report", {"kind": "forbidden", "path": REPORT_CALL}, PARTIAL, FAILED, "403", "query"),
    Case("report cut once", "ea-report", {"kind": "reset", "path": REPORTS, "times": 1}, OK, OK),
    Case("storage busy once", "ea-report", {"kind": "server_error", "path": REPORTS, "times": 1}, OK, OK),
    Case(
        "export forbidden",
        "ea-focus-csv",
        {"kind": "forbidden", "path": EXPORTS},
        PARTIAL,
        PARTIAL,
        "Storage Blob Data Reader",
        "report",
    ),
    Case(
        "export's second blob missing",
        "ea-focus-csv",
        {"kind": "missing_blob", "path": f"{EXPORTS}.*{SECOND}"},
        PARTIAL,
        PARTIAL,
        "404",
        "report",
    ),
    Case(
        "export truncated", "ea-focus-plain", {"kind": "truncated_csv", "path": EXPORTS}, PARTIAL, PARTIAL, "", "report"
    ),
    Case(
        "parquet truncated",
        "ea-focus-parquet",
        {"kind": "truncated_csv", "path": EXPORTS},
        PARTIAL,
        PARTIAL,
        "",
        "report",
    ),
    Case(
        "export shorter than announced",
        "ea-details-csv",
        {"kind": "wrong_byte_count", "path": EXPORTS},
        PARTIAL,
        PARTIAL,
        "cut",
        "report",
    ),
    Case(
        "export without amounts",
        "ea-focus-csv",
        {"kind": "missing_column", "path": EXPORTS},
        PARTIAL,
        PARTIAL,
        "",
        "report",
    ),
    Case(
        "list of exports fails",
        "ea-focus-csv",
        {"kind": "server_error", "path": "CostManagement/exports"},
        PARTIAL,
        PARTIAL,
        "503",
        "report",
    ),
    Case("429 without a time, twice", "ea-report", {"kind": "throttle", "path": "CostManagement", "times": 2}, OK, OK),
    Case(
        "429 that asks for too long",
        "ea-report",
        {"kind": "throttle", "path": "CostManagement", "retry_after": 372},
        FAILED,
        FAILED,
        "372 seconds",
    ),
    Case(
        "query forbidden", "payg-query", {"kind": "forbidden", "path": QUERY}, FAILED, FAILED, "Cost Management Reader"
    ),
    Case("query not JSON", "payg-query", {"kind": "not_json", "path": QUERY}, FAILED, FAILED, ""),
    Case("query half a page, once", "payg-query", {"kind": "half_page", "path": QUERY, "times": 1}, OK, OK),
    Case("query empty page with a link", "payg-query", {"kind": "empty_page", "path": QUERY, "times": 1}, OK, OK),
    Case("query repeats a page", "payg-query", {"kind": "repeated_token", "path": QUERY}, FAILED, FAILED, ""),
    Case(
        "query's link leads elsewhere",
        "payg-query",
        {"kind": "foreign_next_link", "path": QUERY},
        FAILED,
        FAILED,
        "another host",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_fault_in_the_first_reading(start_azure: StartAzure, caplog: pytest.LogCaptureFixture, case: Case) -> None:
    azure, contoso = world(start_azure, case)
    azure.faults.add(Fault(**case.fault))

    with caplog.at_level(logging.DEBUG):
        summary = read_costs(contoso, today=azure.today, month=FEBRUARY)

    assert summary.outcome == case.first, summary
    assert case.says in summary.reason
    held = assert_costs_are_true(azure, contoso)
    assert len(held) == (0 if case.first == FAILED else 2)
    if case.source:
        assert {row.source for row in held.values()} == {case.source}
    assert_receipts_tell(contoso, case.first)
    assert_nothing_secret_is_told(contoso, caplog)
    assert_healed(azure, contoso)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_fault_in_a_later_reading(start_azure: StartAzure, case: Case) -> None:
    azure, contoso = world(start_azure, case)
    read_costs(contoso, today=azure.today, month=FEBRUARY)
    then = azure.today
    before = {place: true_rows(azure, place, row.source) for place, row in slices_of(contoso).items()}
    azure.advance(days=2)
    azure.faults.add(Fault(**case.fault))

    summary = read_costs(contoso, today=azure.today, month=FEBRUARY)

    assert summary.outcome == case.later, summary
    assert case.says in summary.reason
    held = slices_of(contoso)
    assert set(held) == set(before)
    for place, row in held.items():
        as_of = then if case.later == FAILED else None
        assert_slice_is_true(azure, contoso, place, row, as_of=as_of)
    assert_receipts_tell(contoso, case.later)
    assert_healed(azure, contoso)


def world(start_azure: StartAzure, case: Case) -> tuple[Simulator, Tenant]:
    """One subscription, whose files have several parts and whose queries several pages."""
    azure, contoso = one_subscription(start_azure, case.arrangement, day=38)
    azure.cost_settings.partition_rows = azure.cost_settings.page_rows = 60
    return azure, contoso


def assert_receipts_tell(tenant: Tenant, outcome: str) -> None:
    """A run that is not whole says why, on the receipt of the subscription and on those of its slices."""
    with entered(Scope.of(tenant.id)):
        run = SyncRun.objects.of_kind("costs").order_by("-started_at", "-id").first()
        [receipt] = CoverageReceipt.objects.filter(run=run)
    if outcome != OK:
        assert not receipt.complete
        assert receipt.reason
    for row in receipts_of(tenant, run=run):
        assert row.reason or row.verdict not in {CostReceipt.Verdict.FAILED, CostReceipt.Verdict.REFUSED}


def assert_nothing_secret_is_told(tenant: Tenant, caplog: pytest.LogCaptureFixture) -> None:
    """Neither a link's signature nor a token is in a log, a receipt or a run."""
    with entered(Scope.of(tenant.id)):
        told = [str(row.__dict__) for model in (SyncRun, CoverageReceipt, CostReceipt) for row in model.objects.all()]
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith(("urllib3", "azure.core"))]
    for text in (*told, *ours):
        assert "sig=" not in text
        assert "Bearer " not in text


def assert_healed(azure: Simulator, tenant: Tenant) -> None:
    """Without the fault, and after every pause, the next reading is whole and true."""
    azure.faults.clear()
    from django.core.cache import cache

    cache.clear()
    summary = read_costs(tenant, today=azure.today, month=FEBRUARY)
    assert (summary.outcome, summary.reason) == (OK, "")
    assert len(assert_costs_are_true(azure, tenant)) == 2


def test_a_fallback_says_what_failed_and_is_read_again_when_that_is_mended(start_azure: StartAzure) -> None:
    azure, contoso = one_subscription(start_azure, "ea-report")  # 10 February: January is over for good
    azure.faults.add(Fault("report_failed"))
    read_costs(contoso, today=azure.today)
    fallen = {place: row for place, row in slices_of(contoso).items() if place[1] == JANUARY}

    azure.faults.clear()
    azure.advance(days=1)
    summary = read_costs(contoso, today=azure.today)

    assert {row.source for row in fallen.values()} == {Source.QUERY}
    assert all("could not make" in row.receipt.source_reason for row in fallen.values())
    assert summary.outcome == OK
    assert {row.source for row in assert_costs_are_true(azure, contoso).values()} == {Source.REPORT}
    azure.forget_requests()
    read_costs(contoso, today=azure.today)
    assert len([path for _, path in azure.requests if REPORT_CALL in path]) == 2  # the open month alone


def test_rows_in_an_unknown_currency_are_set_aside_one_by_one(start_azure: StartAzure) -> None:
    azure, contoso = one_subscription(start_azure, "ea-report")
    azure.faults.add(Fault("unknown_currency", path=REPORTS, row=3, rows=2))

    summary = read_costs(contoso, today=azure.today, month=JANUARY)

    assert (summary.outcome, summary.set_aside) == (PARTIAL, 4)  # two of each metric
    assert "set aside" in summary.reason
    with entered(Scope.of(contoso.id)):
        told = [row.reason for row in SetAsideRow.objects.all()]
    assert len(told) == 4
    assert all("XXQ" in reason for reason in told)
    assert {row.row_count for row in slices_of(contoso).values()} == {
        len(true_rows(azure, place, "report")) - 2 for place in slices_of(contoso)
    }
    azure.faults.clear()
    assert read_costs(contoso, today=azure.today, month=JANUARY).outcome == OK
    assert_costs_are_true(azure, contoso)


@pytest.mark.parametrize("arrangement", ["ea-report", "ea-focus-parquet", "ea-details-csv"])
def test_rows_lost_in_silence_are_noticed_by_the_control_total(start_azure: StartAzure, arrangement: str) -> None:
    azure, contoso = one_subscription(start_azure, arrangement)
    azure.faults.add(Fault("lost_rows", path="part_0_0001", rows=40))

    summary = read_costs(contoso, today=azure.today, month=JANUARY)

    assert summary.outcome in {PARTIAL, FAILED}
    assert "Azure's own total is" in summary.reason
    azure.faults.clear()
    assert read_costs(contoso, today=azure.today, month=JANUARY).outcome == OK
    assert_costs_are_true(azure, contoso)


@pytest.mark.parametrize("arrangement", ["ea-report", "ea-focus-csv", "payg-query"])
@pytest.mark.parametrize("keeps_rows", [True, False])
def test_a_month_restated_to_zero_is_stored(start_azure: StartAzure, arrangement: str, *, keeps_rows: bool) -> None:
    azure, contoso = one_subscription(start_azure, arrangement, day=34)
    read_costs(contoso, today=azure.today, month=JANUARY)
    [subscription] = azure.tenants[0].subscription_ids
    azure.world.costs.restate_to_zero(subscription, JANUARY, keeps_rows=keeps_rows)

    summary = read_costs(contoso, today=azure.today, month=JANUARY)

    assert (summary.outcome, summary.reason) == (OK, "")
    assert len(assert_costs_are_true(azure, contoso)) == 2
    with entered(Scope.of(contoso.id)):
        moved = list(Restatement.objects.all())
    assert moved
    assert all(row.after == 0 and row.before + row.arrived + row.moved == 0 for row in moved)


def test_of_several_runs_in_the_folder_only_the_newest_whole_one_counts(start_azure: StartAzure) -> None:
    azure, contoso = one_subscription(start_azure, "ea-focus-csv")
    azure.faults.add(Fault("missing_manifest", path=f"/{azure.today:%Y%m%d}"))

    summary = read_costs(contoso, today=azure.today, month=FEBRUARY)

    assert summary.outcome == OK
    yesterday = date(2026, 2, 9)
    for place, row in slices_of(contoso).items():
        assert f"delivered {yesterday}" in row.receipt.source_reason
        assert_slice_is_true(azure, contoso, place, row, as_of=yesterday)
    azure.faults.clear()
    assert read_costs(contoso, today=azure.today, month=FEBRUARY).outcome == OK
    assert_costs_are_true(azure, contoso)


def test_downloads_leave_nothing_behind(
    start_azure: StartAzure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    azure, contoso = one_subscription(start_azure, "ea-focus-csv", "ea-report")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    azure.faults.add(Fault("missing_column", path=EXPORTS, times=1))

    read_costs(contoso, today=azure.today, month=FEBRUARY)

    assert [path for path in tmp_path.iterdir() if path.name.startswith("costs-")] == []
