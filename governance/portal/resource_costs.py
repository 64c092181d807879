"""What one resource costs, for its page: this month, last month, thirteen months, by service, and its waste."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.urls import reverse
from django.utils.http import urlencode

from costs.figures import MONTH, Trend
from costs.models import Metric
from costs.overview import trend_chart
from costs.page_lists import MONTHS_KEPT
from costs.questions import Dimension
from costs.spans import Span, months_before
from costs.standing import Standing, State
from costs.sums import groups
from costs.waste import Waste, resource_costs, waste
from governance.money import NOTHING
from governance.ui import charts
from inventory.hygiene import ResourceHygiene
from inventory.models import Resource

SERVICES = 5


@dataclass(frozen=True, slots=True)
class OfCurrency:
    """What it costs in one currency; None is unknown."""

    currency: str
    this_month: Decimal | None
    last_month: Decimal | None
    months: charts.Columns
    services: charts.Bars


@dataclass(frozen=True, slots=True)
class ResourceCosts:
    """Actual costs of one resource. `state` is of this month and `state_before` of the last."""

    state: State
    state_before: State
    month: date
    month_before: date
    standing: Standing
    currencies: tuple[OfCurrency, ...]
    waste: Waste | None
    rows: str
    explorer: str

    @property
    def is_unknown(self) -> bool:
        """Whether nothing is known of any of its months."""
        return self.standing.state is State.UNKNOWN


def costs_of(resource: Resource, hygiene: ResourceHygiene, *, today: date) -> ResourceCosts:
    """The costs of a resource, in a fixed number of queries."""
    span = Span(months_before(today.replace(day=1), MONTHS_KEPT - 1), today)
    by_month = resource_costs(resource, span, MONTH, metric=Metric.ACTUAL, today=today)
    services: dict[str, list[tuple[str, Decimal]]] = defaultdict(list)
    for group in groups(by_month.question, (Dimension("service"),)):
        services[group.currency].append((group.keys[0].value, group.amount))
    before, now = by_month.points[-2:]
    orphan = hygiene.current if hygiene.is_orphan else None
    asked = {"tenant": resource.tenant.name, "resource": resource.azure_id_hash}
    return ResourceCosts(
        state=now.state,
        state_before=before.state,
        month=now.span.first,
        month_before=before.span.first,
        standing=by_month.standing,
        currencies=tuple(_of_currency(one, by_month, services[one]) for one in by_month.currencies),
        waste=waste([orphan], today=today)[orphan.id] if orphan else None,
        rows=f"{reverse('costs:records')}?{urlencode(asked)}",
        explorer=f"{reverse('costs:explore')}?{urlencode({**asked, 'by': 'service', 'period': '13-months'})}",
    )


def _of_currency(currency: str, by_month: Trend, services: list[tuple[str, Decimal]]) -> OfCurrency:
    before, now = (
        None if point.state is State.UNKNOWN else point.amounts.get(currency, NOTHING) for point in by_month.points[-2:]
    )
    return OfCurrency(
        currency=currency,
        this_month=now,
        last_month=before,
        months=trend_chart(f"By month, {currency}", [(by_month, "cost")], currency),
        services=charts.bars(f"By service in {MONTHS_KEPT} months", services, unit=currency, most=SERVICES),
    )
