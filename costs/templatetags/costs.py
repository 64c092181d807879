"""What pages of costs print: how final, in words; where values lead; the places of costs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django import template
from django.http import HttpRequest
from django.template import Context
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from costs.models import Finality, Metric, Source
from costs.moved import MovedSlice
from costs.overview import STATE_WORDS, Movement
from costs.page_lists import MONTHS_KEPT, label_of
from costs.questions import Dimension
from costs.spans import months_before
from costs.standing import Standing, State
from governance.templatetags.ui import Chip, chips
from governance.ui import cells

register = template.Library()

PLACES = (
    ("Overview", "costs:overview"),
    ("Explorer", "costs:explore"),
    ("What moved", "costs:moved"),
    ("Rows", "costs:records"),
)
KEPT = ("tenant", "group", "metric")  # of an address, from one place of costs to the next
KEPT_BY = dict.fromkeys(("costs:overview", "costs:explore"), (*KEPT, "display_currency"))  # these show it
METRIC_WORDS = {
    Metric.ACTUAL: "As billed: a reservation is one purchase on one day.",
    Metric.AMORTIZED: "Reservations and savings plans spread over their days and the resources that used them.",
}
FINALITY_WORDS = {
    Finality.ESTIMATE: "The month is open: days still arrive, and those told already may move.",
    Finality.CLOSING: "The month is over and being closed: late charges come until the 5th.",
    Finality.FINAL: "Read after its month was closed.",
}
FINALITY_STATES = {Finality.ESTIMATE: "stale", Finality.CLOSING: "stale", Finality.FINAL: "complete"}


@dataclass(frozen=True, slots=True)
class Tab:
    """One of several that the page can show."""

    title: str
    address: str
    is_current: bool
    words: str = ""


@register.simple_tag
def finality(word: str | None) -> SafeString:
    """How final, as shape, colour and word."""
    if word is None:
        return cells.state("never", "Unknown")
    return cells.state(FINALITY_STATES[Finality(word)], Finality(word).label)


@register.filter
def finality_words(standing: Standing) -> str:
    """How final and how whole, in a sentence."""
    if standing.finality is None:
        return "Nothing of these days was read: what they cost is unknown, which is not nothing."
    whole = {
        State.COMPLETE: "Every subscription was read, and every day is whole.",
        State.UNFINISHED: "Every subscription was read, but not every day is whole yet.",
        State.PARTIAL: "Some subscriptions were never read: the figures are at least what they say.",
    }
    return f"{FINALITY_WORDS[Finality(standing.finality)]} {whole.get(standing.state, '')}".strip()


@register.filter
def state_words(state: str) -> str:
    """Why a span is not whole."""
    return STATE_WORDS[State(state)]


@register.filter
def source_word(source: str) -> str:
    """Where slices came from."""
    return str(Source(source).label).lower()


@register.filter
def dimension_words(dimension: Dimension) -> str:
    """A dimension in words."""
    return label_of(dimension)


@register.filter
def rate(value: Decimal) -> str:
    """An exchange rate, without the noughts at its end."""
    return f"{value.normalize():f}"


@register.filter
def less(percent: Decimal) -> Decimal:
    """How much less: a percentage without its sign."""
    return abs(percent)


@register.simple_tag(takes_context=True)
def cost_places(context: Context) -> list[Tab]:
    """The pages of costs, narrowed to the same tenants and metric."""
    request: HttpRequest = context["request"]
    found = []
    for title, name in PLACES:
        kept = _kept(request, KEPT_BY.get(name, KEPT))
        address = reverse(name) + (f"?{urlencode(kept)}" if kept else "")
        found.append(Tab(title, address, request.path == reverse(name)))
    return found


@register.simple_tag(takes_context=True)
def metric_links(context: Context, asked: str | None) -> list[Tab]:
    """This page with the one metric and with the other."""
    query = context["request"].GET.copy()
    query.pop("page", None)
    found = []
    for metric in Metric:
        query["metric"] = metric.value
        is_current = (asked or Metric.ACTUAL) == metric.value
        found.append(Tab(str(metric.label), f"?{query.urlencode()}", is_current, METRIC_WORDS[metric]))
    return found


@register.simple_tag(takes_context=True)
def explore_link(context: Context, row: Movement) -> str:
    """The explorer narrowed to one that moved, "" when no filter names it."""
    if not row.word:
        return ""
    by = "resource" if row.parameter == "resource_group" else "resource_group"
    query = {**_kept(context["request"], KEPT_BY["costs:explore"]), row.parameter: row.word, "by": by}
    return f"{reverse('costs:explore')}?{urlencode(query)}"


@register.simple_tag(takes_context=True)
def slice_address(context: Context, row: MovedSlice) -> str:
    """What moved, of this subscription alone."""
    query = context["request"].GET.copy()
    query["subscription"] = row.subscription_id
    return f"?{query.urlencode()}"


@register.simple_tag
def cost_chips(filters: Any, subscriptions: Sequence[tuple[str, str]]) -> list[Chip]:
    """The filters in force; what is shown of them elsewhere is left out."""
    shown = chips(filters, subscription=subscriptions)
    return [chip for chip in shown if not chip.without.keys() & {"metric", "by", "then"}]


@register.simple_tag
def report_months() -> list[tuple[str, str]]:
    """The months a report can be about, the newest first."""
    month = timezone.now().astimezone(UTC).date().replace(day=1)
    months = [months_before(month, number) for number in range(MONTHS_KEPT)]
    return [(f"{one:%Y-%m}", f"{one:%B %Y}") for one in months]


def _kept(request: HttpRequest, names: Sequence[str]) -> dict[str, str]:
    return {name: request.GET[name][:64] for name in names if request.GET.get(name)}
