"""/api/v1/costs/movers/ and waste/: what moved and wastes most, worked out by hand."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from costs.explorer import movers
from costs.models import Metric
from costs.questions import Dimension, Question
from costs.waste import waste_total
from governance.azure.simulator.server import Simulator
from governance.tenancy import Scope, entered
from inventory.models import Orphan, Resource
from tenants.actions import group_tenants
from tenants.models import Subscription, Tenant, User
from tests.api.program import Program, refused
from tests.conftest import sync
from tests.costs.ledger import NOVEMBER, OCTOBER, line, store, subscription_of

pytestmark = pytest.mark.django_db
MOVERS, WASTE = "costs/movers/", "costs/waste/"
DAYS = {"since": "2025-11-01", "until": "2025-11-25"}
CHANGES = {"Rises": ("10", "25.5"), "Falls": ("8", "1"), "New": ("0", "3"), "Same": ("4", "4")}


@pytest.fixture
def shop(contoso: Tenant) -> Subscription:
    return subscription_of(contoso, "shop")


# --- movers -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def moved(shop: Subscription, fabrikam: Tenant) -> None:
    """October and November of the shop, by service; in dollars one more. Another tenant's rose, too."""
    for place, month in enumerate((OCTOBER, NOVEMBER)):
        rows = [line(month, both[place], service=name) for name, both in CHANGES.items() if both[place] != "0"]
        store(shop, month, [*rows, line(month, f"{place + 1}", "USD", service="Rises")])
    store(subscription_of(fabrikam, "lab"), NOVEMBER, [line(NOVEMBER, "5000", "CHF", service="Secret")])


def rows(told: Any) -> list[tuple[str, str, str, str]]:
    return [(row["parts"][0]["label"], row["before"], row["amount"], row["change"]) for row in told]


@pytest.mark.usefixtures("moved")
def test_movers_are_what_rose_and_fell_most_by_currency(as_alice: Program) -> None:
    told = as_alice.page(MOVERS, **DAYS)

    euros, dollars = told["currencies"]
    assert (euros["currency"], dollars["currency"], told["by"]) == ("EUR", "USD", ["service"])
    assert rows(euros["up"]) == [
        ("Rises", "10.000000000", "25.500000000", "15.500000000"),
        ("New", "0.000000000", "3.000000000", "3.000000000"),
    ]
    assert rows(euros["down"]) == [("Falls", "8.000000000", "1.000000000", "-7.000000000")]
    assert [row["percent"] for row in euros["up"]] == ["155.0", None]
    assert rows(dollars["up"]) == [("Rises", "1.000000000", "2.000000000", "1.000000000")]


@pytest.mark.usefixtures("moved")
def test_movers_say_what_was_compared_and_on_what_it_stands(as_alice: Program) -> None:
    told = as_alice.page(MOVERS, **DAYS)

    assert told["compared"] == {
        "since": "2025-11-01",
        "until": "2025-11-23",  # the 24th was not whole when it was read, on the 25th
        "before_since": "2025-10-01",
        "before_until": "2025-10-23",
        "state": "complete",
        "state_before": "complete",
    }
    assert (told["since"], told["until"], told["metric"]) == ("2025-11-01", "2025-11-25", "actual")
    assert told["has_whole_day"] is True
    assert told["standing"]["finality"] == "estimate"


@pytest.mark.usefixtures("moved")
def test_movers_are_those_of_the_page(as_alice: Program, contoso: Tenant) -> None:
    asked = Question(Metric.ACTUAL, date(2025, 11, 1), date(2025, 11, 25))
    with entered(Scope.of(contoso.id)):
        wanted = movers(asked, (Dimension("service"),), today=timezone.now().date(), top=1)

    told = as_alice.page(MOVERS, **DAYS, top=1)

    found = {one["currency"]: [Decimal(row["change"]) for row in one["up"]] for one in told["currencies"]}
    assert found == {currency: [one.amounts.change for one in rows] for currency, rows in wanted.up.items()}
    assert [len(one["up"]) for one in told["currencies"]] == [1, 1]


@pytest.mark.usefixtures("moved")
def test_movers_can_be_asked_by_two_dimensions_and_narrowed(as_alice: Program, shop: Subscription) -> None:
    told = as_alice.page(MOVERS, **DAYS, by="subscription,service", service="Rises")

    assert told["by"] == ["subscription", "service"]
    labels = [[part["label"] for part in row["parts"]] for one in told["currencies"] for row in one["up"]]
    assert labels == [["shop", "Rises"], ["shop", "Rises"]]
    assert as_alice.page(MOVERS, **DAYS, metric="amortized")["currencies"] == []
    refused(as_alice.ask(MOVERS, top=0), "top")
    refused(as_alice.ask(MOVERS, by="colour"), "by")


