"""Quotas of cost queries: query processing units (QPU) of a tenant, and calls of a type of client.

One month of data asked costs one unit. Who sends no ClientType shares one small bucket with everybody of the tenant.
https://learn.microsoft.com/azure/cost-management-billing/automate/get-small-usage-datasets-on-demand
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping

from governance.azure.simulator.exchange import Refusal
from governance.azure.simulator.quota import Quota

UNITS = {"QueriesPer10Sec": (10, 12), "QueriesPerMin": (60, 60), "QueriesPerHour": (3600, 600)}  # seconds, units
CLIENT_SECONDS = 60
CALLS_OF_A_CLIENT = 50
CALLS_WITHOUT_CLIENT_TYPE = 8
THROTTLED_SECONDS = 15
HEADER = "x-ms-ratelimit-{}microsoft.costmanagement-{}"


class CostQuota:
    """Shares the switch of Resource Graph's quota: while that is not enforced, everything is left."""

    def __init__(self, switch: Quota, now: Callable[[], float] = time.time) -> None:
        self._switch = switch
        self._now = now
        self._turn = 0
        self._spent: dict[str, deque[tuple[float, int]]] = {}
        self._calls: dict[tuple[str, str], deque[float]] = {}
        self._lock = threading.Lock()

    def spend(self, tenant_id: str, *, units: int, client_type: str) -> Mapping[str, str]:
        """Headers that tell what is left; refused with 429 when nothing is. A refused call costs nothing."""
        if not self._switch.is_enforced:
            return _headers(units, {name: limit - units for name, (_, limit) in UNITS.items()}, CALLS_OF_A_CLIENT - 1)
        with self._lock:
            self._begin_anew_when_switched()
            now = self._now()
            calls = self._client_calls(tenant_id, client_type, now)
            spent = self._spent.setdefault(tenant_id, deque())
            while spent and now - spent[0][0] >= UNITS["QueriesPerHour"][0]:
                spent.popleft()
            left = _left(spent, units, now)
            calls.append(now)
            spent.append((now, units))
        limit = CALLS_OF_A_CLIENT if client_type else CALLS_WITHOUT_CLIENT_TYPE
        return _headers(units, left, limit - len(calls))

    def _begin_anew_when_switched(self) -> None:
        if self._turn != self._switch.turns:
            self._turn = self._switch.turns
            self._spent.clear()
            self._calls.clear()

    def _client_calls(self, tenant_id: str, client_type: str, now: float) -> deque[float]:
        calls = self._calls.setdefault((tenant_id, client_type), deque())
        while calls and now - calls[0] >= CLIENT_SECONDS:
            calls.popleft()
        if len(calls) >= (CALLS_OF_A_CLIENT if client_type else CALLS_WITHOUT_CLIENT_TYPE):
            raise cost_limited("clienttype", _seconds(calls[0] + CLIENT_SECONDS - now))
        return calls


def cost_limited(bucket: str, seconds: int) -> Refusal:
    """Cost Management's 429; it names the wait in a header of its own, not in Retry-After."""
    return Refusal(
        429,
        "429",
        "Too many requests. Please retry.",
        headers={HEADER.format("", f"{bucket}-retry-after"): str(seconds)},
    )


def _left(spent: deque[tuple[float, int]], units: int, now: float) -> dict[str, int]:
    """What each window has left after these units."""
    left = {}
    for name, (seconds, limit) in UNITS.items():
        recent = [(when, cost) for when, cost in spent if now - when < seconds]
        left[name] = limit - sum(cost for _, cost in recent) - units
        if left[name] < 0 and recent:
            raise cost_limited("qpu", _seconds(recent[0][0] + seconds - now))
    return {name: max(0, rest) for name, rest in left.items()}


def _seconds(wait: float) -> int:
    return max(1, int(wait + 0.999))


def _headers(units: int, left: Mapping[str, int], calls_left: int) -> dict[str, str]:
    return {
        HEADER.format("", "qpu-consumed"): str(units),
        HEADER.format("", "qpu-remaining"): ",".join(
            f"{name}:{max(0, left[name])}" for name in ("QueriesPerHour", "QueriesPerMin", "QueriesPer10Sec")
        ),
        HEADER.format("remaining-", "entity-requests"): "DefaultQuota:7",
        HEADER.format("remaining-", "tenant-requests"): "DefaultQuota:49",
        HEADER.format("remaining-", "clienttype-requests"): f"DefaultQuota:{max(0, calls_left)}",
    }
