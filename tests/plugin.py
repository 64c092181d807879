"""What the suite needs running, started before Django reads its settings (named in pyproject.toml's addopts).

Every process gets a Valkey of its own. With TEST_POSTGRES=1 the first one starts a PostgreSQL for all of them;
--database-only then runs only the tests that touch the database.
"""

import atexit
import gc
import os
import shutil
from contextlib import ExitStack
from pathlib import Path
from tempfile import mkdtemp

import pytest

from governance.limits import UNREACHED
from governance.valkey import free_port, start_valkey

_open = ExitStack()
atexit.register(_open.close)


def _start() -> None:
    is_first = "PYTEST_XDIST_WORKER" not in os.environ
    folder = Path(mkdtemp(prefix="governance-tests-"))
    _open.callback(shutil.rmtree, folder, ignore_errors=True)
    port = free_port()
    server = start_valkey(folder / "valkey", port)
    _open.callback(server.wait)
    _open.callback(server.terminate)
    os.environ["REDIS_URL"] = f"redis://127.0.0.1:{port}"
    os.environ["TEST_SQLITE_PATH"] = str(folder / "test.sqlite3")
    os.environ["STORAGE_FOLDER"] = str(folder / "blobs")
    os.environ["GOVERNANCE_ENVIRONMENT"] = "development"
    os.environ["LOG_LEVEL"] = "ERROR"
    os.environ.update(UNREACHED)  # tests/limits sets what it is about
    if is_first and os.environ.get("TEST_POSTGRES") == "1":
        from tests.postgres import postgres

        os.environ["DATABASE_URL"] = _open.enter_context(postgres())
    os.environ.setdefault("DATABASE_URL", f"sqlite:///{folder / 'unused.sqlite3'}")


_start()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--database-only`: leave out what never touches the database."""
    parser.addoption("--database-only", action="store_true", help="run only the tests that use the database")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep what uses the database, when asked to; what is marked `once` does not depend on which one it is."""
    if not config.getoption("--database-only"):
        return
    kept = [item for item in items if _is_of_the_database(item)]
    left_out = [item for item in items if not _is_of_the_database(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = kept


def pytest_collection_finish() -> None:
    """Looking for garbage was a tenth of the whole run: what is imported by now is none, and the rest can wait."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _is_of_the_database(item: pytest.Item) -> bool:
    if item.get_closest_marker("once"):
        return False
    names = set(getattr(item, "fixturenames", ()))
    return item.get_closest_marker("django_db") is not None or bool(names & {"db", "transactional_db"})
