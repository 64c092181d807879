"""How much CPU does a first sync take beyond the least it could take?"""

from statistics import median

from bench.ground import Ground
from bench.verdicts import Ratio

RESOURCES = 5000
RUNS = 7  # of each, in turns
AT_MOST = 3.0


def ratios(ground: Ground) -> list[Ratio]:
    """CPU seconds of a first sync, start-up left out, over those of a plain download and one executemany."""
    ours: list[float] = []
    least: list[float] = []
    with ground.azure(resources=RESOURCES) as azure:
        subscription_ids = {"subscription_ids": azure.azure.tenant["subscription_ids"]}
        azure.measure("bench.baseline:load", subscription_ids)  # the simulator builds its world on the first question
        for _ in range(RUNS):
            least.append(_seconds(azure.measure("bench.baseline:load", subscription_ids)))
            ours.append(_seconds(azure.measure("bench.one_sync:sync")["runs"][0]))
    apart = f"single pairs {min(map(_over, ours, least)):.2f} to {max(map(_over, ours, least)):.2f}"
    what = f"CPU of a first sync / plain download and executemany, {RESOURCES:,} resources"
    return [Ratio("sync_cpu", what, median(ours) / median(least), AT_MOST, f"medians of {RUNS}; {apart}")]


def _over(one: float, other: float) -> float:
    return one / other


def _seconds(answer: dict[str, float]) -> float:
    if answer["received"] != RESOURCES:
        raise RuntimeError(f"{answer['received']} resources came instead of {RESOURCES}.")
    return answer["cpu_seconds"]
