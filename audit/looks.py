"""Who looked at which tenant: one event for what a person sees again and again.

One tenant: an event of its chain per person, page and hour. Every tenant, as the platform's people see them: an event
of the platform's chain per person, page and hour. Several: one of the platform's chain per person and day, with a row
for each of them, whatever the pages; so that a person of a thousand tenants costs a thousand small rows a day.
The shared cache knows what was written already. Without it the database is asked.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.core.cache import cache
from django.utils import timezone

from audit.models import AuditEvent
from audit.trail import Target, digest_of, record, record_concerning
from audit.verbs import Verb
from governance.actors import current_actor
from governance.tenancy import Scope

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SEVERAL = Target("page", "several", "Pages over several tenants")


@dataclass(frozen=True, slots=True)
class Look:
    """One look. `tenants` None: every tenant there is. `role` is what the person was there then, in a word."""

    page: str  # the name of the address
    title: str
    tenants: frozenset[UUID] | None
    role: str

    @property
    def verb(self) -> Verb:
        """Looked at some, or at every one."""
        return Verb.EVERY_TENANT_LOOKED_AT if self.tenants is None else Verb.TENANT_LOOKED_AT

    @property
    def target(self) -> Target:
        """The page; pages over several tenants are not told apart."""
        return SEVERAL if self.tenants and len(self.tenants) > 1 else Target("page", self.page[:64], self.title)

    @property
    def period(self) -> timedelta:
        """How long it goes without another event."""
        return DAY if self.target is SEVERAL else HOUR

    @property
    def whom(self) -> str:
        """The tenants in one word."""
        return "all" if self.tenants is None else digest_of(self.tenants)


def seen(scope: Scope, narrowed: frozenset[UUID] | None) -> frozenset[UUID] | None:
    """The tenants an answer can have shown; None for every one."""
    if narrowed is not None:
        return narrowed
    return None if scope.is_every_tenant else scope.tenants


def note(look: Look) -> None:
    """Write the look down, unless it is written for this period. At most seven statements, once a period."""
    if look.tenants is not None and not look.tenants:
        return
    now = timezone.now()
    began = _begin(now, look.period)
    actor = current_actor()
    key = f"look:{actor.kind}:{actor.id}:{look.target.id}:{look.whom}:{began:%Y%m%d%H}"
    is_new: bool | None = cache.add(key, 1, timeout=int(look.period.total_seconds()))
    if is_new is False or (is_new is None and _is_written(look, began)):  # None: the cache is down, and says so itself
        return
    try:
        _write(look)
    except BaseException:
        cache.delete(key)
        raise


def _write(look: Look) -> None:
    what = {"target": look.target, "after": {"role": look.role}}
    if look.tenants is None:
        record(look.verb, tenant_id=None, **what)  # type: ignore[arg-type]
    else:
        record_concerning(look.verb, look.tenants, **what)


def _begin(now: datetime, period: timedelta) -> datetime:
    start = now.replace(minute=0, second=0, microsecond=0)
    return start.replace(hour=0) if period == DAY else start


def _is_written(look: Look, began: datetime) -> bool:
    actor = current_actor()
    rows = AuditEvent.objects.across_tenants(reason="Whether a look is written already is asked of every chain.")
    rows = rows.filter(actor_id=actor.id, at__gte=began, verb=look.verb, target_id=look.target.id)
    if look.tenants is not None and len(look.tenants) == 1:
        rows = rows.filter(tenant_id=next(iter(look.tenants)))
    elif look.tenants is not None:
        rows = rows.filter(after__contains=look.whom)
    return bool(rows.exists())
