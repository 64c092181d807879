"""`manage.py import_costs`: what is taken is stored to the last digit, and what is not is told with its reason.

The real files are read where they lie: below the folder named by AZURE_PAYLOADS, by default `shared/azure` beside the
checkout.
"""

import json
import os
from collections import defaultdict
from datetime import date
from decimal import Context, Decimal, localcontext
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Sum
from django.utils import timezone

from audit.models import AuditEvent, EventOutcome
from audit.verbs import Verb
from costs.models import CostReceipt, CostRecord, CostSlice, DailyCost, DailyResourceCost, Restatement, Source
from costs.questions import Question
from costs.standing import standing_of
from governance.azure.arm import SubscriptionRecord
from governance.money import as_text, rounded
from governance.tenancy import Scope, entered
from tenants.models import Subscription, Tenant, User
from tenants.subscriptions import off_board, record_subscriptions
from tests.conftest import signed_in, sync
from tests.costs.cost_files import FOCUS_HEADER, SUBSCRIPTION, Sums, ea, focus, write
from tests.processes import ROOT

pytestmark = pytest.mark.django_db
REAL = Path(os.environ.get("AZURE_PAYLOADS", ROOT.parent / "shared" / "azure")) / "costdata"
real = pytest.mark.skipif(not REAL.is_dir(), reason="No official Azure payloads: set AZURE_PAYLOADS.")


def run(*arguments: Any, tenant: str = "contoso") -> tuple[int, str]:
    """The exit status and what was printed."""
    out = StringIO()
    try:
        call_command("import_costs", *map(str, arguments), "--tenant", tenant, stdout=out)
    except SystemExit as exit_:
        return int(exit_.code or 0), out.getvalue()
    return 0, out.getvalue()


def run_json(*arguments: Any, tenant: str = "contoso") -> tuple[int, dict[str, Any]]:
    """The exit status and the one object that was printed."""
    status, out = run(*arguments, "--json", tenant=tenant)
    return status, json.loads(out)


def stored(model: Any, metric: str) -> dict[str, Decimal]:
    """What a table holds of a metric, by currency."""
    rows = model.objects.of_metric(metric).order_by().values_list("currency").annotate(total=Sum("amount"))
    return dict(rows)


# --- the real files ---

ACTUAL, AMORTIZED = "ea_actual_cost_details.csv", "ea_amortized_cost_details.csv"
FOCUS_AZURE, FOCUS_OTHERS = "focus_1.0_sample_azure.csv", "focus_1.0_sample_other_providers.csv"


@real
@pytest.mark.usefixtures("everywhere")
@pytest.mark.parametrize(
    ("name", "columns", "dialect", "unknown"),
    [
        (ACTUAL, {"actual": "Cost"}, "ea", []),
        (AMORTIZED, {"amortized": "Cost"}, "ea", []),
        (FOCUS_AZURE, {"actual": "BilledCost", "amortized": "EffectiveCost"}, "focus-1.0", ["Id"]),
        (FOCUS_OTHERS, {"actual": "BilledCost", "amortized": "EffectiveCost"}, "focus-1.0", ["Id"]),
    ],
)
def test_a_real_file_is_stored_to_the_last_digit(
    contoso: Tenant, name: str, columns: dict[str, str], dialect: str, unknown: list[str]
) -> None:
    status, told = run_json(REAL / name)

    assert (status, told["dialect"], told["columns_unknown"], told["refusals"]) == (0, dialect, unknown, [])
    assert told["metrics"] == list(columns)
    for metric, column in columns.items():
        sums = Sums(REAL / name, column)
        assert (told["rows"], told["taken"], told["refused"]) == (sums.rows, sums.rows, 0)
        other_word = {"actual": "billed", "amortized": "effective"}[metric]
        for currency, exact in sums.exact.items():
            assert told["totals"][currency][metric] == told["totals"][currency][other_word] == as_text(exact)
            with localcontext(Context(prec=80)):
                lost = Decimal(told["residual"][currency][metric])
                assert exact - lost == sums.kept[currency]
        for table in (CostRecord, DailyCost, DailyResourceCost):
            assert stored(table, metric) == sums.kept


