"""The API against its own description: whatever a program sends, the answer is one that docs/openapi.yaml promises.

Schemathesis makes requests from the description, such that fit it and such that do not, for each role, at real objects
and at none. They are the same requests in each run: nothing here depends on chance. After each one the database is as
it was, so that none is answered differently because of the one before.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pytest
import schemathesis
import yaml
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from governance.azure.simulator.server import Simulator
from governance.wsgi import application
from tenants.actions import group_tenants
from tenants.models import Tenant, User
from tests.api.program import problem
from tests.conftest import person, signed_in, sync
from tests.portal.crawl import Side, demand_a_tag, files_of, invite_a_guest, side
from tests.processes import ROOT

pytestmark = pytest.mark.once  # takes long, and is about the form of answers
EXAMPLES = 5  # requests of each kind to each operation
ALWAYS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
PARAMETER = re.compile(r"(?P<list>[a-z-]+)s/\{(?P<name>\w+)\}")
CSRF = "a" * 32
HEADERS = {"X-CSRFToken": CSRF, "Host": "localhost", "REMOTE_ADDR": "127.0.0.1"}
TWICE_THE_SAME = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@contextmanager
def undone() -> Iterator[None]:
    """Serve requests within the test's transaction, as Django's own test client does, and undo what they did."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@dataclass(frozen=True, slots=True)
class Series:
    """Requests of one kind: at these objects, of this tenant, that fit the description or do not."""

    mode: GenerationMode
    keys: dict[str, str] | None = None
    tenant: Tenant | None = None


@pytest.fixture
def contosos(
    azure: Simulator, contoso: Tenant, fabrikam: Tenant, alice: User, charlie: User, synced: Simulator, broker: Any
) -> Side:
    """What there is of contoso: an object of every kind, changes and orphans among them."""
    azure.advance(days=20)
    for tenant, asker in ((contoso, alice), (fabrikam, charlie)):
        sync(tenant)
        group_tenants(f"group-of-{tenant.name}", [tenant])
        demand_a_tag(tenant, asker)
        invite_a_guest(tenant, asker)
    return side(azure, contoso, fabrikam, [alice], files_of(alice, made=("export",)))


@pytest.fixture
def people(alice: User, olga: User, bob: User, auditor: User, pat: User) -> dict[str, User | None]:
    """Somebody of each role."""
    return {
        "nobody": None,
        "stranger": person("dora@nowhere.example"),
        "reader": bob,
        "operator": olga,
        "admin": alice,
        "auditor": auditor,
        "platform admin": pat,
    }


def described() -> dict[str, Any]:
    """The description but for how one signs in: the session is ours, and not to be made up."""
    found: dict[str, Any] = yaml.safe_load((ROOT / "docs" / "openapi.yaml").read_text(encoding="utf-8"))
    del found["components"]["securitySchemes"]
    for methods in found["paths"].values():
        for operation in methods.values():
            operation.pop("security", None)
    return found


def read_to_its_end(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """The application as its server calls it: an answer is read whole, and closed."""
    answer: Any = application(environ, start_response)
    try:
        return [b"".join(answer)]
    finally:
        answer.close()


def operations() -> Iterator[Any]:
    """All operations of the description, to be asked of the application itself."""
    description = schemathesis.openapi.from_dict(described())
    description.app = read_to_its_end
    for found in description.get_all_operations():
        described_operation: Any = found
        yield described_operation.ok()


def keys_in(path: str, keys: dict[str, str]) -> dict[str, str]:
    """The keys of the objects that a path names, by parameter."""
    named = {**keys, "event": keys["audit-event"]}
    return {found["name"]: named[found["list"]] for found in PARAMETER.finditer(path)}


def cookies_of(user: User | None) -> dict[str, str]:
    """What a browser of this person sends with each request."""
    session = "" if user is None else signed_in(user).cookies["sessionid"].value
    return {"csrftoken": CSRF, "sessionid": session}


def send(operation: Any, series: Series, cookies: dict[str, str]) -> set[int]:
    """Send a series of requests to an operation and look at each answer. The statuses there were."""
    statuses: set[int] = set()
    fixed: dict[str, Any] = {}
    if series.keys is not None:
        fixed["path_parameters"] = keys_in(operation.path, series.keys)
    if series.tenant is not None and "tenant" in {parameter.name for parameter in operation.query}:
        fixed["query"] = {"tenant": series.tenant.name}
    fits = series.mode is GenerationMode.POSITIVE
    checks = ALWAYS if fits else [*ALWAYS, negative_data_rejection]

    @TWICE_THE_SAME
    @given(case=operation.as_strategy(generation_mode=series.mode, **fixed))
    def ask(case: Any) -> None:
        if series.tenant is not None and fits and isinstance(case.body, dict) and "tenant" in case.body:
            case.body["tenant"] = str(series.tenant.id)
        with undone():
            response = case.call(headers=HEADERS, cookies=cookies)
        statuses.add(response.status_code)
        case.validate_response(response, checks=checks)

    with suppress(Unsatisfiable):  # nothing about it can be wrong, but for the path, which is fixed
        ask()
    return statuses


# What each of them meets: a role that met nothing else would prove nothing.
MET = {
    "nobody": {401},
    "stranger": {200, 400, 403, 404},
    "reader": {200, 202, 400, 403, 404},
    "operator": {200, 202, 400, 403, 404},
    "admin": {200, 201, 202, 204, 400, 403, 404, 409},
    "auditor": {200, 202, 400, 403, 404},
    "platform admin": {200, 201, 202, 204, 400, 404},
}


@pytest.mark.parametrize("role", MET)
def test_every_answer_is_as_documented(
    contosos: Side, contoso: Tenant, people: dict[str, User | None], role: str
) -> None:
    cookies, statuses = cookies_of(people[role]), set()
    kinds = (
        Series(GenerationMode.POSITIVE),
        Series(GenerationMode.POSITIVE, contosos.keys, contoso),
        Series(GenerationMode.NEGATIVE, contosos.keys, contoso),
    )

    for operation in operations():
        for series in kinds:
            statuses |= send(operation, series, cookies)

    assert statuses >= MET[role]


def test_a_method_that_is_not_described_is_not_there(contosos: Side, people: dict[str, User | None]) -> None:
    browser = signed_in(people["platform admin"])
    refused = 0

    for path, methods in described()["paths"].items():
        address = path.format(**keys_in(path, contosos.keys))
        known = {method.upper() for method in methods}
        for method in set(METHODS) - known:
            answer = browser.generic(method, address)
            assert problem(answer, 405)["title"]
            assert set(answer["Allow"].split(", ")) - {"HEAD", "OPTIONS"} == known, address
            refused += 1

    assert refused > 100


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""])
def test_a_body_that_is_no_json_is_415(contoso: Tenant, alice: User, content_type: str) -> None:
    answer = signed_in(alice).generic("POST", "/api/v1/syncs/", b"tenant=contoso", content_type)

    assert problem(answer, 415)


@pytest.mark.parametrize("body", [b"{", b"[]", b"7", b"null", b'"text"', b"\xff\xfe", b"[" * 5000, b'{"key": NaN}'])
def test_a_body_that_is_no_object_is_400(contoso: Tenant, alice: User, contosos: Side, body: bytes) -> None:
    browser = signed_in(alice)

    for method, path in (("POST", "syncs/"), ("PATCH", f"tag-rules/{contosos.keys['tag-rule']}/")):
        answer = browser.generic(method, f"/api/v1/{path}", body, "application/json")
        assert problem(answer, 400), path
