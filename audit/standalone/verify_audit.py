"""The form of an audit event, and how its chain is proved. Standard library only: this file works without the product.

An event is a JSON object with exactly the names in FIELDS. Its canonical form is JSON in ASCII, names sorted by code
point, no space, no fraction, no number but whole ones, times as "2026-01-31T23:59:59.000000Z". Its `hash` is the
SHA-256, in lower-case hexadecimal, of the canonical form of the event without `hash`; `previous` is the hash of the
event before it in the same chain, and 64 zeros in the first. `sequence` counts from 1 without a gap. A chain is named
by the id of its tenant; the platform's by a UUID of zeros.
"""

import hashlib
import json
from typing import Any

FORMAT = 1
PLATFORM_CHAIN = "00000000-0000-0000-0000-000000000000"
GENESIS = "0" * 64
WORDS = (
    "format chain sequence id tenant at verb outcome reason actor target before after request_id address previous hash"
)
FIELDS = frozenset(WORDS.split())

Record = dict[str, Any]


def canonical(value: Any) -> str:
    """The one text of a JSON value. ValueError for what has no canonical form."""
    _refuse_fractions(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest(record: Record) -> str:
    """The hash that an event must carry."""
    text = canonical({name: value for name, value in record.items() if name != "hash"})
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _refuse_fractions(value: Any) -> None:
    if isinstance(value, float):
        raise ValueError("A number with a fraction has no canonical form.")
    if isinstance(value, dict):
        if not all(isinstance(name, str) for name in value):
            raise ValueError("The names of a JSON object are text.")
        for item in value.values():
            _refuse_fractions(item)
    elif isinstance(value, list):
        for item in value:
            _refuse_fractions(item)
