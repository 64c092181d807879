"""Does a second sync of an unchanged estate leave the inventory alone?"""

from statistics import median

from bench.ground import Ground
from bench.verdicts import Ratio

RESOURCES = 5000
RUNS = 3


def ratios(ground: Ground) -> list[Ratio]:
    """Rows that a second sync wrote over those of the first, and its CPU over that of the first."""
    with ground.azure(resources=RESOURCES) as azure:
        pairs = [azure.measure("bench.one_sync:sync", {"times": 2})["runs"] for _ in range(RUNS)]
    written = max(second["rows"] / first["rows"] for first, second in pairs)
    seconds = median(second["cpu_seconds"] / first["cpu_seconds"] for first, second in pairs)
    note = f"rows of resources, resource_tags, resource_changes; the first wrote {pairs[0][0]['rows']:,}"
    return [
        Ratio("unchanged_sync", "rows written by an unchanged second sync / by the first", written, 0.0, note),
        Ratio("unchanged_sync", "CPU of an unchanged second sync / of the first", seconds, None, f"median of {RUNS}"),
    ]
