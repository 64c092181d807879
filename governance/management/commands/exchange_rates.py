"""`manage.py exchange_rates`: take dated exchange rates out of a CSV file."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from costs.rate_files import COLUMNS, UnreadableRatesError, read_rates, take_rates
from governance.management.acting import ActingCommand
from governance.management.answers import add_json_option, answer


class Command(ActingCommand):
    """Take a file of rates whole, or not at all."""

    help = (
        f"Take exchange rates out of a CSV file with the columns {', '.join(COLUMNS)}. They are used for display only. "
        "Exit status: 0 taken, 1 refused (every problem is told, nothing is taken), 2 wrong usage."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which file."""
        parser.add_argument("file", metavar="FILE", type=Path)
        add_json_option(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Read, check, store."""
        path: Path = options["file"]
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                taken = take_rates(read_rates(file, today=timezone.now().date()))
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{path} cannot be read: {error}") from error
        except UnreadableRatesError as error:
            words = "\n".join([f"{path}: {error}", *error.refused])
            answer(self, {"rows": 0, "refused": error.refused}, words, as_json=options["as_json"])
            sys.exit(1)
        words = f"{taken.rows} rates: {taken.added} added, {taken.changed} changed, {taken.unchanged} as before."
        answer(self, taken, words, as_json=options["as_json"])