@real
@pytest.mark.usefixtures("everywhere")
def test_every_row_of_a_real_file_is_there_as_it_came(contoso: Tenant) -> None:
    run(REAL / AMORTIZED)

    row = CostRecord.objects.get(
        charge_type="Usage", benefit="ProdDS1VMReservation", resource_group__startswith="MC_ANAL"
    )
    assert (row.amount, row.currency, f"{row.day}") == (Decimal("0.493152"), "USD", "2023-09-22")
    assert (row.service, row.meter, row.region) == ("Virtual Machines", "D2 v2/DS2 v2", "EastUS")
    assert (row.pricing_model, row.quantity, row.unit) == ("Reservation", Decimal(8), "1 Hour")
    assert row.subscription.name == "Trey Research Corporate"
    assert row.tag_set


@real
def test_what_is_no_cost_file_is_refused_with_what_is_missing(contoso: Tenant) -> None:
    status, told = run_json(REAL / "ea_reservation_recommendations.csv")

    assert (status, told["rows"], told["taken"], told["totals"]) == (1, 0, 0, {})
    assert "no cost file" in told["error"]
    assert "SubscriptionId" in told["error"]


# --- twice, other metrics, other sources ---


@pytest.mark.usefixtures("everywhere")
def test_importing_twice_is_the_same_as_once(contoso: Tenant, tmp_path: Path) -> None:
    path = write(tmp_path / "focus.csv", [focus(), focus(BilledCost="2.5")], FOCUS_HEADER)
    first, told = run_json(path)

    second, again = run_json(path)

    assert first == second == 0
    assert {row["verdict"] for row in told["slices"]} == {"stored"}
    assert {row["verdict"] for row in again["slices"]} == {"unchanged"}
    assert (
        again["totals"]
        == told["totals"]
        == {"EUR": {"actual": "4", "billed": "4", "amortized": "2.5", "effective": "2.5"}}
    )
    assert stored(CostRecord, "actual") == stored(DailyCost, "actual") == {"EUR": Decimal(4)}
    assert not Restatement.objects.exists()


@pytest.mark.usefixtures("everywhere")
def test_a_newer_file_replaces_the_month_and_what_moved_is_kept(contoso: Tenant, tmp_path: Path) -> None:
    run(write(tmp_path / "1.csv", [ea(), ea(Cost="3")]))

    run(write(tmp_path / "2.csv", [ea(Cost="4")]))

    assert stored(DailyCost, "actual") == {"EUR": Decimal(4)}
    assert Restatement.objects.get().moved == Decimal("-0.5")


@pytest.mark.usefixtures("everywhere")
def test_a_slice_says_that_it_was_imported_and_its_receipt_what_rounding_lost(contoso: Tenant, tmp_path: Path) -> None:
    run(write(tmp_path / "ea.csv", [ea(Cost="1.0000000004")]))

    row = CostSlice.objects.get()
    assert (row.source, row.has_resources, row.row_count) == (Source.IMPORT, True, 1)
    assert json.loads(row.receipt.totals)["EUR"]["residual"] == "0.0000000004"
    assert row.receipt.run is None


