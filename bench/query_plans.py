"""Does every filter of the list stand on an index?"""

from typing import Any

from bench.ground import Ground
from bench.verdicts import Ratio

RESOURCES = 20_000
TENANTS = 3


def ratios(ground: Ground) -> list[Ratio]:
    """Per filter: plans that read the whole table, or use no index meant for it, over all plans. 0 is the target."""
    with ground.empty_database() as database:
        ground.measure("bench.estate:fill", database, tenants=TENANTS, resources=RESOURCES)
        told = ground.measure("bench.plans:measured", database)
    by_filter: dict[str, list[dict[str, Any]]] = {}
    for name, plan in told.items():
        by_filter.setdefault(name.partition(",")[0], []).append(plan)
    return [_ratio(filtered, plans) for filtered, plans in by_filter.items()]


def _ratio(filtered: str, plans: list[dict[str, Any]]) -> Ratio:
    wrong = [plan["problem"] for plan in plans if plan["problem"]]
    indexes = {index for plan in plans for index in plan["indexes"] if index.startswith("resource")}
    note = ", ".join(sorted(index.removeprefix("resources_") for index in indexes))
    sorts = "; sorts" if any(plan["sorts"] for plan in plans) else ""
    what = f"{filtered}: plans without their index / all plans, {RESOURCES:,} rows"
    return Ratio(
        "query_plans", what, len(wrong) / len(plans), 0.0, f"{note}{sorts}{'; ' if wrong else ''}{' '.join(set(wrong))}"
    )
