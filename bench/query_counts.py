"""Does the number of statements of a list grow with its rows?"""

from bench.ground import Ground
from bench.verdicts import Ratio

SIZES = (2, 20, 1000)  # resources
TENANTS = 1


def ratios(ground: Ground) -> list[Ratio]:
    """Most statements over fewest, by door and filters, over all sizes: 1 is constant."""
    counts = [_counts(ground, size) for size in SIZES]
    sizes = ", ".join(f"{size:,}" for size in SIZES)
    return [
        Ratio(
            "query_counts",
            f"{door}: most / fewest statements at {sizes} rows",
            max(count[door] for count in counts) / min(count[door] for count in counts),
            1.0,
            f"{', '.join(str(count[door]) for count in counts)} statements, nothing cached",
        )
        for door in counts[0]
    ]


def _counts(ground: Ground, resources: int) -> dict[str, int]:
    with ground.empty_database() as database:
        ground.measure("bench.estate:fill", database, tenants=TENANTS, resources=resources)
        return ground.measure("bench.list_requests:counts", database)
