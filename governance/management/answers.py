"""How commands answer: in words for a person, or one JSON object a line for a program."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand


def add_json_option(parser: ArgumentParser) -> None:
    """The `--json` option of every command that reports."""
    parser.add_argument("--json", action="store_true", dest="as_json", help="one JSON object a line, for programs")


def answer(command: BaseCommand, fact: Any, words: str, *, as_json: bool) -> None:
    """Print one fact (a dataclass or a dict) as JSON, or the words for it."""
    if as_json:
        command.stdout.write(json.dumps(fact if isinstance(fact, dict) else asdict(fact), default=str))
    else:
        command.stdout.write(words)
