"""The pages of costs: what they say equals what is stored; what was never read is unknown, and not nothing."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlsplit

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from openpyxl import load_workbook

from costs.explorer import cut
from costs.figures import summary
from costs.finality import last_day
from costs.models import CostSlice, Metric
from costs.questions import Dimension, Question
from costs.rows import CostLine
from costs.spans import Span, months_before
from governance.tenancy import Scope, entered
from governance.ui.cells import money
from inventory.models import Orphan, Resource
from tenants.models import Subscription, Tenant, User
from tests.conftest import signed_in, sync
from tests.costs.ledger import line, store, subscription_of
from tests.portal.test_resources_page import text

LONG_AGO = "since=2020-01-01&until=2020-01-31"


@pytest.fixture
def today() -> date:
    """The day the pages take for today."""
    return timezone.now().astimezone(UTC).date()


@pytest.fixture
def last_month(today: date) -> date:
    """The first day of a month that is over."""
    return months_before(today.replace(day=1), 1)


@pytest.fixture
def shop(contoso: Tenant) -> Subscription:
    """A subscription of contoso."""
    return subscription_of(contoso, "shop")


@pytest.fixture
def mine(fabrikam: Tenant) -> Subscription:
    """A subscription of fabrikam."""
    return subscription_of(fabrikam, "mine")


@pytest.fixture(autouse=True)
def _forgotten() -> None:
    cache.clear()


def lines_of(month: date) -> list[CostLine]:
    """Five services of a month in two currencies, one of them a refund; one resource with a tag."""
    rows = [
        line(month, "10.25", service="Virtual Machines", resource_group="RG-Web", region="westeurope"),
        line(month, "4.5", service="Storage", resource_group="rg-data", name="disk-a", tags={"env": "prod"}),
        line(month, "0.004", service="Key Vault", resource_group="rg-data"),
        line(month, "-2", service="Refunds", charge_type="Refund"),
    ]
    return [*rows, line(month, "7.75", "USD", service="Bandwidth", resource_group="rg-web")]


def is_final(month: date) -> datetime:
    """When a month is read for good."""
    return datetime.combine(last_day(month) + timedelta(days=8), datetime.min.time(), tzinfo=UTC)


def page(user: User, path: str, status: int = 200) -> str:
    """A page, without its white space."""
    answer = signed_in(user).get(path)
    assert answer.status_code == status, answer.content[:500]
    return text(answer)


def body(said: str) -> str:
    """What stands in the page's main part, without mark-up."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", said.partition("<main")[2]))


def shown(amount: Decimal, currency: str) -> str:
    """An amount as a page prints it, its white space like that of `text`."""
    return re.sub(r"\s+", " ", money(amount, currency))


def amounts(said: str) -> list[Decimal]:
    """The exact amounts on a page."""
    return [Decimal(value) for value in re.findall(r'<data class="money" value="([^"]*)"', said)]


# --- the overview ---


def test_the_overview_says_what_the_figures_say(
    contoso: Tenant, bob: User, shop: Subscription, today: date, last_month: date
) -> None:
    store(shop, last_month, lines_of(last_month), read_at=is_final(last_month))
    store(shop, today.replace(day=1), [line(today.replace(day=1), "3.14159", service="Storage")])

    said = page(bob, "/costs/")

    with entered(Scope.of(contoso.id)):
        question = Question(Metric.ACTUAL, last_month, last_day(last_month))
        found = summary(question, today=today)
    totals = {one.currency: one.amount for one in found.total.amounts}
    assert totals == {"EUR": Decimal("12.754"), "USD": Decimal("7.75")}
    assert f'<h3> {last_month:%B %Y} <span class="state complete">Final</span>' in said
    for currency, total in totals.items():
        assert f'<p class="big"><data class="money" value="{total.normalize():f}"' in said
        assert shown(total, currency) in said
    assert Decimal("3.14159") in amounts(said)


def test_two_currencies_are_never_added_up(bob: User, shop: Subscription, last_month: date) -> None:
    store(shop, last_month, lines_of(last_month), read_at=is_final(last_month))

    for path in ("/costs/", "/costs/explore/?period=last-month"):
        said = page(bob, path)
        assert "urrencies are never added up" in said
        assert Decimal("12.754") + Decimal("7.75") not in amounts(said)


def test_what_was_never_read_is_unknown_and_says_what_to_do(bob: User, shop: Subscription) -> None:
    said = page(bob, "/costs/")

    assert "unknown, not zero" in said
    assert "Cost Management Reader" in said
    assert not amounts(said)


