"""Several programs under one parent: all of them run, or none does.

Each program gets a process group and a log file of its own. Ctrl-C or SIGTERM stops them in reverse order; one that
ends by itself stops the others; and should the parent be killed, the kernel tells its children to end too.
"""

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from governance.valkey import end_with_parent

GRACE_SECONDS = 15.0
LOG_LINES_SHOWN = 15


class ProgramEndedError(RuntimeError):
    """A program that has to run ended by itself."""


@dataclass(slots=True)
class Supervisor:
    """Starts programs and waits. `logs` is the folder of their log files."""

    logs: Path
    running: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)
    stopping: threading.Event = field(default_factory=threading.Event)

    def heed_signals(self) -> None:
        """From now on Ctrl-C and SIGTERM stop everything."""

        def stop(_number: int, _frame: FrameType | None) -> None:
            self.stopping.set()

        signal.signal(signal.SIGINT, stop)
        signal.signal(signal.SIGTERM, stop)

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start one more program."""
        self.logs.mkdir(parents=True, exist_ok=True)
        with self.log_of(name).open("ab") as log:
            self.running[name] = subprocess.Popen(  # noqa: S603
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **environment},
                start_new_session=True,
                preexec_fn=end_with_parent,  # noqa: PLW1509  (it only makes one system call)
            )

    def is_alive(self, name: str) -> bool:
        """True while the program runs and nobody asked to stop."""
        return self.running[name].poll() is None and not self.stopping.is_set()

    def log_of(self, name: str) -> Path:
        """Where a program's output goes."""
        return self.logs / f"{name}.log"

    def wait(self) -> None:
        """Wait until asked to stop. Raises ProgramEndedError when one of the programs ends before that."""
        while not self.stopping.wait(timeout=0.5):
            for name, program in self.running.items():
                if program.poll() is not None:
                    raise ProgramEndedError(self.explain(name))

    def explain(self, name: str) -> str:
        """What is known about a program that ended: its status and the end of its log."""
        lines = self.log_of(name).read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES_SHOWN:]
        return f"{name} ended with status {self.running[name].returncode}. The end of its log:\n" + "\n".join(lines)

    def stop(self) -> None:
        """Stop all programs, the last started first; those that do not listen are killed."""
        for program in reversed(self.running.values()):
            _signal_group(program, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                program.wait(timeout=GRACE_SECONDS)
            _signal_group(program, signal.SIGKILL)
            program.wait()
        self.running.clear()


def _signal_group(program: "subprocess.Popen[bytes]", number: int) -> None:
    try:
        os.killpg(program.pid, number)
    except ProcessLookupError:
        return
