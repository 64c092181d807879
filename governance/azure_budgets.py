"""What each Azure tenant may still be asked: the documented quotas of Cost Management, kept by all workers together.

A question costs query processing units (QPU), one for each month of data it asks for; a tenant has 12 in 10 seconds, 60
in a minute, 600 in an hour. https://learn.microsoft.com/azure/cost-management-billing/costs/manage-automation

The ledger stands in Redis, one for each Azure tenant, and is asked before each call about costs: one atomic script.
What Azure's answers tell of its own count corrects it; a 429 writes down until when nobody asks again. It is about
costs alone: nothing else of the tenant, and no other tenant, waits for it. While Redis does not answer each process
keeps a ledger of its own; Azure's 429s then are the only thing that the workers share.
"""

import re
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog
from django.conf import settings
from django.core.cache import caches
from redis.exceptions import RedisError

from governance.keys import new_id

log = structlog.get_logger(__name__)

DOCUMENTED: dict[int, int] = {10: 12, 60: 60, 3600: 600}  # QPU in so many seconds; settings.AZURE_COST_QUOTAS rules
NAMES: dict[str, int] = {"QueriesPer10Sec": 10, "QueriesPerMin": 60, "QueriesPerHour": 3600}  # in Azure's header
REMAINING = "x-ms-ratelimit-microsoft.costmanagement-qpu-remaining"
CONSUMED = "x-ms-ratelimit-microsoft.costmanagement-qpu-consumed"
SLACK_SECONDS = 0.05  # waited beyond the end of a window, so that nobody asks at its very edge
LONGEST_PAUSE_SECONDS = 24 * 3600  # nothing that Azure says shuts a tenant out for longer

# KEYS: until when nobody asks, then the window of each quota. ARGV: now, units, the call's name, then seconds and quota
# of each window. Returns the seconds to wait as text, "0" when the units were taken.
TAKE = """
local now, units = tonumber(ARGV[1]), tonumber(ARGV[2])
local wait = math.max(0, tonumber(redis.call('GET', KEYS[1]) or '0') - now)
for w = 2, #KEYS do
  local seconds, quota = tonumber(ARGV[2 * w]), tonumber(ARGV[2 * w + 1])
  redis.call('ZREMRANGEBYSCORE', KEYS[w], '-inf', now - seconds)
  local rows, spent = redis.call('ZRANGE', KEYS[w], 0, -1, 'WITHSCORES'), 0
  for i = 1, #rows, 2 do spent = spent + tonumber(string.match(rows[i], ':([%d.]+)$')) end
  local too_many = spent + math.min(units, quota) - quota
  for i = 1, #rows, 2 do
    if too_many <= 0 or units == 0 then break end
    too_many = too_many - tonumber(string.match(rows[i], ':([%d.]+)$'))
    wait = math.max(wait, tonumber(rows[i + 1]) + seconds - now)
  end
end
if wait > 0 then return tostring(wait) end
if units > 0 then
  for w = 2, #KEYS do
    redis.call('ZADD', KEYS[w], now, ARGV[3] .. ':' .. units)
    redis.call('EXPIRE', KEYS[w], tonumber(ARGV[2 * w]) + 60)
  end
end
return '0'
"""
# KEYS: the windows. ARGV: now, the call's name, units it took, units it cost, then per window seconds and what Azure
# says is spent in it (-1: it does not say). Azure's count has callers in it that are not ours; it only adds to ours.
SETTLE = """
local now = tonumber(ARGV[1])
for w = 1, #KEYS do
  local seconds, told = tonumber(ARGV[2 * w + 3]), tonumber(ARGV[2 * w + 4])
  local taken, cost = ARGV[2] .. ':' .. ARGV[3], ARGV[2] .. ':' .. ARGV[4]
  local at = redis.call('ZSCORE', KEYS[w], taken)
  if at and taken ~= cost then
    redis.call('ZREM', KEYS[w], taken)
    redis.call('ZADD', KEYS[w], at, cost)
  end
  local rows, spent = redis.call('ZRANGEBYSCORE', KEYS[w], '(' .. (now - seconds), '+inf'), 0
  for i = 1, #rows do spent = spent + tonumber(string.match(rows[i], ':([%d.]+)$')) end
  if told > spent then
    redis.call('ZADD', KEYS[w], now, ARGV[2] .. '+:' .. (told - spent))
    redis.call('EXPIRE', KEYS[w], seconds + 60)
  end
end
return '0'
"""
# KEYS: until when nobody asks. ARGV: until when, and for how many seconds that is kept. The later time stays.
PAUSE = """
if tonumber(ARGV[1]) > tonumber(redis.call('GET', KEYS[1]) or '0') then
  redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
end
return '0'
"""


