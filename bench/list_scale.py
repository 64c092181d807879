"""Does a page of the list cost the same in a large estate as in a small one?"""

from statistics import median
from typing import Any

from bench.ground import Ground
from bench.verdicts import Ratio

FEW = 1_000
MANY = 100_000
TENANTS = 3
RUNS = 3  # processes of each, in turns
AT_MOST = 2.0


def ratios(ground: Ground) -> list[Ratio]:
    """CPU of one page with many resources over that with few, by door."""
    few: list[dict[str, Any]] = []
    many: list[dict[str, Any]] = []
    with ground.empty_database() as small, ground.empty_database() as large:
        ground.measure("bench.estate:fill", small, tenants=TENANTS, resources=FEW)
        ground.measure("bench.estate:fill", large, tenants=TENANTS, resources=MANY)
        for _ in range(RUNS):
            few.append(ground.measure("bench.list_requests:seconds", small))
            many.append(ground.measure("bench.list_requests:seconds", large))
    return [ratio for door in few[0] for ratio in _of(door, few, many)]


def _of(door: str, few: list[dict[str, Any]], many: list[dict[str, Any]]) -> list[Ratio]:
    spent = median(run[door]["statements"] / run[door]["warm"] for run in many)
    where = f"at {MANY:,} rows {spent:.0%} of it in statements; slowest: {_shortened(many[0][door]['slowest'])}"
    warm = _over(door, "warm", many, few)
    what = f"{door}: CPU at {MANY:,} / {FEW:,} rows"
    ratios = [Ratio("list_scale", what, warm, AT_MOST, where)]
    if door == "page":
        cold = _over(door, "cold", many, few)
        ratios.append(Ratio("list_scale", f"{what}, choices not cached", cold, None, "first page after a sync"))
    return ratios


def _over(door: str, kind: str, many: list[dict[str, Any]], few: list[dict[str, Any]]) -> float:
    return float(median(run[door][kind] for run in many) / median(run[door][kind] for run in few))


def _shortened(sql: str) -> str:
    return f"{sql[:30]} ... {sql.rpartition(' FROM ')[2][:30]}".replace("|", " ")