def test_what_was_read_and_cost_nothing_is_nothing(
    bob: User, shop: Subscription, today: date, last_month: date
) -> None:
    for month in (last_month, today.replace(day=1)):
        store(shop, month, [])

    said = page(bob, "/costs/")

    assert "Nothing was spent" in said
    assert "Cost Management Reader" not in said


def test_of_an_unread_month_after_one_that_was_read_nothing_says_that_it_cost_nothing(
    bob: User, shop: Subscription, last_month: date
) -> None:
    store(shop, last_month, lines_of(last_month), read_at=is_final(last_month))

    said = page(bob, "/costs/")

    assert "Nothing of this month was read." in said
    assert "Nothing was spent" not in said
    assert "cost anything" not in said


def test_an_open_month_is_an_estimate_and_a_closed_one_final(
    bob: User, shop: Subscription, today: date, last_month: date
) -> None:
    store(shop, last_month, lines_of(last_month), read_at=is_final(last_month))
    store(shop, today.replace(day=1), lines_of(today.replace(day=1)), read_at=timezone.now())

    assert "Final" in body(page(bob, "/costs/explore/?period=last-month"))
    assert "Estimate" in body(page(bob, "/costs/explore/"))
    assert "Unknown" in body(page(bob, f"/costs/explore/?{LONG_AGO}"))


def test_a_month_is_closing_until_its_late_charges_came(bob: User, shop: Subscription, last_month: date) -> None:
    at = datetime.combine(last_day(last_month) + timedelta(days=3), datetime.min.time(), tzinfo=UTC)
    store(shop, last_month, lines_of(last_month), read_at=at)

    assert "Closing" in body(page(bob, "/costs/explore/?period=last-month"))


def test_the_two_metrics_are_told_apart(bob: User, shop: Subscription, last_month: date) -> None:
    store(shop, last_month, [line(last_month, "120", service="Reservations")], read_at=is_final(last_month))
    store(
        shop,
        last_month,
        [line(last_month, "4", service="Virtual Machines")],
        metric=Metric.AMORTIZED,
        read_at=is_final(last_month),
    )

    actual, amortized = (page(bob, f"/costs/{query}") for query in ("", "?metric=amortized"))

    assert (Decimal(120) in amounts(actual), Decimal(4) in amounts(actual)) == (True, False)
    assert (Decimal(120) in amounts(amortized), Decimal(4) in amounts(amortized)) == (False, True)


def test_a_reading_that_was_not_believed_is_named(bob: User, shop: Subscription, today: date) -> None:
    month = today.replace(day=1)
    store(shop, month, lines_of(month))
    with entered(Scope.of(shop.tenant_id)):
        CostSlice.objects.filter(subscription=shop).update(
            refused_at=timezone.now(), refusal="It came back empty where 12.75 EUR were told before."
        )
    cache.clear()

    said = page(bob, "/costs/")

    assert "was not believed" in said
    assert "It came back empty where 12.75 EUR were told before." in said


def test_subscriptions_that_were_never_read_are_named_and_the_total_is_at_least(
    contoso: Tenant, bob: User, shop: Subscription, last_month: date
) -> None:
    subscription_of(contoso, "laboratory")
    store(shop, last_month, lines_of(last_month), read_at=is_final(last_month))

    said = body(page(bob, "/costs/explore/?period=last-month"))

    assert "1 of 2" in said
    assert "laboratory" in said
    assert "at least what they say" in said


# --- the explorer ---


@pytest.mark.parametrize(
    "by", ["service", "resource_group", "subscription", "tenant", "region", "charge_type", "resource", "tag:env"]
)
def test_each_cut_has_the_rows_and_the_total_of_the_figures(
    contoso: Tenant, bob: User, shop: Subscription, last_month: date, today: date, by: str
) -> None:
    store(shop, last_month, lines_of(last_month), read_at=is_final(last_month))

    said = page(bob, f"/costs/explore/?by={by}&period=last-month")

    with entered(Scope.of(contoso.id)):
        question = Question(Metric.ACTUAL, last_month, last_day(last_month))
        found = cut(question, (Dimension.from_word(by),), today=today, top=50)
    shown = amounts(said)
    for one in found.currencies:
        assert one.total in shown
        assert sum((row.amount for row in one.rows), one.rest) == one.total
        for row in one.rows:
            assert row.amount in shown
            assert row.parts[0].label in said


