"""Anchors: how far each chain had come, written where nobody can change it.

Each is one small file in the container `logs`: `anchors/CHAIN/SEQUENCE.json`, in the form that
`audit/standalone/verify_audit.py` states, holding the hash of the anchor before it. Only a chain that moved gets one,
so a round costs one file per chain that moved since the last. In Azure the container needs a locked time-based
retention policy (docs/audit.md); without it an anchor proves no more than a row of the database.
"""

from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import structlog
from django.db.models import F

from audit.models import AuditChain
from audit.standalone.verify_audit import FORMAT, GENESIS, Anchor, canonical, checked_anchors, digest, parsed
from governance import storage
from governance.storage import LOGS

log = structlog.get_logger(__name__)

FOLDER = "anchors"


class ContradictedError(Exception):
    """There is an anchor at this place that says otherwise: the chain or the anchor was changed."""


def anchor_moved_chains(now: datetime) -> tuple[int, int]:
    """Anchor every chain that moved since its last anchor. Returns how many were, and how many could not be."""
    done = failed = 0
    for chain in every_chain().filter(sequence__gt=F("anchored_sequence")).order_by("id"):
        try:
            anchor(chain, now)
            done += 1
        except (*storage.FAILURES, ValueError, ContradictedError):
            log.exception("chain_not_anchored", chain=str(chain.id), sequence=chain.sequence)
            failed += 1
    return done, failed


def anchor(chain: AuditChain, now: datetime) -> None:
    """Write how far this chain has come. One that was written by somebody else just now is taken as it is."""
    content = canonical(_next_anchor(chain, now)).encode()
    try:
        storage.save(LOGS, blob_name(chain, chain.sequence), BytesIO(content))
    except FileExistsError:
        there = parsed(storage.read(LOGS, blob_name(chain, chain.sequence)))
        if there["event"] != chain.hash:
            raise ContradictedError(f"The anchor at {chain.sequence} knows another event.") from None
    every_chain().filter(id=chain.id).update(anchored_sequence=chain.sequence, anchored_at=now)


def anchors_of(chain: str) -> list[Anchor]:
    """Every anchor of a chain, checked. Raises BrokenError when they contradict each other."""
    return checked_anchors(chain, contents_of(chain))


def contents_of(chain: str) -> list[bytes]:
    """Every anchor of a chain as it was written, in order."""
    folder = f"{FOLDER}/{chain}"
    return [storage.read(LOGS, f"{folder}/{name}") for name in storage.names(LOGS, folder)]


def blob_name(chain: AuditChain, sequence: int) -> str:
    """The name of an anchor in the container: in the order of their sequences."""
    return f"{FOLDER}/{chain.id}/{sequence:015d}.json"


def every_chain() -> Any:
    """The head of every chain, for the platform's own work on them."""
    return AuditChain.objects.across_tenants(reason="The platform anchors and verifies every chain.")


def _next_anchor(chain: AuditChain, now: datetime) -> dict[str, object]:
    number, previous = 1, GENESIS
    if chain.anchored_sequence:
        before = parsed(storage.read(LOGS, blob_name(chain, chain.anchored_sequence)))
        number, previous = before["number"] + 1, before["hash"]
    told = {
        "format": FORMAT,
        "chain": str(chain.id),
        "number": number,
        "at": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "sequence": chain.sequence,
        "event": chain.hash,
        "previous": previous,
    }
    return {**told, "hash": digest(told)}
