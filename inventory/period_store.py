"""Periods of orphans in the database: what a page of verdicts means for them, written set-based."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Case, DateTimeField, Value, When

from governance import bulk
from governance.batches import in_batches
from governance.keys import new_id
from inventory.models import Orphan
from inventory.orphans import Finding, Verdict
from inventory.periods import OpenPeriod, Step, next_step

ORPHAN_COLUMNS = (
    "tenant",
    "id",
    "resource",
    "group",
    "subscription",
    "name",
    "type",
    "location",
    "resource_group",
    "rule",
    "verdict",
    "why",
    "since",
    "since_basis",
    "unreadable_since",
    "ended_at",
    "ending",
)
LONGEST_WHY = 300  # characters
RESTARTS_PER_STATEMENT = 200  # each takes two parameters more


class Judged(NamedTuple):
    """One resource or group with what its rule found. Exactly one of `resource` and `group` is set."""

    resource: UUID | None
    group: UUID | None
    subscription: UUID
    name: str
    type: str
    location: str
    resource_group: str
    rule: str
    finding: Finding
    was_watched: bool  # True when it would have been noticed earlier: then an orphan is one only since the last reading


@dataclass(frozen=True, slots=True)
class PeriodStore:
    """Writes of one run, or of one person's word, into the periods of one tenant."""

    tenant_id: UUID
    now: datetime

    def apply(self, judged: Sequence[Judged], *, are_new: bool = False) -> int:
        """Open, end and doubt periods as these verdicts say. Returns how many were touched.

        `are_new` says that none of them can have an open period.
        """
        is_of_groups = bool(judged) and judged[0].resource is None
        periods = (
            {}
            if are_new
            else self._open_periods([one.resource or one.group for one in judged], is_of_groups=is_of_groups)
        )
        steps: dict[Step, list[tuple[Judged, UUID | None]]] = {step: [] for step in Step}
        for one in judged:
            period = periods.get((one.resource or one.group, one.rule))
            steps[next_step(period, one.finding)].append((one, period.id if period else None))
        self._end([key for _, key in steps[Step.END] if key], Orphan.Ending.IN_USE)
        self._doubt([key for _, key in steps[Step.DOUBT] if key])
        self._confirm([key for _, key in steps[Step.CONFIRM] if key])
        self._end_before([(key, one) for one, key in steps[Step.RESTART] if key])
        self._end([key for _, key in steps[Step.RESOLVE] if key], Orphan.Ending.TOLD_ANEW)
        opened = [(one, one.was_watched) for step in (Step.OPEN, Step.RESTART) for one, _ in steps[step]]
        opened += [(one, False) for one, _ in steps[Step.RESOLVE]]
        bulk.insert(Orphan, ORPHAN_COLUMNS, [self._row(one, was_watched=watched) for one, watched in opened])
        return len(judged) - len(steps[Step.NOTHING])

    def end_of_resources(self, resource_ids: Iterable[UUID], ending: str) -> None:
        """These resources are gone: what was open about them has ended."""
        for batch in in_batches(resource_ids):
            self._open().filter(resource_id__in=batch).update(ended_at=self.now, ending=ending)

    def end_of_groups(self, group_ids: Iterable[UUID], ending: str) -> None:
        """These groups are gone: what was open about them has ended."""
        for batch in in_batches(group_ids):
            self._open().filter(group_id__in=batch).update(ended_at=self.now, ending=ending)

    def end_without_rule(self, rules: Iterable[str]) -> int:
        """End what was opened by a rule that is not one of these any more."""
        ended: int = self._open().exclude(rule__in=list(rules)).update(ended_at=self.now, ending=Orphan.Ending.NO_RULE)
        return ended

    def _open(self) -> Any:
        return Orphan.objects.for_tenant(self.tenant_id).open()

    def _open_periods(self, ids: Sequence[UUID | None], *, is_of_groups: bool) -> dict[tuple[Any, str], OpenPeriod]:
        subject = "group_id" if is_of_groups else "resource_id"
        found: dict[tuple[Any, str], OpenPeriod] = {}
        for batch in in_batches(ids):
            rows = self._open().filter(**{f"{subject}__in": batch})
            for key, rule, *period in rows.values_list(subject, "rule", "id", "since", "unreadable_since"):
                found[key, rule] = OpenPeriod(*period)
        return found

    def _end(self, ids: Sequence[UUID], ending: str) -> None:
        for batch in in_batches(ids):
            self._open().filter(id__in=batch).update(ended_at=self.now, ending=ending)

    def _doubt(self, ids: Sequence[UUID]) -> None:
        for batch in in_batches(ids):
            self._open().filter(id__in=batch).update(
                verdict=Orphan.Verdict.UNKNOWN,
                unreadable_since=self.now,
                why="The last reading did not tell what decides; before it was an orphan.",
            )

    def _confirm(self, ids: Sequence[UUID]) -> None:
        for batch in in_batches(ids):
            self._open().filter(id__in=batch).update(verdict=Orphan.Verdict.ORPHANED, unreadable_since=None, why="")

    def _end_before(self, restarted: Sequence[tuple[UUID, Judged]]) -> None:
        """The old period ended before the new one began; when exactly, nobody saw."""
        for start in range(0, len(restarted), RESTARTS_PER_STATEMENT):
            part = restarted[start : start + RESTARTS_PER_STATEMENT]
            ends = [When(id=key, then=Value(self._since(one), DateTimeField())) for key, one in part]
            self._open().filter(id__in=[key for key, _ in part]).update(
                ended_at=Case(*ends, output_field=DateTimeField()), ending=Orphan.Ending.TOLD_ANEW
            )

    def _since(self, one: Judged) -> datetime:
        """Azure's word, but never a moment that is still to come."""
        return min(one.finding.since or self.now, self.now)

    def _row(self, one: Judged, *, was_watched: bool) -> tuple[Any, ...]:
        is_orphaned = one.finding.verdict is Verdict.ORPHANED
        return (
            self.tenant_id,
            new_id(),
            one.resource,
            one.group,
            one.subscription,
            one.name,
            one.type,
            one.location,
            one.resource_group,
            one.rule,
            one.finding.verdict.value,
            one.finding.why[:LONGEST_WHY],
            self._since(one) if is_orphaned else self.now,
            self._basis(one, was_watched=was_watched),
            None if is_orphaned else self.now,
            None,
            "",
        )

    def _basis(self, one: Judged, *, was_watched: bool) -> str:
        if one.finding.since is not None:
            return Orphan.Basis.AZURE if one.finding.is_azures_word else Orphan.Basis.SEEN
        return Orphan.Basis.SEEN if was_watched else Orphan.Basis.AT_LEAST
