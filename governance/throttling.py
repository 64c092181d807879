"""How often somebody may ask: counted in one place for all processes, once per request and limit.

The middleware counts a request by who asks: a person, a token and its person, or else an address; by the tenant that
it acts for; and more strictly when it tries to sign in or asks for a file. `about(tenant_id)` counts the tenant of an
object that was found: in scope, therefore never for a stranger who only names it.

Windows are fixed, each key's beginning at an offset of its own. The counters stand in Redis and cost one round trip of
INCR and EXPIRE, and no query. While Redis is down each process counts for itself: more lenient by the number of
processes, never unlimited, and nobody is shut out.
"""

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.core.cache import BaseCache, caches
from django.http import HttpRequest, HttpResponse
from redis.exceptions import RedisError

from governance.addresses import address_of, network_of
from governance.limits import Limit

log = structlog.get_logger(__name__)

SHARED = frozenset({"tenant", "sign-in-name"})  # counted for people who have nothing to do with one another
SILENCE_SECONDS = 5  # after Redis did not answer: so long it is not asked again, so that requests do not wait for it
_silent_until = 0.0  # of this process's clock

Wish = tuple[str, str]  # the name of a limit, and the key that it counts


@dataclass(frozen=True, slots=True)
class Standing:
    """What is left of one limit for one key, in the window that is now."""

    limit: Limit
    used: int
    reset_seconds: int

    @property
    def remaining(self) -> int:
        """How many requests are left; 0 also for the one that was too many."""
        return max(0, self.limit.quota - self.used)

    @property
    def is_exceeded(self) -> bool:
        """True when this request was one too many."""
        return self.used > self.limit.quota


class TooManyRequestsError(Exception):
    """The request was one too many. `standing` says of which limit, and when the next one is welcome."""

    def __init__(self, standing: Standing) -> None:
        self.standing = standing
        super().__init__(f"More than {standing.limit.quota} requests in {standing.limit.seconds} seconds.")


@dataclass(slots=True)
class Budget:
    """What one request was counted against. A limit is counted once, whoever asks for it again."""

    standings: dict[Wish, Standing] = field(default_factory=dict)

    def count(self, wishes: Iterable[Wish]) -> None:
        """Count the request for these limits and keys. Raises TooManyRequestsError for the one that is free last.

        A request that is refused is taken off the limits that are shared: one who is over his own does not eat up
        his tenant's, nor shut others out of an account by trying it.
        """
        new = [wish for wish in dict.fromkeys(wishes) if wish[0] in settings.RATE_LIMITS and wish not in self.standings]
        if not new:
            return
        found = _counted(new, now=now())
        self.standings.update(found)
        if exceeded := [standing for standing in found.values() if standing.is_exceeded]:
            _take_back([wish for wish in found if wish[0] in SHARED], now=now())
            raise TooManyRequestsError(max(exceeded, key=lambda standing: standing.reset_seconds))

    def write_headers(self, response: HttpResponse) -> None:
        """Tell the limits and what is left of them (draft-ietf-httpapi-ratelimit-headers-10, structured fields)."""
        if told := list(self.standings.values()):
            response["RateLimit-Policy"] = ", ".join(
                f'"{standing.limit.name}";q={standing.limit.quota};w={standing.limit.seconds}' for standing in told
            )
            response["RateLimit"] = ", ".join(
                f'"{standing.limit.name}";r={standing.remaining};t={standing.reset_seconds}' for standing in told
            )


_budget: ContextVar[Budget | None] = ContextVar("budget", default=None)


@contextmanager
def entered(budget: Budget) -> Iterator[Budget]:
    """Answer a request that is counted in this budget."""
    token = _budget.set(budget)
    try:
        yield budget
    finally:
        _budget.reset(token)


def about(tenant_id: UUID) -> None:
    """This request is about this tenant, which its person may see. Nothing outside a request (worker, command)."""
    budget = _budget.get()
    if budget is not None:
        budget.count([("tenant", str(tenant_id))])


