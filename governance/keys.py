"""Primary keys: client-made, time-ordered UUIDs (version 7), so that rows can be written set-based and in order."""

import uuid
from datetime import UTC, datetime, timedelta

from uuid_utils import compat


def new_id() -> uuid.UUID:
    """A fresh key that sorts after those made before it, to the millisecond."""
    return compat.uuid7()


def made_at(key: uuid.UUID) -> datetime:
    """When a key of `new_id` was made, to the millisecond. ValueError for a key of another version."""
    if key.version != 7:
        raise ValueError(f"{key} does not tell when it was made.")
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=key.int >> 80)
