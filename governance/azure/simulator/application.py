"""The WSGI application: one port for Entra ID, Resource Manager, Resource Graph and the control surface."""

import errno
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_address
from typing import Any

from governance.azure.simulator.access import Access
from governance.azure.simulator.arm import Arm
from governance.azure.simulator.control import PREFIX, Control
from governance.azure.simulator.cost_management import CostManagement
from governance.azure.simulator.cost_settings import CostSettings
from governance.azure.simulator.directory import Directory
from governance.azure.simulator.entra import Entra
from governance.azure.simulator.exchange import Refusal, Request, Response
from governance.azure.simulator.faults import DAMAGED_ANSWER, INSTEAD_OF_ANSWER, SLOW, Faults
from governance.azure.simulator.misfortunes import answer_instead, damage
from governance.azure.simulator.pages import Pages
from governance.azure.simulator.quota import Quota
from governance.azure.simulator.request_log import RequestLog
from governance.azure.simulator.resource_graph import ResourceGraph
from governance.azure.simulator.sign_in import SignIn
from governance.azure.simulator.tokens import Tokens
from governance.azure.simulator.world import World

StartResponse = Callable[[str, list[tuple[str, str]]], object]
Route = tuple[str, re.Pattern[str], Callable[..., Response]]


class Application:
    """``now`` gives seconds since 1970; ``stopping`` cuts slow answers short when the server stops."""

    def __init__(self, world: World, now: Callable[[], float] = time.time) -> None:
        self.world = world
        self.faults = Faults()
        self.quota = Quota(now)
        self.cost_settings = CostSettings()
        self.log = RequestLog()
        self.stopping = threading.Event()
        tokens = Tokens(world.seed, now)
        access = Access(world, tokens, self.faults)
        pages = Pages(tokens, self.faults)
        self.directory = Directory(world, now)
        self._control = Control(world, self.faults, self.quota, self.log, self.directory, self.cost_settings)
        sign_in = SignIn(self.directory, now)
        self.costs = CostManagement(world, access, pages, tokens, self.faults, self.quota, self.cost_settings, now)
        self._routes = _routes(
            Entra(world, tokens, sign_in, now),
            Arm(world, access, pages),
            ResourceGraph(world, access, pages, self.quota),
            sign_in,
            self.costs,
        )

    def close(self) -> None:
        """Removes the files that were written meanwhile."""
        self.costs.close()

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        request = Request.from_environ(environ)
        response = self._respond(request, environ.get("REMOTE_ADDR", ""))
        headers = {
            "Content-Type": response.content_type,
            "Content-Length": str(response.file.length if response.file else len(response.body)),
            **response.headers,
        }
        start_response(response.status_line, list(headers.items()))
        if response.file:
            return response.file.pieces()
        return _broken_off(response.body) if response.is_broken_off else [response.body]

    def _respond(self, request: Request, remote_address: str) -> Response:
        try:
            if request.path.startswith(PREFIX):
                _require_loopback(remote_address)
                return self._control.answer(request)
            self.log.note(request.method, request.shown_path)
            return self._misfortunate(request)
        except Refusal as refusal:
            return refusal.response

    def _misfortunate(self, request: Request) -> Response:
        slow = self.faults.claim_first(SLOW, request)
        if slow:
            self.stopping.wait(slow.seconds)
        instead = self.faults.claim_first(INSTEAD_OF_ANSWER, request)
        if instead:
            return answer_instead(instead, request)
        response = self._route(request)
        damaged = self.faults.claim_first(DAMAGED_ANSWER, request)
        return damage(damaged, response) if damaged else response

    def _route(self, request: Request) -> Response:
        is_known = False
        for method, path, answer in self._routes:
            found = path.fullmatch(request.path)
            if found and method == request.method:
                return _refusals_answered(lambda: answer(request, *found.groups()))  # noqa: B023 - called at once
            is_known = is_known or found is not None
        if is_known:
            raise Refusal(405, "HttpMethodNotSupported", f"The method {request.method} is not supported here.")
        raise Refusal(404, "NotFound", f"The simulator does not serve '{request.shown_path}'.")


def _routes(entra: Entra, arm: Arm, graph: ResourceGraph, sign_in: SignIn, costs: CostManagement) -> list[Route]:
    table: list[tuple[str, str, Callable[..., Response]]] = [
        ("POST", r"/providers/microsoft\.resourcegraph/resources", graph.answer),
        ("GET", r"/tenants", arm.tenants),
        ("GET", r"/subscriptions", arm.subscriptions),
        ("GET", r"/subscriptions/([^/]+)", arm.subscription),
        ("GET", r"/subscriptions/([^/]+)/resourcegroups", arm.resource_groups),
        ("GET", r"/subscriptions/([^/]+)/resources", arm.resources),
        ("POST", r"/([^/]+)/oauth2/v2\.0/token", entra.grant),
        ("POST", r"/([^/]+)/(b2c_[^/]+)/oauth2/v2\.0/token", sign_in.redeem),
    ]
    for place in (r"/([^/]+)", r"/([^/]+)/(b2c_[^/]+)"):  # a tenant of Entra ID, a user flow of Azure AD B2C
        table += [
            ("GET", place + r"/v2\.0/\.well-known/openid-configuration", sign_in.discover),
            ("GET", place + r"/discovery/v2\.0/keys", sign_in.key_set),
            ("GET", place + r"/oauth2/v2\.0/authorize", sign_in.authorize),
            ("POST", place + r"/oauth2/v2\.0/authorize", sign_in.choose),
            ("GET", place + r"/oauth2/v2\.0/logout", sign_in.sign_out),
        ]
    table += costs.routes()
    return [(method, re.compile(path), answer) for method, path, answer in table]


def _refusals_answered(answer: Callable[[], Response]) -> Response:
    """A refusal is an answer too: it can be damaged on its way."""
    try:
        return answer()
    except Refusal as refusal:
        return refusal.response


def _require_loopback(remote_address: str) -> None:
    if not ip_address(remote_address).is_loopback:
        raise Refusal(403, "LoopbackOnly", "The control surface answers loopback addresses only.")


def _broken_off(body: bytes) -> Iterator[bytes]:
    """Half of what Content-Length promised, then the connection is closed."""
    yield body[: len(body) // 2]
    raise ConnectionResetError(errno.ECONNRESET, "The simulator broke the connection off, as told.")
