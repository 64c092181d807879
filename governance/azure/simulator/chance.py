"""Chance that repeats itself: the same seed words give the same draw in every process and on every machine."""

import hashlib
import random
import uuid


def dice(*words: object) -> random.Random:
    """Seeded by the text of the words, so that PYTHONHASHSEED plays no part."""
    return random.Random("/".join(map(str, words)))


def digest(*words: object) -> bytes:
    return hashlib.sha256("/".join(map(str, words)).encode()).digest()


def guid(*words: object) -> str:
    return str(uuid.UUID(bytes=digest(*words)[:16], version=4))
