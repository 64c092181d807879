"""The resources that rows of cost name: each written once, as the rows stream by.

What was seen is remembered up to a bound, so that memory stays flat; what fell out of it is looked up again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from costs.models import CostedResource
from costs.naming import hold_names
from costs.resource_ids import LONGEST_ID, LONGEST_REGION, parts_of
from costs.rows import CostLine
from governance import bulk
from governance.batches import in_batches
from governance.keys import new_id

REMEMBERED_RESOURCES = 50_000
RESOURCES_WRITTEN_TOGETHER = 5_000
COLUMNS = (
    "tenant",
    "id",
    "subscription",
    "azure_id_hash",
    "azure_id",
    "name",
    "type",
    "resource_group",
    "region",
)


@dataclass(slots=True)
class CostedResources:
    """The resources of one subscription, as far as they were seen."""

    tenant_id: UUID
    subscription_key: UUID
    seen: set[str] = field(default_factory=lambda: {""})
    unwritten: dict[str, tuple[str, str]] = field(default_factory=dict)  # hash -> id as given, region

    def note(self, lines: Sequence[CostLine]) -> None:
        """Remember for `write` what these rows name for the first time."""
        if len(self.seen) > REMEMBERED_RESOURCES:
            self.seen = {""}
        named = {line.azure_id_hash: line for line in lines}
        for key in named.keys() - self.seen:
            self.unwritten[key] = (named[key].azure_id, named[key].region)
            self.seen.add(key)
        if len(self.unwritten) > RESOURCES_WRITTEN_TOGETHER:
            self.write()

    def write(self) -> None:
        """Write the resources that the database does not know. The names of the tenant are held from then on."""
        if self.unwritten:
            hold_names(self.tenant_id)
        for keys in in_batches(sorted(self.unwritten)):
            there = CostedResource.objects.for_tenant(self.tenant_id).filter(azure_id_hash__in=keys)
            known = set(there.values_list("azure_id_hash", flat=True))
            rows = [self._row(key) for key in keys if key not in known]
            bulk.upsert(CostedResource, COLUMNS, rows, key=("tenant", "azure_id_hash"), update=("azure_id",))
        self.unwritten = {}

    def _row(self, key: str) -> tuple[Any, ...]:
        azure_id, region = self.unwritten[key]
        place = region.strip().lower()[:LONGEST_REGION]
        return (self.tenant_id, new_id(), self.subscription_key, key, azure_id[:LONGEST_ID], *parts_of(azure_id), place)
