"""Cuts of small worlds, worked out by hand; and for any rows: each cut adds up to the total of its currency."""

import itertools
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costs.explorer import cut, movers
from costs.figures import summary
from costs.models import Metric
from costs.questions import DIMENSIONS, Dimension, Narrowing, Question, TagCondition, UnanswerableError
from costs.rows import CostLine
from costs.sums import daily_groups, groups
from governance.filters import Words
from governance.tenancy import Scope, entered
from tenants.models import Subscription, Tenant
from tests.costs.ledger import NOVEMBER, OCTOBER, TODAY, line, store, subscription_of

pytestmark = pytest.mark.django_db
ASKED = Question(Metric.ACTUAL, NOVEMBER, date(2025, 11, 25))
WORDS = [word for word in DIMENSIONS if word != "tag"] + ["tag:env", "tag:team"]
TAGLESS = [word for word in WORDS if word.partition(":")[0] not in {"tag", "resource"}]
DAY = date(2025, 11, 3)
TAGGED = ({"tags": {"env": "prod"}}, {"tags": {"team": "a"}})


@pytest.fixture
def shop(contoso: Tenant) -> Subscription:
    return subscription_of(contoso, "shop")


@pytest.fixture
def lab(contoso: Tenant) -> Subscription:
    return subscription_of(contoso, "lab")


@pytest.fixture(autouse=True)
def _in_contoso(contoso: Tenant) -> Iterator[None]:
    with entered(Scope.of(contoso.id)):
        yield


def shown(words: str, question: Question = ASKED, **options: Any) -> dict[str, dict[Any, str]]:
    """By currency: the labels of the rows with their amounts, and the rest."""
    by = [Dimension.from_word(word) for word in words.split(",")]
    found: dict[str, dict[Any, str]] = {}
    for currency in cut(question, by, today=TODAY, **options).currencies:
        rows: dict[Any, Decimal] = {
            tuple(part.label for part in row.parts) if len(by) > 1 else row.parts[0].label: row.amount
            for row in currency.rows
        }
        if currency.rest_rows:
            rows["rest"] = currency.rest
        assert sum(rows.values()) == currency.total
        found[currency.currency] = {label: f"{amount.normalize():f}" for label, amount in rows.items()}
    return found


@pytest.fixture
def world(shop: Subscription, lab: Subscription) -> None:
    """A web shop read with resources and tags, and a lab whose source tells neither."""
    compute = {"resource_group": "RG-Shop", "service": "Compute", "region": "westeurope"}
    storage = {"service": "Storage", "region": "eastus"}
    west = {"service": "Storage", "region": "westeurope"}
    lines = [
        line(DAY, "10", name="web", tags={"Env": "prod", "Team": "a"}, **compute),
        line(DAY, "4", name="data", resource_group="rg-shop", tags={"env": "prod"}, **west),
        line(DAY, "2", name="old", resource_group="rg-old", tags={"team": "a", "env": ""}, **storage),
        line(DAY, "1", name="bare", resource_group="rg-old", **storage),
        line(DAY, "-3", service="Reservation", charge_type="Refund"),
        line(DAY, "7", "USD", name="web", tags={"env": "prod", "team": "b"}, **compute),
    ]
    store(shop, NOVEMBER, lines)
    store(lab, NOVEMBER, [line(DAY, "20", service="Compute", resource_group="rg-lab")], has_resources=False)


@pytest.mark.usefixtures("world")
def test_a_cut_by_one_dimension() -> None:
    assert shown("service") == {
        "EUR": {"Compute": "30", "Storage": "7", "Reservation": "-3"},
        "USD": {"Compute": "7"},
    }
    assert shown("subscription")["EUR"] == {"lab": "20", "shop": "14"}
    assert shown("tenant")["EUR"] == {"contoso": "34"}
    assert shown("region")["EUR"] == {"No region": "17", "westeurope": "14", "eastus": "3"}
    assert shown("charge_type")["EUR"] == {"No charge type": "37", "Refund": "-3"}