def caller_of(request: HttpRequest) -> list[Wish]:
    """Who asks. A token counts for itself and for its person, whose tokens together are no more than the person.

    Whoever reads a token sets `request.limit_key`: a text that tells it from all others and lets nobody in.
    """
    user: Any = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return [("address", network_of(address_of(request)))]
    token = getattr(request, "limit_key", "")
    return [*([("token", str(token))] if token else []), ("person", str(user.pk))]


def tries_to_sign_in(request: HttpRequest) -> list[Wish]:
    """One try with a password: of this address, of this address for this account, and of everybody for this account.

    The name is counted as it was typed, whether there is such an account or not. A sign-in by the identity provider
    names no account here, so nobody can be shut out of it by tries with a password.
    """
    network = network_of(address_of(request))
    name = request.POST.get("username", "").strip().lower()
    tries = [("sign-in-address", network)]
    return [*tries, ("sign-in-account", f"{network} {name}"), ("sign-in-name", name)] if name else tries


def now() -> float:
    """Seconds since 1970; the processes of one platform agree on it as far as their machines do."""
    return time.time()


def window_of(limit: Limit, key: str, at: float) -> tuple[str, int]:
    """Where the count of this window stands, and the seconds until it is over. The key itself is not stored."""
    digest = hashlib.sha256(f"{limit.name}:{limit.seconds}:{key}".encode()).hexdigest()[:32]
    elapsed = int(at) + int(digest, 16) % limit.seconds
    return f"limit:{digest}:{elapsed // limit.seconds}", limit.seconds - elapsed % limit.seconds


def _counted(wishes: list[Wish], *, now: float) -> dict[Wish, Standing]:
    limits = [settings.RATE_LIMITS[name] for name, _ in wishes]
    windows = [window_of(limit, key, now) for limit, (_, key) in zip(limits, wishes, strict=True)]
    counts = _with_redis(lambda client, name_of: _increment(client, name_of, windows))
    if counts is None:
        counts = [_increment_here(name, seconds) for name, seconds in windows]
    return {
        wish: Standing(limit, used, seconds)
        for wish, limit, used, (_, seconds) in zip(wishes, limits, counts, windows, strict=True)
    }


def _take_back(wishes: list[Wish], *, now: float) -> None:
    if not wishes:
        return
    names = [window_of(settings.RATE_LIMITS[name], key, now)[0] for name, key in wishes]
    if _with_redis(lambda client, name_of: _decrement(client, name_of, names)) is None:
        for name in names:
            if caches["process"].get(name):
                caches["process"].decr(name)


def _with_redis(ask: Callable[[Any, Callable[[str], str]], list[int]]) -> list[int] | None:
    """What Redis answers; None when there is none, or it does not answer, or did not some seconds ago."""
    global _silent_until  # noqa: PLW0603  (whether Redis answers is a fact about the process)
    cache: Any = caches["default"]
    if not hasattr(cache, "client") or time.monotonic() < _silent_until:
        return None
    try:
        return ask(cache.client.get_client(write=True), cache.make_key)
    except (RedisError, OSError) as error:
        _silent_until = time.monotonic() + SILENCE_SECONDS
        log.warning("limits_counted_per_process", error=type(error).__name__)
        return None


def _increment(client: Any, name_of: Callable[[str], str], windows: list[tuple[str, int]]) -> list[int]:
    pipeline = client.pipeline(transaction=False)
    for name, seconds in windows:
        pipeline.incr(name_of(name))
        pipeline.expire(name_of(name), seconds + 1)
    return [int(count) for count in pipeline.execute()[::2]]


def _decrement(client: Any, name_of: Callable[[str], str], names: list[str]) -> list[int]:
    pipeline = client.pipeline(transaction=False)
    for name in names:
        pipeline.decr(name_of(name))
    return [int(count) for count in pipeline.execute()]


def _increment_here(name: str, seconds: int) -> int:
    """The count of this process alone."""
    here: BaseCache = caches["process"]
    here.add(name, 0, seconds + 1)
    try:
        return here.incr(name)
    except ValueError:  # it was thrown out between the two, because there are too many
        here.set(name, 1, seconds + 1)
        return 1