def now() -> float:
    """Seconds since 1970; the workers of one platform agree on it as far as their machines do."""
    return time.time()


@dataclass(frozen=True, slots=True)
class Ticket:
    """A call that the ledger let through, and what was taken for it."""

    name: str
    units: int


@dataclass(slots=True)
class Ledger:
    """The ledger of one process alone, for as long as Redis does not answer."""

    spent: dict[int, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    not_before: float = 0.0

    def take(self, at: float, units: int) -> float:
        """As the script TAKE."""
        wait = max(0.0, self.not_before - at)
        for window, quota in settings.AZURE_COST_QUOTAS.items():
            self.spent[window] = rows = [row for row in self.spent[window] if row[0] > at - window]
            too_many = sum(cost for _, cost in rows) + min(units, quota) - quota
            for when, cost in rows:
                if too_many <= 0 or not units:
                    break
                too_many -= cost
                wait = max(wait, when + window - at)
        if not wait and units:
            for window in settings.AZURE_COST_QUOTAS:
                self.spent[window].append((at, units))
        return wait


_here: dict[str, Ledger] = defaultdict(Ledger)
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class CostBudget:
    """What may be asked about the costs of one Azure tenant. `tenant_id` is Azure's."""

    tenant_id: str

    def take(self, units: int) -> Ticket | float:
        """Take units for one call, or learn the seconds to wait for them. 0 units ask only whether a pause is on."""
        ticket = Ticket(str(new_id()), units)
        windows = [part for window in settings.AZURE_COST_QUOTAS.items() for part in window]
        answer = self._ask(TAKE, [self._key("pause"), *self._windows()], [now(), units, ticket.name, *windows])
        if answer is None:
            with _lock:
                answer = self._own_ledger().take(now(), units)
        return ticket if float(answer) <= 0 else float(answer) + SLACK_SECONDS

    def settle(self, ticket: Ticket, headers: Mapping[str, str]) -> None:
        """Correct the ledger by what the answer to a call says: what it cost, and what is left."""
        cost = _number(headers.get(CONSUMED))
        left = remaining(headers.get(REMAINING) or "")
        if cost is None and not left:
            return
        used = {window: DOCUMENTED[window] - count for window, count in left.items()}
        told = [part for window in settings.AZURE_COST_QUOTAS for part in (window, used.get(window, -1))]
        spent = ticket.units if cost is None or not ticket.units else cost
        self._ask(SETTLE, self._windows(), [now(), ticket.name, ticket.units, spent, *told])

    def pause(self, seconds: float) -> None:
        """Nobody asks about this tenant's costs for so long: Azure said so."""
        seconds = min(seconds, LONGEST_PAUSE_SECONDS)
        log.info("cost_calls_paused", azure_tenant_id=self.tenant_id, seconds=seconds)
        until = now() + seconds
        if self._ask(PAUSE, [self._key("pause")], [until, int(seconds) + 60]) is None:
            with _lock:
                ledger = self._own_ledger()
                ledger.not_before = max(until, ledger.not_before)

    def _own_ledger(self) -> Ledger:
        return _here[self.tenant_id.lower()]

    def _key(self, what: object) -> str:
        return f"azure-costs:{{{self.tenant_id.lower()}}}:{what}"  # braces: one slot of a cluster

    def _windows(self) -> list[str]:
        return [self._key(window) for window in settings.AZURE_COST_QUOTAS]

    def _ask(self, script: str, keys: list[str], values: list[object]) -> Any:
        """What the script answers; None when there is no Redis, or it does not answer."""
        cache: Any = caches["default"]
        if not hasattr(cache, "client"):
            return None
        try:
            client = cache.client.get_client(write=True)
            return client.eval(script, len(keys), *map(cache.make_key, keys), *values)
        except (RedisError, OSError) as error:
            log.warning("cost_quota_kept_per_process", error=type(error).__name__)
            return None


def remaining(header: str) -> dict[int, int]:
    """`QueriesPerHour:597,QueriesPerMin:57,QueriesPer10Sec:9` by the seconds of the window; what is not known is left
    out."""
    found = re.findall(r"(\w+):(\d+)", header)
    return {NAMES[name]: int(count) for name, count in found if name in NAMES}


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() else None