@pytest.mark.usefixtures("world")
def test_a_cut_by_tag_tells_untagged_from_what_the_source_does_not_tell() -> None:
    assert shown("tag:env") == {
        "EUR": {"Not told by the source": "20", "prod": "14", "(empty)": "2", "No tag env": "-2"},
        "USD": {"prod": "7"},
    }


@pytest.mark.usefixtures("world")
def test_a_cut_by_resource_tells_no_resource_from_what_the_source_does_not_tell() -> None:
    assert shown("resource")["EUR"] == {
        "Not told by the source": "20",
        "web": "10",
        "data": "4",
        "No resource": "-3",
        "old": "2",
        "bare": "1",
    }


@pytest.mark.usefixtures("world")
def test_a_cut_by_two_dimensions() -> None:
    assert shown("service,tag:env")["EUR"] == {
        ("Compute", "Not told by the source"): "20",
        ("Compute", "prod"): "10",
        ("Storage", "prod"): "4",
        ("Reservation", "No tag env"): "-3",
        ("Storage", "(empty)"): "2",
        ("Storage", "No tag env"): "1",
    }
    assert shown("tag:env,tag:team")["EUR"] == {
        ("Not told by the source", "Not told by the source"): "20",
        ("prod", "a"): "10",
        ("prod", "No tag team"): "4",
        ("(empty)", "a"): "2",
        ("No tag env", "No tag team"): "-2",
    }
    assert shown("resource,resource_group")["EUR"] == {
        ("Not told by the source", "rg-lab"): "20",
        ("web", "rg-shop"): "10",
        ("data", "rg-shop"): "4",
        ("No resource", "No resource group"): "-3",
        ("old", "rg-old"): "2",
        ("bare", "rg-old"): "1",
    }


@pytest.mark.usefixtures("world")
def test_what_is_not_among_the_largest_is_one_rest() -> None:
    assert shown("service", top=1)["EUR"] == {"Compute": "30", "rest": "4"}


@pytest.mark.usefixtures("world")
def test_a_cut_of_what_has_a_tag_or_is_a_resource() -> None:
    prod = Question(*_plain(), narrowed=Narrowing(tag=TagCondition("env", "prod")))
    untagged = Question(*_plain(), narrowed=Narrowing(tag=TagCondition("team", unwanted=True)))

    assert shown("service", prod)["EUR"] == {"Compute": "10", "Storage": "4"}
    assert shown("tag:team", prod)["EUR"] == {"a": "10", "No tag team": "4"}
    assert shown("resource", prod)["EUR"] == {"web": "10", "data": "4"}
    assert shown("resource_group", untagged)["EUR"] == {"rg-shop": "4", "No resource group": "-3", "rg-old": "1"}
    assert shown("service", Question(*_plain(), narrowed=Narrowing(resource=_web())))["EUR"] == {"Compute": "10"}


def _plain() -> tuple[str, date, date]:
    return ASKED.metric, ASKED.first, ASKED.last


def _web() -> str:
    return line(DAY, "0", name="web", resource_group="rg-shop").azure_id_hash


@pytest.mark.usefixtures("world")
def test_what_a_group_costs_beyond_its_resources_is_not_lost(shop: Subscription) -> None:
    store(shop, OCTOBER, [line(date(2025, 10, 1), "5", resource_group="rg-shop"), _october_web()])
    october = Question(
        Metric.ACTUAL,
        OCTOBER,
        date(2025, 10, 31),
        narrowed=Narrowing(resource_group=Words(("rg-shop",), turned=False)),
    )

    assert shown("resource", october)["EUR"] == {"Not told by the source": "5", "web": "1"}


