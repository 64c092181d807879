"""`manage.py demo`: the whole platform on one machine, over a simulated Azure, until Ctrl-C.

State lies in `.demo/`: the database, the simulator's world and CA, Valkey's data, the logs, the demo password. A later
start goes on where the last one ended; `rm -r .demo` begins anew.
"""

import http.client
import json
import secrets
import sys
import time
from argparse import ArgumentParser
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from governance.management.commands.prepare_demo import HISTORY_DAYS
from governance.management.commands.runsimulator import DAY_FILE
from governance.management.demo_people import PEOPLE, UNINVITED
from governance.management.supervisor import ProgramEndedError, Supervisor
from governance.valkey import answers, free_port, valkey_command

START_SECONDS = 60.0
TENANTS, SUBSCRIPTIONS, RESOURCES = 3, 3, 600


class Command(BaseCommand):
    """Start Valkey and the simulated Azure, prepare the database by real syncs, then run web, worker and scheduler."""

    help = "Run the whole platform over a simulated Azure until Ctrl-C. For looking, not for production."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Where to listen."""
        parser.add_argument("--port", type=int, default=8000, help="of the portal (default 8000)")
        parser.add_argument("--folder", type=Path, default=settings.BASE_DIR / ".demo")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until asked to stop; nothing is left running."""
        if settings.PRODUCTION:
            raise CommandError("The demo does not run with GOVERNANCE_ENVIRONMENT=production.")
        self.port, self.folder = options["port"], options["folder"].resolve()
        if answers(self.port, seconds=0.3):
            raise CommandError(f"Port {self.port} is taken, perhaps by another demo. Stop that, or give --port.")
        self.supervisor = Supervisor(self.folder / "logs")
        self.supervisor.heed_signals()
        try:
            self._run()
        except ProgramEndedError as error:
            raise CommandError(str(error)) from error
        finally:
            self.supervisor.stop()
        self._say("Stopped; nothing is left running.")

    def _run(self) -> None:
        environment = self._environment()
        self._say("Starting Valkey and a simulated Azure …")
        self._start_valkey(environment)
        azure = self._start_azure(environment)
        environment |= azure["environment"]
        environment |= {tenant["secret_variable"]: tenant["client_secret"] for tenant in azure["tenants"]}
        self._prepare(environment)
        self._start_platform(environment)
        if not self.supervisor.stopping.is_set():
            self._announce(azure)
            self.supervisor.wait()

    def _environment(self) -> dict[str, str]:
        self.folder.mkdir(parents=True, exist_ok=True)
        password = self.folder / "password"
        if not password.exists():
            password.touch(mode=0o600)
            password.write_text(f"demo-{secrets.token_urlsafe(9)}", encoding="utf-8")
        return {
            "DATABASE_URL": f"sqlite:///{self.folder / 'governance.sqlite3'}",
            "STORAGE_FOLDER": str(self.folder / "blobs"),
            "MAIL_FOLDER": str(self.folder / "mail"),
            "PORTAL_URL": f"http://127.0.0.1:{self.port}",
            "DEMO_PASSWORD": password.read_text(encoding="utf-8"),
            "SIGN_IN_B2C_TITLE": "the simulated Azure AD B2C",
            "AZURE_COST_QUOTAS": "6000/60",  # the simulated Azure does not count; thirteen months would take minutes
            "PYTHONUNBUFFERED": "1",
        }

    def _start_valkey(self, environment: dict[str, str]) -> None:
        port = free_port()
        self.supervisor.start("valkey", valkey_command(self.folder / "valkey", port), environment)
        if not answers(port, seconds=START_SECONDS, is_running=lambda: self.supervisor.is_alive("valkey")):
            raise ProgramEndedError(self.supervisor.explain("valkey"))
        environment["REDIS_URL"] = f"redis://127.0.0.1:{port}"

    def _start_azure(self, environment: dict[str, str]) -> dict[str, Any]:
        world = ["--tenants", TENANTS, "--subscriptions", SUBSCRIPTIONS, "--resources", RESOURCES, *self._sign_in()]
        if not (self.folder / "azure" / DAY_FILE).exists():  # after the first syncs it is today there
            world += ["--day-zero", datetime.now(UTC).date() - timedelta(days=sum(HISTORY_DAYS))]
        command = [*_manage("runsimulator"), "--port", "0", "--folder", str(self.folder / "azure"), "--json"]
        log = self.supervisor.log_of("azure")
        log.unlink(missing_ok=True)
        self.supervisor.start("azure", [*command, *map(str, world)], environment)
        line = self._first_line("azure", log)
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _sign_in(self) -> list[str]:
        """Who can sign in at the simulated identity provider, and where it may lead."""
        people = [f"--person={person.email}={person.name}" for person in (*PEOPLE, UNINVITED)]
        portals = [f"http://{host}:{self.port}/sign-in/" for host in ("127.0.0.1", "localhost")]
        return people + [f"--redirect-uri={portal}{path}" for portal in portals for path in ("", "b2c/done/")]

    def _first_line(self, name: str, log: Path) -> str:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.supervisor.is_alive(name):
            found = [line for line in log.read_text(encoding="utf-8").splitlines(keepends=True) if line.startswith("{")]
            if found and found[0].endswith("\n"):
                return found[0]
            time.sleep(0.05)
        raise ProgramEndedError(self.supervisor.explain(name))

    def _prepare(self, environment: dict[str, str]) -> None:
        """Database, tenants, people and first syncs, in one process whose words are shown as they come."""
        self.supervisor.log_of("prepare").unlink(missing_ok=True)
        self.supervisor.start("prepare", _manage("prepare_demo"), {**environment, "LOG_LEVEL": "WARNING"})
        shown = 0
        while self.supervisor.is_alive("prepare"):
            shown = self._show_new_lines("prepare", shown)
            time.sleep(0.1)
        self._show_new_lines("prepare", shown)
        if self.supervisor.stopping.is_set():
            return
        if self.supervisor.running["prepare"].returncode:
            raise ProgramEndedError(self.supervisor.explain("prepare"))
        del self.supervisor.running["prepare"]

    def _show_new_lines(self, name: str, shown: int) -> int:
        lines = self.supervisor.log_of(name).read_text(encoding="utf-8").splitlines()
        for line in lines[shown:]:
            self._say(f"  {line}")
        return len(lines)

    def _start_platform(self, environment: dict[str, str]) -> None:
        if self.supervisor.stopping.is_set():
            return
        self._say("Starting web, worker and scheduler …")
        python = [sys.executable, "-m"]
        address = f"127.0.0.1:{self.port}"
        gunicorn = ["gunicorn", "governance.wsgi", "-k", "gthread", "--threads", "4", "-b", address]
        worker = ["celery", "-A", "governance", "worker", "--concurrency", "2", "--loglevel", "INFO"]
        self.supervisor.start("web", [*python, *gunicorn], environment)
        self.supervisor.start("worker", [*python, *worker], environment)
        beat = ["celery", "-A", "governance", "beat", "--loglevel", "INFO", "--pidfile", ""]
        self.supervisor.start("scheduler", [*python, *beat], environment)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.supervisor.is_alive("web"):
            if _is_healthy(self.port):
                return
            time.sleep(0.2)
        if not self.supervisor.stopping.is_set():
            raise ProgramEndedError(f"The portal does not answer. {self.supervisor.log_of('web')} tells more.")

    def _announce(self, azure: dict[str, Any]) -> None:
        password = (self.folder / "password").read_text(encoding="utf-8")
        width = max(len(person.email) for person in PEOPLE)
        people = "\n".join(f"  {person.email:<{width}}  {person.describes}" for person in (*PEOPLE, UNINVITED))
        ca_file, clock = azure["ca_file"], f"{azure['url']}/_simulator/clock"
        self._say(
            f"\nThe portal: http://127.0.0.1:{self.port}\n"
            f'Press "Sign in with the simulated Azure AD B2C" and choose a person:\n{people}\n'
            f"Your browser will warn of the provider's certificate: go on, or trust its authority, {ca_file}.\n"
            f"The local accounts of the same addresses, Sam's aside, have the password {password}\n\n"
            f"Move the simulated Azure on by a day, then run a sync on the page Syncs:\n"
            f"  curl --cacert {ca_file} -X POST {clock} -d '{{\"advance_days\": 1}}'\n"
            f"Mails, such as the invitation of somebody new: {self.folder / 'mail'}\n"
            f"Logs: {self.supervisor.logs}\nCtrl-C stops everything."
        )

    def _say(self, words: str) -> None:
        self.stdout.write(words)
        self.stdout.flush()


def _manage(command: str) -> list[str]:
    return [sys.executable, str(settings.BASE_DIR / "manage.py"), command]


def _is_healthy(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