@pytest.mark.usefixtures("everywhere")
@pytest.mark.parametrize("source", [Source.EXPORT, Source.REPORT])
def test_what_a_better_source_told_stays_unless_it_is_to_be_replaced(
    contoso: Tenant, tmp_path: Path, source: Source
) -> None:
    run(write(tmp_path / "1.csv", [ea()]))
    CostSlice.objects.update(source=source)  # as a sync stores it
    path = write(tmp_path / "2.csv", [ea(Cost="7"), ea(Cost="8", Date="08/31/2026")])

    status, told = run_json(path)

    assert (status, told["taken"], told["refused"]) == (3, 1, 1)
    assert [(row["line"], "--replace" in row["reason"]) for row in told["refusals"]] == [(1, True)]
    assert told["totals"]["EUR"]["actual"] == "8"
    assert stored(DailyCost, "actual") == {"EUR": Decimal("9.5")}
    assert run(path, "--replace")[0] == 0
    assert stored(DailyCost, "actual") == {"EUR": Decimal(15)}


@pytest.mark.usefixtures("everywhere")
def test_a_query_is_no_better_source(contoso: Tenant, tmp_path: Path) -> None:
    run(write(tmp_path / "1.csv", [ea()]))
    CostSlice.objects.update(source=Source.QUERY)

    assert run(write(tmp_path / "2.csv", [ea(Cost="7")]))[0] == 0
    assert CostSlice.objects.get().source == Source.IMPORT


@pytest.mark.usefixtures("everywhere")
def test_the_metric_can_be_said(contoso: Tenant, tmp_path: Path) -> None:
    _, told = run_json(write(tmp_path / "ea.csv", [ea()]), "--metric", "amortized")

    assert told["totals"] == {"EUR": {"amortized": "1.5", "effective": "1.5"}}
    assert stored(DailyCost, "amortized") == {"EUR": Decimal("1.5")}


@pytest.mark.usefixtures("everywhere")
def test_currencies_are_kept_apart(contoso: Tenant, tmp_path: Path) -> None:
    _, told = run_json(write(tmp_path / "ea.csv", [ea(), ea(BillingCurrency="usd", Cost="2")]))

    assert {code: totals["actual"] for code, totals in told["totals"].items()} == {"EUR": "1.5", "USD": "2"}
    assert stored(DailyCost, "actual") == {"EUR": Decimal("1.5"), "USD": Decimal(2)}


# --- what is not taken ---


@pytest.mark.usefixtures("everywhere")
def test_rows_that_cannot_be_taken_are_told_and_the_others_stored(contoso: Tenant, tmp_path: Path) -> None:
    paths = [write(tmp_path / "1.csv", [ea(), ea(Cost="x")]), write(tmp_path / "2.csv", [ea(Date="")])]

    status, told = run_json(*paths)

    assert (status, told["rows"], told["taken"], told["refused"]) == (3, 3, 1, 2)
    assert [(row["file"], row["line"]) for row in told["refusals"]] == [("1.csv", 2), ("2.csv", 1)]
    assert stored(DailyCost, "actual") == {"EUR": Decimal("1.5")}


@pytest.mark.usefixtures("everywhere")
def test_words_tell_the_first_refusals_and_how_many_more(contoso: Tenant, tmp_path: Path) -> None:
    status, words = run(write(tmp_path / "1.csv", [ea(), *(ea(Cost="x") for _ in range(25))]))

    assert status == 3
    assert "of 26 row(s) 1 were taken, 25 not." in words
    assert words.count("Not taken: 1.csv, row") == 20
    assert "and 5 more" in words


@pytest.mark.usefixtures("everywhere")
@pytest.mark.parametrize("rows", [[], [ea(Cost="x")]])
def test_a_file_of_which_nothing_can_be_taken_stores_nothing(
    contoso: Tenant, tmp_path: Path, rows: list[dict[str, str]]
) -> None:
    status, told = run_json(write(tmp_path / "ea.csv", rows))

    assert (status, told["taken"], told["rows"]) == (1, 0, len(rows))
    assert not CostReceipt.objects.exists()
    assert not Subscription.objects.exists()


@pytest.mark.usefixtures("everywhere")
def test_nothing_is_stored_of_parts_of_which_one_is_cut(contoso: Tenant, tmp_path: Path) -> None:
    whole, cut = write(tmp_path / "1.csv", [ea()]), write(tmp_path / "2.csv.gz", [ea()])
    cut.write_bytes(cut.read_bytes()[:-9])

    status, told = run_json(whole, cut)

    assert status == 1
    assert "2.csv.gz" in told["error"]
    assert not CostRecord.objects.exists()


