"""/api/v1/costs/: summary/, trend/, cut/, records/ and restatements/, with numbers worked out by hand."""

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from costs.lists import (
    CutFilter,
    FiguresFilter,
    LineListFilter,
    MovedFilter,
    RecordListFilter,
    RestatementListFilter,
    TrendFilter,
)
from costs.models import ExchangeRate, Metric
from costs.ranked_lists import MoversFilter, WasteFilter
from governance.tenancy import Scope, entered
from tenants.actions import group_tenants
from tenants.models import Subscription, Tenant, User
from tests.api.program import Program, problem, refused
from tests.api.test_openapi import described, validator
from tests.costs.ledger import NOVEMBER, OCTOBER, READ_AT, line, store, subscription_of

__all__ = ["described"]  # a fixture

pytestmark = pytest.mark.django_db
FIGURES = ("costs/summary/", "costs/trend/", "costs/cut/")
MOVERS, WASTE = "costs/movers/", "costs/waste/"
RANKED = (MOVERS, WASTE)  # tests/api/test_costs_ranked.py tells what they say
MOVED = "costs/moved/"
LISTS = ("costs/records/", "costs/restatements/")
DAYS = {"since": "2025-11-01", "until": "2025-11-25"}
WEB = {"name": "web", "resource_group": "RG-Shop", "service": "Compute", "region": "westeurope", "charge_type": "Usage"}
WEB_ID = "/subscriptions/s/resourceGroups/RG-Shop/providers/Microsoft.Compute/disks/web"


def november(day: int) -> date:
    return date(2025, 11, day)


@pytest.fixture
def shop(contoso: Tenant) -> Subscription:
    return subscription_of(contoso, "shop")


@pytest.fixture
def lab(fabrikam: Tenant) -> Subscription:
    return subscription_of(fabrikam, "lab")


@pytest.fixture
def spent(shop: Subscription, lab: Subscription) -> None:
    """What contoso's shop and fabrikam's lab cost in October and November."""
    store(shop, OCTOBER, [line(date(2025, 10, 5), "100", **WEB)])
    lines = [
        line(november(3), "10.25", tags={"Env": "prod"}, **WEB),
        line(november(3), "2", service="Storage", resource_group="rg-data", region="eastus", charge_type="Refund"),
        line(november(24), "1", "USD", **WEB),
    ]
    store(shop, NOVEMBER, lines)
    store(shop, NOVEMBER, [line(november(3), "7", **WEB)], metric=Metric.AMORTIZED)
    store(lab, NOVEMBER, [line(november(4), "5000", "CHF", service="Secret lab service", name="lab-disk")])


@pytest.fixture
def restated(spent: None, shop: Subscription) -> None:
    """The shop's November, told once more: the 3rd is less, and the 25th arrived."""
    lines = [
        line(november(3), "8.25", tags={"Env": "prod"}, **WEB),
        line(november(3), "2", service="Storage", resource_group="rg-data", region="eastus", charge_type="Refund"),
        line(november(24), "1", "USD", **WEB),
        line(november(25), "4", **WEB),
    ]
    store(shop, NOVEMBER, lines, read_at=READ_AT.replace(day=26))


@pytest.fixture
def as_charlie(charlie: User) -> Program:
    return Program(charlie)


def amounts(told: Any, name: str = "amount") -> dict[str, Decimal]:
    return {one["currency"]: Decimal(one[name]) for one in told}


# --- every endpoint ---------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("restated")
@pytest.mark.parametrize("path", [*FIGURES, *RANKED, *LISTS, MOVED])
def test_an_answer_says_how_fresh_it_is_and_refuses_what_it_does_not_know(as_alice: Program, path: str) -> None:
    assert as_alice.page(path)["coverage"]["kind"] == "costs"
    assert "no parameter" in refused(as_alice.ask(path, colour="1"), "colour")
    refused(as_alice.ask(path, metric="both"), "metric")
    refused(as_alice.ask(path, tenant="nowhere"), "tenant")


@pytest.mark.parametrize("path", [*FIGURES, *RANKED, MOVED])
def test_figures_have_no_pages(as_alice: Program, path: str) -> None:
    assert "no parameter" in refused(as_alice.ask(path, page_size=10), "page_size")


