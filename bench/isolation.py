"""What does row-level security cost? The same rows with the policies and past them, on a PostgreSQL of its own."""

from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench.databases import Databases
from bench.ground import Ground
from bench.list_scale import FEW, MANY, TENANTS
from bench.verdicts import Ratio
from tests.postgres import postgres

RUNS = 3  # processes of each, in turns
# A plan that loses its index takes ten times as long and more; asking the policy for every row that is counted, twice.
STATEMENTS_AT_MOST = 2.5
REQUESTS_AT_MOST = 1.5  # the statements, and telling the scope twice a request


def ratios(ground: Ground) -> list[Ratio]:
    """By door and size of the estate: the server's time for the statements, and the whole request."""
    with postgres() as server, TemporaryDirectory() as folder:
        own = Ground(Databases(Path(folder), server))
        return [ratio for resources in (FEW, MANY) for ratio in _of(own, resources)]


def _of(ground: Ground, resources: int) -> list[Ratio]:
    statements, isolated, plain = [], [], []
    with ground.empty_database() as database:
        ground.measure("bench.estate:fill", database, tenants=TENANTS, resources=resources)
        for _ in range(RUNS):
            statements.append(ground.measure("bench.isolated_requests:statements", database))
            isolated.append(ground.measure("bench.isolated_requests:seconds", database, isolated=True))
            plain.append(ground.measure("bench.isolated_requests:seconds", database, isolated=False))
    found = []
    for door in statements[0]:
        under, past = (median(run[door][how] for run in statements) for how in ("under", "past"))
        note = f"{past:.1f} ms past them, {statements[0][door]['statements']} statements"
        what = f"{door}: server's time under the policies / past them, {resources:,} resources"
        found.append(Ratio("isolation", what, under / past, STATEMENTS_AT_MOST, note))
        with_it, without = (median(run[door] for run in runs) for runs in (isolated, plain))
        note = f"{without * 1000:.0f} ms without; with it the scope is told too"
        what = f"{door}: request with isolation / without, {resources:,} resources"
        found.append(Ratio("isolation", what, with_it / without, REQUESTS_AT_MOST, note))
    return found
