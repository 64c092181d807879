"""Databases of our own for one run: files in a temporary folder, or new databases on the server DATABASE_URL names.

The database that DATABASE_URL itself names is never written to. SQLite and PostgreSQL only.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import SplitResult, urlsplit
from uuid import uuid4

import psycopg

PROJECT = Path(__file__).resolve().parent.parent
POSTGRES = {"postgres", "postgresql"}


@dataclass(frozen=True, slots=True)
class Databases:
    """Where new databases are made. `server` is the address of the PostgreSQL server, "" for SQLite."""

    folder: Path
    server: str = ""
    made: list[str] = field(default_factory=list)

    @property
    def engine(self) -> str:
        """The engine in words."""
        return "PostgreSQL" if self.server else "SQLite"

    def migrated(self) -> str:
        """The address of a new database with every migration applied."""
        address = self._new()
        if self.server:
            self._on_server(f'CREATE DATABASE "{_name_in(address)}"')
        command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
        subprocess.run(command, check=True, cwd=PROJECT, env={**os.environ, "DATABASE_URL": address})
        return address

    def copy_of(self, address: str) -> str:
        """The address of a new database that equals this one, which nobody may be using now."""
        copy = self._new()
        if self.server:
            self._on_server(f'CREATE DATABASE "{_name_in(copy)}" TEMPLATE "{_name_in(address)}"')
        else:
            shutil.copyfile(_file_of(address), _file_of(copy))
        return copy

    def drop(self, address: str) -> None:
        """Remove a database before the run ends."""
        if self.server:
            # Not WITH (FORCE): a normal user may not end the server's own vacuum, which gives way by itself.
            self._on_server(f'DROP DATABASE IF EXISTS "{_name_in(address)}"')
            return
        for suffix in ("", "-wal", "-shm"):
            Path(f"{_file_of(address)}{suffix}").unlink(missing_ok=True)

    def _new(self) -> str:
        name = f"governance_bench_{uuid4().hex[:12]}"
        server = urlsplit(self.server)
        on_server = SplitResult(server.scheme, server.netloc, f"/{name}", server.query, "").geturl()
        address = on_server if self.server else f"sqlite:///{self.folder / name}.sqlite3"
        self.made.append(address)
        return address

    def _on_server(self, statement: str) -> None:
        with psycopg.connect(self.server, autocommit=True) as connection:
            connection.execute(statement.encode())


@contextmanager
def own_databases() -> Iterator[Databases]:
    """Databases for this run, all removed afterwards. Raises ValueError for an engine that is neither of the two."""
    given: Any = urlsplit(os.environ.get("DATABASE_URL", ""))
    if given.scheme not in {"", "sqlite", *POSTGRES}:
        raise ValueError(f"The benches know SQLite and PostgreSQL, not {given.scheme}.")
    beside = Path(given.path[1:]).resolve().parent if given.scheme == "sqlite" else None
    with TemporaryDirectory(prefix="governance-bench-", dir=beside) as folder:
        server = given.geturl() if given.scheme in POSTGRES else ""
        databases = Databases(Path(folder), server)
        try:
            yield databases
        finally:
            for address in databases.made:
                databases.drop(address)


def _file_of(address: str) -> Path:
    return Path(address.removeprefix("sqlite:///"))


def _name_in(address: str) -> str:
    return urlsplit(address).path[1:]