@pytest.mark.usefixtures("restated", "rates")
def test_answers_fit_their_description(as_alice: Program, as_charlie: Program, described: dict[str, Any]) -> None:
    key = as_alice.rows("costs/restatements/")[0]["id"]
    of_one = {"/api/v1/costs/restatements/{id}/": key, "/api/v1/costs/restatements/{restatement_id}/lines/": key}
    questions: list[dict[str, Any]] = [{}, {**DAYS, "display_currency": "CHF"}, {"colour": 1}]

    for path in (path for path in described["paths"] if path.startswith("/api/v1/costs/")):
        address = re.sub(r"{\w+}", of_one.get(path, ""), path).removeprefix("/api/v1/")
        for program in (as_alice, as_charlie, Program(None)):
            for asked in questions[:1] if path.endswith("{id}/") else questions:
                answer = program.ask(address, **asked)
                errors = list(validator(described, path, "get", answer).iter_errors(answer.json()))
                assert errors == [], f"{path} {asked} {answer.status_code}"


def test_every_parameter_has_a_test_here() -> None:
    rows = {"subscription", "resource_group", "service", "region", "charge_type", "tag", "resource"}
    asked = {"tenant", "group", "metric", "month", "since", "until", *rows}

    assert set(FiguresFilter.base_filters) == asked | {"display_currency"}
    assert set(TrendFilter.base_filters) == asked | {"display_currency", "by"}
    assert set(MoversFilter.base_filters) == asked | {"by", "top"}
    of_orphans = {"tenant", "group", "metric", "subscription", "resource_group", "type", "rule", "top"}
    assert set(WasteFilter.base_filters) == of_orphans
    assert set(CutFilter.base_filters) == asked | {"display_currency", "by", "top"}
    assert set(RecordListFilter.base_filters) == asked | {"sort"}
    of_slices = {"tenant", "group", "metric", "month", "subscription", "currency", "since", "until", "moved", "sort"}
    assert set(RestatementListFilter.base_filters) == of_slices
    assert set(MovedFilter.base_filters) == {"tenant", "group", "metric", "subscription", "since", "top"}
    assert set(LineListFilter.base_filters) == {"service", "resource", "sort"}


@pytest.mark.usefixtures("spent")
@pytest.mark.parametrize("path", [*FIGURES, MOVERS, "costs/records/"])
def test_parameters_that_contradict_one_another_are_refused(as_alice: Program, path: str) -> None:
    assert "either" in refused(as_alice.ask(path, month="2025-11", since="2025-11-02"), "month")
    assert "before the first" in refused(as_alice.ask(path, since="2025-11-02", until="2025-11-01"), "until")
    assert "at most" in refused(as_alice.ask(path, since="2001-01-01"), "since")
    for name, value in {"month": "2025-11-01", "since": "yesterday", "resource": "web", "tag": ":x"}.items():
        refused(as_alice.ask(path, **{name: value}), name)


@pytest.mark.usefixtures("spent")
@pytest.mark.parametrize("path", [*FIGURES, MOVERS])
def test_what_the_sums_cannot_tell_is_refused(as_alice: Program, path: str) -> None:
    refused(as_alice.ask(path, tag="env", charge_type="Usage"), "charge_type")
    assert as_alice.ask("costs/records/", tag="env", charge_type="Usage").status_code == 200


# What each narrowing leaves of the 12.25 euros and the dollar of November.
NARROWED: list[tuple[dict[str, str], dict[str, str]]] = [
    ({}, {"EUR": "12.25", "USD": "1"}),
    ({"tenant": "contoso"}, {"EUR": "12.25", "USD": "1"}),
    ({"group": "ours"}, {"EUR": "12.25", "USD": "1"}),
    ({"metric": "amortized"}, {"EUR": "7"}),
    ({"service": "Storage"}, {"EUR": "2"}),
    ({"service": "!Storage"}, {"EUR": "10.25", "USD": "1"}),
    ({"resource_group": "rg-shop"}, {"EUR": "10.25", "USD": "1"}),
    ({"resource_group": "RG-SHOP,rg-data"}, {"EUR": "12.25", "USD": "1"}),
    ({"region": "EastUS"}, {"EUR": "2"}),
    ({"charge_type": "Refund"}, {"EUR": "2"}),
    ({"tag": "env"}, {"EUR": "10.25"}),
    ({"tag": "ENV:prod"}, {"EUR": "10.25"}),
    ({"tag": "env:test"}, {}),
    ({"tag": "!env"}, {"EUR": "2", "USD": "1"}),
    ({"resource": WEB_ID.upper()}, {"EUR": "10.25", "USD": "1"}),
    ({"subscription": "nowhere"}, {}),
    ({"since": "2025-11-20"}, {"USD": "1"}),
    ({"until": "2025-11-20"}, {"EUR": "12.25"}),
]


