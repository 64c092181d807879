"""A simulated Azure in a process of its own, so that its work counts in nobody's CPU seconds or memory."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.databases import PROJECT

STOP_SECONDS = 30


@dataclass(frozen=True, slots=True)
class SimulatedAzure:
    """A running simulator with one tenant. `environment` is what our processes need to reach and enter it."""

    environment: dict[str, str]
    tenant: dict[str, Any]


@contextmanager
def simulated_azure(*, resources: int, subscriptions: int) -> Iterator[SimulatedAzure]:
    """One tenant with this many resources, spread evenly over its subscriptions."""
    with TemporaryDirectory(prefix="governance-bench-azure-") as name:
        numbers = {"--port": 0, "--tenants": 1, "--subscriptions": subscriptions, "--resources": resources}
        options = [str(part) for option in numbers.items() for part in option]
        command = [sys.executable, "manage.py", "runsimulator", "--json", "--folder", str(Path(name)), *options]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT) as server:
            try:
                yield _announced(server)
            finally:
                server.terminate()
                server.wait(timeout=STOP_SECONDS)


def _announced(server: "subprocess.Popen[str]") -> SimulatedAzure:
    if server.stdout is None:
        raise RuntimeError("The simulator has no output to read its address from.")
    facts = json.loads(server.stdout.readline() or "{}")
    if not facts:
        raise RuntimeError("The simulator did not start; its error is above.")
    tenant = facts["tenants"][0]
    return SimulatedAzure({**facts["environment"], tenant["secret_variable"]: tenant["client_secret"]}, tenant)
