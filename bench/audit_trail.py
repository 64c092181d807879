"""Is a long audit trail proved in flat memory, at the same price an event; and what does writing one event cost?"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.ground import Ground
from bench.verdicts import Ratio

FEW = 100_000
MANY = 1_000_000
A_TIME = 100_000  # events written by one process
AT_MOST = 1.3
STATEMENTS = 4  # to write one event: move the head, read it, insert, close the head


def ratios(ground: Ground) -> list[Ratio]:
    """Both verifiers over a million events against a hundred thousand."""
    with ground.empty_database() as database, TemporaryDirectory(prefix="governance-trail-") as folder:
        ground.measure("bench.one_trail:connect", database)
        few = _measured(ground, database, FEW, Path(folder))
        many = _measured(ground, database, MANY, Path(folder), there=FEW + 2)
    found = []
    for verifier, words in (("stored", "verify_audit"), ("exported", "stand-alone verifier")):
        old, new = few[verifier], many[verifier]
        price = (new["cpu_seconds"] / new["events"]) / (old["cpu_seconds"] / old["events"])
        memory = new["peak_kilobytes"] / old["peak_kilobytes"]
        note = f"{new['cpu_seconds'] / new['events'] * FEW:.1f} CPU seconds per {FEW:,}"
        found.append(Ratio("audit_trail", f"{words}, memory, {MANY:,} / {FEW:,} events", memory, AT_MOST))
        found.append(Ratio("audit_trail", f"{words}, CPU an event, {MANY:,} / {FEW:,}", price, AT_MOST, note))
    statements = many["statements"] / STATEMENTS
    note = f"{many['statements']} statements, whatever the length of the chain"
    return [*found, Ratio("audit_trail", f"writing one event / {STATEMENTS} statements", statements, 1.0, note)]


def _measured(ground: Ground, database: str, events: int, folder: Path, *, there: int = 0) -> dict[str, Any]:
    written = there or 1  # that the tenant was connected
    answer: dict[str, Any] = {}
    while written < events:
        part = min(A_TIME, events - written)
        answer = ground.measure("bench.one_trail:write", database, events=part)
        written += part + 1  # and the one whose statements were counted
    path = str(folder / f"{events}.jsonl")
    stored = ground.measure("bench.one_trail:verify", database)
    ground.measure("bench.one_trail:export", database, path=path)
    exported = ground.measure("bench.one_trail:verify_exported", database, path=path)
    if stored["events"] != written or exported["events"] != written:
        raise RuntimeError("Not every event was proved.")
    return {"stored": stored, "exported": exported, "statements": answer["statements"]}
