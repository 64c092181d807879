"""Does the memory of an export stay flat when the list grows, and what does it cost beyond the csv module?"""

from collections.abc import Mapping
from statistics import median
from typing import Any

from bench.ground import Ground
from bench.verdicts import Ratio

FEW = 10_000
MANY = 100_000
TENANTS = 3
RUNS = 3  # processes of each, in turns
MEMORY_AT_MOST = 1.2
CPU_AT_MOST = 4.0


def ratios(ground: Ground) -> list[Ratio]:
    """Peak memory with many rows over that with few, per format; CPU of the CSV over the least it could take."""
    with ground.empty_database() as small, ground.empty_database() as large:
        ground.measure("bench.estate:fill", small, tenants=TENANTS, resources=FEW)
        ground.measure("bench.estate:fill", large, tenants=TENANTS, resources=MANY)
        memory = [_memory(ground, form, small, large) for form in ("csv", "xlsx")]
        pairs = [
            (
                ground.measure("bench.one_export:least", large),
                ground.measure("bench.one_export:export", large, form="csv"),
            )
            for _ in range(RUNS)
        ]
    if any(one["rows"] != other["rows"] for one, other in pairs):
        raise RuntimeError("The two did not write the same rows.")
    cost = median(_seconds(ours) for _, ours in pairs) / median(_seconds(least) for least, _ in pairs)
    what = f"CPU of a CSV export / values and the csv module, {MANY:,} resources"
    return [*memory, Ratio("exports", what, cost, CPU_AT_MOST, f"medians of {RUNS}")]


def _memory(ground: Ground, form: str, small: str, large: str) -> Ratio:
    few, many = (ground.measure("bench.one_export:export", database, form=form) for database in (small, large))
    what = f"{form}: peak memory at {many['rows']:,} / {few['rows']:,} rows"
    note = f"{many['peak_kilobytes'] // 1024} MB, the whole process"
    return Ratio("exports", what, many["peak_kilobytes"] / few["peak_kilobytes"], MEMORY_AT_MOST, note)


def _seconds(answer: Mapping[str, Any]) -> float:
    return float(answer["cpu_seconds"])
