"""The monthly cost report: it says what the figures say, of which state they are, and how to check it."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from pypdf import PdfReader

from audit.models import ReportFile
from costs.figures import summary
from costs.finality import last_day
from costs.models import CostSlice, Metric
from costs.questions import Question
from costs.spans import months_before
from governance.tenancy import Scope, entered
from governance.ui.cells import money
from tenants.models import Subscription, Tenant, User
from tests.conftest import signed_in
from tests.costs.ledger import line, store, subscription_of
from tests.portal.test_costs_pages import is_final, lines_of
from tests.portal.test_reports import made, newest, tags, words


@pytest.fixture
def last_month() -> date:
    """The first day of a month that is over."""
    return months_before(timezone.now().astimezone(UTC).date().replace(day=1), 1)


@pytest.fixture
def shop(contoso: Tenant) -> Subscription:
    """A subscription of contoso."""
    return subscription_of(contoso, "shop")


def dense(document: PdfReader) -> str:
    """All that it says, without white space: lines break where they will."""
    return re.sub(r"\s", "", words(document))


def said(amount: Decimal, currency: str = "") -> str:
    """An amount as a document prints it, without white space."""
    return re.sub(r"\s", "", money(amount, currency))


def inside(document: PdfReader, name: str) -> str:
    """A file inside the document."""
    return document.attachments[name][0].decode()


def test_it_says_what_the_figures_say(contoso: Tenant, bob: User, shop: Subscription, last_month: date) -> None:
    before = months_before(last_month, 1)
    store(shop, before, [line(before, "10", service="Storage")], read_at=is_final(before))
    store(shop, last_month, lines_of(last_month), read_at=is_final(last_month))

    document = made(bob, report="costs", tenant="contoso")
    text = dense(document)

    with entered(Scope.of(contoso.id)):
        found = summary(
            Question(Metric.ACTUAL, last_month, last_day(last_month)), today=timezone.now().astimezone(UTC).date()
        )
    assert document.metadata is not None
    assert document.metadata.title == f"Cost report of contoso, {last_month:%B %Y}"
    assert {one.currency for one in found.total.amounts} == {"EUR", "USD"}
    for one in found.total.amounts:
        assert said(one.amount, one.currency) in text
    assert f"EUR{said(Decimal('12.754'))}{said(Decimal(10))}+{said(Decimal('2.754'))}" in text
    assert "Currenciesareneveraddedup" in text
    assert said(Decimal("12.754") + Decimal("7.75")) not in text
    for word in ("Final", "VirtualMachines", "Bandwidth", "disk-a", "Restatements", "Wastesofar", "Howtoverifythis"):
        assert word in text, word


def test_the_rows_of_a_section_name_what_moved_most(bob: User, shop: Subscription, last_month: date) -> None:
    before = months_before(last_month, 1)
    store(shop, before, [line(before, "10", service="Storage")], read_at=is_final(before))
    store(shop, last_month, [line(last_month, "4", service="Storage")], read_at=is_final(last_month))

    text = dense(made(bob, report="costs"))

    assert "ServiceStorage10.004.00\u22126.00" in text


def test_what_was_never_read_is_unknown(bob: User, shop: Subscription) -> None:
    text = dense(made(bob, report="costs"))

    assert "unknown" in text
    assert "doesnotmeanthatnothingwasspent" in text
    assert "0of1" in text


def test_an_open_month_is_an_estimate(bob: User, shop: Subscription) -> None:
    month = timezone.now().astimezone(UTC).date().replace(day=1)
    store(shop, month, lines_of(month), read_at=timezone.now())

    assert "Estimate" in dense(made(bob, report="costs", month=f"{month:%Y-%m}"))


def test_a_report_keeps_which_state_it_showed(contoso: Tenant, bob: User, shop: Subscription, last_month: date) -> None:
    store(shop, last_month, lines_of(last_month), read_at=is_final(last_month))

    document = made(bob, report="costs")
    row = newest()

    with entered(Scope.of(contoso.id)):
        kept = CostSlice.objects.get(month=last_month, metric=Metric.ACTUAL)
    assert row.coverage is not None
    state = row.coverage["costs"]
    assert (state["month"], state["metric"], state["slices"]) == (f"{last_month:%Y-%m}", "actual", 1)
    assert state["sha256"] in dense(document)
    header, line_of_slice = inside(document, "slices.csv").splitlines()
    assert header.startswith("tenant,subscription,subscription_id,month,metric,finality")
    assert kept.content_hash in line_of_slice
    assert str(kept.receipt_id) in line_of_slice


def test_another_state_has_another_digest(bob: User, shop: Subscription, last_month: date) -> None:
    digests = []
    for amount in ("1", "2", "1"):
        rows = [line(last_month, amount, service="Storage")]
        store(shop, last_month, rows, read_at=is_final(last_month))
        made(bob, report="costs")
        digests.append((newest().coverage or {})["costs"]["sha256"])

    assert digests[0] == digests[2] != digests[1]


def test_from_a_report_one_gets_to_what_moved_since(bob: User, shop: Subscription, last_month: date) -> None:
    store(shop, last_month, lines_of(last_month), read_at=is_final(last_month))
    made(bob, report="costs", tenant="contoso")
    browser = signed_in(bob)
    address = re.search(r'href="([^"]*)">What moved since this report', browser.get("/files/").content.decode())
    assert address
    before = browser.get(address[1].replace("&amp;", "&")).content.decode()
    doubled = [row._replace(amount=row.amount * 2) for row in lines_of(last_month)]

    store(shop, last_month, doubled, read_at=timezone.now() + timedelta(minutes=1))
    after = browser.get(address[1].replace("&amp;", "&")).content.decode()

    assert "Nothing moved" in before
    assert "Nothing moved" not in after
    assert 'value="12.754"' in after


def test_a_report_tells_what_moved_since_the_one_before(bob: User, shop: Subscription, last_month: date) -> None:
    store(shop, last_month, lines_of(last_month), read_at=is_final(last_month))
    first = dense(made(bob, report="costs", tenant="contoso"))
    late = [*lines_of(last_month), line(last_month, "3.25", service="Late")]
    store(shop, last_month, late, read_at=timezone.now() + timedelta(minutes=1))

    second = dense(made(bob, report="costs", tenant="contoso"))

    assert "Thereisnoreportbeforethisone" in first
    assert "Sincethereportbefore" in second
    assert "+3.25EUR" in second
    assert "LateEUR+3.25" in second


def test_the_two_metrics_have_reports_of_their_own(bob: User, shop: Subscription, last_month: date) -> None:
    for metric, amount in ((Metric.ACTUAL, "120"), (Metric.AMORTIZED, "4.5")):
        rows = [line(last_month, amount, service="Reservations")]
        store(shop, last_month, rows, metric=metric, read_at=is_final(last_month))

    text = dense(made(bob, report="costs", metric="amortized"))

    assert "4.50EUR" in text
    assert "120.00" not in text


@pytest.mark.once
def test_it_is_a_tagged_document(bob: User, shop: Subscription, last_month: date) -> None:
    store(shop, last_month, lines_of(last_month), read_at=is_final(last_month))

    document = made(bob, report="costs")

    figures = [element for role, element in tags(document) if role == "/Figure"]
    assert figures
    assert all(element.get("/Alt") for element in figures)
    assert re.search(rf"Cost report · contoso, {last_month:%B %Y}", words(document))
    assert "Inventory report" not in words(document)


@pytest.mark.parametrize("wrong", [{"month": "x"}, {"metric": "x"}, {"report": "x"}, {"tenant": "nowhere"}])
def test_a_report_on_something_else_is_refused(bob: User, wrong: dict[str, str]) -> None:
    answer = signed_in(bob).post("/reports/", {"report": "costs", **wrong})

    assert answer.status_code == 400
    assert not ReportFile.objects.across_tenants(reason="A test looks at every file.").exists()


def test_a_stranger_gets_nothing_of_the_others_into_a_report(
    bob: User, charlie: User, contoso: Tenant, fabrikam: Tenant, shop: Subscription, last_month: date
) -> None:
    mine = subscription_of(fabrikam, "mine")
    store(shop, last_month, [line(last_month, "98765.43", service="Secret")], read_at=is_final(last_month))
    store(mine, last_month, [line(last_month, "11", service="Storage")], read_at=is_final(last_month))

    document = made(charlie, report="costs")

    assert "11.00EUR" in dense(document)
    assert not [word for word in ("98765", "Secret", "shop", "contoso") if word in dense(document)]
    assert shop.subscription_id not in inside(document, "slices.csv")


def test_the_api_makes_it_too(bob: User, shop: Subscription, last_month: date) -> None:
    store(shop, last_month, lines_of(last_month), read_at=is_final(last_month))

    asked = {"report": "costs", "month": f"{last_month:%Y-%m}", "metric": "amortized"}
    answer = signed_in(bob).post("/api/v1/reports/", asked, content_type="application/json")

    assert answer.status_code == 202
    assert answer.json()["subject"] == "costs"
    assert datetime.fromisoformat(answer.json()["created_at"]).tzinfo is not None
    assert newest().query == f"month={last_month:%Y-%m}&metric=amortized"