@pytest.mark.usefixtures("spent")
@pytest.mark.parametrize(("narrowed", "left"), NARROWED)
def test_each_parameter_changes_every_answer(
    as_alice: Program, contoso: Tenant, narrowed: dict[str, str], left: dict[str, str]
) -> None:
    group_tenants("ours", [contoso])
    asked = {**DAYS, **narrowed}
    wanted = {currency: Decimal(amount) for currency, amount in left.items()}

    assert amounts(as_alice.page("costs/summary/", **asked)["total"]["amounts"]) == wanted
    cut = as_alice.page("costs/cut/", **asked, by="subscription")["currencies"]
    assert amounts(cut, "total") == wanted
    sums: dict[str, Decimal] = {}
    for point in as_alice.page("costs/trend/", **asked)["points"]:
        for one in point["amounts"]:
            sums[one["currency"]] = sums.get(one["currency"], Decimal(0)) + Decimal(one["amount"])
    assert sums == wanted
    sums = {}
    for row in as_alice.rows("costs/records/", **asked):
        sums[row["currency"]] = sums.get(row["currency"], Decimal(0)) + Decimal(row["amount"])
    assert sums == wanted


@pytest.mark.usefixtures("spent")
def test_a_subscription_is_named_by_the_id_azure_knows(as_alice: Program, shop: Subscription) -> None:
    asked = {**DAYS, "subscription": shop.subscription_id.upper()}

    for path in (*FIGURES, "costs/records/"):
        assert as_alice.page(path, **asked) == as_alice.page(path, **DAYS)


def test_without_days_it_is_this_month(as_alice: Program, shop: Subscription) -> None:
    today = timezone.now().date()
    month = today.replace(day=1)
    store(shop, month, [line(month, "3", **WEB)], read_at=timezone.now())

    told = as_alice.page("costs/summary/")

    assert (told["since"], told["until"]) == (str(month), str(today))
    assert amounts(told["total"]["amounts"]) == {"EUR": 3}
    assert [row["amount"] for row in as_alice.rows("costs/records/")] == ["3.000000000"]


# --- figures ----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("spent")
def test_a_summary_compares_and_says_what_it_stands_on(as_alice: Program) -> None:
    told = as_alice.page("costs/summary/", **DAYS)

    euros, dollars = told["total"]["amounts"]
    assert euros == {
        "currency": "EUR",
        "amount": "12.250000000",
        "before": "100.000000000",
        "change": "-87.750000000",
        "percent": "-87.8",
    }
    assert (dollars["currency"], dollars["before"], dollars["percent"]) == ("USD", "0.000000000", None)
    assert (told["total"]["before_since"], told["total"]["before_until"]) == ("2025-10-01", "2025-10-25")
    assert (told["to_date"]["until"], amounts(told["to_date"]["amounts"])["EUR"]) == ("2025-11-23", Decimal("12.25"))
    standing = told["standing"]
    assert (standing["finality"], standing["state"], standing["slices_read"]) == ("estimate", "unfinished", 1)
    assert (standing["days"], standing["days_known"], standing["unread"]) == (25, 23, [])
    assert standing["sources"] == [{"source": "export", "slices": 1}]


@pytest.mark.usefixtures("shop")
def test_what_was_never_read_is_unknown(as_alice: Program) -> None:
    summary, trend = (as_alice.page(path, **DAYS) for path in FIGURES[:2])

    assert (summary["standing"]["state"], summary["standing"]["finality"]) == ("unknown", None)
    assert (summary["total"]["amounts"], summary["to_date"]) == ([], None)
    assert [(one["subscription"], one["months"]) for one in summary["standing"]["unread"]] == [("shop", ["2025-11-01"])]
    assert {(point["state"], len(point["amounts"])) for point in trend["points"]} == {("unknown", 0)}


