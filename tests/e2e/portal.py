"""The portal as it runs for users: gunicorn, Valkey, a worker on request, in processes of their own."""

import http.client
import json
import shutil
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from redis import Redis

from governance.limits import UNREACHED
from governance.management.supervisor import ProgramEndedError, Supervisor
from governance.valkey import answers, free_port, valkey_command

START_SECONDS = 90.0
POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the portal, by the name of its view."""

    view: str
    path: str
    needs_key: bool
    who: str  # may see it: alice, or pat where only a platform admin may


@dataclass(slots=True)
class Portal:
    """A running portal. `estate` is what `tests/e2e/estate.py` says of it."""

    url: str
    folder: Path
    environment: dict[str, str]
    supervisor: Supervisor
    estate: dict[str, Any]

    @property
    def pages(self) -> list[Page]:
        """Every address of the URL configuration that shows a page."""
        return [
            Page(view, found["path"], found["needs_key"], found["who"])
            for view, found in self.estate["answers"].items()
            if (found["status"], found["type"], found["is_file"]) == (200, "text/html", False)
        ]

    def reset(self) -> None:
        """Everything as it was before the first test: rows, sessions, cache, queue."""
        with closing(sqlite3.connect(self.folder / "made.sqlite3")) as made, closing(self._database()) as live:
            made.backup(live)
        with closing(Redis.from_url(self.environment["REDIS_URL"])) as broker:
            broker.flushall()

    def start_worker(self) -> None:
        """From now on queued work is done. Starting it again does nothing."""
        if "worker" not in self.supervisor.running:
            worker = ["celery", "-A", "governance", "worker", "--pool", "solo", "--loglevel", "WARNING"]
            self.supervisor.start("worker", [sys.executable, "-m", *worker], self.environment)

    def _database(self) -> sqlite3.Connection:
        return sqlite3.connect(self.folder / "live.sqlite3", timeout=30)


@contextmanager
def running_portal() -> Iterator[Portal]:
    """Start all of it; nothing is left running or lying about. Raises ProgramEndedError with the log of what failed."""
    with TemporaryDirectory(prefix="governance-e2e-") as name:
        folder = Path(name)
        supervisor = Supervisor(folder / "logs")
        try:
            yield _start(folder, supervisor)
        finally:
            supervisor.stop()


def _start(folder: Path, supervisor: Supervisor) -> Portal:
    valkey_port, port = free_port(), free_port()
    supervisor.start("valkey", valkey_command(folder / "valkey", valkey_port), {})
    if not answers(valkey_port, seconds=START_SECONDS, is_running=lambda: supervisor.is_alive("valkey")):
        raise ProgramEndedError(supervisor.explain("valkey"))
    environment = {
        "DATABASE_URL": f"sqlite:///{folder / 'live.sqlite3'}",
        "REDIS_URL": f"redis://127.0.0.1:{valkey_port}",
        "DJANGO_SETTINGS_MODULE": "governance.settings",
        "GOVERNANCE_ENVIRONMENT": "development",
        "LOG_LEVEL": "ERROR",
        "STORAGE_FOLDER": str(folder / "blobs"),
        "MAIL_FOLDER": str(folder / "mail"),
        "PORTAL_URL": f"http://127.0.0.1:{port}",
        **UNREACHED,
    }
    url = f"http://127.0.0.1:{port}"
    estate = _make_estate(folder, supervisor, environment, url)
    portal = Portal(url, folder, environment | estate["environment"], supervisor, estate)
    web = ["gunicorn", "governance.wsgi", "-k", "gthread", "--threads", "4", "-b", f"127.0.0.1:{port}"]
    supervisor.start("web", [sys.executable, "-m", *web], portal.environment)
    _until(lambda: _is_healthy(port), supervisor, "web")
    return portal


def _make_estate(folder: Path, supervisor: Supervisor, environment: dict[str, str], url: str) -> dict[str, Any]:
    """The estate's own words; its process stays, because it is the simulated Azure."""
    command = [sys.executable, "-m", "tests.e2e.hold_estate", str(folder / "azure"), url]
    supervisor.start("estate", command, environment)
    log = supervisor.log_of("estate")
    _until(lambda: _json_lines(log) != [], supervisor, "estate")
    shutil.copyfile(folder / "live.sqlite3", folder / "made.sqlite3")
    estate: dict[str, Any] = json.loads(_json_lines(log)[0])
    return estate


@contextmanager
def started(
    supervisor: Supervisor, name: str, command: list[str], environment: dict[str, str], port: int
) -> Iterator[None]:
    """One more web process, for as long as a test needs it."""
    supervisor.start(name, command, environment)
    try:
        _until(lambda: _is_healthy(port), supervisor, name)
        yield
    finally:
        process = supervisor.running.pop(name)
        process.terminate()
        process.wait(timeout=START_SECONDS)


def _json_lines(log: Path) -> list[str]:
    lines = log.read_text(encoding="utf-8").splitlines(keepends=True)
    return [line for line in lines if line.startswith("{") and line.endswith("\n")]


def _until(is_so: Any, supervisor: Supervisor, name: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not is_so():
        if not supervisor.is_alive(name) or time.monotonic() > deadline:
            raise ProgramEndedError(supervisor.explain(name))
        time.sleep(POLL_SECONDS)


def _is_healthy(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
