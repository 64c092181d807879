"""Which subscriptions are asked about together."""

from collections.abc import Sequence

from governance.azure import resource_graph
from inventory.coverage import Reading

GROUP_ROWS = 5000  # subscriptions are read together up to about this many rows: few questions, bounded memory


def grouped(readings: Sequence[Reading]) -> list[list[Reading]]:
    """Subscriptions that are asked about together: up to 200 of them, up to about 5,000 rows."""
    groups: list[list[Reading]] = []
    rows = 0
    for reading in readings:
        expected = reading.expected or 0
        full = not groups or len(groups[-1]) >= resource_graph.MAX_SUBSCRIPTIONS or rows + expected > GROUP_ROWS
        if full:
            groups.append([])
            rows = 0
        groups[-1].append(reading)
        rows += expected
    return groups
