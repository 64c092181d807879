"""What pages and the report show in a display currency: beside the originals, with the rates and what has none."""

from collections.abc import Sequence
from dataclasses import dataclass

from costs.exchange import Converted, Money, RatesOf, UsedRate, rates_told
from costs.figures import DAY, Course, Point, trend_converted
from costs.overview import BLOCKS, STATE_WORDS, label_of_span
from costs.standing import State
from governance.ui import charts
from governance.ui.cells import money

MOST_RATES = 60  # listed one by one on a page; files and the API name all


@dataclass(frozen=True, slots=True)
class Displayed:
    """A trend in a display currency. `amounts`: by point, None where that is unknown; what has no rate is in none."""

    trend: Course
    currency: str
    amounts: tuple[Converted | None, ...]
    total: Converted
    rates: tuple[UsedRate, ...]
    chart: charts.Columns

    @property
    def last(self) -> Converted | None:
        """What the last point costs."""
        return self.amounts[-1]

    @property
    def last_but_one(self) -> Converted | None:
        """What the point before the last costs, None if there is none."""
        return self.amounts[-2] if len(self.amounts) > 1 else None

    @property
    def without_rate(self) -> list[Money]:
        """What of all its points has no rate."""
        return self.total.without_rate

    @property
    def told(self) -> tuple[RatesOf, ...]:
        """The rates in a few words."""
        return rates_told(self.rates)

    @property
    def listed(self) -> Sequence[UsedRate]:
        """The rates one by one, the newest first, as many as a page holds."""
        return sorted(self.rates, key=lambda one: (one.rate.day, one.base), reverse=True)[:MOST_RATES]

    @property
    def more_rates(self) -> int:
        """How many are not listed."""
        return max(0, len(self.rates) - MOST_RATES)


def displayed(found: Course, currency: str) -> Displayed:
    """A trend in this currency. At most eight queries."""
    conversion = trend_converted(found.question, found.by, currency)
    amounts = tuple(None if point.state is State.UNKNOWN else conversion.of(point.span.first) for point in found.points)
    return Displayed(
        trend=found,
        currency=currency,
        amounts=amounts,
        total=conversion.total,
        rates=conversion.rates,
        chart=_chart(found, amounts, currency),
    )


def _chart(found: Course, amounts: Sequence[Converted | None], currency: str) -> charts.Columns:
    points = list(zip(found.points, amounts, strict=True))
    title = f"By {'day' if found.by == DAY else 'month'}, all in {currency}"
    series = {"cost": [None if one is None or one.is_apart else one.amount for _, one in points]}
    labels = [label_of_span(point.span, found.by) for point in found.points]
    return charts.columns(title, labels, series, unit=currency, marks=[_mark(*each) for each in points])


def _mark(point: Point, amount: Converted | None) -> charts.Mark:
    """How whole it is, and what of it has no rate."""
    apart = amount.without_rate if amount else []
    notes = [STATE_WORDS[point.state], *(f"{money(one.amount, one.currency)} without a rate" for one in apart)]
    return charts.Mark(BLOCKS[point.state], "; ".join(note for note in notes if note))
