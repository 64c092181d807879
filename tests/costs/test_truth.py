"""For any small world, whatever happens to its syncs: every sum we hold is the truth at the last successful reading.

A sequence of days passing, readings, repeated readings, faults, kills and months restated to zero is played against the
simulated Azure. After each step every cut of every table of sums (tenant, day, service, resource group, resource, tag)
is compared with what the simulator knew when the slice was last read, to the last digit of the money type; and the
receipt tells what rounding lost.
"""

import json
import re
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import cache
from django.db import transaction
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from costs.models import CostReceipt, CostSlice, DailyCost, DailyResourceCost, DailyTagCost
from costs.months import METRICS, still_moving
from governance.azure.simulator.billing import ARRANGEMENTS
from governance.azure.simulator.faults import Fault
from governance.azure.simulator.server import Simulator
from tenants.models import Tenant
from tests.conftest import StartAzure, connect, read_costs
from tests.costs.truth import Place, TrueRow, held_sums, receipts_of, slices_of, summed, true_rows, true_total

pytestmark = pytest.mark.django_db

COSTS, BLOBS = "Microsoft.CostManagement", r"/(armreports|exports)/.*part"
# What leaves a reading refused, failed, fallen back or healed; never stored in part.
FAULTS = (
    {"kind": "throttle", "path": COSTS, "times": 2},
    {"kind": "throttle", "path": COSTS, "after": 2, "times": 1, "retry_after": 600},
    {"kind": "forbidden", "path": COSTS},
    {"kind": "server_error", "path": COSTS, "after": 1},
    {"kind": "half_page", "path": f"{COSTS}/query"},
    {"kind": "report_failed"},
    {"kind": "expired_link", "path": "armreports", "times": 1},
    {"kind": "expired_link", "path": "armreports"},
    {"kind": "missing_blob", "path": "part_0_0002"},
    {"kind": "truncated_csv", "path": BLOBS},
    {"kind": "missing_column", "path": BLOBS},
    {"kind": "wrong_byte_count", "path": BLOBS},
    {"kind": "reset", "path": BLOBS, "times": 1},
    {"kind": "missing_manifest", "path": "exports", "times": 1},
    {"kind": "forbidden", "path": "/exports/"},
)
STEPS = st.one_of(
    st.tuples(st.just("days"), st.integers(1, 4)),
    st.just(("sync", 1)),
    st.just(("sync", 2)),
    st.tuples(st.just("fault"), st.sampled_from(range(len(FAULTS)))),
    st.tuples(st.just("kill"), st.integers(1, 3)),
    st.tuples(st.just("zero"), st.booleans()),
)
WORLDS = st.fixed_dictionaries(
    {
        "seed": st.integers(1, 1000),
        "sources": st.lists(
            st.sampled_from(sorted(name for name, billing in ARRANGEMENTS.items() if billing.has_queries)),
            min_size=1,
            max_size=2,
        ),
        "resources": st.integers(8, 24),
        "day": st.integers(27, 40),
        "steps": st.lists(STEPS, min_size=2, max_size=5),
    }
)


