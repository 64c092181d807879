"""Figures over the real sync: what the API says is what the simulated Azure knows."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from costs.explorer import cut
from costs.figures import summary, trend
from costs.moved import moved_since
from costs.questions import Dimension, Question
from costs.sums import Kind
from governance.azure.simulator.server import Simulator
from governance.tenancy import Scope, entered
from tenants.models import Tenant
from tests.conftest import StartAzure, connect, read_costs
from tests.costs.truth import METRICS, TrueRow, slices_of, true_rows

pytestmark = pytest.mark.django_db
FEBRUARY = date(2026, 2, 1)
OFFERS = ("ea-report", "payg-query", "mca-report")  # the second names neither resources nor tags


@pytest.fixture
def azure(start_azure: StartAzure) -> Simulator:
    """Contoso on 10 February 2026, with a subscription of each offer."""
    azure = start_azure(cost_sources=list(OFFERS), tenants=1, subscriptions_per_tenant=3, resources_per_tenant=60)
    azure.advance(days=40)
    return azure


@pytest.fixture
def contoso(azure: Simulator, db: None) -> Iterator[Tenant]:
    """Its February, read."""
    tenant = connect(azure, "contoso")
    read_costs(tenant, today=azure.today, month=FEBRUARY)
    with entered(Scope.of(tenant.id)):
        yield tenant


def asked(azure: Simulator, metric: str) -> Question:
    return Question(metric, FEBRUARY, azure.today)


def truth(azure: Simulator, tenant: Tenant, metric: str) -> list[tuple[TrueRow, bool]]:
    """Every row of the month as its source gives it, and whether that names resources."""
    held = slices_of(tenant)
    assert len(held) == len(OFFERS) * len(METRICS)
    return [
        (row, slice_.has_resources)
        for place, slice_ in held.items()
        if place[2] == metric
        for row in true_rows(azure, place, slice_.source)
    ]


def added(pairs: Any) -> dict[Any, Decimal]:
    sums: dict[Any, Decimal] = defaultdict(Decimal)
    for key, amount in pairs:
        sums[key] += amount
    return {key: amount for key, amount in sums.items() if amount}


@pytest.mark.parametrize("metric", METRICS)
def test_totals_and_days_are_the_truth(azure: Simulator, contoso: Tenant, metric: str) -> None:
    rows = truth(azure, contoso, metric)

    told = summary(asked(azure, metric), today=azure.today)
    days = trend(asked(azure, metric), today=azure.today)

    assert {one.currency: one.amount for one in told.total.amounts} == added(
        (row.currency, row.amount) for row, _ in rows
    )
    assert told.standing.slices_read == told.standing.slices_expected == len(OFFERS)
    assert added(
        ((point.span.first, code), amount) for point in days.points for code, amount in point.amounts.items()
    ) == added(((row.day, row.currency), row.amount) for row, _ in rows)


def known(kind: Kind, value: Any) -> Any:
    return value if kind is Kind.VALUE else f"<{kind}>"


@pytest.mark.parametrize("metric", METRICS)
def test_cuts_are_the_truth(azure: Simulator, contoso: Tenant, metric: str) -> None:
    rows = truth(azure, contoso, metric)
    names = sorted({name for row, _ in rows for name, _ in row.tags})
    assert names

    def own(row: TrueRow, word: str, *, has_resources: bool) -> Any:
        if word in {"service", "resource_group"}:
            return getattr(row, word) or "<none>"
        if not has_resources:
            return "<untold>"
        if word == "resource":
            return row.resource or "<none>"
        return dict(row.tags).get(word.partition(":")[2], "<none>")

    words = ["service", "resource_group", "resource", f"tag:{names[0]}", f"tag:{names[-1]}"]
    for pair in [*((word,) for word in words), *((one, "service") for one in words[1:]), (words[3], "resource")]:
        by = [Dimension.from_word(word) for word in pair]
        told = cut(asked(azure, metric), by, today=azure.today, top=100_000)
        found = added(
            ((currency.currency, *(known(part.kind, _key(part)) for part in row.parts)), row.amount)
            for currency in told.currencies
            for row in currency.rows
        )
        assert found == added(
            ((row.currency, *(own(row, word, has_resources=has_resources) for word in pair)), row.amount)
            for row, has_resources in rows
        ), pair


def _key(part: Any) -> Any:
    """The value of a part, as it is stored."""
    if part.dimension.kind == "tag":
        return part.word.partition(":")[2]
    return part.word or part.label


def test_what_moved_since_leads_from_the_old_total_to_the_new_one(azure: Simulator, contoso: Tenant) -> None:
    before = totals(azure)
    azure.advance(days=3)
    read_costs(contoso, today=azure.today, month=FEBRUARY)

    moved = moved_since(datetime(2000, 1, 1, tzinfo=UTC), metric="actual", top=1000)

    assert moved.slices
    for one in moved.slices:
        assert one.before + one.arrived + one.moved == one.after
    changed = added((one.currency, one.arrived + one.moved) for one in moved.totals)
    after = totals(azure)
    assert {code: after[code] - before.get(code, Decimal(0)) for code in after} == {
        code: changed.get(code, Decimal(0)) for code in after
    }


def totals(azure: Simulator) -> dict[str, Decimal]:
    found = summary(asked(azure, "actual"), today=azure.today)
    return {one.currency: one.amount for one in found.total.amounts}
