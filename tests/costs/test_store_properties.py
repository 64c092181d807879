"""Whatever is stored, repeated, refused or killed, in any order: the sums are what was last accepted, to the digit."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costs.models import (
    CostRecord,
    CostSlice,
    DailyCost,
    DailyResourceCost,
    DailyTagCost,
    Metric,
    Restatement,
    Source,
)
from costs.rows import CostLine, SliceKey
from costs.slices import OneSlice
from costs.store import replace_slice
from costs.tag_sets import tags_of
from governance.money import UNIT
from governance.tenancy import Scope, entered
from tenants.models import Subscription, Tenant

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 10, 20, 2, tzinfo=UTC)
PLACES = [(date(2026, 9, 1), Metric.ACTUAL), (date(2026, 10, 1), Metric.ACTUAL), (date(2026, 10, 1), Metric.AMORTIZED)]
TAGS = ("", '{"Env":"prod"}', '{"ENV":"test","Team":"one"}', '{"Env":"a","env":"b"}')
RESOURCE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/disks/"
SOME = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))

Accepted = tuple[Sequence[CostLine], bool]  # the rows, and whether they name resources
Sums = dict[Any, Decimal]


@dataclass(frozen=True)
class Step:
    """One reading of one slice, and what goes wrong with it.

    Faults: killed (in the middle), short (fewer rows than announced), behind (far less than Azure's own total), gone
    (no rows, and Azure says so too).
    """

    place: tuple[date, str]
    lines: Sequence[CostLine]
    today: date
    has_resources: bool
    rows_of_a_batch: int
    fault: str
    repeats: bool  # the content that was accepted last, in place of `lines`


@st.composite
def lines_of(draw: st.DrawFn, month: date) -> CostLine:
    """A row of a month; several alike are wanted, so everything comes from short lists."""
    azure_id = draw(st.sampled_from(("", f"{RESOURCE}one", f"{RESOURCE}two")))
    return CostLine(
        day=month.replace(day=draw(st.sampled_from((1, 2, 17, 28)))),
        currency=draw(st.sampled_from(("EUR", "USD"))),
        amount=draw(st.integers(-(10**14), 10**14)) * UNIT,
        azure_id=azure_id,
        azure_id_hash=hashlib.sha256(azure_id.encode()).hexdigest() if azure_id else "",
        resource_group=draw(st.sampled_from(("", "G", "g"))),
        service=draw(st.sampled_from(("", "Storage", "Bandwidth"))),
        region=draw(st.sampled_from(("", "WestEurope", "westeurope"))),
        charge_type=draw(st.sampled_from(("Usage", "Refund"))),
        tags=draw(st.sampled_from(TAGS)),
    )


@st.composite
def steps(draw: st.DrawFn) -> Step:
    """Any reading of any slice."""
    place = draw(st.sampled_from(PLACES))
    return Step(
        place=place,
        lines=tuple(draw(st.lists(lines_of(place[0]), max_size=8))),
        today=draw(st.sampled_from((date(2026, 10, 20), date(2026, 11, 3), date(2026, 11, 9)))),
        has_resources=draw(st.booleans()),
        rows_of_a_batch=draw(st.integers(1, 4)),
        fault=draw(st.sampled_from(("", "", "", "", "killed", "short", "behind", "gone"))),
        repeats=draw(st.booleans()),
    )


@dataclass
class World:
    """What was accepted of a subscription, and with which totals each slice began."""

    subscription: Subscription
    accepted: dict[tuple[date, str], Accepted] = field(default_factory=dict)
    began: dict[tuple[date, str], Sums] = field(default_factory=dict)

    def take(self, step: Step) -> None:
        """Do one step; check its verdict and everything that is stored."""
        before = self.accepted.get(step.place)
        reading = before if step.repeats and before else (step.lines, step.has_resources)
        reading = ((), reading[1]) if step.fault == "gone" else reading
        verdict = send(self.subscription, step, reading)
        assert verdict == expected(step, reading, before)
        if verdict == "stored":
            self.accepted[step.place] = reading
            self.began.setdefault(step.place, sums(reading[0], lambda line: line.currency))
        for place in PLACES:
            self.check(place)

    def check(self, place: tuple[date, str]) -> None:
        """The rows, the slice, the sums by every cut and the ledger of one slice."""
        lines, has_resources = self.accepted.get(place, ((), True))
        one = OneSlice(self.subscription.tenant_id, self.subscription.id, *place)
        rows = one.of(CostRecord).values_list("day", "currency", "amount", "azure_id_hash", "meter")
        assert Counter(rows) == Counter((row.day, row.currency, row.amount, row.azure_id_hash, "") for row in lines)
        counts = list(one.of(CostSlice).values_list("row_count", flat=True))
        assert counts == ([len(lines)] if place in self.accepted else [])
        assert stored(one, DailyCost, *BY_PLACE, "charge_type") == sums(
            lines, lambda row: (*of_place(row), row.charge_type)
        )
        assert sum(one.of(DailyCost).values_list("rows", flat=True)) == len(lines)
        by_resource = sums(lines, lambda row: (row.day, row.currency, row.azure_id_hash, row.service))
        assert stored(one, DailyResourceCost, "day", "currency", "azure_id_hash", "service") == (
            by_resource if has_resources else {}
        )
        tagged = [row._replace(tags=tag[0] + "=" + tag[2]) for row in lines if row.tags for tag in tags_of(row.tags)]
        by_tag = {
            (*key[:-2], f"{key[-2]}={key[-1]}"): amount
            for key, amount in stored(one, DailyTagCost, *BY_PLACE, "name", "value").items()
        }
        assert by_tag == sums(tagged, lambda row: (*of_place(row), row.tags))
        self.check_ledger(one, place, sums(lines, lambda line: line.currency))

    def check_ledger(self, one: OneSlice, place: tuple[date, str], now: Sums) -> None:
        """Each entry goes on where the one before ended, and the last ends where the slice is."""
        running = defaultdict(Decimal, self.began.get(place, {}))
        for entry in one.of(Restatement).order_by("id"):
            lines = list(entry.lines.all())
            assert entry.before == running[entry.currency]
            assert entry.before + entry.arrived + entry.moved == entry.after
            assert sum((line.after - line.before for line in lines), Decimal(0)) == entry.moved
            assert all(line.after != line.before for line in lines)
            running[entry.currency] = entry.after
        assert without_zero(running) == without_zero(now)


BY_PLACE = ("day", "currency", "resource_group", "service", "region")


def of_place(row: CostLine) -> tuple[Any, ...]:
    """What the sums of a day are told apart by, folded."""
    return (row.day, row.currency, row.resource_group.lower(), row.service, row.region.lower())


def sums(lines: Sequence[CostLine], key: Callable[[CostLine], Any]) -> Sums:
    """The exact sums of rows by anything."""
    found: Sums = defaultdict(Decimal)
    for line in lines:
        found[key(line)] += line.amount
    return dict(found)


def stored(one: OneSlice, model: Any, *names: str) -> Sums:
    """The same out of a table of sums."""
    found: Sums = defaultdict(Decimal)
    for *key, amount in one.of(model).values_list(*names, "amount"):
        found[tuple(key)] += amount
    return dict(found)


def without_zero(amounts: Sums) -> Sums:
    """Nothing is what is not there."""
    return {key: amount for key, amount in amounts.items() if amount}


def content(reading: Accepted) -> str:
    """A hash of a reading."""
    return hashlib.sha256(repr(reading).encode()).hexdigest()


def expected(step: Step, reading: Accepted, before: Accepted | None) -> str:
    """The verdict, judged without the code that is tested."""
    had_cost = before is not None and any(sums(before[0], lambda line: line.currency).values())
    if step.fault in {"short", "behind"}:
        return "refused"
    if before is not None and content(reading) == content(before):
        return "unchanged"
    if step.fault == "killed":
        return "killed"
    return "refused" if had_cost and not reading[0] and step.fault != "gone" else "stored"


def send(subscription: Subscription, step: Step, reading: Accepted) -> str:
    """One reading through the door; "killed" where its reader died in the middle."""
    lines, has_resources = reading
    try:
        with transaction.atomic():
            receipt = replace_slice(
                subscription.tenant_id,
                subscription,
                SliceKey(subscription.subscription_id, *step.place),
                batches(step, lines),
                source=Source.EXPORT,
                has_resources=has_resources,
                read_at=NOW,
                today=step.today,
                content_hash=content(reading),
                expected_rows=len(lines) + (step.fault == "short"),
                control=control(step, lines),
            )
    except ConnectionError:
        return "killed"
    return str(receipt.verdict)


def control(step: Step, lines: Sequence[CostLine]) -> Sums | None:
    """What Azure says when it is asked for the totals alone."""
    if step.fault == "behind":
        found = sums(lines, lambda line: line.currency) or {"EUR": Decimal(0)}
        return {currency: 2 * abs(total) + 1 for currency, total in found.items()}
    return {} if step.fault == "gone" else None


def batches(step: Step, lines: Sequence[CostLine]) -> Iterator[Sequence[CostLine]]:
    """The rows in batches; a killed reader gives all but the last."""
    size = step.rows_of_a_batch
    for start in range(0, len(lines), size):
        if step.fault == "killed" and start + size >= len(lines):
            break
        yield lines[start : start + size]
    if step.fault == "killed":
        raise ConnectionError("The reader died.")


@SOME
@given(taken=st.lists(steps(), min_size=4, max_size=9))
def test_sums_are_what_was_last_accepted(contoso: Tenant, taken: list[Step]) -> None:
    with entered(Scope.of(contoso.id)):
        world = World(
            Subscription.objects.create(
                tenant=contoso, subscription_id=str(uuid4()), name="any", first_seen_at=timezone.now()
            )
        )

        for step in taken:
            world.take(step)
