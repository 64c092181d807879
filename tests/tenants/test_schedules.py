"""When a tenant is due: pure arithmetic, once a period, at a place of the tenant's own."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from governance.schedules import JOBS, KINDS, SYNCS, beat_schedule, next_due, offset_of, schedule_for

SIX_HOURS = timedelta(hours=6)
TENANT = UUID("72f988bf-86f1-41af-91ab-2d7cd011db47")
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_a_tenant_that_never_ran_is_due_at_once() -> None:
    assert next_due(TENANT, SIX_HOURS, None) < datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("minutes", range(0, 24 * 60, 47))
def test_the_next_run_is_after_the_last_and_within_one_period(minutes: int) -> None:
    last = NOON + timedelta(minutes=minutes)

    due = next_due(TENANT, SIX_HOURS, last)

    assert last < due <= last + SIX_HOURS


def test_a_run_at_its_own_place_is_next_due_one_period_later() -> None:
    at = next_due(TENANT, SIX_HOURS, NOON)

    assert next_due(TENANT, SIX_HOURS, at) == at + SIX_HOURS
    assert next_due(TENANT, SIX_HOURS, at - timedelta(seconds=1)) == at


def test_a_late_run_does_not_move_the_tenants_place() -> None:
    at = next_due(TENANT, SIX_HOURS, NOON)

    assert next_due(TENANT, SIX_HOURS, at + timedelta(hours=5)) == at + SIX_HOURS


def test_the_place_does_not_depend_on_the_form_of_the_id_or_the_process() -> None:
    pinned = timedelta(minutes=35, seconds=47)  # another value in another process or release would run everyone again

    assert offset_of(TENANT, SIX_HOURS) == offset_of(str(TENANT), SIX_HOURS) == pinned


def test_a_thousand_tenants_are_spread_evenly() -> None:
    dues = [next_due(UUID(int=number), SIX_HOURS, NOON) for number in range(1000)]

    by_half_hour = Counter((due - NOON) // timedelta(minutes=30) for due in dues)
    assert set(by_half_hour) <= set(range(13))
    per_slot = [by_half_hour[slot] for slot in range(12)]
    assert sum(per_slot) + by_half_hour[12] == 1000
    assert min(per_slot) > 50, per_slot  # even would be 83
    assert max(per_slot) < 120, per_slot
    assert max(Counter((due - NOON) // timedelta(minutes=1) for due in dues).values()) <= 12


def test_an_unknown_kind_names_the_known_ones() -> None:
    with pytest.raises(KeyError, match="resources"):
        schedule_for("weather")


def test_costs_are_read_once_a_day_from_two_oclock_utc_over_the_hour_after() -> None:
    costs = schedule_for("costs")
    tenants = [UUID(int=number) for number in range(1000)]

    dues = [costs.next_due(tenant, NOON) for tenant in tenants]

    two = datetime(2026, 11, 24, 2, tzinfo=UTC)
    assert min(dues) >= two
    assert max(dues) < two + timedelta(hours=1)
    assert max(Counter(due.minute for due in dues).values()) < 40  # even would be 17
    assert [costs.next_due(tenant, due) for tenant, due in zip(tenants, dues, strict=True)] == [
        due + timedelta(days=1) for due in dues
    ]


def test_costs_read_before_their_hour_are_read_in_it_all_the_same() -> None:
    costs = schedule_for("costs")
    early = datetime(2026, 11, 24, 1, 59, tzinfo=UTC)

    assert costs.next_due(TENANT, early).date() == early.date()
    assert costs.next_due(TENANT, None) < datetime(1970, 1, 1, tzinfo=UTC)  # never read: at once


def test_resources_keep_their_place() -> None:
    resources = schedule_for("resources")

    assert resources.next_due(TENANT, NOON) == next_due(TENANT, SIX_HOURS, NOON)
    assert (resources.when, schedule_for("costs").when) == ("every 6 hours", "daily, from 02:00 UTC")


def test_beat_wakes_the_fan_out_of_every_kind() -> None:
    entries = [entry for entry in beat_schedule().values() if entry["task"] == "tenants.tasks.fan_out"]

    assert {entry["args"] for entry in entries} == {(kind,) for kind in KINDS}
    for entry in entries:
        assert entry["schedule"] < min(sync.every for sync in SYNCS)


def test_beat_starts_every_job_at_its_own_pace() -> None:
    entries = beat_schedule()

    for job in JOBS:
        assert entries[job.name]["task"] == job.task
        assert entries[job.name]["schedule"] == timedelta(minutes=job.every_minutes)
    assert len(entries) == len(JOBS) + len(KINDS)


def test_what_was_not_begun_before_its_next_turn_is_dropped() -> None:
    for entry in beat_schedule().values():
        assert entry["options"]["expires"] <= entry["schedule"].total_seconds()
