"""The one writer of the audit trail.

    with transaction.atomic():
        ...                                                     # the change
        record(Verb.ROLE_CHANGED, tenant_id=tenant.id, target=..., before={...}, after={...})

The event is the last statement before the commit of what it tells: if it cannot be written, nothing is changed. A
refusal or a read has no change; called outside a transaction, `record` writes in one of its own. Who acts, the request
and its address are ambient (`governance.actors`). Each tenant has a chain, and the platform one for what belongs to no
tenant (`tenant_id=None`). Writing holds the chain's head until the commit, so what takes long comes before it.

Several tenants in one transaction: `with gathered():` around them. It writes at its end, the platform's chain first and
then by the tenants' ids, so that no two transactions wait for each other in a ring.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from uuid import UUID

from django.db import IntegrityError, models, transaction
from django.utils import timezone

from audit.censorship import kept, plain_text
from audit.models import AuditChain, AuditEvent, ConcernedTenant, EventOutcome
from audit.standalone.verify_audit import FORMAT, GENESIS, PLATFORM_CHAIN
from audit.verbs import Verb
from governance.actors import Actor, acting_as, current_actor
from governance.keys import new_id
from governance.tenancy import Scope, entered, require_in_scope

__all__ = ["Actor", "Target", "acting_as", "gathered", "record", "record_concerning"]

PLATFORM = UUID(PLATFORM_CHAIN)


@dataclass(frozen=True, slots=True)
class Target:
    """What something was done to: a kind of thing, its id, and what it was called then."""

    kind: str
    id: str
    label: str

    @classmethod
    def of(cls, row: models.Model, *, label: str = "") -> "Target":
        """A row of the database. Give a label where its own words are not what people call it."""
        return cls(row._meta.label_lower, str(row.pk), label or str(row))


NOTHING = Target("", "", "")


@dataclass(frozen=True, slots=True)
class _Entry:
    """What `record` was told, with who acted then."""

    chain: UUID
    verb: Verb
    target: Target
    before: str
    after: str
    outcome: EventOutcome
    reason: str
    actor: Actor
    concerned: tuple[UUID, ...] = ()


_gathering: ContextVar[list[_Entry] | None] = ContextVar("gathering", default=None)


def record(
    verb: Verb,
    *,
    tenant_id: UUID | None,
    target: models.Model | Target | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    outcome: EventOutcome = EventOutcome.DONE,
    reason: str = "",
) -> None:
    """Write an event at the end of its chain. Four statements. A tenant's only within a scope that holds the tenant.

    `before` and `after` hold what changed, by names that say what it is: what is named like a secret is censored.
    """
    if tenant_id is not None:
        require_in_scope([tenant_id])
    _take(_entry(verb, tenant_id=tenant_id, target=target, before=before, after=after, outcome=outcome, reason=reason))


def _entry(
    verb: Verb,
    *,
    tenant_id: UUID | None,
    target: models.Model | Target | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    outcome: EventOutcome = EventOutcome.DONE,
    reason: str = "",
    concerned: tuple[UUID, ...] = (),
) -> _Entry:
    return _Entry(
        chain=tenant_id or PLATFORM,
        verb=verb,
        target=Target.of(target) if isinstance(target, models.Model) else target or NOTHING,
        before=kept(before),
        after=kept(after),
        outcome=outcome,
        reason=plain_text(reason, 1000),
        actor=current_actor(),
        concerned=concerned,
    )


def record_concerning(verb: Verb, tenants: Collection[UUID], **what: Any) -> None:
    """Write an event about several tenants at once: a file with the rows of all, a look at a list of all.

    About one tenant it is an event of that tenant. About several it is one of the platform's chain, with their number
    and a digest over their ids in it, and a row for each (`ConcernedTenant`). `what` is as for `record`.
    """
    concerned = tuple(sorted(set(tenants)))
    if len(concerned) == 1:
        record(verb, tenant_id=concerned[0], **what)
        return
    require_in_scope(concerned)
    after = {**(what.pop("after", None) or {}), "tenants": len(concerned), "tenants_sha256": digest_of(concerned)}
    _take(_entry(verb, tenant_id=None, after=after, concerned=concerned, **what))


def digest_of(tenants: Iterable[UUID]) -> str:
    """What an event says of the tenants it concerns: the SHA-256 over their ids in order, one a line."""
    lines = "".join(f"{tenant}\n" for tenant in sorted(tenants))
    return hashlib.sha256(lines.encode()).hexdigest()


def _take(entry: _Entry) -> None:
    gathering = _gathering.get()
    if gathering is None:
        _write([entry])
    else:
        gathering.append(entry)


@contextmanager
def gathered() -> Iterator[None]:
    """Events of several tenants in one transaction: written together at the end, chain by chain in the stated order.

    Nothing is written when the block raises. Within another `gathered` it is part of that.
    """
    if _gathering.get() is not None:
        yield
        return
    entries: list[_Entry] = []
    token = _gathering.set(entries)
    try:
        yield
    finally:
        _gathering.reset(token)
    _write(entries)


def _write(entries: Sequence[_Entry]) -> None:
    with transaction.atomic(savepoint=False):
        for chain, of_chain in groupby(sorted(entries, key=lambda entry: entry.chain), key=lambda entry: entry.chain):
            with _reaching(chain):
                _append(chain, list(of_chain))


@contextmanager
def _reaching(chain: UUID) -> Iterator[None]:
    """The scope that holds a chain; `record` has asked before whether the caller's did."""
    if chain == PLATFORM:
        with entered(Scope.every_tenant(reason="An event that belongs to no tenant goes to the platform.")):
            yield
    else:
        with entered(Scope.of(chain)):
            yield


