"""Measure something in a process of its own: `python -m bench.fresh_process MODULE:FUNCTION '{"argument": 1}'`.

The function's answer is printed as one line of JSON. Django is set up before the module is imported.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from bench.databases import PROJECT
from governance.limits import UNREACHED

LONGEST_SECONDS = 900


def answer_of(function: str, arguments: Mapping[str, Any], *, environment: Mapping[str, str]) -> dict[str, Any]:
    """What MODULE:FUNCTION answers in a fresh process with this environment. Raises when it fails."""
    command = [sys.executable, "-W", "ignore", "-m", "bench.fresh_process", function, json.dumps(arguments)]
    quiet = {"REDIS_URL": "", "LOG_LEVEL": "ERROR", "DJANGO_SETTINGS_MODULE": "governance.settings"}
    run = subprocess.run(
        command,
        check=True,
        cwd=PROJECT,
        env={**os.environ, **UNREACHED, **quiet, **environment},
        stdout=subprocess.PIPE,
        text=True,
        timeout=LONGEST_SECONDS,
    )
    answer: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return answer


def main() -> None:
    """The fresh process itself."""
    import django

    django.setup()
    module, _, function = sys.argv[1].partition(":")
    answer = getattr(import_module(module), function)(**json.loads(sys.argv[2]))
    from django.db import connections

    connections.close_all()  # SQLite writes its journal back into the file, which may then be copied
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