@pytest.mark.usefixtures("moved")
def test_where_nothing_was_read_before_nothing_moved(as_alice: Program, contoso: Tenant) -> None:
    told = as_alice.page(MOVERS, since="2025-10-01", until="2025-10-31")

    assert (told["compared"]["state_before"], told["currencies"]) == ("unknown", [])


@pytest.mark.usefixtures("moved")
def test_a_stranger_sees_no_movers_of_the_others(charlie: User) -> None:
    told = Program(charlie).ask(MOVERS, **DAYS).content.decode()

    assert not [word for word in ("Rises", "Falls", "shop", "EUR", "15.5") if word in told]


# --- waste ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def today() -> date:
    return timezone.now().date()


@pytest.fixture
def found(azure: Simulator, contoso: Tenant) -> list[Resource]:
    """Six resources of one subscription; nothing is an orphan."""
    sync(contoso)
    with entered(Scope.of(contoso.id)):
        Orphan.objects.all().delete()
        first = Resource.objects.live().order_by("name").first()
        rows = Resource.objects.live().select_related("subscription")
        return list(rows.filter(subscription=first.subscription).order_by("name")[:6])


def resource_of(orphan: Orphan) -> Resource:
    assert orphan.resource is not None
    return orphan.resource


def orphaned(resource: Resource, day: date, rule: str = "disk-unattached") -> Orphan:
    with entered(Scope.of(resource.tenant_id)):
        one: Orphan = Orphan.objects.create(
            tenant_id=resource.tenant_id,
            resource=resource,
            subscription=resource.subscription,
            name=resource.name,
            type=resource.type,
            rule=rule,
            verdict=Orphan.Verdict.ORPHANED,
            since=datetime.combine(day, datetime.min.time(), tzinfo=UTC),
            since_basis=Orphan.Basis.SEEN,
        )
    return one


def spend(resources: list[Resource], month: date, *, day: date, currency: str = "EUR", **told: Any) -> None:
    """The first costs one, the second two, and so on; all on one day."""
    lines = [
        line(day, str(number), currency)._replace(azure_id=one.azure_id, azure_id_hash=one.azure_id_hash)
        for number, one in enumerate(resources, start=1)
    ]
    store(resources[0].subscription, month, lines, read_at=timezone.now(), **told)


@pytest.fixture
def wasted(found: list[Resource], today: date) -> list[Orphan]:
    """All six have been orphans since yesterday or the first of the month, and cost something since."""
    month = today.replace(day=1)
    spend(found, month, day=month)
    return [orphaned(one, month) for one in found]


def test_waste_is_told_in_all_and_by_the_largest(
    as_alice: Program, contoso: Tenant, wasted: list[Orphan], today: date
) -> None:
    told = as_alice.page(WASTE, top=2)

    (euros,) = told["currencies"]
    largest = [(row["orphan"]["name"], row["amount"]) for row in euros["rows"]]
    assert largest == [(wasted[5].name, "6.000000000"), (wasted[4].name, "5.000000000")]
    assert (euros["currency"], euros["total"], euros["rest"]) == ("EUR", "21.000000000", "10.000000000")
    assert (told["orphans"], told["unknown"]) == (6, 0)
    assert (told["since"], told["until"]) == (str(today.replace(day=1)), str(today))
    assert told["standing"]["finality"] == "estimate"
    row = euros["rows"][0]
    assert row["orphan"]["since"].startswith(str(today.replace(day=1)))
    assert (row["state"], row["unknown"], row["reason"]) == ("complete", [], "")
    with entered(Scope.of(contoso.id)):
        assert waste_total(None) == {"EUR": Decimal(21)}


def test_what_was_never_told_is_counted_as_unknown(as_alice: Program, found: list[Resource], today: date) -> None:
    orphaned(found[0], today)

    told = as_alice.page(WASTE)

    assert (told["orphans"], told["unknown"], told["currencies"]) == (1, 1, [])
    assert told["standing"]["state"] == "unknown"


