"""Proves an exported audit trail, or names the first broken link. Standard library only: it works without the product.

    python verify_audit.py TRAIL.jsonl [--anchors ANCHORS.jsonl | FOLDER]

Exit status: 0 unbroken, 1 broken, 2 wrong usage. The product itself verifies with this very file.

An event is a JSON object with exactly the names in FIELDS. Its canonical form is JSON in ASCII, names sorted by code
point, no space, no fraction, no number but whole ones, times as "2026-01-31T23:59:59.000000Z". Its `hash` is the
SHA-256, in lower-case hexadecimal, of the canonical form of the event without `hash`; `previous` is the hash of the
event before it in the same chain, and 64 zeros in the first. `sequence` counts from 1 without a gap. A chain is named
by the id of its tenant; the platform's by a UUID of zeros.

A trail is a file of lines: each event of a chain in order, each line its canonical form, and at the end one line
{"format":1,"heads":{CHAIN:{"hash":...,"sequence":...}}} that says how each chain ends.

An anchor says how far a chain had come at some time. It was written to storage that refuses to change it:
{"at":...,"chain":...,"event":...,"format":1,"hash":...,"number":...,"previous":...,"sequence":...} in canonical form;
`event` is the hash of the event at `sequence`, `number` counts the anchors of the chain from 1, `previous` is the hash
of the anchor before, 64 zeros in the first, and `hash` is made as an event's is. What lies after the last anchor is
proved to be consistent and no more: whoever holds the database could have written it anew.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

FORMAT = 1
PLATFORM_CHAIN = "00000000-0000-0000-0000-000000000000"
GENESIS = "0" * 64
WORDS = (
    "format chain sequence id tenant at verb outcome reason actor target before after request_id address previous hash"
)
FIELDS = frozenset(WORDS.split())
ANCHOR_FIELDS = frozenset({"format", "chain", "number", "at", "sequence", "event", "previous", "hash"})

Record = dict[str, Any]


class BrokenError(Exception):
    """The first broken link: in which chain, at which event, and what is wrong there."""

    def __init__(self, chain: str, sequence: int, what: str) -> None:
        self.chain, self.sequence, self.what = chain, sequence, what
        super().__init__(f"chain {chain}, event {sequence}: {what}" if chain else what)


class Anchor(NamedTuple):
    """How far a chain had come: `event` is the hash of its event at `sequence`."""

    number: int
    at: str
    sequence: int
    event: str


@dataclass(frozen=True)
class Proof:
    """What was proved of a chain. `unanchored_since` is the time of the first event after the last anchor."""

    chain: str
    events: int
    hash: str
    anchors: int
    anchored_sequence: int
    anchored_at: str
    unanchored: int
    unanchored_since: str

    def words(self) -> str:
        """The proof as a person reads it."""
        line = f"chain {self.chain}: {self.events} events, unbroken. "
        line += f"Anchored up to event {self.anchored_sequence} ({self.anchored_at})" if self.anchors else "No anchor"
        if not self.unanchored:
            return f"{line}; nothing lies after it."
        return f"{line}; unanchored: {self.unanchored} events since {self.unanchored_since}."


# --- the canonical form ---


def canonical(value: Any) -> str:
    """The one text of a JSON value. ValueError for what has no canonical form."""
    _refuse_fractions(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest(record: Record) -> str:
    """The hash that an event must carry."""
    text = canonical({name: value for name, value in record.items() if name != "hash"})
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def parsed(line: bytes) -> Record:
    """The object of a line that is in canonical form to the last bit. ValueError for any other line."""
    try:
        value = json.loads(line.decode("ascii"))
    except RecursionError as error:
        raise ValueError("It is nested too deeply.") from error
    if not isinstance(value, dict):
        raise ValueError("It is no object.")
    if canonical(value).encode("ascii") != line:
        raise ValueError("It is not in canonical form.")
    return value


def _refuse_fractions(value: Any) -> None:
    if isinstance(value, float):
        raise ValueError("A number with a fraction has no canonical form.")
    if isinstance(value, dict):
        if not all(isinstance(name, str) for name in value):
            raise ValueError("The names of a JSON object are text.")
        for item in value.values():
            _refuse_fractions(item)
    elif isinstance(value, list):
        for item in value:
            _refuse_fractions(item)


# --- anchors ---


def checked_anchors(chain: str, contents: Iterable[bytes]) -> list[Anchor]:
    """The anchors of one chain, given in order. Raises BrokenError when one is missing, changed or out of place."""
    found: list[Anchor] = []
    previous = GENESIS
    for number, content in enumerate(contents, 1):
        told = _read_anchor(chain, number, content)
        if told["number"] != number or told["previous"] != previous:
            at = found[-1].sequence if found else 0
            raise BrokenError(chain, at, f"the anchor after it is not the anchor number {number} that follows")
        if found and told["sequence"] <= found[-1].sequence:
            raise BrokenError(chain, found[-1].sequence, f"anchor number {number} is no further than the one before it")
        previous = told["hash"]
        found.append(Anchor(number, str(told["at"]), told["sequence"], str(told["event"])))
    return found


def _read_anchor(chain: str, number: int, content: bytes) -> Record:
    try:
        told = parsed(content)
    except ValueError as error:
        raise BrokenError(chain, 0, f"anchor number {number} cannot be read: {error}") from error
    whole = set(told) == ANCHOR_FIELDS and told["format"] == FORMAT and type(told["sequence"]) is int
    if not whole or told["chain"] != chain:
        raise BrokenError(chain, 0, f"anchor number {number} is no anchor of this chain")
    if told["hash"] != digest(told):
        raise BrokenError(chain, 0, f"the content of anchor number {number} is not what its hash says: it was changed")
    return told


# --- a chain ---


class Chain:
    """Proves one chain, event by event, in flat memory: `take` each event in order, then `end`."""

    def __init__(self, chain: str, anchors: Iterable[Anchor] = ()) -> None:
        self.chain, self.anchors = chain, list(anchors)
        self.sequence, self.hash = 0, GENESIS
        self._waiting = iter(self.anchors)
        self._next = next(self._waiting, None)
        self._unanchored_since = ""

    @property
    def anchored(self) -> int:
        """The sequence of the last anchor."""
        return self.anchors[-1].sequence if self.anchors else 0

    def take(self, record: Record) -> None:
        """The next event. Raises BrokenError."""
        expected = self.sequence + 1
        self._check_shape(record, expected)
        if record["sequence"] != expected:
            self._broken(expected, f"it is missing; event {record['sequence']} stands in its place")
        if record["previous"] != self.hash:
            self._broken(expected, "it does not follow the event before it: one of the two was changed")
        try:
            own = digest(record)
        except ValueError as error:
            self._broken(expected, str(error))
        if record["hash"] != own:
            self._broken(expected, "its content is not what its hash says: it was changed")
        self.sequence, self.hash = expected, own
        self._compare_with_anchor(record)

    def end(self, head: tuple[int, str] | None = None) -> Proof:
        """What was proved. `head` is how the chain is said to end. Raises BrokenError when its end is missing."""
        if self._next is not None:
            anchor = self._next
            self._broken(
                self.sequence + 1, f"it is missing; anchor number {anchor.number} knows of {anchor.sequence} events"
            )
        if head is not None and head[0] != self.sequence:
            self._broken(self.sequence + 1, f"the chain ends here, but its head knows of {head[0]} events")
        if head is not None and head[1] != self.hash:
            self._broken(self.sequence, "it is the last event, but its hash is not the head's")
        last = self.anchors[-1] if self.anchors else Anchor(0, "", 0, "")
        since, count = self._unanchored_since, self.sequence - last.sequence
        return Proof(
            self.chain,
            self.sequence,
            self.hash,
            len(self.anchors),
            last.sequence,
            last.at,
            count,
            since if count else "",
        )

    def _check_shape(self, record: Record, expected: int) -> None:
        if set(record) != FIELDS or record["format"] != FORMAT or type(record["sequence"]) is not int:
            self._broken(expected, "it has not the fields of an event in this format")
        if record["chain"] != self.chain or (record["tenant"] or PLATFORM_CHAIN) != self.chain:
            self._broken(expected, "it belongs to another chain")

    def _compare_with_anchor(self, record: Record) -> None:
        if self.sequence > self.anchored and not self._unanchored_since:
            self._unanchored_since = str(record["at"])
        if self._next is None or self._next.sequence != self.sequence:
            return
        anchor, before = self._next, self.anchors[self._next.number - 2].sequence if self._next.number > 1 else 0
        if anchor.event != self.hash:
            span = f"something from event {before + 1} to this one was changed and all hashes after it made anew"
            self._broken(self.sequence, f"it is not the event that anchor number {anchor.number} knows: {span}")
        self._next = next(self._waiting, None)

    def _broken(self, sequence: int, what: str) -> Any:
        raise BrokenError(self.chain, sequence, what)


# --- an exported trail ---


def verify_trail(lines: Iterable[bytes], anchors: dict[str, list[Anchor]] | None = None) -> list[Proof]:
    """Prove every chain of an exported trail. Raises BrokenError at the first broken link."""
    known = anchors or {}
    ended: dict[str, Chain] = {}
    current = Chain("")
    heads: Record | None = None
    for number, line in enumerate(lines, 1):
        told = _read_line(line, number, current)
        if heads is not None:
            raise BrokenError(current.chain, current.sequence, f"line {number} stands after the end of the trail")
        if "heads" in told:
            heads = told
            continue
        chain = str(told.get("chain"))
        if chain != current.chain:
            if chain in ended:
                raise BrokenError(chain, ended[chain].sequence + 1, f"line {number} is not in its place")
            current = ended[chain] = Chain(chain, known.get(chain, []))
        current.take(told)
    if heads is None:
        raise BrokenError(current.chain, current.sequence + 1, "the trail has no end: lines are missing")
    return [ended[chain].end(head) for chain, head in _compared(heads, ended, known)]


def _read_line(line: bytes, number: int, current: Chain) -> Record:
    try:
        if not line.endswith(b"\n"):
            raise ValueError("It has no end.")
        return parsed(line[:-1])
    except ValueError as error:
        what = f"line {number} of the trail cannot be read: {error}"
        raise BrokenError(current.chain, current.sequence + 1, what) from error


def _compared(
    heads: Record, ended: dict[str, Chain], anchors: dict[str, list[Anchor]]
) -> Iterator[tuple[str, tuple[int, str]]]:
    """How each chain ends, after everything that is said of chains was compared."""
    told = heads["heads"] if set(heads) == {"format", "heads"} and heads["format"] == FORMAT else None
    if not isinstance(told, dict):
        raise BrokenError("", 0, "the last line of the trail does not say how its chains end")
    for chain in sorted({*told, *ended, *anchors}):
        head = told.get(chain)
        if not isinstance(head, dict) or set(head) != {"sequence", "hash"}:
            raise BrokenError(chain, 0, "the last line of the trail does not say how this chain ends")
        ended.setdefault(chain, Chain(chain, anchors.get(chain, [])))
        yield chain, (head["sequence"], head["hash"])


# --- the command ---


def main(arguments: list[str] | None = None) -> int:
    """Verify, say what was proved, and return the exit status."""
    parser = argparse.ArgumentParser(description="Prove an exported audit trail, or name the first broken link.")
    parser.add_argument("trail", type=Path, help="the exported trail, a file of lines")
    parser.add_argument("--anchors", type=Path, help="a file of anchors, one a line, or a folder of anchor files")
    options = parser.parse_args(arguments)
    try:
        anchors = read_anchors(options.anchors) if options.anchors else {}
        with options.trail.open("rb") as lines:
            proofs = verify_trail(lines, anchors)
    except BrokenError as error:
        sys.stdout.write(f"BROKEN: {error}.\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    for proof in proofs:
        sys.stdout.write(f"{proof.words()}\n")
    if not options.anchors:
        sys.stdout.write("No anchors were given: the trail is consistent in itself, and that is all this proves.\n")
    return 0


def read_anchors(place: Path) -> dict[str, list[Anchor]]:
    """The anchors of each chain, from a file of lines or from every *.json in a folder. Raises BrokenError, OSError."""
    if place.is_dir():
        contents = [path.read_bytes() for path in sorted(place.rglob("*.json"))]
    else:
        contents = place.read_bytes().splitlines()
    by_chain: dict[str, list[bytes]] = {}
    for number, content in enumerate(contents, 1):
        try:
            chain = str(parsed(content).get("chain"))
        except ValueError as error:
            raise BrokenError("", 0, f"anchor file or line {number} cannot be read: {error}") from error
        by_chain.setdefault(chain, []).append(content)
    return {chain: checked_anchors(chain, of_chain) for chain, of_chain in by_chain.items()}


if __name__ == "__main__":
    sys.exit(main())
