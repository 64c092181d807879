"""Amounts shown in another currency: exact, at rates that are named, beside the originals; without rates nothing."""

import csv
import io
import re
from datetime import UTC, date, timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.cache import cache
from django.utils import timezone
from openpyxl import load_workbook

from costs.models import ExchangeRate
from costs.spans import months_before
from tenants.models import Subscription, Tenant, User
from tests.conftest import signed_in
from tests.costs.ledger import line, store, subscription_of
from tests.portal.test_cost_reports import dense, inside, said
from tests.portal.test_costs_pages import amounts, body, is_final, page
from tests.portal.test_reports import made, newest

IN_FRANCS = "period=last-month&display_currency=CHF"
CONVERTED = (
    "/costs/?display_currency=CHF",
    *(f"/costs/explore/?{IN_FRANCS}&by={by}" for by in ("service", "resource")),
)
UNCONVERTED = ("/costs/?display_currency=GBP", "/costs/explore/?period=last-month&display_currency=GBP")
# 12.25 euros at 0.9 on the 1st, 2 more at 0.8 on the 10th, and 3 dollars, of which a franc is worth 1.25.
TOTAL = Decimal("12.25") * Decimal("0.9") + 2 * Decimal("0.8") + 3 / Decimal("1.25")


@pytest.fixture
def last_month() -> date:
    """The first day of a month that is over."""
    return months_before(timezone.now().astimezone(UTC).date().replace(day=1), 1)


@pytest.fixture
def shop(contoso: Tenant) -> Subscription:
    """A subscription of contoso."""
    return subscription_of(contoso, "shop")


@pytest.fixture(autouse=True)
def _forgotten() -> None:
    cache.clear()


@pytest.fixture
def spent(shop: Subscription, last_month: date) -> None:
    """What the shop cost last month, in three currencies."""
    rows = [
        line(last_month, "10.25", service="Compute", resource_group="rg-web"),
        line(last_month, "2", service="Storage", resource_group="rg-data"),
        line(last_month + timedelta(days=9), "2", service="Storage", resource_group="rg-data"),
        line(last_month, "3", "USD", service="Bandwidth"),
        line(last_month, "500", "JPY", service="Bandwidth"),
    ]
    store(shop, last_month, rows, read_at=is_final(last_month))


@pytest.fixture
def rates(last_month: date) -> None:
    """Two rates of the euro, the dollar's the other way round, none of the yen."""
    for days, base, quote, rate in ((0, "EUR", "CHF", "0.9"), (9, "EUR", "CHF", "0.8"), (0, "CHF", "USD", "1.25")):
        day = last_month + timedelta(days=days)
        ExchangeRate.objects.create(day=day, base=base, quote=quote, rate=Decimal(rate), source="A bank")


def exported(user: User, query: str, *, form: str = "csv") -> bytes:
    """The explorer's table as a file."""
    answer: Any = signed_in(user).post("/costs/explore/export/", {"query": query, "format": form})
    assert answer.status_code == 200
    return b"".join(answer.streaming_content)


def rows_of(data: bytes) -> dict[str, dict[str, str]]:
    """The rows of a CSV by service and currency."""
    return {f"{row['service']} {row['currency']}": row for row in csv.DictReader(io.StringIO(data.decode()))}


@pytest.mark.usefixtures("spent")
@pytest.mark.parametrize("path", ["/costs/", "/costs/explore/?period=last-month"])
def test_without_rates_no_currency_is_offered(bob: User, path: str) -> None:
    said = page(bob, path)

    assert "display_currency" not in said
    assert "converted" not in said


@pytest.mark.usefixtures("spent", "rates")
@pytest.mark.parametrize("path", ["/costs/", "/costs/explore/?period=last-month"])
def test_with_rates_their_currencies_are_offered_and_nothing_is_converted_unasked(bob: User, path: str) -> None:
    said = page(bob, path)

    choice = re.search(r'<select[^>]*name="display_currency".*?</select>', said)
    assert choice
    assert re.findall(r'<option value="(\w*)"', choice[0]) == ["", "CHF", "EUR", "USD"]
    assert "converted at" not in said
    assert TOTAL not in amounts(said)


@pytest.mark.usefixtures("spent", "rates")
@pytest.mark.parametrize("path", CONVERTED)
def test_amounts_are_converted_exactly_beside_the_originals(bob: User, last_month: date, path: str) -> None:
    said = page(bob, path)
    words = body(said)

    assert TOTAL in amounts(said)
    assert {Decimal("14.25"), Decimal(3), Decimal(500)} <= set(amounts(said))
    assert f"EUR converted at the rates of {last_month} to {last_month + timedelta(days=9)} (A bank)" in words
    assert f"USD converted at the rate of {last_month} (A bank)" in words
    assert "1 CHF = 1.25 USD" in words
    assert f"{last_month.day} {last_month:%b %Y}" in words


@pytest.mark.usefixtures("spent", "rates")
@pytest.mark.parametrize("path", ["/costs/?display_currency=chf", f"/costs/explore/?{IN_FRANCS}"])
def test_what_has_no_rate_stays_in_its_currency_and_says_so(bob: User, path: str) -> None:
    said = page(bob, path)

    told = re.search(r"Without a rate, so in no figure in CHF: (.*?)</p>", said)
    assert told
    assert amounts(told[1]) == [Decimal(500)]
    assert re.search(r'<option value="CHF" selected>', said)


