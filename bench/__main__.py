"""`python -m bench [NAME ...]`: measure and print the ratios. Exit status 0 when every target is met, 1 when not."""

import sys
from argparse import ArgumentParser
from importlib import import_module

from bench.databases import own_databases
from bench.ground import Ground
from bench.verdicts import Ratio, table

BENCHES = (
    "sync_cpu",
    "unchanged_sync",
    "sync_memory",
    "query_counts",
    "query_plans",
    "list_scale",
    "exports",
    "page_budgets",
    "pdf_reports",
    "audit_trail",
    "cost_figures",
    "cost_files",
    "cost_storing",
    "isolation",
)


def main() -> int:
    """Run what was asked for, one bench after the other."""
    parser = ArgumentParser(prog="python -m bench", description="Ratios within one run, with their targets.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(BENCHES)}; without, all of them")
    names = parser.parse_args().names or list(BENCHES)
    if unknown := sorted(set(names) - set(BENCHES)):
        parser.error(f"There is no bench {', '.join(unknown)}. Known: {', '.join(BENCHES)}.")
    ratios: list[Ratio] = []
    with own_databases() as databases:
        ground = Ground(databases)
        for name in names:
            print(f"{name} on {databases.engine} ...", file=sys.stderr, flush=True)
            ratios.extend(import_module(f"bench.{name}").ratios(ground))
    print(table(ratios))
    return 1 if any(ratio.is_missed for ratio in ratios) else 0


if __name__ == "__main__":
    sys.exit(main())