def _october_web() -> CostLine:
    return line(date(2025, 10, 1), "1", name="web", resource_group="rg-shop")


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("words", ["resource", "tag:env,tag:team", "resource,region", "service"])
@pytest.mark.parametrize("narrowed", [Narrowing(), Narrowing(region=Words(("westeurope",), turned=False))])
def test_the_sums_of_each_day_are_the_same_month_by_month(
    shop: Subscription, lab: Subscription, words: str, narrowed: Narrowing
) -> None:
    by = [Dimension.from_word(word) for word in words.split(",")]
    for month in (OCTOBER, NOVEMBER):
        places: list[dict[str, Any]] = [{"region": "westeurope"}, {"region": "eastus"}, *TAGGED]
        days = [month, month + timedelta(days=14)]
        lines = [line(day, "3", name=f"r{number}", **told) for day in days for number, told in enumerate(places)]
        store(shop, month, [*lines, line(days[0], "5", region="westeurope")])
        store(lab, month, [line(days[1], "7", region="westeurope")], has_resources=False)
    question = Question(Metric.ACTUAL, OCTOBER + timedelta(days=3), date(2025, 11, 20), narrowed=narrowed)

    found = sorted(daily_groups(question, by))

    assert found == sorted(groups(question, by, per_day=True))
    assert {(group.day or DAY).month for group in found} == {10, 11}


def test_what_the_sums_cannot_tell_is_refused_in_words() -> None:
    with pytest.raises(UnanswerableError, match="leave one of them out"):
        shown("charge_type,resource")


def test_movers_are_what_rose_and_fell_in_whole_days(shop: Subscription) -> None:
    october = [line(date(2025, 10, day), "1", service="Storage") for day in range(1, 32)]
    store(shop, OCTOBER, [*october, line(date(2025, 10, 5), "9", service="Gone")])
    november = [line(date(2025, 11, day), "3", service="Storage") for day in range(1, 26)]
    store(shop, NOVEMBER, [*november, line(date(2025, 11, 24), "500", service="Of yesterday")])

    found = movers(ASKED, [Dimension("service")], today=TODAY)

    assert (found.span.last, found.before.last) == (date(2025, 11, 23), date(2025, 10, 23))
    assert [(one.parts[0].label, one.amounts.change) for one in found.up["EUR"]] == [("Storage", Decimal(46))]
    assert [(one.parts[0].label, one.amounts.change) for one in found.down["EUR"]] == [("Gone", Decimal(-9))]


def test_nothing_moved_against_what_was_never_read(shop: Subscription) -> None:
    store(shop, NOVEMBER, [line(DAY, "3", service="Storage")])

    found = movers(ASKED, [Dimension("service")], today=TODAY)

    assert (found.up, found.down, found.state_before.value) == ({}, {}, "unknown")


def test_before_a_day_is_whole_nothing_is_compared(shop: Subscription) -> None:
    october = [line(date(2025, 10, day), "1", service="Storage") for day in range(1, 32)]
    store(shop, OCTOBER, october, read_at=datetime(2025, 11, 8, tzinfo=UTC))
    store(shop, NOVEMBER, [line(NOVEMBER, "0.2", service="Storage")], read_at=datetime(2025, 11, 2, 2, tzinfo=UTC))

    found = movers(Question(Metric.ACTUAL, NOVEMBER, date(2025, 11, 2)), [Dimension("service")], today=TODAY)

    assert (found.up, found.down, found.has_whole_day) == ({}, {}, False)


# --- any rows ---