@pytest.mark.usefixtures("spent")
def test_a_trend_is_by_day_or_month(as_alice: Program) -> None:
    days = as_alice.page("costs/trend/", **DAYS)["points"]
    months = as_alice.page("costs/trend/", by="month", since="2025-10-01", until="2025-11-25")["points"]

    assert len(days) == 25
    assert (days[2]["state"], amounts(days[2]["amounts"])) == ("complete", {"EUR": Decimal("12.25"), "USD": 0})
    assert (days[23]["state"], days[24]["state"]) == ("unfinished", "unknown")
    told = [(month["since"], month["until"], amounts(month["amounts"])["EUR"]) for month in months]
    assert told == [("2025-10-01", "2025-10-31", 100), ("2025-11-01", "2025-11-25", Decimal("12.25"))]
    refused(as_alice.ask("costs/trend/", by="year"), "by")


@pytest.mark.usefixtures("spent")
def test_a_cut_is_by_one_or_two_dimensions(as_alice: Program) -> None:
    told = as_alice.page("costs/cut/", **DAYS, by="service,tag:env", top=1)

    euros = next(one for one in told["currencies"] if one["currency"] == "EUR")
    assert told["by"] == ["service", "tag:env"]
    assert (euros["total"], euros["rest"], euros["rest_rows"]) == ("12.250000000", "2.000000000", 1)
    assert [part["label"] for part in euros["rows"][0]["parts"]] == ["Compute", "prod"]
    assert euros["rows"][0]["parts"][1]["word"] == "env:prod"
    for wrong in ("colour", "tag", "tag:", "service,service", "service,region,tenant", "service,"):
        answer = as_alice.ask("costs/cut/", by=wrong)
        assert answer.status_code == (200 if wrong == "service," else 400), wrong
    refused(as_alice.ask("costs/cut/", by="charge_type,resource"), "charge_type")
    for wrong in ("0", "1001", "2.5", "x"):
        refused(as_alice.ask("costs/cut/", top=wrong), "top")


@pytest.mark.usefixtures("spent")
def test_a_part_leads_to_what_it_is_made_of(as_alice: Program) -> None:
    for by in ("tenant", "subscription", "resource_group", "service", "region", "charge_type", "resource", "tag:env"):
        for currency in as_alice.page("costs/cut/", **DAYS, by=by)["currencies"]:
            for row in currency["rows"]:
                if row["parts"][0]["kind"] == "value":
                    named = {by.partition(":")[0]: row["parts"][0]["word"]}
                    total = amounts(as_alice.page("costs/cut/", **DAYS, **named)["currencies"], "total")
                    assert total[currency["currency"]] == Decimal(row["amount"]), named


# --- another currency -------------------------------------------------------------------------------------------------


@pytest.fixture
def rates() -> None:
    for day, base, rate in ((november(1), "EUR", "0.9"), (november(24), "USD", "0.8")):
        ExchangeRate.objects.create(day=day, base=base, quote="CHF", rate=Decimal(rate), source="A bank")


@pytest.mark.usefixtures("spent", "rates")
def test_amounts_are_shown_in_another_currency_beside_the_originals(as_alice: Program) -> None:
    asked = {**DAYS, "display_currency": "chf"}
    plain = {path: as_alice.page(path, **DAYS) for path in FIGURES}
    shown = {path: as_alice.page(path, **asked) for path in FIGURES}

    assert amounts(shown[FIGURES[0]]["total"]["amounts"]) == amounts(plain[FIGURES[0]]["total"]["amounts"])
    converted = shown[FIGURES[0]]["converted"]
    assert plain[FIGURES[0]]["converted"] is None
    assert (converted["currency"], converted["amount"]) == ("CHF", "11.825000000")  # 12.25 * 0.9 + 1 * 0.8
    assert converted["without_rate"] == []
    assert [(rate["base"], rate["rate_day"], rate["rate"], rate["first_day"]) for rate in converted["rates"]] == [
        ("EUR", "2025-11-01", "0.900000000", "2025-11-03"),
        ("USD", "2025-11-24", "0.800000000", "2025-11-24"),
    ]
    points = [point["converted"]["amount"] for point in shown[FIGURES[1]]["points"] if point["converted"]]
    assert sum(Decimal(amount) for amount in points) == Decimal("11.825")
    cut = shown[FIGURES[2]]["converted"]
    assert (cut["total"], [row["amount"] for row in cut["rows"]]) == ("11.825000000", ["10.025000000", "1.800000000"])


