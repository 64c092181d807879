"""What does it cost to store a slice, does its memory stay flat, and do other tenants make it slower?"""

from statistics import median

from bench.ground import Ground
from bench.verdicts import Ratio

MANY, FEW = 1_000_000, 100_000
TURNS = 3
AS_FAST = 1 / 0.6  # at least 60 % as fast as the engine
AT_MOST_MEMORY = 1.2
FEW_TENANTS, MANY_TENANTS = 5, 50
ROWS_OF_A_TENANT = 20_000
REPLACEMENTS = 7
AT_MOST_BESIDE_OTHERS = 1.3


def ratios(ground: Ground) -> list[Ratio]:
    """Storing against the engine, memory against fewer rows, replacing among many tenants against few."""
    return [*_against_the_engine(ground), _memory(ground), _beside_others(ground)]


def _against_the_engine(ground: Ground) -> list[Ratio]:
    # In turns, and the least of them: what else the machine does only ever adds.
    turns = [[_seconds(ground, ways, MANY) for ways in ("by_engine", "by_product", "whole")] for _ in range(TURNS)]
    engine, product, whole = (min(turn) for turn in zip(*turns, strict=True))
    note = f"least of {TURNS} in turns; the engine {engine:.1f} s, the product {product:.1f} s"
    with_sums = f"with the daily sums, the checks and the receipt {whole:.1f} s"
    return [
        Ratio("cost_storing", f"storing {MANY:,} rows / the engine's bulk path", product / engine, AS_FAST, note),
        Ratio("cost_storing", f"a whole slice of {MANY:,} rows / the same", whole / engine, None, with_sums),
    ]


def _seconds(ground: Ground, way: str, rows: int) -> float:
    with ground.empty_database() as database:
        ground.measure("bench.one_slice:connect", database)
        seconds: float = ground.measure(f"bench.one_slice:{way}", database, rows=rows)["seconds"]
    return seconds


def _memory(ground: Ground) -> Ratio:
    few, many = (_peak(ground, rows) for rows in (FEW, MANY))
    note = f"peak resident memory of a fresh process, {many / 1024:.0f} MB"
    return Ratio("cost_storing", f"a whole slice, {MANY:,} / {FEW:,} rows", many / few, AT_MOST_MEMORY, note)


def _peak(ground: Ground, rows: int) -> int:
    with ground.empty_database() as database:
        ground.measure("bench.one_slice:connect", database)
        peak: int = ground.measure("bench.one_slice:streamed", database, rows=rows)["peak_kilobytes"]
    return peak


def _beside_others(ground: Ground) -> Ratio:
    few, many = (_replacing(ground, others) for others in (FEW_TENANTS, MANY_TENANTS))
    what = f"replacing a month of {ROWS_OF_A_TENANT:,} rows beside {MANY_TENANTS} / {FEW_TENANTS} tenants with as many"
    note = f"median of {REPLACEMENTS}; {many:.2f} s"
    return Ratio("cost_storing", what, many / few, AT_MOST_BESIDE_OTHERS, note)


def _replacing(ground: Ground, others: int) -> float:
    with ground.empty_database() as database:
        ground.measure("bench.one_slice:connect", database, others=others, rows=ROWS_OF_A_TENANT)
        found = ground.measure("bench.one_slice:replace", database, rows=ROWS_OF_A_TENANT, times=REPLACEMENTS)
    return float(median(found["seconds"]))
