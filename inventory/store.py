"""Store and sweep: what a page means for the database, written set-based and only where something changed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from audit.runs import ActiveRun
from governance import bulk
from governance.batches import in_batches, pages_by_key
from governance.keys import new_id
from inventory.differences import differences, searchable
from inventory.judging import Judging, Sighting
from inventory.models import Resource, ResourceChange, ResourceTag
from inventory.querysets import fold
from inventory.shape import Shaped

RESOURCE_COLUMNS = (
    "tenant",
    "id",
    "subscription",
    "azure_id",
    "azure_id_hash",
    "name",
    "type",
    "kind",
    "location",
    "resource_group",
    "managed_by",
    "tags",
    "sku",
    "zones",
    "identity",
    "properties",
    "content_hash",
    "unrecorded_change",
    "first_seen_at",
    "stored_at",
    "stored_by",
    "deleted_at",
)
WRITTEN_ONCE = {"tenant", "id", "azure_id", "azure_id_hash", "first_seen_at"}
TAG_COLUMNS = ("tenant", "id", "resource", "key", "value", "key_folded", "value_folded")
CHANGE_COLUMNS = ("tenant", "id", "resource", "run", "kind", "at", "baseline", "fields", "paths")

DELETED: bytes = b"deleted"  # in place of a fingerprint: the row is a tombstone
UNRECORDED: bytes = b"unrecorded"  # in place of a fingerprint: the change log owes an entry


@dataclass(slots=True)
class KnownResources:
    """What the database holds of one subscription: key -> fingerprint. About 250 bytes a resource."""

    fingerprints: dict[bytes, bytes] = field(default_factory=dict)

    def live(self) -> Iterable[bytes]:
        """The keys that are not tombstones."""
        return (key for key, fingerprint in self.fingerprints.items() if fingerprint != DELETED)


@dataclass(slots=True)
class _Writes:
    """The rows of one page, by table."""

    inserts: list[tuple[Any, ...]] = field(default_factory=list)
    updates: list[tuple[Any, ...]] = field(default_factory=list)
    tags: list[tuple[Any, ...]] = field(default_factory=list)
    retagged: list[UUID] = field(default_factory=list)
    changes: list[tuple[Any, ...]] = field(default_factory=list)
    new: list[Sighting] = field(default_factory=list)
    stale: list[Sighting] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ResourceStore:
    """Writes of one run. `subscriptions` maps Azure's subscription ids to our keys."""

    run: ActiveRun
    tenant_id: UUID
    subscriptions: dict[str, UUID]
    now: datetime
    judging: Judging

    def known(self, subscription_ids: Sequence[str]) -> dict[str, KnownResources]:
        """What the database holds of each of these subscriptions."""
        keys = {self.subscriptions[subscription_id]: subscription_id for subscription_id in subscription_ids}
        known = {subscription_id: KnownResources() for subscription_id in subscription_ids}
        rows = Resource.objects.for_tenant(self.tenant_id).filter(subscription__in=list(keys))
        columns = ("subscription_id", "azure_id_hash", "content_hash", "deleted_at", "unrecorded_change")
        for page in pages_by_key(rows, *columns):
            for subscription, key, fingerprint, deleted_at, unrecorded in page:
                state = DELETED if deleted_at else UNRECORDED if unrecorded else bytes.fromhex(fingerprint)
                known[keys[subscription]].fingerprints[bytes.fromhex(key)] = state
        return known

    def store(self, new: Sequence[Shaped], stale: Sequence[Shaped], *, baseline: bool) -> None:
        """Write one page of Resource Graph's: new resources, and known ones whose fingerprint differs."""
        if not new and not stale:
            return
        writes = _Writes()
        for shaped in new:
            self._add_new(writes, shaped, baseline=baseline)
        stored = self._stored(stale)
        for shaped in stale:
            self._add_stale(writes, shaped, stored[shaped.key.hex()])
        self._write(writes)

    def store_listed(self, new: Sequence[Shaped], returned: Sequence[Shaped]) -> None:
        """Write what only the ARM list showed: it exists. Its properties stay unknown, its log entry stays owed."""
        writes = _Writes()
        for shaped in new:
            resource_id = new_id()
            row = self._row(shaped, resource_id, self.now, Resource.Unrecorded.CREATED)
            writes.inserts.append(row)
            writes.tags.extend(self._tag_rows(shaped, resource_id))
            writes.new.append(self._sighting(shaped, resource_id, is_begun=False))
        self.run.tally.created += len(new)
        self._write(writes)
        for batch in in_batches(shaped.key.hex() for shaped in returned):
            tombstones = Resource.objects.for_tenant(self.tenant_id).deleted().filter(azure_id_hash__in=batch)
            self.judging.returned(list(tombstones.values_list("id", flat=True)))
            self.run.tally.returned += tombstones.update(
                deleted_at=None,
                unrecorded_change=Resource.Unrecorded.RETURNED,
                stored_at=self.now,
                stored_by_id=self.run.id,
            )

    def sweep(self, keys: Iterable[bytes]) -> None:
        """Mark as deleted what a complete reading of its subscription did not contain, with its log entry."""
        for batch in in_batches(key.hex() for key in keys):
            live = Resource.objects.for_tenant(self.tenant_id).live().filter(azure_id_hash__in=batch)
            ids = list(live.values_list("id", flat=True))
            changes = [self._change(key, ResourceChange.Kind.DELETED) for key in ids]
            live.update(deleted_at=self.now, unrecorded_change="", stored_at=self.now, stored_by_id=self.run.id)
            bulk.insert(ResourceChange, CHANGE_COLUMNS, changes)
            self.judging.swept(ids)
            self.run.tally.gone += len(changes)

    def _add_new(self, writes: _Writes, shaped: Shaped, *, baseline: bool) -> None:
        resource_id = new_id()
        writes.inserts.append(self._row(shaped, resource_id, self.now, ""))
        writes.tags.extend(self._tag_rows(shaped, resource_id))
        writes.changes.append(self._change(resource_id, ResourceChange.Kind.CREATED, baseline=baseline))
        writes.new.append(self._sighting(shaped, resource_id, is_begun=not baseline))
        self.run.tally.created += 1

    def _add_stale(self, writes: _Writes, shaped: Shaped, stored: Resource) -> None:
        writes.updates.append(self._row(shaped, stored.id, stored.first_seen_at, ""))
        was_known = stored.deleted_at is not None or stored.properties is not None
        is_retagged = stored.deleted_at is not None or stored.tags != shaped.record.tags
        writes.stale.append(self._sighting(shaped, stored.id, is_begun=was_known, is_retagged=is_retagged))
        if stored.tags != shaped.record.tags:
            writes.retagged.append(stored.id)
            writes.tags.extend(self._tag_rows(shaped, stored.id))
        fields = [change.as_json() for change in differences(_content(stored), _content_of(shaped, stored))]
        if stored.deleted_at:
            self.run.tally.returned += 1
            writes.changes.append(self._change(stored.id, ResourceChange.Kind.RETURNED, fields))
        elif stored.unrecorded_change:
            kind = ResourceChange.Kind(stored.unrecorded_change)
            self.run.tally.changed += 1
            writes.changes.append(self._change(stored.id, kind, fields))
        elif fields:
            self.run.tally.changed += 1
            writes.changes.append(self._change(stored.id, ResourceChange.Kind.CHANGED, fields))

    def _write(self, writes: _Writes) -> None:
        bulk.insert(Resource, RESOURCE_COLUMNS, writes.inserts)
        rewritten = [name for name in RESOURCE_COLUMNS if name not in WRITTEN_ONCE]
        bulk.upsert(Resource, RESOURCE_COLUMNS, writes.updates, key=("tenant", "azure_id_hash"), update=rewritten)
        for batch in in_batches(writes.retagged):
            ResourceTag.objects.for_tenant(self.tenant_id).filter(resource_id__in=batch).delete()
        bulk.insert(ResourceTag, TAG_COLUMNS, writes.tags)
        bulk.insert(ResourceChange, CHANGE_COLUMNS, writes.changes)
        self.judging.page(writes.new, writes.stale)

    def _sighting(self, shaped: Shaped, resource_id: UUID, *, is_begun: bool, is_retagged: bool = True) -> Sighting:
        return Sighting(resource_id, self.subscriptions[shaped.record.subscription_id], shaped, is_begun, is_retagged)

    def _stored(self, stale: Sequence[Shaped]) -> dict[str, Resource]:
        stored: dict[str, Resource] = {}
        for batch in in_batches(shaped.key.hex() for shaped in stale):
            rows = Resource.objects.for_tenant(self.tenant_id).filter(azure_id_hash__in=batch)
            stored.update((row.azure_id_hash, row) for row in rows)
        return stored

    def _row(self, shaped: Shaped, resource_id: UUID, first_seen_at: datetime, unrecorded: str) -> tuple[Any, ...]:
        record = shaped.record
        return (
            self.tenant_id,
            resource_id,
            self.subscriptions[record.subscription_id],
            record.azure_id,
            shaped.key.hex(),
            record.name,
            record.type,
            record.kind,
            record.location,
            record.resource_group,
            record.managed_by,
            record.tags_json,
            record.sku_json,
            record.zones_json,
            record.identity_json,
            record.properties,
            shaped.fingerprint.hex(),
            unrecorded,
            first_seen_at,
            self.now,
            self.run.id,
            None,
        )

    def _tag_rows(self, shaped: Shaped, resource_id: UUID) -> Iterable[tuple[Any, ...]]:
        for key, value in shaped.record.tags.items():
            yield self.tenant_id, new_id(), resource_id, key, value, fold(key), fold(value)

    def _change(
        self,
        resource_id: UUID,
        kind: ResourceChange.Kind,
        fields: Sequence[dict[str, Any]] = (),
        *,
        baseline: bool = False,
    ) -> tuple[Any, ...]:
        text = orjson.dumps(fields).decode() if fields else "[]"
        paths = searchable(one["field"] for one in fields)
        return self.tenant_id, new_id(), resource_id, self.run.id, kind.value, self.now, baseline, text, paths


def _content(stored: Resource) -> dict[str, Any]:
    """What is compared of a stored resource. Unknown properties are left out: becoming known is no change."""
    return {
        "type": stored.type,
        "kind": stored.kind,
        "location": stored.location,
        "managed_by": stored.managed_by,
        "tags": stored.tags,
        "sku": stored.sku,
        "zones": stored.zones,
        "identity": stored.identity,
        **({} if stored.properties is None else {"properties": stored.properties}),
    }


def _content_of(shaped: Shaped, stored: Resource) -> dict[str, Any]:
    record = shaped.record
    return {
        "type": record.type,
        "kind": record.kind,
        "location": record.location,
        "managed_by": record.managed_by,
        "tags": record.tags,
        "sku": orjson.loads(record.sku_json),
        "zones": orjson.loads(record.zones_json),
        "identity": orjson.loads(record.identity_json),
        **({} if stored.properties is None else {"properties": orjson.loads(record.properties or "{}")}),
    }