@pytest.mark.usefixtures("everywhere")
def test_a_dry_run_tells_the_same_and_stores_nothing(contoso: Tenant, tmp_path: Path) -> None:
    path = write(tmp_path / "ea.csv", [ea(), ea(Cost="x")])

    status, dry = run_json(path, "--dry-run")

    assert (status, dry["taken"], dry["refused"]) == (3, 1, 1)
    for model in (CostRecord, CostReceipt, Subscription):
        assert not model.objects.exists()
    assert not AuditEvent.objects.filter(verb=Verb.COSTS_IMPORTED).exists()
    assert run_json(path)[1]["totals"] == dry["totals"]


@pytest.mark.parametrize("arguments", [[], ["x.csv", "--metric", "both"]])
def test_wrong_usage_is_told(contoso: Tenant, arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        run(*arguments)


def test_an_unknown_tenant_is_told(contoso: Tenant, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="There is no tenant 'nobody'"):
        run(write(tmp_path / "ea.csv", [ea()]), tenant="nobody")


# --- whose it is ---


@pytest.mark.usefixtures("everywhere")
def test_rows_of_another_tenants_subscription_are_refused_without_a_word_of_whose(
    contoso: Tenant, fabrikam: Tenant, tmp_path: Path
) -> None:
    Subscription.objects.create(
        tenant=fabrikam, subscription_id=SUBSCRIPTION, name="Secret", first_seen_at=timezone.now()
    )
    path = write(tmp_path / "ea.csv", [ea(), ea(SubscriptionId="own")])

    status, told = run_json(path)

    assert (status, told["taken"], told["refused"]) == (3, 1, 1)
    assert "Check whose file it is" in told["refusals"][0]["reason"]
    assert not {"fabrikam", "Secret"} & set(json.dumps(told).replace('"', " ").split())
    assert not CostRecord.objects.for_tenant(fabrikam.id).exists()
    assert CostRecord.objects.get().tenant_id == contoso.id


@pytest.mark.usefixtures("everywhere")
def test_a_billing_account_may_bill_two_tenants(contoso: Tenant, fabrikam: Tenant, tmp_path: Path) -> None:
    path = write(tmp_path / "focus.csv", [focus(SubAccountId="NULL")], FOCUS_HEADER)

    assert run(path)[0] == 0
    assert run(path, tenant="fabrikam")[0] == 0
    assert {row.name for row in Subscription.objects.all()} == {"Billing account SunBird"}


@pytest.mark.usefixtures("everywhere")
def test_what_a_file_alone_names_is_imported_and_expected_of_nobody(contoso: Tenant, tmp_path: Path) -> None:
    _, told = run_json(write(tmp_path / "ea.csv", [ea()]))

    row = Subscription.objects.get()
    assert told["subscriptions_imported"] == [SUBSCRIPTION]
    assert (row.name, row.is_imported, row.access_lost_at) == ("Orders", True, None)
    assert not Subscription.objects.expected().exists()
    with pytest.raises(ValueError, match="known from a cost file only"):
        off_board(row, now=timezone.now())


@pytest.mark.usefixtures("everywhere")
def test_a_sync_neither_misses_nor_loses_what_a_file_alone_names(contoso: Tenant, tmp_path: Path) -> None:
    run(write(tmp_path / "ea.csv", [ea()]))

    summary = sync(contoso)

    assert summary.outcome == "ok"
    row = Subscription.objects.get(subscription_id=SUBSCRIPTION)
    assert (row.is_imported, row.access_lost_at) == (True, None)


@pytest.mark.usefixtures("everywhere")
def test_once_azure_shows_it_it_is_as_every_other(contoso: Tenant, tmp_path: Path) -> None:
    run(write(tmp_path / "ea.csv", [ea()]))
    shown = SubscriptionRecord(
        subscription_id=SUBSCRIPTION, name="", state="", quota_id="", tenant_id=str(contoso.azure_tenant_id)
    )

    expected = record_subscriptions(contoso, [shown], now=timezone.now())
    record_subscriptions(contoso, [], now=timezone.now())

    assert [row.subscription_id for row in expected] == [SUBSCRIPTION]
    row = Subscription.objects.get()
    assert row.is_imported is False
    assert row.access_lost_at is not None


@pytest.mark.usefixtures("everywhere")
def test_a_subscription_that_is_known_keeps_its_name(contoso: Tenant, tmp_path: Path) -> None:
    sync(contoso)
    known = Subscription.objects.order_by("name").first()
    assert known is not None

    _, told = run_json(write(tmp_path / "ea.csv", [ea(SubscriptionId=known.subscription_id.upper())]))

    assert told["subscriptions_imported"] == []
    assert CostSlice.objects.get().subscription == known


def test_the_tenants_page_and_the_api_say_that_it_is_imported(contoso: Tenant, tmp_path: Path, alice: User) -> None:
    run(write(tmp_path / "ea.csv", [ea()]))

    browser = signed_in(alice)
    page = browser.get(f"/tenants/{contoso.id}/").content.decode()
    (row,) = browser.get("/api/v1/subscriptions/").json()["results"]

    assert "Imported" in page
    assert row["is_imported"] is True


# --- the trail ---


@pytest.mark.usefixtures("everywhere")
def test_an_import_is_in_the_trail_with_what_it_took(contoso: Tenant, tmp_path: Path) -> None:
    run(write(tmp_path / "ea.csv", [ea(), ea(Cost="x")]))

    event = AuditEvent.objects.get(verb=Verb.COSTS_IMPORTED)
    after = json.loads(event.after)
    assert (event.tenant_id, event.outcome) == (contoso.id, EventOutcome.DONE)
    assert (after["files"], after["taken"], after["refused"]) == (["ea.csv"], 1, 1)
    assert after["totals"]["EUR"]["actual"] == "1.5"


@pytest.mark.usefixtures("everywhere")
def test_each_cut_adds_up_to_the_same(contoso: Tenant, tmp_path: Path) -> None:
    rows = [
        ea(Cost=f"{number}.0000000005", ResourceId=f"/r/{number % 3}", Date=f"09/{number % 28 + 1:02}/2026")
        for number in range(60)
    ]
    by_day: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        by_day[row["Date"]] += rounded(Decimal(row["Cost"]))

    run(write(tmp_path / "ea.csv", rows))

    for table in (DailyCost, DailyResourceCost):
        found = table.objects.of_metric("actual").order_by().values_list("day").annotate(total=Sum("amount"))
        assert {f"{day:%m/%d/%Y}": total for day, total in found} == by_day


def test_the_scope_of_the_import_is_its_tenant(contoso: Tenant, fabrikam: Tenant, tmp_path: Path) -> None:
    run(write(tmp_path / "ea.csv", [ea()]))

    with entered(Scope.of(fabrikam.id)):
        assert not CostRecord.objects.exists()
    with entered(Scope.of(contoso.id)):
        assert CostRecord.objects.count() == 1


@pytest.mark.usefixtures("everywhere")
def test_a_subscription_of_a_file_lacks_no_month_that_no_file_told(contoso: Tenant, tmp_path: Path) -> None:
    run(write(tmp_path / "september.csv", [ea()]))

    year = Question("actual", date(2026, 1, 1), date(2026, 9, 30), tenants=frozenset({contoso.id}))
    standing = standing_of(year, today=date(2026, 11, 25))

    assert (standing.slices_read, standing.slices_expected, standing.unread) == (1, 1, ())