@pytest.mark.usefixtures("spent", "rates")
def test_what_has_no_rate_stays_apart(as_alice: Program) -> None:
    ExchangeRate.objects.filter(base="USD").update(day=november(10))  # older than a week on the 24th

    told = as_alice.page("costs/summary/", **DAYS, display_currency="CHF")["converted"]

    assert (told["amount"], told["without_rate"]) == (
        "11.025000000",
        [{"currency": "USD", "amount": "1.000000000"}],
    )
    refused(as_alice.ask("costs/summary/", display_currency="francs"), "display_currency")


# --- rows -------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("spent")
def test_a_record_is_told_as_it_came(as_alice: Program, contoso: Tenant, shop: Subscription) -> None:
    (row,) = as_alice.rows("costs/records/", **DAYS, tag="env")

    assert {name: row[name] for name in row if name != "id"} == {
        "tenant": str(contoso.id),
        "tenant_name": "contoso",
        "subscription_id": shop.subscription_id,
        "subscription_name": "shop",
        "month": "2025-11-01",
        "metric": "actual",
        "day": "2025-11-03",
        "currency": "EUR",
        "amount": "10.250000000",
        "azure_id": WEB_ID,
        "resource_group": "RG-Shop",
        "service": "Compute",
        "meter": "",
        "region": "westeurope",
        "charge_type": "Usage",
        "pricing_model": "",
        "benefit": "",
        "quantity": None,
        "unit": "",
        "tags": {"Env": "prod"},
    }


@pytest.mark.parametrize("sort", ["day", "-day"])
def test_records_read_in_small_pages_are_the_whole_list_once(as_alice: Program, shop: Subscription, sort: str) -> None:
    store(shop, NOVEMBER, [line(november(1 + number % 5), f"{number}") for number in range(30)])

    rows = list(as_alice.walk("costs/records/", **DAYS, page_size=7, sort=sort))

    assert sorted(Decimal(row["amount"]) for row in rows) == list(range(30))
    assert [row["day"] for row in rows] == sorted((row["day"] for row in rows), reverse=sort == "-day")
    refused(as_alice.ask("costs/records/", sort="amount"), "sort")


@pytest.mark.usefixtures("restated")
def test_a_restatement_says_what_moved_and_what_arrived(as_alice: Program, shop: Subscription) -> None:
    (row,) = as_alice.rows("costs/restatements/")

    told = {name: row[name] for name in ("before", "arrived", "moved", "after", "finality_before", "finality")}
    assert told == {
        "before": "12.250000000",
        "arrived": "4.000000000",
        "moved": "-2.000000000",
        "after": "14.250000000",
        "finality_before": "estimate",
        "finality": "estimate",
    }
    assert (row["subscription_id"], row["month"], row["currency"]) == (shop.subscription_id, "2025-11-01", "EUR")
    assert as_alice.page(f"costs/restatements/{row['id']}/") == row
    lines = as_alice.rows(f"costs/restatements/{row['id']}/lines/")
    assert [(one["day"], one["service"], one["azure_id"], one["before"], one["after"]) for one in lines] == [
        ("2025-11-03", "Compute", WEB_ID, "10.250000000", "8.250000000")
    ]


RESTATEMENTS: list[tuple[dict[str, str], int]] = [
    ({}, 1),
    ({"since": "2025-11-26T01:00:00Z"}, 1),
    ({"since": "2025-11-27"}, 0),
    ({"until": "2025-11-26"}, 0),
    ({"metric": "actual"}, 1),
    ({"metric": "amortized"}, 0),
    ({"month": "2025-11"}, 1),
    ({"month": "2025-10"}, 0),
    ({"currency": "eur"}, 1),
    ({"currency": "USD"}, 0),
    ({"subscription": "nowhere"}, 0),
    ({"tenant": "contoso"}, 1),
    ({"group": "ours"}, 1),
    ({"moved": "yes"}, 1),
]


