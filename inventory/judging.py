"""Judge, within one run of the resource sync: orphans and tag rules of what the run stored, and once of everything.

Only new and changed resources are judged page by page, in the page's own transaction. What depends on other resources
(snapshots, groups) is judged in the run's last transaction, from what the whole run received.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from audit.runs import ActiveRun
from governance.batches import in_batches, pages_by_key
from inventory.coverage import Reading
from inventory.groups import GroupReading, KnownGroup
from inventory.models import HygieneState, Orphan, Resource
from inventory.orphans import (
    EMPTY_GROUP,
    GROUP_TYPE,
    RULE_OF_KEY,
    RULE_OF_TYPE,
    SNAPSHOTS,
    VERSION,
    Finding,
    Subject,
    Verdict,
    by_content,
    by_source,
    judge,
)
from inventory.period_store import Judged, PeriodStore
from inventory.querysets import fold
from inventory.shape import Shaped, key_of
from inventory.violation_store import ViolationStore, judge_tenant, rules_of

PAGE_ROWS = 1000
COLUMNS = ("id", "subscription_id", "name", "type", "location", "resource_group", "managed_by", "tags", "properties")


class Sighting(NamedTuple):
    """A resource that a page stored. `is_begun`: it is new or back since the last whole reading, not found at first."""

    resource: UUID
    subscription: UUID
    shaped: Shaped
    is_begun: bool
    is_retagged: bool


@dataclass(slots=True)
class Judging:
    """The judgements of one run."""

    run: ActiveRun
    tenant_id: UUID
    now: datetime
    state: HygieneState | None = None
    periods: PeriodStore = field(init=False)
    violations: ViolationStore = field(init=False)
    touched: int = 0  # periods that were opened, ended or doubted
    had_resources: bool = False

    def __post_init__(self) -> None:
        """Read how far the tenant is judged, and its rules."""
        self.periods = PeriodStore(self.tenant_id, self.now)
        self.state = HygieneState.objects.for_tenant(self.tenant_id).first()
        rules = rules_of(self.tenant_id) if self.state and self.state.tag_version else ()
        self.violations = ViolationStore(self.tenant_id, rules, self.now)
        if not self.is_current:
            self.had_resources = Resource.objects.for_tenant(self.tenant_id).exists()

    @property
    def is_current(self) -> bool:
        """Whether all of the tenant is judged by the rules as they are."""
        return self.state is not None and self.state.orphan_rules == VERSION

    # --- page by page ---

    def page(self, new: Sequence[Sighting], stale: Sequence[Sighting]) -> None:
        """Judge what a page stored. Call in the page's transaction."""
        for sightings, are_new in ((new, True), (stale, False)):
            self._apply([judged for one in sightings if (judged := self._judged(one))], are_new=are_new)
            if self.violations.rules:
                tagged = [
                    (one.resource, one.shaped.record.type, one.shaped.record.tags)
                    for one in sightings
                    if one.is_retagged
                ]
                self.violations.judge(tagged, are_new=are_new)

    def returned(self, resource_ids: Sequence[UUID]) -> None:
        """Resources that only the ARM list showed again: they are there, and what their properties are is unknown."""
        unread = Finding(Verdict.UNKNOWN, "Only its name was read since it is back; its properties were not.")
        for batch in in_batches(resource_ids):
            rows = Resource.objects.for_tenant(self.tenant_id).filter(id__in=batch)
            found = list(
                rows.values_list("id", "subscription_id", "name", "type", "location", "resource_group", "tags")
            )
            ruled = [row[:6] for row in found if row[3] in RULE_OF_TYPE]
            self._apply([_of_resource(row, unread, was_watched=False) for row in ruled], are_new=True)
            if self.violations.rules:
                self.violations.judge([(row[0], row[3], row[6]) for row in found], are_new=True)

    def swept(self, resource_ids: Sequence[UUID]) -> None:
        """These resources are gone."""
        self.periods.end_of_resources(resource_ids, Orphan.Ending.DELETED)
        if self.violations.rules:
            self.violations.forget(resource_ids)

    # --- everything, once after the rules changed ---

    def everything(self) -> None:
        """Judge the whole tenant if the rules have changed, or the tenant was never judged. In pages of its own."""
        self.state = HygieneState.objects.for_tenant(self.tenant_id).first()  # a person may have changed a rule
        if self.state is not None and self.state.tags_pending_since is not None:
            judge_tenant(self.tenant_id, now=self.now)
        if self.is_current or not self.had_resources:
            return
        types = [kind for kind in RULE_OF_TYPE if kind != SNAPSHOTS]
        rows = Resource.objects.for_tenant(self.tenant_id).live().filter(type__in=types)
        for page in pages_by_key(rows, *COLUMNS, size=PAGE_ROWS):
            judged = [_of_resource(row[:6], judge(_subject(row)), was_watched=False) for row in page]
            with self.run.page():
                self._apply(judged)

    # --- in the last transaction ---

    def finish(self, readings: Iterable[Reading], groups: GroupReading) -> None:
        """Snapshots and groups, from what the run received; then say that the tenant is judged."""
        by_id = {reading.subscription_id: reading for reading in readings}
        self.periods.end_of_groups(groups.sweep(), Orphan.Ending.DELETED)
        self._judge_snapshots({key for key, reading in by_id.items() if reading.proves_absence})
        self._judge_groups(by_id, groups)
        if self.is_current:
            return
        self.touched += self.periods.end_without_rule(RULE_OF_KEY)
        HygieneState.objects.get_or_create(tenant_id=self.tenant_id)
        mine: Any = HygieneState.objects.for_tenant(self.tenant_id)
        mine.update(orphan_rules=VERSION, orphans_judged_at=self.now)
        self.touched += 1

    def _judge_snapshots(self, whole: set[str]) -> None:
        rows = Resource.objects.for_tenant(self.tenant_id).live().filter(type=SNAPSHOTS)
        for page in pages_by_key(rows, *COLUMNS, size=PAGE_ROWS):
            findings = [(row, judge(_subject(row))) for row in page]
            sources = self._sources({key_of(found.source) for _, found in findings if found.source})
            self._apply(
                [_of_resource(row[:6], _by_source(found, sources, whole), was_watched=False) for row, found in findings]
            )

    def _sources(self, keys: set[bytes]) -> dict[bytes, datetime | None]:
        """Of these ids those we know: when they were found gone, None for what is there."""
        found: dict[bytes, datetime | None] = {}
        for batch in in_batches(key.hex() for key in sorted(keys)):
            rows = Resource.objects.for_tenant(self.tenant_id).filter(azure_id_hash__in=batch)
            found.update((bytes.fromhex(key), gone) for key, gone in rows.values_list("azure_id_hash", "deleted_at"))
        return found

    def _judge_groups(self, by_id: Mapping[str, Reading], groups: GroupReading) -> None:
        whole = {reading.subscription_id for reading in groups.readings if reading.proves_absence}
        names = {key: subscription_id for subscription_id, key in groups.keys.items()}
        judged: list[Judged] = []
        for group in groups.known.values():
            reading = by_id.get(names.get(group.subscription, ""))
            if group.is_seen and group.is_there and reading is not None:
                is_young = not group.was_there and reading.subscription_id in groups.read_before
                judged.extend(
                    self._of_group(group, reading, is_whole=reading.subscription_id in whole, is_young=is_young)
                )
        self._apply(judged)

    def _of_group(self, group: KnownGroup, reading: Reading, *, is_whole: bool, is_young: bool) -> Iterable[Judged]:
        """The judgement of one group that this run saw; none where nothing new can be told."""
        finding = by_content(
            has_resources=fold(group.name) in reading.groups,
            is_managed=bool(group.managed_by),
            is_whole=is_whole and reading.proves_absence,
            is_young=is_young,
        )
        if finding.verdict is Verdict.UNKNOWN and group.was_there:
            return  # what an earlier, whole reading said stays said
        yield Judged(
            resource=None,
            group=group.id,
            subscription=group.subscription,
            name=group.name,
            type=GROUP_TYPE,
            location=group.location,
            resource_group=group.name,
            rule=EMPTY_GROUP.key,
            finding=finding,
            was_watched=group.was_there and self.is_current,
        )

    # --- one resource ---

    def _judged(self, one: Sighting) -> Judged | None:
        record = one.shaped.record
        if record.type not in RULE_OF_TYPE or record.type == SNAPSHOTS:
            return None
        subject = Subject(
            type=record.type,
            name=record.name,
            properties=None if record.properties is None else orjson.loads(record.properties),
            managed_by=record.managed_by,
            resource_group=record.resource_group,
            tags=record.tags,
        )
        row = (one.resource, one.subscription, record.name, record.type, record.location, record.resource_group)
        return _of_resource(row, judge(subject), was_watched=one.is_begun and self.is_current)

    def _apply(self, judged: Sequence[Judged], *, are_new: bool = False) -> None:
        if judged:
            self.touched += self.periods.apply(judged, are_new=are_new)


def _by_source(found: Finding, sources: Mapping[bytes, datetime | None], whole: set[str]) -> Finding:
    """A snapshot's verdict from what we know of its source; `whole` are the subscriptions that were received whole."""
    if not found.source:
        return found
    key = key_of(found.source)
    if key in sources:
        return by_source(is_there=sources[key] is None, gone_at=sources[key])
    return by_source(is_there=False if _subscription_of(found.source) in whole else None)


def _of_resource(row: Sequence[Any], finding: Finding, *, was_watched: bool) -> Judged:
    resource, subscription, name, kind, location, resource_group = row
    rule = RULE_OF_TYPE[kind].key
    return Judged(resource, None, subscription, name, kind, location, resource_group, rule, finding, was_watched)


def _subject(row: Sequence[Any]) -> Subject:
    _, _, name, kind, _, resource_group, managed_by, tags, properties = row
    return Subject(kind, name, properties, managed_by, resource_group, tags)


def _subscription_of(azure_id: str) -> str:
    """The subscription named in an id, "" for an id outside of any."""
    parts = azure_id.lower().split("/")
    return parts[2] if len(parts) > 2 and parts[1] == "subscriptions" else ""
