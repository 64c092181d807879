"""What figures of costs stand on: which slices were read, when, how final they are, and which are missing.

A slice that is missing was never read: its costs are unknown, which is not zero. Two queries for the marks, at most
four more for the names, whatever the number of tenants, subscriptions and rows.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, NamedTuple, Self

from django.db.models import Count, IntegerField, Max, Min, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, TruncDate

from costs.models import CostReceipt, CostSlice, Finality
from costs.questions import Question
from costs.spans import Span, finished_until
from tenants.models import Subscription

NAMED = 20  # subscriptions listed by name in one answer; the others are counted
NAMES_NONE = "Its source names neither resources nor tags."


class State(StrEnum):
    """How whole the costs of a day or a month are, from best to worst."""

    COMPLETE = "complete"  # every subscription was read, and the day was over
    UNFINISHED = "unfinished"  # read too soon after it to be whole
    PARTIAL = "partial"  # some subscriptions were never read
    UNKNOWN = "unknown"  # none was


@dataclass(frozen=True, slots=True)
class Unread:
    """A subscription without a slice of these months; `reason` is what the last attempt said, or ""."""

    tenant: str
    subscription: str
    subscription_id: str
    months: tuple[date, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class RefusedSlice:
    """A slice of which a later reading was not believed: what is shown is older than it could be."""

    tenant: str
    subscription: str
    subscription_id: str
    month: date
    reason: str
    refused_at: datetime


class Read(NamedTuple):
    """Some slices of one month that were read alike; `imported` are those of subscriptions only a file names."""

    month: date
    finality: str
    source: str
    has_resources: bool
    through: date | None
    read_on: date
    slices: int
    refused: int
    imported: int
    oldest: datetime
    newest: datetime


@dataclass(frozen=True, slots=True)
class Marks:
    """How whole each day and month of a span is. `expected` has the number of subscriptions by month."""

    span: Span
    expected: dict[date, int]
    by_month: dict[date, list[Read]]

    def on(self, span: Span) -> Self:
        """The same of other days, which lie in months of this span."""
        months = set(span.months)
        return replace(
            self,
            span=span,
            expected={month: number for month, number in self.expected.items() if month in months},
            by_month={month: reads for month, reads in self.by_month.items() if month in months},
        )

    @property
    def reads(self) -> list[Read]:
        """All that was read."""
        return [read for reads in self.by_month.values() for read in reads]

    def of_day(self, day: date) -> State:
        """How whole this day is."""
        month = day.replace(day=1)
        reads = self.by_month.get(month, [])
        reached = [read for read in reads if day <= _reach(read)]
        if not reached:
            return State.UNKNOWN
        if self.missing_in(month):
            return State.PARTIAL
        is_whole = len(reached) == len(reads) and all(day <= _whole_until(read) for read in reads)
        return State.COMPLETE if is_whole else State.UNFINISHED

    def of_span(self, span: Span | None = None) -> State:
        """How whole these days are together: unknown only when each of them is."""
        span = span or self.span
        states = {self.of_day(day) for day in span.each_day}
        if states == {State.UNKNOWN}:
            return State.UNKNOWN
        if State.UNKNOWN in states:  # never read, or days that the open month has not reached
            is_missing = any(self.missing_in(month) for month in span.months)
            states = (states - {State.UNKNOWN}) | {State.PARTIAL if is_missing else State.UNFINISHED}
        return max(states, key=list(State).index)

    def missing_in(self, month: date) -> int:
        """How many slices of this month were never read."""
        known = sum(read.slices for read in self.by_month.get(month, []))
        return max(0, self.expected.get(month, 0) - known)

    @property
    def missing(self) -> int:
        """How many slices were never read."""
        return sum(self.missing_in(month) for month in self.expected)

    @property
    def days_known(self) -> int:
        """How many days of the span are complete."""
        return sum(self.of_day(day) is State.COMPLETE for day in self.span.each_day)

    @property
    def finality(self) -> str | None:
        """The least final of the slices; None when nothing was read."""
        found = {read.finality for read in self.reads}
        return next((word for word in Finality.values if word in found), None)

    @property
    def finished_until(self) -> date | None:
        """The last day of the span up to which every slice that was read is whole; None when no day is."""
        reads = self.by_month.get(self.span.last.replace(day=1), [])
        last = min((_whole_until(read) for read in reads), default=None)
        if last is None or last < self.span.first:
            return None
        return min(last, self.span.last)


@dataclass(frozen=True, slots=True)
class Standing:
    """What an answer stands on, in words and numbers. `without_resources`: slices whose source names no resources."""

    marks: Marks
    state: State
    finality: str | None
    oldest_read_at: datetime | None
    newest_read_at: datetime | None
    slices_expected: int
    slices_read: int
    days: int
    days_known: int
    sources: tuple[tuple[str, int], ...]
    without_resources: int
    unread: tuple[Unread, ...]
    more_unread: int
    refused: tuple[RefusedSlice, ...]
    more_refused: int


def marks_of(question: Question, *, today: date) -> Marks:
    """How whole the days of a question are. Two queries."""
    months = [month for month in question.span.months if month <= today]
    by_month: dict[date, list[Read]] = defaultdict(list)
    for read in _reads(question):
        by_month[read.month].append(read)
    imported = {month: sum(read.imported for read in reads) for month, reads in by_month.items()}
    expected = {month: number + imported.get(month, 0) for month, number in _expected(question, months).items()}
    return Marks(question.span, expected, dict(by_month))


def standing_of(question: Question, *, today: date, marks: Marks | None = None) -> Standing:
    """What the answer to a question stands on. Two queries; four more where something is missing or was refused.

    `marks` are those of more days, where they were asked for already.
    """
    marks = marks.on(question.span) if marks else marks_of(question, today=today)
    months = list(marks.expected)
    unread, more_unread = _unread(question, months) if marks.missing else ((), 0)
    refusals = sum(read.refused for read in marks.reads)
    refused = _refused(question) if refusals else ()
    sources: dict[str, int] = defaultdict(int)
    for read in marks.reads:
        sources[read.source] += read.slices
    return Standing(
        marks=marks,
        state=marks.of_span(),
        finality=marks.finality,
        oldest_read_at=min((read.oldest for read in marks.reads), default=None),
        newest_read_at=max((read.newest for read in marks.reads), default=None),
        slices_expected=sum(marks.expected.values()),
        slices_read=sum(sources.values()),
        days=question.span.days,
        days_known=marks.days_known,
        sources=tuple(sorted(sources.items())),
        without_resources=sum(read.slices for read in marks.reads if not read.has_resources),
        unread=unread,
        more_unread=more_unread,
        refused=refused,
        more_refused=refusals - len(refused),
    )


def slices_of(question: Question) -> QuerySet[Any]:
    """The slices that can answer a question: of a tag or a resource only those whose source names them can."""
    rows = _stored(question)
    narrowed = question.narrowed
    return rows.filter(has_resources=True) if narrowed.tag or narrowed.resource is not None else rows


def _stored(question: Question) -> QuerySet[Any]:
    rows = CostSlice.objects.of_metric(question.metric).for_tenants(question.tenants)
    rows = rows.filter(month__gte=question.first.replace(day=1), month__lte=question.last)
    wanted = question.narrowed.subscription
    narrowed: QuerySet[Any] = wanted.narrow(rows, "subscription__subscription_id") if wanted else rows
    return narrowed


def subscriptions_of(question: Question) -> Any:
    """The subscriptions that a question is about, read or not."""
    rows = Subscription.objects.all().for_tenants(question.tenants)
    wanted = question.narrowed.subscription
    narrowed: Any = wanted.narrow(rows, "subscription_id") if wanted else rows
    return narrowed


def _whole_until(read: Read) -> date:
    """The last day that is whole in these slices. A final month is, whenever it was read."""
    return date.max if read.finality == Finality.FINAL else finished_until(read.read_on)


def _reach(read: Read) -> date:
    """The last day of its month that these slices know anything of."""
    whole = _whole_until(read)
    return max(whole, read.through) if read.through else whole


def _reads(question: Question) -> Iterable[Read]:
    rows = slices_of(question).order_by().annotate(read_on=TruncDate("read_at", tzinfo=UTC))
    alike = rows.values_list("month", "finality", "source", "has_resources", "through", "read_on")
    counted = alike.annotate(
        slices=Count("id"),
        refused=Count("refused_at"),
        imported=Count("id", filter=Q(subscription__is_imported=True)),
        oldest=Min("read_at"),
        newest=Max("read_at"),
    )
    return (Read(*row) for row in counted)


def _expected(question: Question, months: Sequence[date]) -> dict[date, int]:
    """How many subscriptions of Azure each month should have a slice of; off-boarded ones until they were."""
    ends = subscriptions_of(question).in_azure().order_by().values_list("off_boarded_at").annotate(number=Count("id"))
    counts = [(end.date() if end else date.max, number) for end, number in ends]
    return {month: sum(number for end, number in counts if end >= month) for month in months}


def _unread(question: Question, months: Sequence[date]) -> tuple[tuple[Unread, ...], int]:
    """The first subscriptions that lack a slice, by name, and how many more there are."""
    own = slices_of(question).filter(subscription=OuterRef("pk")).order_by().values("subscription")
    read = Coalesce(Subquery(own.annotate(number=Count("id")).values("number")), 0, output_field=IntegerField())
    lacking = subscriptions_of(question).in_azure().annotate(read=read).filter(read__lt=len(months))
    lacking = lacking.filter(Q(off_boarded_at=None) | Q(off_boarded_at__gte=_midnight(months[0])))
    total = lacking.count()
    named = list(lacking.select_related("tenant").order_by("tenant__name", "name", "id")[:NAMED])
    there = set(slices_of(question).filter(subscription__in=named).values_list("subscription_id", "month"))
    reasons = _reasons(question, named, months)
    found = []
    for one in named:
        end = one.off_boarded_at.date() if one.off_boarded_at else date.max
        missing = tuple(month for month in months if month <= end and (one.id, month) not in there)
        if not missing:
            continue  # off-boarded, and read until then
        told = [reasons[one.id, month] for month in missing if (one.id, month) in reasons]
        reason = " ".join(dict.fromkeys(text for text in told if text))
        found.append(Unread(one.tenant.name, one.name, one.subscription_id, missing, reason))
    return tuple(found), total - len(named)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time(), tzinfo=UTC)


def _reasons(question: Question, named: Collection[Subscription], months: Sequence[date]) -> dict[Any, str]:
    """Why it lacks a slice: what the last attempt at it said, or that the slice there is cannot answer."""
    poor = _stored(question).filter(subscription__in=named, has_resources=False)
    rows = CostReceipt.objects.filter(metric=question.metric, month__in=months, subscription__in=named)
    tried = rows.for_tenants({one.tenant_id for one in named}).order_by("at", "id")
    said = {(key, month): reason for key, month, reason in tried.values_list("subscription_id", "month", "reason")}
    return said | dict.fromkeys(poor.values_list("subscription_id", "month"), NAMES_NONE)


def _refused(question: Question) -> tuple[RefusedSlice, ...]:
    rows = slices_of(question).exclude(refused_at=None).select_related("tenant", "subscription")
    return tuple(
        RefusedSlice(
            tenant=row.tenant.name,
            subscription=row.subscription.name,
            subscription_id=row.subscription.subscription_id,
            month=row.month,
            reason=row.refusal,
            refused_at=row.refused_at,
        )
        for row in rows.order_by("-month", "tenant__name", "subscription__name")[:NAMED]
    )
