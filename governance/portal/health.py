"""Is it up, and are its data true? Two different questions.

`/healthz`: the process, its database and its cache answer. `/healthz/data`: freshness and coverage per source; the
state is for everyone, the names of tenants only for those who may see them.
"""

from typing import Any

from django.core.cache import caches
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from redis.exceptions import RedisError

from governance.access import Permission
from governance.gate import requires
from governance.schedules import SYNCS
from governance.tenancy import Scope, entered
from tenants.freshness import Coverage, State, coverage

UNHEALTHY = {State.STALE, State.FAILED, State.NEVER}


@require_safe
@requires(Permission.PUBLIC)
@never_cache
def alive(request: HttpRequest) -> JsonResponse:
    """200 when the database answers; a cache that does not answer is named but does not stop the service."""
    database = _database_answers()
    body = {"status": "ok" if database else "down", "database": database, "cache": _cache_answers()}
    return JsonResponse(body, status=200 if database else 503)


@require_safe
@requires(Permission.PUBLIC)
@never_cache
def data(request: HttpRequest) -> JsonResponse:
    """Per source the worst state of all tenants and the oldest date; 503 when one is stale, failed or never read."""
    with entered(Scope.every_tenant(reason="The health of the platform is the worst of all tenants; no names leave.")):
        overall = {sync.kind: coverage(sync.kind, now=timezone.now()) for sync in SYNCS}
    body: dict[str, Any] = {"sources": {kind: _anonymous(found) for kind, found in overall.items()}}
    if request.user.is_authenticated:
        for sync in SYNCS:
            body["sources"][sync.kind]["tenants"] = _named(coverage(sync.kind, now=timezone.now()))
    unhealthy = any(found.state in UNHEALTHY for found in overall.values())
    return JsonResponse({"status": "unhealthy" if unhealthy else "ok", **body}, status=503 if unhealthy else 200)


def _anonymous(found: Coverage) -> dict[str, Any]:
    return {"state": found.state, "complete_as_of": found.complete_as_of}


def _named(found: Coverage) -> list[dict[str, Any]]:
    return [
        {
            "tenant": row.tenant,
            "state": row.state,
            "last_run_at": row.last_run_at,
            "complete_as_of": row.complete_as_of,
            "expected": row.expected,
            "received": row.received,
            "reason": row.reason,
        }
        for row in found.tenants
    ]


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def _cache_answers() -> bool:
    """A round trip past django-redis's forgiving of errors."""
    cache: Any = caches["default"]
    if not hasattr(cache, "client"):
        return True  # in this process's own memory
    try:
        return bool(cache.client.get_client().ping())
    except (RedisError, OSError):
        return False