@pytest.mark.usefixtures("spent")
@pytest.mark.parametrize("path", UNCONVERTED)
def test_a_currency_without_any_rate_converts_nothing(bob: User, path: str) -> None:
    said = page(bob, path)

    assert "Without a rate, so in no figure in GBP" in said
    assert "GBP" not in {
        match.rpartition(" ")[2] for match in re.findall(r'<data class="money"[^>]*title="([^"]*)"', said)
    }
    assert re.search(r"no rate", said, re.IGNORECASE)


@pytest.mark.parametrize("path", ["/costs/", "/costs/explore/"])
def test_what_is_no_currency_is_refused(bob: User, shop: Subscription, path: str) -> None:
    assert "three letters" in page(bob, f"{path}?display_currency=francs", status=400)


@pytest.mark.usefixtures("spent", "rates")
def test_the_currency_goes_deeper_and_not_into_rows_that_have_none(bob: User) -> None:
    said = page(bob, f"/costs/explore/?by=service&{IN_FRANCS}")

    links = [link.replace("&amp;", "&") for link in re.findall(r'href="([^"]*service=Storage[^"]*)"', said)]
    deeper = [link for link in links if link.startswith("?")]
    rows = [link for link in links if link.startswith("/costs/records/")]
    assert deeper
    assert all(parse_qs(link[1:])["display_currency"] == ["CHF"] for link in deeper)
    assert rows
    assert page(bob, rows[0])
    assert "display_currency" not in "".join(rows)
    for place in ("/costs/", "/costs/explore/"):
        assert f'href="{place}?display_currency=CHF"' in said
    assert 'href="/costs/moved/"' in said


@pytest.mark.usefixtures("spent", "rates")
def test_a_saved_view_keeps_the_currency(bob: User) -> None:
    answer = signed_in(bob).post("/views/", {"list": "cost-explorer", "name": "in francs", "query": IN_FRANCS})

    assert answer.status_code == 303
    assert parse_qs(urlsplit(answer["Location"]).query)["display_currency"] == ["CHF"]
    assert TOTAL in amounts(page(bob, answer["Location"]))


@pytest.mark.usefixtures("spent", "rates")
def test_the_file_has_each_row_in_both_currencies(bob: User, last_month: date) -> None:
    plain, shown = (rows_of(exported(bob, query)) for query in ("period=last-month", IN_FRANCS))

    assert [{name: row[name] for name in list(row)[:8]} for row in shown.values()] == list(plain.values())
    told = {key: (row["shown"], row["shown_currency"], row["without_rate"]) for key, row in shown.items()}
    assert told == {
        "Compute EUR": ("9.225000000", "CHF", "0.000000000"),
        "Storage EUR": ("3.400000000", "CHF", "0.000000000"),
        "Bandwidth USD": ("2.400000000", "CHF", "0.000000000"),
        "Bandwidth JPY": ("", "CHF", "500.000000000"),
    }
    assert shown["Bandwidth USD"]["rates"] == f"converted at the rate of {last_month} (A bank)"
    assert shown["Bandwidth JPY"]["rates"] == ""


@pytest.mark.usefixtures("spent", "rates")
def test_the_workbook_names_each_rate(bob: User) -> None:
    book = load_workbook(BytesIO(exported(bob, IN_FRANCS, form="xlsx")))

    about = [row for row in book["About"].iter_rows(values_only=True) if row[0]]
    assert [row[1:3] for row in about if row[0] == "Rate"] == [
        (0.9, "CHF for 1 EUR"),
        (0.8, "CHF for 1 EUR"),
        (1.25, "USD for 1 CHF"),
    ]
    assert [row[1:3] for row in about if row[0] == "Total without a rate"] == [(500, "JPY")]


@pytest.mark.usefixtures("spent", "rates")
def test_the_report_says_the_same_in_the_other_currency(bob: User, last_month: date) -> None:
    plain = dense(made(bob, report="costs"))
    document = made(bob, report="costs", display_currency="CHF")
    text = dense(document)

    assert "AllinCHF" not in plain
    assert "AllinCHF" in text
    assert f"{last_month:%B%Y}{said(TOTAL)}500JPY" in text
    assert f"EURconvertedattheratesof{last_month}to{last_month + timedelta(days=9)}(Abank)" in text
    assert "500JPYhasnorate:itisinnofigurehere" in text
    assert "CHFUSD1.25" in text
    assert "14.25EUR" in text
    assert "slices.csv" in document.attachments
    assert inside(document, "slices.csv")


def test_many_rates_are_inside_the_document(bob: User, shop: Subscription, last_month: date) -> None:
    days = [last_month - timedelta(days=number) for number in range(70)]
    for day in days:
        ExchangeRate.objects.create(day=day, base="EUR", quote="CHF", rate=Decimal("0.9"), source="A bank")
    for month in {day.replace(day=1) for day in days}:
        rows = [line(day, "1", service="Storage") for day in days if day.replace(day=1) == month]
        store(shop, month, rows, read_at=is_final(month))

    document = made(bob, report="costs", display_currency="CHF")

    assert len(inside(document, "rates.csv").splitlines()) == 71
    assert "and 10 older ones" in body(page(bob, "/costs/?display_currency=CHF"))


def test_the_api_makes_the_report_in_another_currency_too(bob: User, shop: Subscription) -> None:
    asked = {"report": "costs", "display_currency": "CHF"}

    answer = signed_in(bob).post("/api/v1/reports/", asked, content_type="application/json")
    wrong = signed_in(bob).post(
        "/api/v1/reports/", {"report": "costs", "display_currency": "F"}, content_type="application/json"
    )

    assert (answer.status_code, wrong.status_code) == (202, 400)
    assert newest().query == "display_currency=CHF"
