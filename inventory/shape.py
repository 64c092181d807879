"""Shape: from what Azure said to what we store. Pure."""

import hashlib
from dataclasses import dataclass

from governance.azure.records import ResourceRecord

SEPARATOR = "\x1f"


@dataclass(frozen=True, slots=True)
class Shaped:
    """A record with its identity and the fingerprint of its content."""

    record: ResourceRecord
    key: bytes  # SHA-256 of the lower-cased Azure id
    fingerprint: bytes  # SHA-256 of everything that counts as a change


def key_of(azure_id: str) -> bytes:
    """What identifies a resource: letter case in ids means nothing and differs from one answer to the next."""
    return hashlib.sha256(azure_id.lower().encode()).digest()


def shape(record: ResourceRecord) -> Shaped:
    """Identity and fingerprint of a record. The letter case of ids, names and groups does not count as content."""
    content = SEPARATOR.join(
        (
            record.name.lower(),
            record.type,
            record.kind,
            record.location,
            record.resource_group.lower(),
            record.managed_by.lower(),
            record.tags_json,
            record.sku_json,
            record.zones_json,
            record.identity_json,
            record.properties or "",
        )
    )
    return Shaped(record, key_of(record.azure_id), hashlib.sha256(content.encode()).digest())
