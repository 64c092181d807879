"""The sets of tags that rows of cost carry: each written once, as the rows stream by.

What was seen is remembered up to a bound, so that memory stays flat; what fell out of it is looked up again.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson

from costs.models import CostTag
from costs.naming import hold_names
from governance import bulk
from governance.batches import in_batches
from governance.keys import new_id

REMEMBERED_SETS = 20_000
SETS_WRITTEN_TOGETHER = 5_000
LONGEST_KEY, LONGEST_VALUE = 512, 256  # Azure's own limits
COLUMNS = ("tenant", "id", "tag_set", "key", "name", "value")


@dataclass(slots=True)
class TagSets:
    """The sets of one tenant, as far as they were seen."""

    tenant_id: UUID
    seen: dict[str, str] = field(default_factory=lambda: {"": ""})  # canonical JSON -> key of the set
    unwritten: dict[str, str] = field(default_factory=dict)  # key of the set -> canonical JSON

    def keys_of(self, tags: Iterable[str]) -> Mapping[str, str]:
        """The key of each of these sets, given as canonical JSON. What is new is remembered for `write`."""
        if len(self.seen) > REMEMBERED_SETS:
            self.seen = {"": ""}
        for text in set(tags) - self.seen.keys():
            self.seen[text] = key = hashlib.sha256(text.encode()).hexdigest()
            self.unwritten[key] = text
        if len(self.unwritten) > SETS_WRITTEN_TOGETHER:
            self.write()
        return self.seen

    def write(self) -> None:
        """Write the tags of the sets that the database does not know. The names of the tenant are held from then on."""
        if self.unwritten:
            hold_names(self.tenant_id)
        for keys in in_batches(sorted(self.unwritten)):
            there = CostTag.objects.for_tenant(self.tenant_id).filter(tag_set__in=keys).order_by()
            known = set(there.values_list("tag_set", flat=True).distinct())
            rows = [row for key in keys if key not in known for row in self._rows(key)]
            bulk.upsert(CostTag, COLUMNS, rows, key=("tenant", "tag_set", "key"), update=("value",))
        self.unwritten = {}

    def _rows(self, key: str) -> Sequence[tuple[Any, ...]]:
        return [(self.tenant_id, new_id(), key, *tag) for tag in tags_of(self.unwritten[key])]


def tags_of(text: str) -> list[tuple[str, str, str]]:
    """Folded key, key as given and value of each tag. Of keys that differ only in case the first in order is kept."""
    found: dict[str, tuple[str, str, str]] = {}
    for name, value in sorted(orjson.loads(text).items()):
        folded = name.strip().lower()[:LONGEST_KEY]
        word = value if isinstance(value, str) else "" if value is None else str(value)
        if folded:
            found.setdefault(folded, (folded, name[:LONGEST_KEY], word[:LONGEST_VALUE]))
    return list(found.values())
