"""Primary keys: client-made, time-ordered UUIDs (version 7), so that rows can be written set-based and in order."""

import uuid

from uuid_utils import compat


def new_id() -> uuid.UUID:
    """A fresh key that sorts after those made before it, to the millisecond."""
    return compat.uuid7()
