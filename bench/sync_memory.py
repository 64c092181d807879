"""Does the memory of a sync stay flat when the estate grows?"""

from bench.ground import Ground
from bench.verdicts import Ratio

FEW = 5_000
MANY = 50_000
AT_MOST = 1.3
# One subscription is the worst case: what a run remembers, it remembers per group of whole subscriptions.
SUBSCRIPTIONS = 1


def ratios(ground: Ground) -> list[Ratio]:
    """Peak memory with many resources over peak memory with few, for a first and for a second sync."""
    first, second = zip(_peaks(ground, FEW), _peaks(ground, MANY), strict=True)
    note = "peak resident memory of a fresh process, all resources in one subscription"
    return [
        Ratio("sync_memory", f"first sync, {MANY:,} / {FEW:,} resources", first[1] / first[0], AT_MOST, note),
        Ratio("sync_memory", f"second sync, {MANY:,} / {FEW:,} resources", second[1] / second[0], AT_MOST, note),
    ]


def _peaks(ground: Ground, resources: int) -> tuple[int, int]:
    """Peak kilobytes of a first and of a second sync, each in a process of its own."""
    with ground.azure(resources=resources, subscriptions=SUBSCRIPTIONS) as azure:
        first, second = (azure.measure_on(azure.connected, "bench.one_sync:sync", {}) for _ in range(2))
    if [run["received"] for answer in (first, second) for run in answer["runs"]] != [resources] * 2:
        raise RuntimeError("Not every resource came.")
    return first["peak_kilobytes"], second["peak_kilobytes"]