AMOUNT = st.decimals(min_value=-1000, max_value=1000, places=9)
TAG_VALUES = st.sampled_from(["", "prod", "Prod", "test"])
LINE = st.builds(
    line,
    st.integers(0, 24).map(lambda days: NOVEMBER + timedelta(days=days)),
    AMOUNT.map(str),
    st.sampled_from(["EUR", "USD"]),
    name=st.sampled_from(["", "web", "data"]),
    service=st.sampled_from(["", "Compute", "Storage"]),
    resource_group=st.sampled_from(["", "rg-a", "RG-A", "rg-b"]),
    region=st.sampled_from(["", "westeurope"]),
    charge_type=st.sampled_from(["Usage", "Refund"]),
    tags=st.dictionaries(st.sampled_from(["env", "team"]), TAG_VALUES),
)
ANY = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
NARROWINGS = (
    Narrowing(),
    Narrowing(resource_group=Words(("rg-a",), turned=False)),
    Narrowing(region=Words(("westeurope",), turned=True), service=Words(("Compute", "Storage"), turned=False)),
    Narrowing(tag=TagCondition("env", "prod")),
    Narrowing(tag=TagCondition("team", unwanted=True)),
)


@ANY
@given(whole=st.lists(LINE, max_size=12), poor=st.lists(LINE, max_size=4), narrowed=st.sampled_from(NARROWINGS))
def test_every_cut_adds_up_to_the_total(
    shop: Subscription, lab: Subscription, whole: list[CostLine], poor: list[CostLine], narrowed: Narrowing
) -> None:
    store(shop, NOVEMBER, whole)
    poor = [one._replace(azure_id="", azure_id_hash="", tags="") for one in poor]
    store(lab, NOVEMBER, poor, has_resources=False)
    question = Question(*_plain(), narrowed=narrowed)
    total = {one.currency: one.amount for one in summary(question, today=TODAY).total.amounts}

    for words in [*itertools.combinations(WORDS, 1), *itertools.combinations(WORDS, 2)]:
        kinds = {word.partition(":")[0] for word in words}
        if "charge_type" in kinds and (kinds & {"tag", "resource"} or narrowed.tag):
            continue
        by = [Dimension.from_word(word) for word in words]
        for top in (1, 1000):
            found = cut(question, by, today=TODAY, top=top)
            for currency in found.currencies:
                parts = sum((row.amount for row in currency.rows), currency.rest)
                assert parts == currency.total == total.get(currency.currency, 0), words
            assert {one.currency for one in found.currencies} >= {word for word, amount in total.items() if amount}


@ANY
@given(lines=st.lists(LINE, max_size=12))
def test_each_part_is_the_sum_of_its_rows(shop: Subscription, lines: list[CostLine]) -> None:
    store(shop, NOVEMBER, lines)
    wanted: dict[tuple[str, str, str], Decimal] = {}
    for one in lines:
        key = (one.currency, one.service or "No service", one.resource_group.lower() or "No resource group")
        wanted[key] = wanted.get(key, Decimal(0)) + one.amount

    by = [Dimension("service"), Dimension("resource_group")]
    found = {
        (currency.currency, row.parts[0].label, row.parts[1].label): row.amount
        for currency in cut(ASKED, by, today=TODAY, top=1000).currencies
        for row in currency.rows
    }

    assert found == wanted


@pytest.mark.parametrize(
    "words", [["service"], ["subscription", "tag:env"], ["resource", "tag:env"], ["resource", "region"]]
)
def test_a_cut_asks_as_often_of_many_as_of_few(contoso: Tenant, words: list[str]) -> None:
    by = [Dimension.from_word(word) for word in words]

    def asked() -> int:
        with CaptureQueriesContext(connection) as sent:
            cut(ASKED, by, today=TODAY, top=50)
        assert not [one for one in sent.captured_queries if "cost_data" in one["sql"]]
        return len(sent)

    def fill(number: int) -> None:
        names = [f"web{number}-{count}" for count in range(number)]
        rows = [line(DAY, "2", name=name, service=name, region=name, tags={"env": name}) for name in names]
        store(subscription_of(contoso, f"s{number}"), NOVEMBER, rows)
        store(subscription_of(contoso, f"t{number}"), NOVEMBER, [line(DAY, "1")] * number, has_resources=False)

    fill(1)
    few = asked()
    for number in range(2, 12):
        fill(number)

    assert asked() == few
