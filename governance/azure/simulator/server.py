"""The simulator as a running server: in a thread for tests, in the foreground for the command."""

import logging
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Self

from cheroot.ssl.builtin import BuiltinSSLAdapter
from cheroot.wsgi import Server

from governance.azure.simulator.application import Application
from governance.azure.simulator.certificates import LocalAuthority
from governance.azure.simulator.cost_settings import CostSettings
from governance.azure.simulator.directory import Directory
from governance.azure.simulator.faults import Faults
from governance.azure.simulator.resources import DAY_ZERO
from governance.azure.simulator.world import Tenant, Truth, World

logger = logging.getLogger(__name__)

THREADS = 8
POLL_SECONDS = 0.02  # how soon the server notices that it shall stop
WAITING_CONNECTIONS = 64


class LoggingServer(Server):
    """Speaks to the log; cheroot would print to standard error whenever a client hangs up."""

    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:  # noqa: FBT001, FBT002 - cheroot's signature
        logger.log(level, msg, exc_info=traceback)

    @staticmethod
    def bind_socket(socket_: socket.socket, bind_addr: tuple[str, int]) -> socket.socket:
        """Cheroot forgets to close a socket that it cannot bind."""
        try:
            socket_.bind(bind_addr)
        except OSError:
            socket_.close()
            raise
        return socket_


class Simulator:
    """A local Azure on ``https://host:port``. Use it as a context manager, or call ``start()`` and ``stop()``.

    ``folder`` keeps the certificate authority; ``day_file`` the day, when given; ``resources_per_tenant`` may map
    tenant names to counts. ``has_delegation`` lets the first tenant see one subscription of the last (Lighthouse).
    ``World`` tells of ``day_zero``, ``cost_sources``, ``meters_per_resource`` and ``billing_exports``. ``now`` (seconds
    since 1970) rules the expiry of tokens and links, and the quotas. Raises ``OSError`` when the port is taken.
    """

    def __init__(  # noqa: PLR0913 - a world, an address and a clock
        self,
        *,
        folder: Path,
        seed: int = 7,
        tenants: int = 2,
        subscriptions_per_tenant: int = 2,
        resources_per_tenant: int | Mapping[str, int] = 60,
        day: int = 0,
        day_file: Path | None = None,
        has_delegation: bool = False,
        day_zero: date = DAY_ZERO,
        cost_sources: Sequence[str] = (),
        meters_per_resource: int | None = None,
        billing_exports: str = "",
        host: str = "127.0.0.1",
        port: int = 0,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.world = World(
            seed=seed,
            tenants=tenants,
            subscriptions_per_tenant=subscriptions_per_tenant,
            resources_per_tenant=resources_per_tenant,
            day=day,
            day_file=day_file,
            has_delegation=has_delegation,
            day_zero=day_zero,
            cost_sources=cost_sources,
            meters_per_resource=meters_per_resource,
            billing_exports=billing_exports,
        )
        self.application = Application(self.world, now)
        self._authority = LocalAuthority.in_folder(folder)
        self._host = host
        self._port = port
        self._server: Server | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        self.application.stopping.clear()
        server = LoggingServer((self._host, self._port), self.application, numthreads=THREADS, server_name="simulator")
        server.request_queue_size = WAITING_CONNECTIONS
        server.expiration_interval = POLL_SECONDS
        server.ssl_adapter = self._adapter()
        server.prepare()
        self._port = server.socket.getsockname()[1]
        self._server = server
        self._thread = threading.Thread(target=server.serve, name="azure-simulator")
        self._thread.start()

    def stop(self) -> None:
        if self._server is None or self._thread is None:
            return
        self.application.stopping.set()
        self._server.stop()
        self._thread.join()
        self._server = None
        self._thread = None
        self.application.close()

    @property
    def url(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"https://{host}:{self._port}"

    @property
    def blob_endpoint(self) -> str:
        """A format string: blob storage is on the same port, with the account as the first part of the path."""
        return f"{self.url}/{{account}}"

    @property
    def port(self) -> int:
        return self._port

    @property
    def ca_file(self) -> Path:
        return self._authority.certificate_file

    @property
    def tenants(self) -> tuple[Tenant, ...]:
        return self.world.tenants

    def tenant(self, name_or_id: str) -> Tenant:
        found = self.world.tenant(name_or_id)
        if found is None:
            raise KeyError(name_or_id)
        return found

    @property
    def faults(self) -> Faults:
        return self.application.faults

    @property
    def directory(self) -> Directory:
        """Of the identity provider: its people, the portal's registration, and tokens signed by its key."""
        return self.application.directory

    @property
    def day(self) -> int:
        return self.world.day

    def advance(self, *, days: int) -> None:
        self.world.set_day(self.world.day + days)

    @property
    def today(self) -> date:
        return self.world.today

    def truth(self, name_or_id: str) -> Truth:
        return self.world.truth(name_or_id)

    @property
    def requests(self) -> list[tuple[str, str]]:
        """(method, path) of every call since the start or the last ``forget_requests()``; control calls left out."""
        return self.application.log.all()

    @property
    def cost_settings(self) -> CostSettings:
        """Sizes of pages and files of costs, for tests that need several of them."""
        return self.application.cost_settings

    def forget_requests(self) -> None:
        self.application.log.clear()

    def enforce_quota(self, is_enforced: bool) -> None:  # noqa: FBT001 - reads well with its one argument
        self.application.quota.enforce(is_enforced=is_enforced)

    def _adapter(self) -> BuiltinSSLAdapter:
        certificate = self._authority.server_certificate()
        with certificate.private_key_and_cert_chain_pem.tempfile() as file:
            return BuiltinSSLAdapter(file, file, str(self.ca_file))  # else it reads the system's whole bundle
