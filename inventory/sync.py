"""The resource sync of one tenant: fetch, shape, store, sweep, judge.

The unit of completeness is the subscription: resources are marked deleted only where Resource Graph gave every row it
had announced for that subscription. A fallback to the ARM list never deletes and changes no known resource.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import structlog
from django.utils import timezone

from audit.models import CoverageReceipt, Outcome
from audit.runs import ActiveRun, SyncSummary, previous_receipts, sync_run
from governance import bulk
from governance.azure import arm, resource_graph
from governance.azure.errors import AccessDeniedError, AzureError, ThrottledError
from governance.azure.records import ResourceRecord, Unreadable, resource_group_of
from governance.azure.transport import AzureConnection
from inventory.batches import grouped
from inventory.coverage import ARM, RESOURCE_GRAPH, RESOURCE_GROUPS, Reading, judge, totals
from inventory.groups import GroupReading
from inventory.judging import Judging
from inventory.querysets import fold
from inventory.shape import Shaped, key_of, shape
from inventory.store import DELETED, KnownResources, ResourceStore
from tenants.actions import bump_data_version
from tenants.connections import azure_access
from tenants.models import Subscription, Tenant
from tenants.subscriptions import record_subscriptions

log = structlog.get_logger(__name__)

KIND = "resources"
LISTED_ROWS = 1000  # rows of the ARM list written in one transaction


def sync_resources(tenant: Tenant, *, requested_by: UUID | None = None) -> SyncSummary:
    """Read every resource of the tenant and make the inventory equal to it, as far as Azure answers.

    Raises RunInProgressError when the tenant is being synced elsewhere. Whatever Azure refuses ends in the summary.
    """
    access = azure_access(tenant)
    with sync_run(tenant.id, KIND, requested_by=requested_by, withhold=access.withhold) as run:
        throttled: float | None = None
        try:
            with AzureConnection(access, on_request=run.count_request) as azure:
                throttled = _ResourceSync(tenant, azure, run, timezone.now()).read()
        except AzureError as error:
            throttled = error.retry_after_seconds if isinstance(error, ThrottledError) else None
            with run.page():
                run.conclude(Outcome.FAILED, reason=str(error))
        bulk.refresh_statistics()
        summary = run.summary(tenant.name, retry_after_seconds=throttled)
        told = {"outcome": summary.outcome, "received": summary.received, "seconds": summary.seconds}
        log.info("sync_finished", **told, reason=summary.reason)
        return summary


@dataclass(slots=True)
class _ResourceSync:
    """One run's way through a tenant's subscriptions."""

    tenant: Tenant
    azure: AzureConnection
    run: ActiveRun
    now: datetime
    readings: list[Reading] = field(default_factory=list)
    gone: list[bytes] = field(default_factory=list)
    # The receipts of the run before, by subscription and source.
    before: dict[tuple[str, str], CoverageReceipt] = field(default_factory=dict)
    throttled: float | None = None

    def read(self) -> float | None:
        """The whole run. Returns the seconds Azure wants to be left alone, if that is what ended it."""
        subscriptions = self._subscriptions()
        keys = {row.subscription_id: row.id for row in subscriptions}
        judging = Judging(self.run, self.tenant.id, self.now)
        store = ResourceStore(self.run, self.tenant.id, keys, self.now, judging)
        self.before = {
            (receipt.subscription.subscription_id, receipt.source): receipt
            for receipt in previous_receipts(self.run.row)
        }
        visible = [row.subscription_id for row in subscriptions if row.access_lost_at is None]
        self._read_visible(visible, store)
        # After the resources: a group that is younger than their reading is never taken for an empty one.
        whole_before = frozenset(
            key for (key, source), row in self.before.items() if source == RESOURCE_GROUPS and row.last_complete_at
        )
        groups = GroupReading(self.azure, self.run, self.tenant.id, keys, self.now, whole_before, self.throttled)
        self.throttled = groups.read(visible)
        self._note_lost([row for row in subscriptions if row.access_lost_at is not None], groups)
        judging.everything()
        self._finish(store, groups)
        return self.throttled

    # --- fetch ---

    def _subscriptions(self) -> list[Subscription]:
        own = [
            record
            for record in arm.list_subscriptions(self.azure)
            if record.tenant_id == self.azure.access.tenant_id.lower()
        ]
        return record_subscriptions(self.tenant, own, now=self.now)

    def _read_visible(self, subscription_ids: Sequence[str], store: ResourceStore) -> None:
        readings = [Reading(subscription_id) for subscription_id in subscription_ids]
        self.readings.extend(readings)
        try:
            counts = resource_graph.count_by_subscription(self.azure, subscription_ids) if readings else {}
        except AzureError as error:
            self._stop(readings, error, store)
            return
        for reading in readings:
            reading.expected = counts.get(reading.subscription_id)
            if reading.expected is None:
                self._confirm_empty(reading)
        for group in grouped([reading for reading in readings if not reading.failure]):
            self._read_group(group, store)

    def _confirm_empty(self, reading: Reading) -> None:
        """Resource Graph is silent about a subscription that is empty and about one it may not show: ask ARM which."""
        try:
            if next(arm.list_resources(self.azure, reading.subscription_id), None) is None:
                reading.expected = 0
            else:
                reading.failure = "Resource Graph shows no resource of this subscription, but the ARM list does."
        except AzureError as error:
            self._fail([reading], error)

    def _read_group(self, group: Sequence[Reading], store: ResourceStore) -> None:
        if self.throttled is not None:
            self._fail(group, ThrottledError(self.throttled))
            return
        known = store.known([reading.subscription_id for reading in group])
        by_id = {reading.subscription_id: reading for reading in group}
        try:
            for page in resource_graph.resource_pages(self.azure, list(by_id)):
                self._store_page(page.rows, by_id, known, store)
            self._count_again(group)
        except AzureError as error:
            self._stop(group, error, store)
        for reading in group:
            if reading.proves_absence:
                self.gone.extend(key for key in known[reading.subscription_id].live() if key not in reading.seen)
            reading.seen = set()

    def _count_again(self, group: Sequence[Reading]) -> None:
        """Where fewer rows came than were announced, the estate may have shrunk meanwhile: ask once more."""
        short = [reading for reading in group if reading.received + reading.set_aside < (reading.expected or 0)]
        if short:
            counts = resource_graph.count_by_subscription(self.azure, [reading.subscription_id for reading in short])
            for reading in short:
                reading.expected = counts.get(reading.subscription_id, 0)

    def _stop(self, group: Sequence[Reading], error: AzureError, store: ResourceStore) -> None:
        """Resource Graph did not answer for these subscriptions. Only a refusal has another way: the ARM list."""
        self._fail(group, error)
        if isinstance(error, AccessDeniedError):
            for reading in group:
                if self.throttled is None:
                    self._read_list(reading.subscription_id, store)

    def _fail(self, group: Iterable[Reading], error: AzureError) -> None:
        if isinstance(error, ThrottledError):
            self.throttled = error.retry_after_seconds
        for reading in group:
            reading.failure = str(error)

    def _read_list(self, subscription_id: str, store: ResourceStore) -> None:
        reading = Reading(subscription_id, source=ARM)
        self.readings.append(reading)
        known = store.known([subscription_id])[subscription_id]
        page: list[Shaped] = []
        try:
            for row in arm.list_resources(self.azure, subscription_id):
                shaped = self._accept(row, {subscription_id: reading})
                if shaped is not None:
                    page.append(shaped)
                if len(page) == LISTED_ROWS:
                    self._store_listed(page, known, store)
                    page = []
            reading.expected = reading.received + reading.set_aside  # the list was read to its last page
        except AzureError as error:
            self._fail([reading], error)
        self._store_listed(page, known, store)
        reading.seen = set()

    # --- shape and store ---

    def _accept(self, row: ResourceRecord | Unreadable, by_id: dict[str, Reading]) -> Shaped | None:
        """Count a row; the shaped record if it is a new sight of a resource of these subscriptions."""
        if isinstance(row, ResourceRecord) and row.subscription_id not in by_id:
            row = Unreadable(
                row.azure_id, "", f"It belongs to subscription {row.subscription_id}, which was not asked for."
            )
        if isinstance(row, Unreadable):
            self._put_aside(row, by_id)
            return None
        reading, shaped = by_id[row.subscription_id], shape(row)
        if shaped.key in reading.seen:
            return None  # pages overlap when the estate changes between them
        reading.seen.add(shaped.key)
        reading.groups.add(fold(row.resource_group))
        reading.received += 1
        return shaped

    def _put_aside(self, row: Unreadable, by_id: dict[str, Reading]) -> None:
        self.run.put_aside(row.azure_id, row.reason)
        reading = by_id.get(row.subscription_id)
        if reading is not None:
            reading.set_aside += 1
        if reading is not None and row.azure_id:
            reading.seen.add(key_of(row.azure_id))
            reading.groups.add(fold(resource_group_of(row.azure_id)))
            return
        for possible in [reading] if reading is not None else by_id.values():
            possible.identified = False

    def _store_page(
        self,
        rows: Iterable[ResourceRecord | Unreadable],
        by_id: dict[str, Reading],
        known: dict[str, KnownResources],
        store: ResourceStore,
    ) -> None:
        new: dict[bool, list[Shaped]] = {True: [], False: []}
        stale: list[Shaped] = []
        for row in rows:
            shaped = self._accept(row, by_id)
            if shaped is None:
                continue
            subscription_id = shaped.record.subscription_id
            fingerprint = known[subscription_id].fingerprints.get(shaped.key)
            if fingerprint is None:
                new[self._is_baseline(subscription_id)].append(shaped)
            elif fingerprint != shaped.fingerprint:
                stale.append(shaped)
        with self.run.page():
            store.store(new[True], [], baseline=True)
            store.store(new[False], stale, baseline=False)

    def _store_listed(self, page: Sequence[Shaped], known: KnownResources, store: ResourceStore) -> None:
        new = [shaped for shaped in page if shaped.key not in known.fingerprints]
        returned = [shaped for shaped in page if known.fingerprints.get(shaped.key) == DELETED]
        with self.run.page():
            store.store_listed(new, returned)

    def _is_baseline(self, subscription_id: str) -> bool:
        """True when no run has read this subscription whole before: what it holds was there already."""
        receipt = self.before.get((subscription_id, RESOURCE_GRAPH))
        return receipt is None or receipt.last_complete_at is None

    # --- sweep and judge ---

    def _note_lost(self, lost: Iterable[Subscription], groups: GroupReading) -> None:
        for row in lost:
            since = f"{row.access_lost_at:%Y-%m-%d}" if row.access_lost_at else ""
            failure = (
                f"Subscription {row.name} is not visible since {since}: access lost or deleted. Its data are kept."
            )
            self.readings.append(Reading(row.subscription_id, failure=failure))
            groups.readings.append(Reading(row.subscription_id, source=RESOURCE_GROUPS, failure=failure))

    def _finish(self, store: ResourceStore, groups: GroupReading) -> None:
        """Sweep, judge, receipts, outcome and the new data version: one short transaction."""
        readings = [*self.readings, *groups.readings]
        for reading in readings:
            earlier = self._earlier(reading)
            if reading.expected is None and earlier is not None:
                reading.expected = earlier.expected  # the last known
        tally = self.run.tally
        tally.expected, tally.received = totals(self.readings)
        of_groups = sum(reading.set_aside for reading in groups.readings)
        judgement = judge(self.readings, set_aside=tally.set_aside - of_groups, groups=groups.readings)
        with self.run.page():
            store.sweep(self.gone)
            store.judging.finish([row for row in self.readings if row.source == RESOURCE_GRAPH], groups)
            receipts = [self._receipt(reading, groups.keys[reading.subscription_id]) for reading in readings]
            stored = tally.created or tally.changed or tally.returned or tally.gone
            if stored or groups.written or store.judging.touched:
                bump_data_version(self.tenant.id)
            self.run.conclude(Outcome(judgement.outcome), reason=judgement.reason, receipts=receipts)

    def _earlier(self, reading: Reading) -> CoverageReceipt | None:
        """The receipt of the run before; what the ARM list gives carries nothing on."""
        return None if reading.source == ARM else self.before.get((reading.subscription_id, reading.source))

    def _receipt(self, reading: Reading, key: UUID) -> CoverageReceipt:
        earlier = self._earlier(reading)
        return CoverageReceipt(
            tenant_id=self.tenant.id,
            run=self.run.row,
            subscription_id=key,
            source=reading.source,
            expected=reading.expected,
            received=reading.received,
            set_aside=reading.set_aside,
            complete=reading.is_complete,
            reason=reading.missing[:1000],
            last_complete_at=self.now if reading.is_complete else earlier.last_complete_at if earlier else None,
        )
