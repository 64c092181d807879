"""What does a report cost beyond WeasyPrint, and does its memory stay bounded when the estate grows?"""

from statistics import median
from typing import Any

from bench.ground import Ground
from bench.verdicts import Ratio

FEW = 500
FULL = 950  # as many as one document prints beside its other tables: the most that is laid out
MANY = 5_000
TENANTS = 3
RUNS = 3  # processes of each, in turns
CPU_AT_MOST = 2.0
MEMORY_AT_MOST = 1.3
FULL_MEMORY_AT_MOST = 1.6


def ratios(ground: Ground) -> list[Ratio]:
    """CPU over that of WeasyPrint alone on the same HTML; peak memory with many rows, and with the most, over few."""
    few = _measured(ground, FEW)
    full = _measured(ground, FULL)
    many = _measured(ground, MANY)
    beyond = f"{MANY:,} resources; what is attached is not in the HTML"
    return [
        _cpu(f"{FEW:,} resources", few, CPU_AT_MOST),
        _cpu("the most printed rows", full, CPU_AT_MOST),
        _cpu(beyond, many, None),
        _memory(f"peak memory at {MANY:,} / {FEW:,} resources", many, few, MEMORY_AT_MOST),
        _memory(f"peak memory at the most printed rows / {FEW:,} resources", full, few, FULL_MEMORY_AT_MOST),
    ]


Runs = tuple[list[dict[str, Any]], list[dict[str, Any]]]


def _measured(ground: Ground, resources: int) -> Runs:
    with ground.empty_database() as database:
        ground.measure("bench.estate:fill", database, tenants=TENANTS, resources=resources)
        runs = [
            (
                ground.measure("bench.one_report:report", database),
                ground.measure("bench.one_report:weasyprint_alone", database),
            )
            for _ in range(RUNS)
        ]
    return [ours for ours, _ in runs], [alone for _, alone in runs]


def _cpu(what: str, runs: Runs, at_most: float | None) -> Ratio:
    ours, alone = (median(one["cpu_seconds"] for one in side) for side in runs)
    note = f"{ours:.1f} s over {alone:.1f} s; medians of {RUNS}"
    return Ratio("pdf_reports", f"CPU of a report / WeasyPrint alone, {what}", ours / alone, at_most, note)


def _memory(what: str, more: Runs, less: Runs, at_most: float) -> Ratio:
    peaks = [median(one["peak_kilobytes"] for one in runs[0]) for runs in (more, less)]
    note = f"{peaks[0] // 1024:.0f} MB over {peaks[1] // 1024:.0f} MB, whole processes; medians of {RUNS}"
    return Ratio("pdf_reports", what, peaks[0] / peaks[1], at_most, note)
