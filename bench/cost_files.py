"""Is reading a cost file cheap beside storing what it holds, and does its memory stay flat?"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.ground import Ground
from bench.verdicts import Ratio

NAME = "contoso"  # as bench.one_slice connects it
MANY, FEW = 1_000_000, 100_000
AT_MOST_BESIDE_STORING = 3.0
AT_MOST_MEMORY = 1.2


def ratios(ground: Ground) -> list[Ratio]:
    """Reading and storing against storing, and its memory against fewer rows."""
    with _connected(ground) as database:
        storing = ground.measure("bench.one_cost_file:stored", database, name=NAME, rows=MANY)["seconds"]
    many, few = _read_and_stored(ground, MANY), _read_and_stored(ground, FEW)
    seconds = f"storing {storing:.1f} s, with reading {many['seconds']:.1f} s"
    memory = f"peak resident memory of a fresh process, {many['peak_kilobytes'] / 1024:.0f} MB"
    what = f"reading and storing {MANY:,} / {FEW:,} rows"
    beside, growth = many["seconds"] / storing, many["peak_kilobytes"] / few["peak_kilobytes"]
    return [
        Ratio(
            "cost_files", f"reading and storing {MANY:,} rows / storing them", beside, AT_MOST_BESIDE_STORING, seconds
        ),
        Ratio("cost_files", what, growth, AT_MOST_MEMORY, memory),
    ]


def _read_and_stored(ground: Ground, rows: int) -> dict[str, float]:
    with _connected(ground) as database, TemporaryDirectory() as folder:
        path = str(Path(folder) / "costs.csv")
        ground.measure("bench.one_cost_file:write", database, path=path, rows=rows, name=NAME)
        found: dict[str, float] = ground.measure("bench.one_cost_file:read_and_stored", database, name=NAME, path=path)
    return found


@contextmanager
def _connected(ground: Ground) -> Iterator[str]:
    with ground.empty_database() as database:
        ground.measure("bench.one_slice:connect", database)
        yield database