def _append(chain: UUID, entries: Sequence[_Entry]) -> None:
    last, previous = _advance(chain, len(entries))
    events = []
    for sequence, entry in enumerate(entries, last - len(entries) + 1):
        event = _event(entry, sequence, previous)
        previous = event.hash
        events.append(event)
    if len(events) == 1:
        events[0].save(force_insert=True)
    else:
        AuditEvent.objects.bulk_create(events, batch_size=50)
    for event, entry in zip(events, entries, strict=True):
        rows = [ConcernedTenant(tenant_id=tenant, event=event) for tenant in entry.concerned]
        ConcernedTenant.objects.bulk_create(rows, batch_size=500)
    AuditChain.objects.filter(id=chain).update(hash=previous, moved_at=events[-1].at)


def _advance(chain: UUID, by: int) -> tuple[int, str]:
    """Hold the chain's head until the commit and move it. Returns the last sequence now taken, and the hash before.

    An UPDATE, because SELECT FOR UPDATE would be no lock on SQLite; whoever comes second waits in it.
    """
    head = AuditChain.objects.filter(id=chain)
    step = {"sequence": models.F("sequence") + by}
    if not head.update(**step):
        _begin(chain)
        head.update(**step)
    sequence, previous = head.values_list("sequence", "hash").get()
    return sequence, previous


def _begin(chain: UUID) -> None:
    tenant_id = None if chain == PLATFORM else chain
    try:
        with transaction.atomic():
            AuditChain(id=chain, tenant_id=tenant_id, sequence=0, hash=GENESIS).save(force_insert=True)
    except IntegrityError:  # somebody began it meanwhile; a tenant that does not exist fails at the next statement
        return


def _event(entry: _Entry, sequence: int, previous: str) -> AuditEvent:
    actor, target = entry.actor, entry.target
    event = AuditEvent(
        id=new_id(),
        format=FORMAT,
        chain=entry.chain,
        sequence=sequence,
        tenant_id=None if entry.chain == PLATFORM else entry.chain,
        at=timezone.now(),
        verb=entry.verb.value,
        outcome=entry.outcome,
        reason=entry.reason,
        actor_kind=actor.kind.value,
        actor_id=plain_text(actor.id, 64),
        actor_label=plain_text(actor.label, 254),
        target_type=plain_text(target.kind, 64),
        target_id=plain_text(target.id, 64),
        target_label=plain_text(target.label, 256),
        before=entry.before,
        after=entry.after,
        request_id=plain_text(actor.request_id, 64),
        address=plain_text(actor.address, 45),
        previous=previous,
    )
    event.hash = event.digest()
    return event
