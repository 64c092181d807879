"""The trail as lines: each event of a chain in its canonical form, and at the end how the chains end.

`audit/standalone/verify_audit.py` states the form and proves it.
"""

from collections.abc import Iterable, Iterator
from uuid import UUID

from audit.anchors import contents_of
from audit.standalone.verify_audit import FORMAT, GENESIS, canonical
from audit.verification import events_of


def trail(chains: Iterable[UUID]) -> Iterator[bytes]:
    """The whole chains, a line an event, in flat memory. Whoever calls has asked who may see them."""
    heads = {}
    for chain in chains:
        sequence, digest = 0, GENESIS
        for event in events_of(chain):
            sequence, digest = event.sequence, event.hash
            yield f"{canonical(event.record())}\n".encode()
        heads[str(chain)] = {"sequence": sequence, "hash": digest}
    yield f"{canonical({'format': FORMAT, 'heads': heads})}\n".encode()


def anchors(chains: Iterable[UUID]) -> Iterator[bytes]:
    """The anchors of the chains, a line each, as they were written."""
    for chain in chains:
        for content in contents_of(str(chain)):
            yield content + b"\n"