def test_two_dimensions_give_each_pair(bob: User, shop: Subscription, last_month: date) -> None:
    store(shop, last_month, lines_of(last_month), read_at=is_final(last_month))

    for query in ("by=resource_group&then=service", "by=resource_group,service"):
        said = body(page(bob, f"/costs/explore/?{query}&period=last-month"))
        assert "rg-web Virtual Machines 10.25" in said
        assert "rg-data Storage 4.50" in said


def test_values_lead_one_level_deeper_and_amounts_to_their_rows(
    bob: User, shop: Subscription, last_month: date
) -> None:
    store(shop, last_month, lines_of(last_month), read_at=is_final(last_month))
    said = page(bob, "/costs/explore/?by=service&period=last-month")

    deeper, rows = _links(said, "Storage")
    assert deeper == {"by": ["resource"], "service": ["Storage"], "period": ["last-month"]}
    assert "disk-a" in page(bob, f"/costs/explore/?{_query(said, 'Storage')}")
    assert rows == {"service": ["Storage"], "period": ["last-month"]}
    told = page(bob, "/costs/records/?service=Storage&period=last-month")
    assert "1–1 of 1 row of cost" in told
    assert amounts(told) == [Decimal("4.5")]


def _links(said: str, label: str) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Where a value leads, and its amount."""
    found = re.search(rf'<a href="\?([^"]*)">{label}</a>.*?<a href="/costs/records/\?([^"]*)"', said)
    assert found, label
    first, second = (parse_qs(one.replace("&amp;", "&")) for one in found.groups())
    return first, second


def _query(said: str, label: str) -> str:
    found = re.search(rf'<a href="\?([^"]*)">{label}</a>', said)
    assert found
    return found[1].replace("&amp;", "&")


def test_every_link_of_the_explorer_can_be_followed(bob: User, shop: Subscription, last_month: date) -> None:
    store(shop, last_month, lines_of(last_month), read_at=is_final(last_month))
    browser = signed_in(bob)
    seen: set[str] = set()
    ahead = ["/costs/explore/?by=tenant&then=tag:env&period=last-month"]

    while ahead and len(seen) < 60:
        path = ahead.pop()
        seen.add(path)
        answer = browser.get(path)
        assert answer.status_code == 200, path
        table = "".join(re.findall(r'<table class="table stack cut-table">.*?</table>', text(answer)))
        for link in re.findall(r'href="([^"]*)"', table):
            address = link.replace("&amp;", "&")
            address = f"/costs/explore/{address}" if address.startswith("?") else address
            if address not in seen:
                ahead.append(address)

    assert len(seen) > 10


def test_what_the_sums_cannot_tell_is_refused_in_words(bob: User, shop: Subscription) -> None:
    said = page(bob, "/costs/explore/?by=charge_type&then=tag:env", status=400)

    assert "leave one" in said


@pytest.mark.parametrize(
    "query", ["by=colour", "by=service&then=region,tenant", "period=last-month&since=2026-01-01", "since=x", "tag=:"]
)
def test_a_question_that_cannot_be_read_is_no_answer(bob: User, shop: Subscription, query: str) -> None:
    assert "Nothing is shown" in page(bob, f"/costs/explore/?{query}", status=400)


def test_a_resource_group_without_a_name_leads_nowhere(bob: User, shop: Subscription, last_month: date) -> None:
    store(shop, last_month, lines_of(last_month), read_at=is_final(last_month))

    said = page(bob, "/costs/explore/?by=resource_group&period=last-month")

    assert '<span class="absent">No resource group</span>' in said


def test_a_source_that_names_no_resources_is_said(bob: User, shop: Subscription, last_month: date) -> None:
    rows = [line(last_month, "10", service="Virtual Machines", resource_group="rg")]
    store(shop, last_month, rows, has_resources=False, read_at=is_final(last_month))

    said = body(page(bob, "/costs/explore/?by=resource&period=last-month"))

    assert "names services and resource groups only" in said
    assert "Not told by the source" in said


def test_a_saved_view_keeps_the_question(bob: User, shop: Subscription, last_month: date) -> None:
    store(shop, last_month, lines_of(last_month), read_at=is_final(last_month))
    query = "by=service&then=region&period=last-month"

    answer = signed_in(bob).post("/views/", {"list": "cost-explorer", "name": "by place", "query": query})

    assert answer.status_code == 303
    address = urlsplit(answer["Location"])
    assert address.path == "/costs/explore/"
    assert parse_qs(address.query) == parse_qs(query)
    assert 'aria-current="true">by place' in page(bob, answer["Location"])


# --- files ---


def test_the_export_of_a_cut_has_each_row_whole(bob: User, shop: Subscription, last_month: date) -> None:
    store(shop, last_month, lines_of(last_month), read_at=is_final(last_month))

    answer: Any = signed_in(bob).post(
        "/costs/explore/export/", {"query": "by=service&period=last-month", "format": "csv"}
    )
    rows = b"".join(answer.streaming_content).decode().splitlines()

    assert rows[0] == "service,cost,currency,metric,from,to,finality,coverage"
    told = f"actual,{last_month},{last_day(last_month)},final,complete"
    assert f"Virtual Machines,10.250000000,EUR,{told}" in rows
    assert f"Key Vault,0.004000000,EUR,{told}" in rows
    assert f"Bandwidth,7.750000000,USD,{told}" in rows
    assert len(rows) == 6


def test_the_export_as_excel_says_what_it_stands_on(
    contoso: Tenant, bob: User, shop: Subscription, last_month: date
) -> None:
    store(shop, last_month, lines_of(last_month), read_at=is_final(last_month))

    answer: Any = signed_in(bob).post(
        "/costs/explore/export/", {"query": "by=service&period=last-month", "format": "xlsx"}
    )
    book = load_workbook(BytesIO(b"".join(answer.streaming_content)))

    assert book.sheetnames == ["Cost explorer", "About"]
    about = {row[0]: row[1] for row in book["About"].iter_rows(values_only=True) if row[0]}
    assert about["Finality"] == "final"
    assert about["Made for"] == str(bob)
    costs = {row[0]: row[1] for row in book["Cost explorer"].iter_rows(min_row=2, values_only=True)}
    assert costs["Storage"] == 4.5


def test_an_export_of_a_wrong_question_is_refused(bob: User, shop: Subscription) -> None:
    browser = signed_in(bob)

    for wrong in ({"query": "by=colour", "format": "csv"}, {"query": "", "format": "pdf"}):
        assert browser.post("/costs/explore/export/", wrong).status_code == 400
    assert browser.get("/costs/explore/export/").status_code == 405


def test_the_rows_are_exported_as_they_are_listed(bob: User, shop: Subscription, last_month: date) -> None:
    store(shop, last_month, lines_of(last_month), read_at=is_final(last_month))

    answer: Any = signed_in(bob).post(
        "/exports/", {"list": "cost-records", "query": "period=last-month&region=westeurope", "format": "csv"}
    )
    rows = b"".join(answer.streaming_content).decode().splitlines()

    assert len(rows) == 2
    assert rows[1].startswith(f"{last_month},10.250000000,EUR,Virtual Machines,")


# --- what moved ---


def test_what_moved_is_told_by_slice_service_and_day(bob: User, shop: Subscription, last_month: date) -> None:
    store(shop, last_month, lines_of(last_month), read_at=is_final(last_month))
    between = is_final(last_month) + timedelta(hours=1)
    told_otherwise = [
        row._replace(amount=Decimal("6.5")) if row.service == "Storage" else row for row in lines_of(last_month)
    ]
    store(shop, last_month, told_otherwise, read_at=between)

    said = page(bob, f"/costs/moved/?since={last_month}")

    words = body(said)
    assert "+2.00 EUR" in words
    assert "shop contoso" in words
    assert re.search(r"Storage \+2\.00", words)
    assert re.search(rf"{last_month.day} {last_month:%b %Y} \+2\.00", words)
    assert "Nothing moved" in page(bob, "/costs/moved/?since=2199-01-01")


def test_a_first_reading_has_moved_nothing(bob: User, shop: Subscription, last_month: date) -> None:
    store(shop, last_month, lines_of(last_month), read_at=is_final(last_month))

    assert "Nothing moved" in page(bob, f"/costs/moved/?since={last_month}")


# --- the resource, orphans, the first page ---


@pytest.fixture
def disk(contoso: Tenant) -> Resource:
    """A resource of contoso, found by a sync, orphaned for some days of last month."""
    assert sync(contoso).outcome == "ok"
    with entered(Scope.of(contoso.id)):
        found: Resource = (
            Resource.objects.live().select_related("subscription").filter(type="microsoft.compute/disks").first()
        )
    return found


def spend_on(resource: Resource, month: date, *, read_at: datetime, **told: Any) -> None:
    """Every day of a month it costs one euro and a half."""
    days = [day for day in Span(month, last_day(month)).each_day if day <= read_at.date()]
    rows = [
        line(day, "1.5", service="Storage", resource_group=resource.resource_group)._replace(
            azure_id=resource.azure_id, azure_id_hash=resource.azure_id_hash
        )
        for day in days
    ]
    store(resource.subscription, month, rows, read_at=read_at, **told)


def orphaned_since(resource: Resource, day: date) -> Orphan:
    """It is an orphan since then."""
    with entered(Scope.of(resource.tenant_id)):
        Orphan.objects.filter(resource=resource).delete()
        found: Orphan = Orphan.objects.create(
            tenant_id=resource.tenant_id,
            resource=resource,
            subscription=resource.subscription,
            name=resource.name,
            type=resource.type,
            rule="disk-unattached",
            verdict=Orphan.Verdict.ORPHANED,
            since=datetime.combine(day, datetime.min.time(), tzinfo=UTC),
            since_basis=Orphan.Basis.SEEN,
        )
    return found


def test_a_resource_says_what_it_costs(disk: Resource, bob: User, last_month: date, today: date) -> None:
    spend_on(disk, last_month, read_at=is_final(last_month))
    spend_on(disk, today.replace(day=1), read_at=timezone.now())

    said = page(bob, f"/resources/{disk.pk}/")

    assert last_day(last_month).day * Decimal("1.5") in amounts(said)
    assert today.day * Decimal("1.5") in amounts(said)
    assert "By service in 13 months" in said


def test_a_resource_whose_costs_nobody_told_is_unknown(disk: Resource, bob: User, last_month: date) -> None:
    assert "<b>Unknown</b>, which is not nothing" in page(bob, f"/resources/{disk.pk}/")

    rows = [line(last_month, "10", service="Storage", resource_group=disk.resource_group)]
    store(disk.subscription, last_month, rows, has_resources=False, read_at=is_final(last_month))

    assert "<b>Unknown</b>, which is not nothing" in page(bob, f"/resources/{disk.pk}/")


def test_each_orphan_says_what_it_has_wasted(disk: Resource, bob: User, last_month: date, today: date) -> None:
    spend_on(disk, last_month, read_at=is_final(last_month))
    spend_on(disk, today.replace(day=1), read_at=timezone.now())
    orphaned_since(disk, last_month + timedelta(days=9))
    wasted = (last_day(last_month).day - 9 + today.day) * Decimal("1.5")

    listed, alone = page(bob, "/orphans/"), page(bob, f"/resources/{disk.pk}/")

    row = re.search(rf'title="{disk.name}">.*?</tr>', listed)
    assert row
    assert amounts(row[0]) == [wasted]
    assert wasted in amounts(alone)
    assert shown(wasted, "EUR") in body(listed)


def test_waste_of_an_unread_month_is_at_least_or_unknown(
    disk: Resource, bob: User, last_month: date, today: date
) -> None:
    orphaned_since(disk, last_month)

    assert re.search(rf'title="{disk.name}">.*?unknown.*?</tr>', page(bob, "/orphans/"))

    spend_on(disk, today.replace(day=1), read_at=timezone.now())

    row = re.search(rf'title="{disk.name}">.*?</tr>', page(bob, "/orphans/"))
    assert row
    assert "at least" in row[0]
    assert amounts(row[0]) == [today.day * Decimal("1.5")]


def test_an_orphan_of_today_has_not_been_told_yet(disk: Resource, bob: User, today: date) -> None:
    yesterday = today - timedelta(days=1)
    month = yesterday.replace(day=1)
    store(disk.subscription, month, [line(month, "1", service="Storage")], read_at=timezone.now())
    orphaned_since(disk, today)
    if month != today.replace(day=1):
        store(disk.subscription, today, [line(today, "1", service="Storage")], read_at=timezone.now())

    row = re.search(rf'title="{disk.name}">.*?</tr>', page(bob, "/orphans/"))

    assert row
    assert "not told yet" in row[0]


def test_orphans_are_exported_with_their_waste(disk: Resource, bob: User, last_month: date) -> None:
    spend_on(disk, last_month, read_at=is_final(last_month))
    orphaned_since(disk, last_month)

    answer: Any = signed_in(bob).post("/exports/", {"list": "orphans", "query": "columns=name,waste", "format": "csv"})
    rows = dict(row.split(",")[:2] for row in b"".join(answer.streaming_content).decode().splitlines())

    assert rows["name"] == "waste"
    assert rows[disk.name] == f"at least {last_day(last_month).day * Decimal('1.5'):.9f} EUR"


def test_the_first_page_has_a_card_of_costs(bob: User, shop: Subscription, today: date) -> None:
    assert "no costs of this month have been read" in page(bob, "/")

    store(shop, today.replace(day=1), lines_of(today.replace(day=1)), read_at=timezone.now())
    said = page(bob, "/")

    card = said.partition('aria-labelledby="spent"')[2].partition("</section>")[0]
    assert {Decimal("12.754"), Decimal("7.75")} & set(amounts(card)) or today.day <= 2
    assert "Estimate" in card
    assert "1 of 1 subscription" in card


# --- who may see it ---


@pytest.mark.parametrize(
    "path",
    [
        *("/costs/", "/costs/explore/?by=subscription&period=last-month", "/costs/records/?period=last-month"),
        *("/costs/moved/?since=2020-01-01", "/costs/explore/?by=tag:env&period=last-month", "/"),
    ],
)
def test_a_stranger_finds_nothing_of_the_others(
    bob: User, charlie: User, shop: Subscription, mine: Subscription, last_month: date, path: str
) -> None:
    secret = [
        line(last_month, "98765.4321", service="Secret Service", name="disk-of-contoso", tags={"env": "env-of-contoso"})
    ]
    for rows in ([line(last_month, "1", service="Storage")], secret):
        store(shop, last_month, rows, read_at=is_final(last_month))
    store(mine, last_month, [line(last_month, "11", service="Storage")], read_at=is_final(last_month))

    found = page(charlie, path)

    words = ("98765.4321", "Secret Service", "disk-of-contoso", "env-of-contoso", str(shop.pk), shop.subscription_id)
    assert not [word for word in words if word in found]
    refused = f"{path}{'&' if '?' in path else '?'}"
    foreign, missing = (signed_in(charlie).get(f"{refused}tenant={name}") for name in ("contoso", "nowhere"))
    assert foreign.status_code == missing.status_code == 400
    assert body(text(foreign)).replace("contoso", "nowhere") == body(text(missing))


def test_a_foreign_export_is_refused_like_a_missing_one(charlie: User, shop: Subscription) -> None:
    browser = signed_in(charlie)

    said = [
        browser.post("/costs/explore/export/", {"query": f"tenant={name}", "format": "csv"})
        for name in ("contoso", "nowhere")
    ]

    assert [answer.status_code for answer in said] == [400, 400]
    assert body(unquote_plus(text(said[0]))) == body(unquote_plus(text(said[1])))


# --- how much is asked of the database ---


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/costs/", 40),
        ("/costs/explore/?period=last-month", 30),
        ("/costs/explore/?by=resource&then=tag:env&period=last-month", 40),
        ("/costs/records/?period=last-month", 26),
        ("/costs/moved/?since=2020-01-01", 30),
        ("/costs/?display_currency=CHF", 42),
        ("/costs/explore/?by=resource&period=last-month&display_currency=EUR", 45),
    ],
)
def test_the_queries_do_not_grow_with_what_was_spent(
    contoso: Tenant, bob: User, last_month: date, today: date, path: str, most: int
) -> None:
    """Of this month and the last, told twice; one subscription was never read, and of one a reading was refused."""
    browser, counts = signed_in(bob), {}
    subscription_of(contoso, "never read")
    month = today.replace(day=1)
    browser.get(path)
    for number in (8, 30):
        for place in range(2):
            one = subscription_of(contoso, f"subscription {number} {place}")
            rows = [
                line(day, "1", service=f"service {k}", resource_group=f"rg {k}", name=f"disk {k}", tags={"env": f"{k}"})
                for k in range(number)
                for day in (last_month, last_month + timedelta(days=1))
            ]
            store(one, last_month, rows[1:], read_at=is_final(last_month))
            store(one, last_month, rows, read_at=is_final(last_month) + timedelta(hours=1))
            store(one, month, [row._replace(day=month, amount=Decimal(2)) for row in rows], read_at=timezone.now())
        with entered(Scope.of(contoso.id)):
            CostSlice.objects.filter(subscription=one, month=month).update(refused_at=timezone.now(), refusal="No.")
        cache.clear()
        with CaptureQueriesContext(connection) as asked:
            assert browser.get(path).status_code == 200
        counts[number] = len(asked)

    assert len(set(counts.values())) == 1, counts
    assert counts[8] <= most, counts
