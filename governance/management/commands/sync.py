"""`manage.py sync`: run a sync now, in this process."""

import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from datetime import date
from importlib import import_module
from typing import Any

from django.core.management.base import CommandError

from audit.runs import RunInProgressError, SyncSummary
from governance.management.acting import ActingCommand
from governance.management.answers import add_json_option, answer
from governance.management.tenants import connected_tenants, named_tenant
from governance.schedules import KINDS, SYNCS, schedule_for
from tenants.models import Tenant

EXIT_STATUS = {"ok": 0, "failed": 1, "partial": 3, "nothing_eligible": 4}
BY_MONTH = tuple(sync.kind for sync in SYNCS if sync.by_month)
BY_SEVERITY = ("ok", "nothing_eligible", "partial", "failed")


class Command(ActingCommand):
    """Sync one tenant or all of them; the worst outcome decides the exit status."""

    help = (
        "Run a sync now. Exit status: 0 every run was ok, 1 a run failed, 3 a run was partial, "
        "4 there was no tenant to sync, 2 wrong usage."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What to sync, and of whom."""
        parser.add_argument("kind", choices=KINDS)
        whose = parser.add_mutually_exclusive_group(required=True)
        whose.add_argument("--tenant", metavar="NAME")
        whose.add_argument("--all", action="store_true", help="every connected tenant, one after the other")
        parser.add_argument(
            "--month", type=_month, metavar="YYYY-MM", help=f"only this month, of {' and '.join(BY_MONTH)}"
        )
        add_json_option(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run, report each run, and exit with the worst outcome."""
        kind: str = options["kind"]
        month: date | None = options["month"]
        if month is not None and kind not in BY_MONTH:
            raise CommandError(f"--month is for {' and '.join(BY_MONTH)}: {kind} have no months.", returncode=2)
        outcomes: list[str] = []
        for summary in self._summaries(kind, options["tenant"], month):
            outcomes.append(summary.outcome)
            answer(self, summary, _words(summary), as_json=options["as_json"])
        if status := EXIT_STATUS[max(outcomes, key=BY_SEVERITY.index)]:
            sys.exit(status)

    def _summaries(self, kind: str, name: str | None, month: date | None) -> Iterator[SyncSummary]:
        if name is not None:
            with named_tenant(name) as tenant:
                yield run_sync(kind, tenant, month=month)
            return
        tenants = connected_tenants()
        for tenant in tenants:
            yield run_sync(kind, tenant, month=month)
        if not tenants:
            yield _not_run("", kind, "nothing_eligible", "No tenant is connected; see connect_tenant.")


def run_sync(kind: str, tenant: Tenant, *, month: date | None = None) -> SyncSummary:
    """One run, here and now. One that is running elsewhere is reported as failed: this call synced nothing."""
    module, _, function = schedule_for(kind).runner.rpartition(".")
    only = {} if month is None else {"month": month}
    try:
        summary: SyncSummary = getattr(import_module(module), function)(tenant, **only)
    except RunInProgressError as error:
        return _not_run(tenant.name, kind, "failed", str(error))
    except ValueError as error:
        if month is None:
            raise
        raise CommandError(str(error), returncode=2) from error
    return summary


def _month(text: str) -> date:
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is not a month: give YYYY-MM.") from error


def _not_run(tenant: str, kind: str, outcome: str, reason: str) -> SyncSummary:
    return SyncSummary(tenant, kind, outcome, None, 0, 0, 0, 0, 0, 0, 0, 0.0, reason)


def _words(summary: SyncSummary) -> str:
    if summary.outcome == "nothing_eligible":
        return f"Nothing to do: {summary.reason}"
    expected = "an unknown number" if summary.expected is None else summary.expected
    line = (
        f"{summary.tenant} {summary.kind}: {summary.outcome.upper()}. Received {summary.received} of {expected}; "
        f"{summary.created} created, {summary.changed} changed, {summary.returned} returned, {summary.gone} gone, "
        f"{summary.set_aside} set aside; {summary.requests} requests in {summary.seconds:.1f} s."
    )
    return f"{line}\n  Why: {summary.reason}" if summary.reason else line
