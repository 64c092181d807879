"""Proving the chains as they are stored: every event, the heads, the anchors. In flat memory, a page at a time.

The checks themselves are those of `audit/standalone/verify_audit.py`; here the events come from the database.
"""

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.utils import timezone

from audit.anchors import anchors_of, every_chain
from audit.models import AuditEvent, ConcernedTenant
from audit.standalone.verify_audit import BrokenError, Chain, Proof, Record, canonical
from audit.trail import digest_of

PAGE_EVENTS = 1000


def verify(chain: UUID) -> Proof:
    """Prove one chain and note on its head what was found. Raises BrokenError."""
    try:
        proof = prove(chain)
    except BrokenError as error:
        every_chain().filter(id=chain).update(verified_at=timezone.now(), fault=str(error)[:500])
        raise
    every_chain().filter(id=chain).update(verified_at=timezone.now(), verified_sequence=proof.events, fault="")
    return proof


def prove(chain: UUID) -> Proof:
    """Prove one chain: its events follow one another, it ends where its head says, and no anchor knows otherwise."""
    name = str(chain)
    proving = Chain(name, anchors_of(name))
    while True:
        for event in events_of(chain, after=proving.sequence):
            proving.take(_record(event, proving))
        head = every_chain().filter(id=chain).first()
        if head is None or head.sequence <= proving.sequence:  # else it moved on meanwhile: take what is new
            break
        if not every_event().filter(chain=chain, sequence__gt=proving.sequence).exists():
            break
    if head is None and proving.sequence:
        raise BrokenError(name, proving.sequence, "the head of the chain is missing")
    _look_for_more(chain, proving)
    if head is not None and head.anchored_sequence > proving.anchored:
        what = f"the chain is said to be anchored up to here, but the last anchor is of event {proving.anchored}"
        raise BrokenError(name, head.anchored_sequence, what)
    return proving.end((head.sequence, head.hash) if head is not None else None)


def known_chains() -> list[UUID]:
    """Every chain there is a head or an event of, the platform's first."""
    heads = every_chain().values_list("id", flat=True)
    events = every_event().order_by().values_list("chain", flat=True).distinct()
    return sorted({*heads, *events})


def events_of(chain: UUID, *, after: int = 0) -> Iterator[AuditEvent]:
    """The events of a chain in order, whatever the scope; a page at a time."""
    while True:
        page = _page(chain, after)
        yield from page
        if len(page) < PAGE_EVENTS:
            return
        after = page[-1].sequence


def every_event() -> Any:
    """Every event, for proving and exporting whole chains."""
    return AuditEvent.objects.across_tenants(reason="A chain is proved and exported whole; who may is asked before.")


def _page(chain: UUID, after: int) -> list[AuditEvent]:
    rows = every_event().filter(chain=chain, sequence__gt=after).order_by("sequence")
    try:
        page = list(rows[:PAGE_EVENTS])
    except (ValueError, TypeError, OverflowError):
        page = list(_one_by_one(str(chain), rows, after))
    _check_concerned(str(chain), page)
    return page


def _one_by_one(chain: str, rows: Any, after: int) -> Iterator[AuditEvent]:
    """A page that cannot be read, so that the row is named that cannot."""
    for place in range(PAGE_EVENTS):
        try:
            found = list(rows[place : place + 1])
        except (ValueError, TypeError, OverflowError) as error:
            raise BrokenError(chain, after + place + 1, f"the database cannot read it: {error}") from error
        yield from found


def _record(event: AuditEvent, proving: Chain) -> Record:
    try:
        record = event.record()
        for side, text in (("before", event.before), ("after", event.after)):
            if text and canonical(json.loads(text)) != text:
                raise ValueError(f"Its {side} is not in canonical form.")
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise BrokenError(proving.chain, proving.sequence + 1, f"it cannot be read: {error}") from error
    return record


def _look_for_more(chain: UUID, proving: Chain) -> None:
    count = every_event().filter(chain=chain, sequence__lte=proving.sequence).count()
    if count != proving.sequence:
        what = f"{count} events stand in the places of {proving.sequence}"
        raise BrokenError(str(chain), proving.sequence, what)


def _check_concerned(chain: str, page: list[AuditEvent]) -> None:
    """The rows of the tenants that an event concerns are those it was written with."""
    told = {event.id: event for event in page if '"tenants_sha256":"' in event.after}
    if not told:
        return
    rows = ConcernedTenant.objects.across_tenants(reason="What an event concerns is proved with it.")
    held: dict[UUID, list[UUID]] = {key: [] for key in told}
    for event_id, tenant_id in rows.filter(event_id__in=list(told)).values_list("event_id", "tenant_id"):
        held[event_id].append(tenant_id)
    for key, event in told.items():
        if digest_of(held[key]) != json.loads(event.after).get("tenants_sha256"):
            raise BrokenError(chain, event.sequence, "the tenants it concerns are not those it was written with")
