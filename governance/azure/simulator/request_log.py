"""Which calls came in, in order; never what they carried."""

import threading
from collections import deque

LONGEST_LOG = 100_000  # calls; the oldest fall out


class RequestLog:
    def __init__(self) -> None:
        self._seen: deque[tuple[str, str]] = deque(maxlen=LONGEST_LOG)
        self._lock = threading.Lock()

    def note(self, method: str, path: str) -> None:
        with self._lock:
            self._seen.append((method, path))

    def all(self) -> list[tuple[str, str]]:
        with self._lock:
            return list(self._seen)

    def clear(self) -> None:
        with self._lock:
            self._seen.clear()
