"""`manage.py import_costs`: take costs from files that somebody exported by hand."""

import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from costs.files import CostFiles, UnreadableFileError
from costs.importing import ExportedEarlierError, Imported, import_costs
from costs.models import Metric
from costs.rows import RefusedRow
from governance.management.acting import ActingCommand
from governance.management.answers import add_json_option, answer
from governance.management.tenants import named_tenant

NOTHING_STORED, SOME_REFUSED = 1, 3
REFUSALS_SHOWN = 20  # in words; --json tells every one
UNREADABLE = {"rows": 0, "taken": 0, "refused": 0, "columns_unknown": [], "totals": {}}


class Command(ActingCommand):
    """The files of one call are one delivery: its parts, in any order."""

    help = (
        "Import cost files for a tenant: EA or MCA cost details, or FOCUS 1.0 to 1.2, as CSV or Parquet, also gzip. "
        "Exit status: 0 every row was taken, 1 nothing was stored, 2 wrong usage, 3 not every row was taken, or not in "
        "each metric that it tells."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which files, and whose."""
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
        parser.add_argument("--tenant", required=True, metavar="NAME")
        parser.add_argument("--metric", choices=Metric.values, help="what the files tell; else their content says it")
        parser.add_argument(
            "--exported-on",
            type=_day,
            metavar="YYYY-MM-DD",
            help="when the files were made, by which it is judged how final their months are; else by today",
        )
        parser.add_argument("--replace", action="store_true", help="also what a better source, or a later file, told")
        parser.add_argument("--dry-run", action="store_true", help="say what would be taken, and store nothing")
        add_json_option(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Import, report, and exit with how much was taken."""
        paths: list[Path] = options["files"]
        as_json: bool = options["as_json"]
        now = timezone.now()
        if options["exported_on"] and options["exported_on"] > now.date():
            raise CommandError(f"--exported-on {options['exported_on']} is in the future; today is {now.date()} (UTC).")
        with named_tenant(options["tenant"]) as tenant:
            try:
                with CostFiles(paths, metric=options["metric"]) as files:
                    report = import_costs(
                        tenant,
                        files,
                        [path.name for path in paths],
                        now=now,
                        exported_on=options["exported_on"],
                        replace=options["replace"],
                        dry_run=options["dry_run"],
                    )
                    self._report(report, files, as_json=as_json)
            except ExportedEarlierError as error:
                raise CommandError(str(error)) from error
            except UnreadableFileError as error:
                answer(self, {**UNREADABLE, "error": str(error)}, f"Nothing was stored. {error}", as_json=as_json)
                sys.exit(NOTHING_STORED)
        if not report.taken:
            sys.exit(NOTHING_STORED)
        if not report.is_whole:
            sys.exit(SOME_REFUSED)

    def _report(self, report: Imported, files: CostFiles, *, as_json: bool) -> None:
        fact = asdict(report)
        if as_json:
            fact["refusals"] = [asdict(row) for row in files.refused()]
        answer(self, fact, "\n".join(_words(report, files.refused())), as_json=as_json)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a day like 2026-09-30") from None


def _words(report: Imported, refused: Iterator[RefusedRow]) -> Iterator[str]:
    done = "would be taken" if report.dry_run else "were taken"
    yield f"{report.tenant}, {report.dialect}: of {report.rows} row(s) {report.taken} {done}, {report.refused} not."
    for note in report.notes:
        yield f"  {note}"
    if report.columns_unknown:
        yield f"  Columns that no list of {report.dialect} has: {', '.join(report.columns_unknown)}."
    for currency, totals in report.totals.items():
        for metric in report.metrics:
            if metric in totals:
                lost = report.residual[currency][metric]
                yield f"  {metric}: {totals[metric]} {currency}, of which rounding to nine places leaves out {lost}"
    for told in report.slices:
        yield f"  {told.month} {told.metric} {told.subscription}: {told.rows} row(s), {told.verdict}"
    if report.subscriptions_imported:
        yield f"  Subscriptions known from these files only: {', '.join(report.subscriptions_imported)}."
    for number, row in enumerate(refused):
        if number == REFUSALS_SHOWN:
            yield f"  and {report.refused - REFUSALS_SHOWN} more; --json tells every one."
            return
        yield f"  Not taken: {row.file}, row {row.line}: {row.reason}"
