"""Does every page of the portal keep its budget of bytes and statements, in a small estate and in a large one?"""

from typing import Any

from bench.ground import Ground
from bench.list_scale import FEW, MANY, TENANTS
from bench.verdicts import Ratio

BYTES = 100_000  # of HTML, not compressed
STATEMENTS = 30  # with nothing cached
TIMES = 2.0  # the time of the list of resources with many of them, over that with few
AS_IT_OPENS = {"inventory:resources", "resources, one tenant"}  # the other ways to ask read the keys of all they find


def ratios(ground: Ground) -> list[Ratio]:
    """Per page: the most of both estates over what is allowed, and the time with many resources over that with few."""
    few, many = (_visits(ground, resources) for resources in (FEW, MANY))
    return [ratio for page in few for ratio in _of(page, few[page], many[page])]


def _visits(ground: Ground, resources: int) -> dict[str, dict[str, Any]]:
    with ground.empty_database() as database:
        ground.measure("bench.estate:fill", database, tenants=TENANTS, resources=resources)
        ground.measure("bench.hygiene_estate:fill", database)
        return ground.measure("bench.page_visits:measured", database)


def _of(page: str, few: dict[str, Any], many: dict[str, Any]) -> list[Ratio]:
    return [
        _budget(page, "bytes", few, many, BYTES),
        _budget(page, "statements", few, many, STATEMENTS),
        Ratio(
            "page_budgets",
            f"{page}: time at {MANY:,} / {FEW:,} resources",
            many["seconds"] / few["seconds"],
            TIMES if page in AS_IT_OPENS else None,
            f"{many['seconds'] * 1000:.0f} ms at {MANY:,}",
        ),
    ]


def _budget(page: str, unit: str, few: dict[str, Any], many: dict[str, Any], allowed: int) -> Ratio:
    what = f"{page}: {unit} / {allowed:,}"
    note = f"{few[unit]:,} {unit} at {FEW:,} resources, {many[unit]:,} at {MANY:,}"
    return Ratio("page_budgets", what, max(few[unit], many[unit]) / allowed, 1.0, note)