@pytest.mark.usefixtures("restated")
@pytest.mark.parametrize(("asked", "number"), RESTATEMENTS)
def test_restatements_are_narrowed(as_alice: Program, contoso: Tenant, asked: dict[str, str], number: int) -> None:
    group_tenants("ours", [contoso])

    assert len(as_alice.rows("costs/restatements/", **asked)) == number


@pytest.mark.usefixtures("restated")
def test_restatements_are_sorted_and_those_that_only_grew_can_be_left_out(
    as_alice: Program, shop: Subscription
) -> None:
    store(shop, OCTOBER, [line(date(2025, 10, 5), "90", **WEB)], read_at=READ_AT.replace(day=27))
    lines = [line(november(28), "1", **WEB)]
    store(shop, NOVEMBER, [*_as_restated(), *lines], read_at=READ_AT.replace(day=28))

    days = [row["at"][8:10] for row in as_alice.rows("costs/restatements/")]
    assert days == ["28", "27", "26"]
    assert [row["at"][8:10] for row in as_alice.rows("costs/restatements/", sort="at")] == days[::-1]
    assert [row["at"][8:10] for row in as_alice.rows("costs/restatements/", moved="yes")] == ["27", "26"]
    assert len(as_alice.rows("costs/restatements/", moved="any")) == 3
    assert [row["at"][8:10] for row in as_alice.walk("costs/restatements/", page_size=1)] == days


def _as_restated() -> list[Any]:
    return [
        line(november(3), "8.25", tags={"Env": "prod"}, **WEB),
        line(november(3), "2", service="Storage", resource_group="rg-data", region="eastus", charge_type="Refund"),
        line(november(24), "1", "USD", **WEB),
        line(november(25), "4", **WEB),
    ]


@pytest.mark.usefixtures("restated")
def test_what_moved_since_is_one_answer(as_alice: Program, contoso: Tenant, shop: Subscription) -> None:
    group_tenants("ours", [contoso])
    store(shop, NOVEMBER, [*_as_restated(), line(november(26), "3", **WEB)], read_at=READ_AT.replace(day=27))
    asked = {"since": "2025-11-26"}

    told = as_alice.page(MOVED, **asked)

    (euros,) = told["slices"]
    amounts_told = [euros[name] for name in ("before", "arrived", "moved", "after")]
    assert amounts_told == ["12.250000000", "7.000000000", "-2.000000000", "17.250000000"]
    assert (euros["subscription_id"], euros["month"], euros["restatements"]) == (shop.subscription_id, "2025-11-01", 2)
    assert told["totals"] == [{"currency": "EUR", "slices": 1, "arrived": "7.000000000", "moved": "-2.000000000"}]
    assert [(one["word"], one["moved"]) for one in told["by_day"]] == [("2025-11-03", "-2.000000000")]
    assert [(one["label"], one["moved"]) for one in told["by_resource"]] == [("web", "-2.000000000")]
    for same in ({"tenant": "contoso"}, {"group": "ours"}, {"subscription": shop.subscription_id}, {"top": 1}):
        assert as_alice.page(MOVED, **asked, **same) == told
    nothing: list[dict[str, str]] = [
        {"since": "2025-11-28"},
        {**asked, "metric": "amortized"},
        {**asked, "subscription": "nowhere"},
    ]
    for other in nothing:
        found = as_alice.page(MOVED, **other)
        assert (found["totals"], found["slices"], found["by_day"]) == ([], [], [])


@pytest.mark.usefixtures("restated")
def test_what_moved_most_is_told_and_the_others_are_counted(as_alice: Program, contoso: Tenant) -> None:
    for number in range(3):
        one = subscription_of(contoso, f"s{number}")
        for amount, day in ((5, 25), (6 + number, 26)):
            store(one, NOVEMBER, [line(november(3), str(amount), **WEB)], read_at=READ_AT.replace(day=day))

    told = as_alice.page(MOVED, since="2025-11-26", top=2)

    assert [row["subscription"] for row in told["slices"]] == ["s2", told["slices"][1]["subscription"]]
    assert (len(told["slices"]), told["more_slices"]) == (2, 2)


