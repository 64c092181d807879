"""The resource groups of one tenant: fetch, shape, store, sweep. Part of the resource sync, with its own receipts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from audit.runs import ActiveRun
from governance import bulk
from governance.azure import arm, resource_graph
from governance.azure.errors import AzureError, ThrottledError
from governance.azure.records import GroupRecord, Unreadable
from governance.azure.transport import AzureConnection
from governance.batches import in_batches, pages_by_key
from governance.keys import new_id
from inventory.batches import grouped
from inventory.coverage import RESOURCE_GROUPS, Reading
from inventory.models import ResourceGroup
from inventory.shape import key_of

GROUP_COLUMNS = (
    "tenant",
    "id",
    "subscription",
    "azure_id",
    "azure_id_hash",
    "name",
    "location",
    "managed_by",
    "tags",
    "first_seen_at",
    "stored_at",
    "deleted_at",
)
REWRITTEN = ("name", "location", "managed_by", "tags", "stored_at", "deleted_at")


@dataclass(slots=True)
class KnownGroup:
    """A group as the database holds it, and what this run saw of it."""

    id: UUID
    subscription: UUID
    name: str
    location: str
    managed_by: str
    tags: dict[str, str]
    first_seen_at: datetime
    deleted_at: datetime | None
    was_there: bool = True  # False for what this run saw first, or saw again
    is_seen: bool = False

    @property
    def is_there(self) -> bool:
        """Whether it is no tombstone."""
        return self.deleted_at is None


@dataclass(slots=True)
class GroupReading:
    """One run's way through the resource groups. `keys` maps Azure's subscription ids to ours."""

    azure: AzureConnection
    run: ActiveRun
    tenant_id: UUID
    keys: dict[str, UUID]
    now: datetime
    read_before: frozenset[str]  # the subscriptions whose groups were received whole by an earlier run
    throttled: float | None = None
    readings: list[Reading] = field(default_factory=list)
    known: dict[bytes, KnownGroup] = field(default_factory=dict)
    written: int = 0

    def read(self, subscription_ids: Sequence[str]) -> float | None:
        """Ask for all groups. Returns the seconds Azure wants to be left alone, if that ended it (or had before)."""
        self._load()
        readings = [Reading(subscription_id, source=RESOURCE_GROUPS) for subscription_id in subscription_ids]
        self.readings.extend(readings)
        self._attempt(self._count, readings)
        for group in grouped([reading for reading in readings if not reading.failure]):
            self._attempt(self._read_together, group)
        return self.throttled

    def _attempt(self, question: Callable[[Sequence[Reading]], None], readings: Sequence[Reading]) -> None:
        """Ask about these subscriptions; not at all once Azure wants to be left alone."""
        try:
            if self.throttled is not None:
                raise ThrottledError(self.throttled)
            question(readings)
        except AzureError as error:
            if isinstance(error, ThrottledError):
                self.throttled = error.retry_after_seconds
            self._fail(readings, error)

    def sweep(self) -> list[UUID]:
        """Mark as deleted what a complete reading of its subscription did not contain. Returns their keys."""
        whole = {self.keys[reading.subscription_id] for reading in self.readings if reading.proves_absence}
        gone = [
            group
            for group in self.known.values()
            if group.is_there and not group.is_seen and group.subscription in whole
        ]
        for group in gone:
            group.deleted_at = self.now
        for batch in in_batches(group.id for group in gone):
            live: Any = ResourceGroup.objects.for_tenant(self.tenant_id).live().filter(id__in=batch)
            live.update(deleted_at=self.now, stored_at=self.now)
        self.written += len(gone)
        return [group.id for group in gone]

    def _load(self) -> None:
        columns = ("azure_id_hash", "id", "subscription_id", "name", "location", "managed_by", "tags", "first_seen_at")
        rows = ResourceGroup.objects.for_tenant(self.tenant_id)
        for page in pages_by_key(rows, *columns, "deleted_at"):
            for key, *values in page:
                self.known[bytes.fromhex(key)] = KnownGroup(*values)

    def _count(self, readings: Sequence[Reading]) -> None:
        ids = [reading.subscription_id for reading in readings]
        counts = resource_graph.count_groups_by_subscription(self.azure, ids) if ids else {}
        for reading in readings:
            reading.expected = counts.get(reading.subscription_id)
            if reading.expected is None:
                self._confirm_none(reading)

    def _confirm_none(self, reading: Reading) -> None:
        """Resource Graph is silent about a subscription without groups and about one it may not show: ask which."""
        try:
            if arm.has_groups(self.azure, reading.subscription_id):
                reading.failure = "Resource Graph shows no resource group of this subscription, Resource Manager does."
            else:
                reading.expected = 0
        except ThrottledError:
            raise
        except AzureError as error:
            self._fail([reading], error)

    def _read_together(self, group: Sequence[Reading]) -> None:
        by_id = {reading.subscription_id: reading for reading in group}
        for page in resource_graph.group_pages(self.azure, list(by_id)):
            self._store([record for row in page if (record := self._accept(row, by_id))])
        short = [reading for reading in group if reading.received + reading.set_aside < (reading.expected or 0)]
        if short:  # groups may have gone between the count and the reading
            counts = resource_graph.count_groups_by_subscription(self.azure, [one.subscription_id for one in short])
            for reading in short:
                reading.expected = counts.get(reading.subscription_id, 0)

    def _fail(self, readings: Sequence[Reading], error: AzureError) -> None:
        for reading in readings:
            reading.failure = reading.failure or str(error)

    def _accept(self, row: GroupRecord | Unreadable, by_id: dict[str, Reading]) -> GroupRecord | None:
        """Count a row; the record if it is a new sight of a group of these subscriptions."""
        reading = by_id.get(row.subscription_id)
        if reading is None or isinstance(row, Unreadable):
            self._put_aside(row, reading, by_id)
            return None
        key = key_of(row.azure_id)
        if key in reading.seen:
            return None
        reading.seen.add(key)
        reading.received += 1
        return row

    def _put_aside(self, row: GroupRecord | Unreadable, reading: Reading | None, by_id: dict[str, Reading]) -> None:
        reason = row.reason if isinstance(row, Unreadable) else "It belongs to a subscription not asked for."
        self.run.put_aside(row.azure_id, f"Resource group: {reason}")
        if reading is not None:
            reading.set_aside += 1
        known = self.known.get(key_of(row.azure_id)) if row.azure_id else None
        if known is not None:
            known.is_seen = True
        elif not (reading is not None and row.azure_id):
            for possible in [reading] if reading is not None else by_id.values():
                possible.identified = False

    def _store(self, records: Sequence[GroupRecord]) -> None:
        rows = [row for record in records if (row := self._row(record))]
        if rows:
            with self.run.page():
                bulk.upsert(ResourceGroup, GROUP_COLUMNS, rows, key=("tenant", "azure_id_hash"), update=REWRITTEN)
            self.written += len(rows)

    def _row(self, record: GroupRecord) -> tuple[Any, ...] | None:
        """What is to be written of a group; None when it is as it was."""
        key, subscription = key_of(record.azure_id), self.keys[record.subscription_id]
        before = self.known.get(key)
        facts = (record.location, record.managed_by.lower(), record.tags)
        group = KnownGroup(
            id=before.id if before else new_id(),
            subscription=subscription,
            name=record.name,
            location=record.location,
            managed_by=record.managed_by,
            tags=record.tags,
            first_seen_at=before.first_seen_at if before else self.now,
            deleted_at=None,
            was_there=before is not None and before.is_there,
            is_seen=True,
        )
        self.known[key] = group
        if before and before.is_there and facts == (before.location, before.managed_by.lower(), before.tags):
            return None
        return (
            self.tenant_id,
            group.id,
            subscription,
            record.azure_id,
            key.hex(),
            record.name,
            record.location,
            record.managed_by,
            record.tags_json,
            group.first_seen_at,
            self.now,
            None,
        )
