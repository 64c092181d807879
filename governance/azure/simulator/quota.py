"""Resource Graph's quota: 15 queries in 5 seconds per principal.

https://learn.microsoft.com/azure/governance/resource-graph/concepts/guidance-for-throttled-requests
"""

import threading
import time
from collections.abc import Callable, Mapping

from governance.azure.simulator.exchange import Refusal

QUERIES = 15
WINDOW_SECONDS = 5
SUPPORT_MESSAGE = (
    "Please provide below info when asking for support: timestamp = 2026-01-01T06:00:00.0000000Z, correlationId = 0."
)
THROTTLED = (
    "Client application has been throttled and should not attempt to repeat the request until an amount of time has "
    "elapsed. Please see https://aka.ms/resourcegraph-throttling for help."
)


class Quota:
    """Counts always full while it is not enforced, so that a client that paces itself does not wait in vain."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self.is_enforced = False
        self.turns = 0  # how often it was switched: all counts begin anew
        self._now = now
        self._windows: dict[str, tuple[float, int]] = {}
        self._lock = threading.Lock()

    def enforce(self, *, is_enforced: bool) -> None:
        with self._lock:
            self.is_enforced = is_enforced
            self.turns += 1
            self._windows.clear()

    def spend(self, principal: str) -> Mapping[str, str]:
        """Headers that tell what is left; refused with 429 when nothing is."""
        if not self.is_enforced:
            return quota_headers(QUERIES - 1, WINDOW_SECONDS)
        with self._lock:
            now = self._now()
            start, spent = self._windows.get(principal, (now, 0))
            if now - start >= WINDOW_SECONDS:
                start, spent = now, 0
            self._windows[principal] = (start, spent + 1)
        resets_after = max(1, round(start + WINDOW_SECONDS - now))
        if spent >= QUERIES:
            raise rate_limited(resets_after)
        return quota_headers(QUERIES - spent - 1, resets_after)


def quota_headers(remaining: int, resets_after_seconds: int) -> dict[str, str]:
    return {
        "x-ms-user-quota-remaining": str(remaining),
        "x-ms-user-quota-resets-after": f"00:00:{resets_after_seconds:02d}",
        "x-ms-ratelimit-remaining-tenant-resource-requests": str(remaining),
    }


def rate_limited(resets_after_seconds: int) -> Refusal:
    """Resource Graph's 429; it names the wait in its own header, not in Retry-After."""
    return Refusal(
        429,
        "RateLimiting",
        SUPPORT_MESSAGE,
        headers=quota_headers(0, resets_after_seconds),
        details=[{"code": "RateLimiting", "message": THROTTLED}],
    )
