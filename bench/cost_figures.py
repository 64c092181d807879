"""Do figures of costs read sums? With rows per day times a hundred they take about as long; and they use indexes."""

from bench.ground import Ground
from bench.verdicts import Ratio

TENANTS = 3
OTHERS = 30  # tenants that the person does not see: else a server rightly reads the whole of a table
FEW, MANY = 30, 3000  # rows a day and subscription


def ratios(ground: Ground) -> list[Ratio]:
    """Per question: its time with a hundred times the rows over its time without; and plans that use no index."""
    told = {}
    for rows in (FEW, MANY):
        with ground.empty_database() as database:
            ground.measure("bench.cost_history:fill", database, tenants=TENANTS, rows_a_day=rows)
            told[rows] = ground.measure("bench.cost_requests:seconds", database)
    with ground.empty_database() as database:
        ground.measure("bench.cost_history:fill", database, tenants=TENANTS, rows_a_day=FEW, others=OTHERS)
        problems = ground.measure("bench.cost_requests:problems", database)
    found = []
    for words, many in told[MANY].items():
        what = f"{words}: rows per day x {MANY // FEW} / x 1"
        note = f"{many['seconds'] * 1000:.0f} ms; {many['raw']} statements read raw rows"
        times = many["seconds"] / told[FEW][words]["seconds"]
        found.append(Ratio("cost_figures", what, times if not many["raw"] else float("inf"), 2.0, note))
    wrong = {words: problem for words, problem in problems.items() if problem}
    note = "; ".join(f"{words}: {problem}" for words, problem in wrong.items())
    what = "questions whose plans use no index / all questions"
    return [*found, Ratio("cost_figures", what, len(wrong) / len(problems), 0.0, note)]
