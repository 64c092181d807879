"""The supervisor of the demo: all programs run, or none does, and none is left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from governance.management.supervisor import ProgramEndedError, Supervisor

SLEEPER = [sys.executable, "-c", "import time; print('here', flush=True); time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('here', flush=True); time.sleep(600)",
]


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait for another process, at most half a minute."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def says_here(supervisor: Supervisor, name: str) -> None:
    """Wait until the program is up."""
    wait_for(lambda: "here" in supervisor.log_of(name).read_text())


def is_running(pid: int) -> bool:
    """True while there is such a process that has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_stopping_leaves_nothing_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("governance.management.supervisor.GRACE_SECONDS", 0.3)
    supervisor = Supervisor(tmp_path)
    supervisor.start("sleeper", SLEEPER, {})
    supervisor.start("stubborn", STUBBORN, {})
    pids = [program.pid for program in supervisor.running.values()]
    says_here(supervisor, "sleeper")
    says_here(supervisor, "stubborn")

    supervisor.stop()

    assert not any(map(is_running, pids))


def test_a_program_that_ends_is_named_with_the_end_of_its_log(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path)
    supervisor.start("doomed", [sys.executable, "-c", "raise SystemExit('the reason')"], {})

    with pytest.raises(ProgramEndedError, match=r"doomed ended with status 1(.|\n)*the reason"):
        supervisor.wait()

    supervisor.stop()


def test_children_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from governance.management.supervisor import Supervisor;"
        f"s = Supervisor(Path({str(tmp_path)!r})); s.start('child', {SLEEPER!r}, {{}});"
        "print(s.running['child'].pid, flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())

    os.kill(parent.pid, signal.SIGKILL)
    parent.communicate()

    wait_for(lambda: not is_running(child))