@dataclass
class Play:
    """One world, and what it knew when each slice was last read."""

    azure: Simulator
    tenant: Tenant
    monkeypatch: pytest.MonkeyPatch
    known: dict[Place, list[TrueRow]] = field(default_factory=dict)

    def step(self, word: str, value: int) -> None:
        """Do one thing, then compare everything."""
        if word == "days":
            self.azure.advance(days=value)
        elif word == "sync":
            for _ in range(value):
                self.sync()
        elif word == "fault":
            self.azure.faults.add(Fault(**FAULTS[value]))
            self.sync()
            self.azure.faults.clear()
            cache.clear()  # whatever pause Azure wished for is over
        elif word == "kill":
            self.killed(after=value)
        else:
            subscription = self.azure.tenants[0].subscription_ids[0]
            self.azure.world.costs.restate_to_zero(subscription, self.months[-1], keeps_rows=bool(value))
        self.compare()

    @property
    def months(self) -> tuple[date, ...]:
        return still_moving(self.azure.today)

    def sync(self) -> None:
        """Read the months that move, and remember the truth about every slice that was read."""
        before = len(receipts_of(self.tenant))
        for month in self.months:
            read_costs(self.tenant, today=self.azure.today, month=month)
        self.remember(receipts_of(self.tenant)[before:])

    def killed(self, *, after: int) -> None:
        """A sync whose process ends in the transaction of one of its slices."""
        saved, before = CostReceipt.save, len(receipts_of(self.tenant))
        seen = iter(range(100))

        def save(receipt: Any, *args: Any, **kwargs: Any) -> None:
            saved(receipt, *args, **kwargs)
            if next(seen) >= after:
                raise SystemExit("killed")

        with self.monkeypatch.context() as hook:
            hook.setattr(CostReceipt, "save", save)
            try:
                for month in self.months:
                    read_costs(self.tenant, today=self.azure.today, month=month)
            except SystemExit:
                note("killed")
        self.remember(receipts_of(self.tenant)[before:])

    def remember(self, receipts: list[CostReceipt]) -> None:
        for receipt in receipts:
            if receipt.verdict in {CostReceipt.Verdict.STORED, CostReceipt.Verdict.UNCHANGED}:
                place = (receipt.subscription.subscription_id, receipt.month, receipt.metric)
                delivered = re.search(r"delivered (\d{4}-\d\d-\d\d)", receipt.source_reason)
                as_of = date.fromisoformat(delivered[1]) if delivered and receipt.source == "export" else None
                self.known[place] = true_rows(self.azure, place, receipt.source, as_of=as_of)
                if as_of in {None, self.azure.today}:
                    self.check_residual(place, receipt)

    def check_residual(self, place: Place, receipt: CostReceipt) -> None:
        """What is stored and what rounding lost are together the exact truth."""
        told = json.loads(receipt.totals)
        for currency, amount in true_total(self.azure, place).items():
            assert Decimal(told[currency]["stored"]) + Decimal(told[currency]["residual"]) == amount, (place, told)

    def compare(self) -> None:
        """Each slice by itself, then the tenant as a whole."""
        held = slices_of(self.tenant)
        assert set(held) == set(self.known)
        for place, slice_ in held.items():
            self.compare_slice(place, slice_, self.known[place])

    def compare_slice(self, place: Place, held: CostSlice, rows: list[TrueRow]) -> None:
        """Every cut of the three tables of sums."""
        for fields in ((), ("day",), ("service",), ("resource_group",), ("day", "service", "resource_group")):
            assert held_sums(DailyCost, place, self.tenant, *fields) == summed(rows, *fields), (place, fields)
        by_resource = summed(rows, "day", "resource") if held.has_resources else {}
        assert held_sums(DailyResourceCost, place, self.tenant, "day", "azure_id_hash") == by_resource, place
        by_tag = {(*tag, *rest): amount for (tag, *rest), amount in summed(rows, "tag", "day").items()}
        assert held_sums(DailyTagCost, place, self.tenant, "name", "value", "day") == by_tag, place


@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(world=WORLDS)
def test_every_sum_is_the_truth_at_the_last_successful_reading(
    start_azure: StartAzure, monkeypatch: pytest.MonkeyPatch, world: dict[str, Any]
) -> None:
    azure = start_azure(
        seed=world["seed"],
        tenants=1,
        subscriptions_per_tenant=len(world["sources"]),
        resources_per_tenant=world["resources"],
        cost_sources=world["sources"],
    )
    azure.application.cost_settings.partition_rows = 40  # so that there is a second file
    azure.advance(days=world["day"])
    cache.clear()
    try:
        with transaction.atomic():
            play = Play(azure, connect(azure, "contoso"), monkeypatch)
            for word, value in [("sync", 1), *world["steps"], ("sync", 1)]:
                play.step(word, value)
            assert {place[2] for place in play.known} == set(METRICS)
            transaction.set_rollback(True)
    finally:
        azure.stop()