@pytest.mark.usefixtures("restated")
def test_lines_are_narrowed_and_sorted(as_alice: Program, shop: Subscription) -> None:
    told = [one._replace(amount=one.amount * 2) for one in _as_restated()]
    store(shop, NOVEMBER, _as_restated(), read_at=READ_AT.replace(day=27))  # so that the 25th has been told as a whole
    store(shop, NOVEMBER, told, read_at=READ_AT.replace(day=28))
    key = next(row["id"] for row in as_alice.rows("costs/restatements/", currency="EUR", since="2025-11-28"))
    path = f"costs/restatements/{key}/lines/"

    assert [row["day"][8:] for row in as_alice.rows(path)] == ["03", "03", "25"]
    assert [row["day"][8:] for row in as_alice.rows(path, sort="-day")] == ["25", "03", "03"]
    assert [row["service"] for row in as_alice.rows(path, service="Storage")] == ["Storage"]
    assert {row["azure_id"] for row in as_alice.rows(path, resource=WEB_ID)} == {WEB_ID}
    assert "no parameter" in refused(as_alice.ask(path, tenant="contoso"), "tenant")


# --- who may see it ---------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("restated")
def test_a_stranger_sees_nothing_of_it(as_alice: Program, as_charlie: Program, shop: Subscription) -> None:
    own = as_charlie.page("costs/summary/", **DAYS)
    (restatement,) = as_alice.rows("costs/restatements/")

    assert amounts(own["total"]["amounts"]) == {"CHF": 5000}
    assert own["standing"]["slices_expected"] == 1
    for path in (*FIGURES, MOVERS, "costs/records/"):
        for asked in ({}, {"subscription": shop.subscription_id}, {"resource": WEB_ID}, {"service": "Compute"}):
            told = as_charlie.ask(path, **DAYS, **asked).content.decode()
            for word in ("contoso", "shop", "RG-Shop", "EUR", "12.25", WEB_ID):
                assert word not in told, (path, asked)
    assert as_charlie.rows("costs/restatements/") == []
    assert as_charlie.page(MOVED, since="2025-11-01")["totals"] == []
    for path in ("costs/restatements/{}/", "costs/restatements/{}/lines/"):
        foreign, missing = as_charlie.ask(path.format(restatement["id"])), as_charlie.ask(path.format(uuid4()))
        assert problem(foreign, 404) == problem(missing, 404)


@pytest.mark.usefixtures("restated")
@pytest.mark.parametrize("path", [*FIGURES, *RANKED])
def test_a_foreign_tenant_is_refused_like_one_that_is_nowhere(as_charlie: Program, path: str) -> None:
    assert as_charlie.ask(path, tenant="contoso").json() == as_charlie.ask(path, tenant="nowhere").json()


@pytest.mark.parametrize("path", [*FIGURES, *RANKED, *LISTS])
def test_nobody_is_asked_to_sign_in(path: str) -> None:
    problem(Program(None).ask(path), 401)


# --- what it takes ----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("restated")
@pytest.mark.parametrize("path", [*FIGURES, MOVERS, *LISTS])
def test_it_asks_the_database_as_often_for_much_as_for_little(as_alice: Program, contoso: Tenant, path: str) -> None:
    def asked() -> list[str]:
        with CaptureQueriesContext(connection) as sent:
            as_alice.page(path, **({} if path == "costs/restatements/" else DAYS))
        return [one["sql"] for one in sent.captured_queries]

    asked()  # that she looks is written down once
    few = asked()
    with entered(Scope.of(contoso.id)):
        subscriptions = [subscription_of(contoso, f"s{number}") for number in range(8)]
    for number, one in enumerate(subscriptions):
        lines = [line(november(day), "1", name=f"d{number}-{day}", service=f"s{day}") for day in range(1, 25)]
        store(one, NOVEMBER, lines)
        store(one, NOVEMBER, lines[:20], read_at=READ_AT.replace(day=26))

    many = asked()
    assert len(many) == len(few)
    if path != "costs/records/":
        assert not [sql for sql in many if "cost_data" in sql]


def test_a_moment_of_the_ledger_is_in_the_past() -> None:
    assert datetime.now(tz=READ_AT.tzinfo) > READ_AT