def test_a_source_that_names_no_resources_tells_no_waste(as_alice: Program, found: list[Resource], today: date) -> None:
    month = today.replace(day=1)
    store(found[0].subscription, month, [line(month, "9")], has_resources=False, read_at=timezone.now())
    orphaned(found[0], month)

    told = as_alice.page(WASTE)

    assert (told["unknown"], told["standing"]["state"]) == (1, "unknown")
    assert "Its source names neither resources nor tags." in {one["reason"] for one in told["standing"]["unread"]}


def test_waste_of_some_months_is_at_least(as_alice: Program, wasted: list[Orphan], today: date) -> None:
    before = today.replace(day=1) - timedelta(days=1)
    with entered(Scope.of(wasted[0].tenant_id)):
        Orphan.objects.filter(id=wasted[5].id).update(since=datetime.combine(before, datetime.min.time(), tzinfo=UTC))

    told = as_alice.page(WASTE)

    row = told["currencies"][0]["rows"][0]
    assert (row["orphan"]["id"], row["state"], row["unknown"]) == (
        str(wasted[5].id),
        "partial",
        [str(before.replace(day=1))],
    )
    assert told["since"] == str(before)


def test_a_resource_of_two_rules_is_told_once_by_the_older(as_alice: Program, wasted: list[Orphan]) -> None:
    with entered(Scope.of(wasted[0].tenant_id)):
        newer = orphaned(resource_of(wasted[5]), timezone.now().date(), rule="nic-unattached")

    (euros,) = as_alice.page(WASTE)["currencies"]

    keys = [row["orphan"]["id"] for row in euros["rows"]]
    assert str(wasted[5].id) in keys
    assert str(newer.id) not in keys
    assert euros["total"] == "21.000000000"


def test_each_currency_has_its_own_largest(as_alice: Program, wasted: list[Orphan], today: date) -> None:
    found = [resource_of(one) for one in wasted]
    month = today.replace(day=1)
    lines = [
        line(month, str(number), currency)._replace(azure_id=one.azure_id, azure_id_hash=one.azure_id_hash)
        for currency, resources in (("EUR", found), ("JPY", found[:2]))
        for number, one in enumerate(resources, start=100 if currency == "JPY" else 1)
    ]
    store(found[0].subscription, month, lines, read_at=timezone.now())

    euros, yen = as_alice.page(WASTE, top=1)["currencies"]

    assert [row["orphan"]["id"] for row in euros["rows"]] == [str(wasted[5].id)]
    assert ([row["orphan"]["id"] for row in yen["rows"]], yen["total"]) == ([str(wasted[1].id)], "201.000000000")


def test_waste_is_narrowed_like_the_list_of_orphans(as_alice: Program, contoso: Tenant, wasted: list[Orphan]) -> None:
    group_tenants("ours", [contoso])
    subscription = wasted[0].subscription.subscription_id
    whole = as_alice.page(WASTE)
    only = as_alice.page(WASTE, type=wasted[0].type, resource_group=resource_of(wasted[0]).resource_group)

    for same in ({"tenant": "contoso"}, {"group": "ours"}, {"subscription": subscription}, {"rule": wasted[0].rule}):
        assert as_alice.page(WASTE, **same)["currencies"] == whole["currencies"]
    for none in ({"subscription": "nowhere"}, {"rule": "nic-unattached"}, {"type": "x"}, {"metric": "amortized"}):
        assert as_alice.page(WASTE, **none)["currencies"] == []
    assert only["orphans"] <= whole["orphans"]
    refused(as_alice.ask(WASTE, rule="none"), "rule")
    refused(as_alice.ask(WASTE, top=1001), "top")


def test_a_stranger_sees_no_waste_of_the_others(charlie: User, wasted: list[Orphan]) -> None:
    told = Program(charlie).page(WASTE)

    assert (told["orphans"], told["unknown"], told["currencies"]) == (0, 0, [])


def test_waste_asks_the_database_as_often_for_many_as_for_few(
    as_alice: Program, contoso: Tenant, found: list[Resource], today: date
) -> None:
    month = today.replace(day=1)
    counts = []
    for number in (1, 6):
        spend(found[:number], month, day=month)
        with entered(Scope.of(contoso.id)):
            Orphan.objects.all().delete()
        for one in found[:number]:
            orphaned(one, month)
        as_alice.page(WASTE)
        with CaptureQueriesContext(connection) as sent:
            assert len(as_alice.page(WASTE)["currencies"][0]["rows"]) == number
        counts.append(len(sent))
        assert not [one["sql"] for one in sent.captured_queries if "cost_data" in one["sql"]]

    assert counts[0] == counts[1]
