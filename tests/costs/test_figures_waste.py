"""What single resources cost, and what orphans have wasted so far."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from costs.models import CostedResource, Metric
from costs.spans import Span
from costs.waste import resource_costs, waste, waste_total
from governance.azure.simulator.server import Simulator
from governance.tenancy import Scope, entered
from inventory.models import Orphan, Resource
from tenants.models import Subscription, Tenant
from tests.conftest import sync
from tests.costs.ledger import NOVEMBER, OCTOBER, TODAY, line, store

pytestmark = pytest.mark.django_db
DAYS = {month: [date(2025, month, day) for day in range(1, 31)] for month in (10, 11)}


@pytest.fixture
def disks(azure: Simulator, contoso: Tenant) -> list[Resource]:
    """Two resources of one subscription that a sync found, each costing one euro a day, one of them a dollar too."""
    sync(contoso)
    first = Resource.objects.order_by("name").first()
    found = list(Resource.objects.filter(subscription=first.subscription).order_by("name")[:2])
    for month in (OCTOBER, NOVEMBER):
        days = [day for day in DAYS[month.month] if day < TODAY]
        rows = [line(day, "1")._replace(**_ids(one)) for day in days for one in found]
        store(first.subscription, month, [*rows, line(days[2], "5", "USD")._replace(**_ids(found[0]))])
    return found


def _ids(resource: Resource) -> dict[str, Any]:
    return {"azure_id": resource.azure_id, "azure_id_hash": resource.azure_id_hash}


@pytest.fixture(autouse=True)
def _in_contoso(contoso: Tenant) -> Iterator[None]:
    with entered(Scope.of(contoso.id)):
        yield


def orphan(resource: Resource, since: datetime, **told: Any) -> Orphan:
    """A period during which nothing used it."""
    Orphan.objects.filter(resource=resource).delete()
    found: Orphan = Orphan.objects.create(
        tenant=resource.tenant,
        resource=resource,
        subscription=resource.subscription,
        name=resource.name,
        type=resource.type,
        rule=told.pop("rule", "disk"),
        verdict=Orphan.Verdict.ORPHANED,
        since=since,
        since_basis=Orphan.Basis.SEEN,
        **told,
    )
    return found


SINCE = datetime(2025, 10, 29, 15, tzinfo=UTC)


def test_a_resource_has_a_trend_of_its_own(disks: list[Resource]) -> None:
    found = resource_costs(disks[0], Span(OCTOBER, date(2025, 11, 30)), "month", metric=Metric.ACTUAL, today=TODAY)

    months = [[point.amounts[currency] for currency in ("EUR", "USD")] for point in found.points]
    assert months == [[Decimal(30), Decimal(5)], [Decimal(24), Decimal(5)]]
    assert CostedResource.objects.filter(azure_id_hash=disks[0].azure_id_hash).exists()


def test_what_a_resource_cost_is_unknown_where_the_source_names_none(disks: list[Resource]) -> None:
    store(disks[0].subscription, OCTOBER, [line(OCTOBER, "9")], has_resources=False)

    found = resource_costs(disks[0], Span(OCTOBER, date(2025, 11, 30)), "month", metric=Metric.ACTUAL, today=TODAY)

    assert [point.state.value for point in found.points] == ["unknown", "unfinished"]
    assert [one.reason for one in found.standing.unread] == ["Its source names neither resources nor tags."]


def test_waste_is_the_resources_own_cost_since_it_was_orphaned(disks: list[Resource]) -> None:
    one = orphan(disks[0], SINCE)

    found = waste([one], today=TODAY)[one.id]

    assert found.amounts == {"EUR": Decimal(2 + 24), "USD": Decimal(5)}
    assert (found.state.value, found.since, found.through) == ("complete", date(2025, 10, 29), date(2025, 11, 24))


def test_waste_ends_with_the_period(disks: list[Resource]) -> None:
    one = orphan(disks[1], SINCE, ended_at=datetime(2025, 11, 2, tzinfo=UTC))

    assert waste([one], today=TODAY)[one.id].amounts == {"EUR": Decimal(4)}


def test_waste_says_which_months_it_does_not_know(disks: list[Resource]) -> None:
    one = orphan(disks[0], datetime(2025, 9, 20, tzinfo=UTC))
    store(one.subscription, OCTOBER, [line(OCTOBER, "9")], has_resources=False)

    found = waste([one], today=TODAY)[one.id]

    assert (found.state.value, found.amounts["EUR"]) == ("partial", Decimal(24))
    assert found.unknown == (date(2025, 9, 1), OCTOBER)
    assert "names no resources" in found.reason


def test_waste_of_what_was_never_read_is_unknown(disks: list[Resource]) -> None:
    other: Subscription = Subscription.objects.exclude(id=disks[0].subscription_id).first()
    there = Resource.objects.filter(subscription=other).first()
    one = orphan(there, SINCE)

    found = waste([one], today=TODAY)[one.id]

    assert (found.state.value, found.amounts) == ("unknown", {})


def test_all_waste_counts_each_resource_once(disks: list[Resource]) -> None:
    Orphan.objects.all().delete()
    first = orphan(disks[0], SINCE)
    Orphan.objects.create(
        **{
            name: getattr(first, name) for name in ("tenant", "resource", "subscription", "name", "type", "since_basis")
        },
        rule="another",
        verdict=Orphan.Verdict.ORPHANED,
        since=datetime(2025, 11, 20, tzinfo=UTC),
    )
    orphan(disks[1], datetime(2025, 11, 21, tzinfo=UTC))

    assert waste_total(None) == {"EUR": Decimal(26 + 4), "USD": Decimal(5)}


def test_it_asks_as_often_of_many_orphans_as_of_one(disks: list[Resource]) -> None:
    few = [orphan(disks[0], SINCE)]
    many = [*few, *(orphan(one, SINCE) for one in Resource.objects.exclude(id=disks[0].id))]

    with CaptureQueriesContext(connection) as of_few:
        waste(few, today=timezone.now().date())
    with CaptureQueriesContext(connection) as of_many:
        waste(many, today=timezone.now().date())

    assert len(many) > 30
    assert len(of_few) == len(of_many) == 3
