"""docs/openapi.yaml is what the code answers: the file, the addresses, the parameters, and the answers themselves."""

import re
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
import yaml
from django.core.management import call_command
from django.urls import resolve
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from governance.azure.simulator.server import Simulator
from inventory.tasks import judge_tags
from tenants.actions import group_tenants
from tenants.models import Tenant, User
from tests.api.program import Program
from tests.conftest import person
from tests.portal.crawl import OBJECTS, addresses
from tests.processes import ROOT

FILE = ROOT / "docs" / "openapi.yaml"

PARAMETER = re.compile(r"\{\w+\}")
Asked = list[tuple[str, str, Any]]  # a path as it is described, a method, and the answer


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    """The file as data."""
    found: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return found


def test_the_file_is_what_the_command_writes() -> None:
    out = StringIO()

    call_command("spectacular", "--api-version", "v1", "--validate", "--fail-on-warn", stdout=out)

    assert out.getvalue().rstrip() == FILE.read_text(encoding="utf-8").rstrip(), "run `manage.py spectacular` again"


def test_every_address_of_the_api_is_described(described: dict[str, Any]) -> None:
    keys = dict.fromkeys(OBJECTS, "KEY")
    real = {address.path(keys) for address in addresses() if address.is_api}

    told = {PARAMETER.sub("KEY", path) for path in described["paths"]}

    assert told == real
    assert len(real) >= 10


def test_every_filter_of_every_list_is_described_and_nothing_else(described: dict[str, Any]) -> None:
    for path, methods in described["paths"].items():
        view: Any = resolve(PARAMETER.sub("KEY", path)).func
        filterset: Any = getattr(view.cls, "filterset_class", None)
        asked = methods.get("get", {}).get("parameters", [])
        told = {entry["name"] for entry in asked if entry["in"] == "query"}
        is_list = "get" in methods and filterset is not None and "{id}" not in path

        paging = {"cursor", "page_size"} if getattr(view.cls, "pagination_class", None) else set()
        assert told == ({*filterset.base_filters, *paging} if is_list else set()), path


def test_a_tenant_is_described_as_name_or_id(described: dict[str, Any]) -> None:
    for path in ("resources", "subscriptions", "syncs"):
        (tenant,) = [
            entry for entry in described["paths"][f"/api/v1/{path}/"]["get"]["parameters"] if entry["name"] == "tenant"
        ]

        assert "format" not in tenant["schema"], "a name is accepted too, not only a UUID"


def validator(described: dict[str, Any], path: str, method: str, response: Any) -> Draft202012Validator:
    """What checks this answer: the schema of its status and media type. KeyError when it is not described."""
    answers = described["paths"][path][method]["responses"]
    content = answers[str(response.status_code)]["content"][response["Content-Type"].split(";")[0]]
    schema = {**content["schema"], "components": described["components"]}
    return Draft202012Validator(_nullable(schema), format_checker=Draft202012Validator.FORMAT_CHECKER)


def _nullable(schema: Any) -> Any:
    """OpenAPI 3.0's `nullable: true` in the words of JSON Schema."""
    if isinstance(schema, list):
        return [_nullable(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {name: _nullable(part) for name, part in schema.items() if name != "nullable"}
    return {"anyOf": [plain, {"type": "null"}]} if schema.get("nullable") is True else plain


def test_answers_fit_their_description(
    synced: Simulator, described: dict[str, Any], alice: User, bob: User, pat: User, contoso: Tenant, broker: Any
) -> None:
    as_alice, stranger = Program(alice), Program(person("dora@nowhere.example"))
    rule = {"tenant": str(contoso.id), "key": "nobody-has-it"}
    added = as_alice.post("tag-rules/", rule)
    judge_tags(str(contoso.id))
    group_tenants("emea", [contoso])
    lists = ["tenants", "subscriptions", "resources", "syncs", "orphans", "tag-rules", "tag-violations"]
    made = as_alice.post("tokens/", {"tenant": str(contoso.id), "name": "ci", "role": "reader"})
    lists += ["tokens", "users", "memberships", "tenant-groups"]
    first = {path: as_alice.rows(f"{path}/")[0]["id"] for path in lists}
    first["changes"] = as_alice.rows("changes/", baseline="any")[0]["id"]
    asked: Asked = [("/api/v1/me/", "get", as_alice.ask("me/"))]
    asked += tokens(as_alice, Program(bob), contoso, made)
    asked += [answer for path, key in first.items() for answer in a_list_and_one(as_alice, stranger, path, key)]
    asked += changes_of(as_alice, stranger, first["resources"])
    asked += files(as_alice, stranger)
    asked.append(("/api/v1/tag-rules/", "post", added))
    asked += tag_rules(as_alice, Program(bob), stranger, rule, first["tag-rules"])
    asked += syncs(as_alice, Program(bob), stranger, contoso)
    asked += people_and_settings(as_alice, Program(bob), Program(pat), contoso, first["memberships"])

    statuses = set()
    for path, method, response in asked:
        validator(described, path, method, response).validate(response.json())
        statuses.add(response.status_code)

    assert statuses == {200, 201, 202, 400, 401, 403, 404, 409}


def a_list_and_one(as_alice: Program, stranger: Program, path: str, key: str) -> Asked:
    """A list and one object of it, for somebody who may see it, for a stranger and for nobody."""
    a_list, one = f"/api/v1/{path}/", f"/api/v1/{path}/{{id}}/"
    return [
        (a_list, "get", as_alice.ask(f"{path}/", page_size=1)),
        (a_list, "get", stranger.ask(f"{path}/")),
        (a_list, "get", as_alice.ask(f"{path}/", nonsense="1")),
        (a_list, "get", Program(None).ask(f"{path}/")),
        (one, "get", as_alice.ask(f"{path}/{key}/")),
        (one, "get", stranger.ask(f"{path}/{key}/")),
        (one, "get", Program(None).ask(f"{path}/{key}/")),
    ]


def changes_of(as_alice: Program, stranger: Program, resource: str) -> Asked:
    """The changes of one resource."""
    changes, path = "/api/v1/resources/{resource_id}/changes/", f"resources/{resource}/changes/"
    return [
        (changes, "get", as_alice.ask(path)),
        (changes, "get", stranger.ask(path)),
        (changes, "get", as_alice.ask(path, kind="x")),
    ]


def files(as_alice: Program, stranger: Program) -> Asked:
    """Asking for an export and a report, rightly and wrongly, and how far they are."""
    asked: Asked = []
    for path, a_file in (("exports", {"list": "resources", "format": "csv"}), ("reports", {"tenant": "contoso"})):
        a_list, one = f"/api/v1/{path}/", f"/api/v1/{path}/{{id}}/"
        asked.append((a_list, "post", as_alice.post(f"{path}/", a_file)))
        key = as_alice.rows(f"{path}/")[0]["id"]
        asked += [
            (a_list, "get", as_alice.ask(f"{path}/")),
            (a_list, "post", as_alice.post(f"{path}/", {"list": "nothing", "report": "nothing"})),
            (one, "get", as_alice.ask(f"{path}/{key}/")),
            (one, "get", stranger.ask(f"{path}/{key}/")),
        ]
    return asked


def tag_rules(as_alice: Program, as_bob: Program, stranger: Program, rule: dict[str, str], key: str) -> Asked:
    """Adding, changing and deleting tag rules, in every way they answer."""
    one, wanted = f"tag-rules/{key}/", {"key": "owner", "types": ["microsoft.web/sites"]}
    return [
        ("/api/v1/tag-compliance/", "get", as_alice.ask("tag-compliance/")),
        ("/api/v1/tag-rules/", "post", as_alice.post("tag-rules/", {"key": "x"})),
        ("/api/v1/tag-rules/", "post", as_bob.post("tag-rules/", rule)),
        ("/api/v1/tag-rules/", "post", stranger.post("tag-rules/", rule)),
        ("/api/v1/tag-rules/{id}/", "put", as_alice.put(one, wanted)),
        ("/api/v1/tag-rules/{id}/", "patch", as_alice.patch(one, {"key": ""})),
        ("/api/v1/tag-rules/{id}/", "delete", as_bob.delete(one)),
    ]


def syncs(as_alice: Program, as_bob: Program, stranger: Program, contoso: Tenant) -> Asked:
    """Asking for a sync, as everybody."""
    path, body = "/api/v1/syncs/", {"tenant": str(contoso.id), "kind": "resources"}
    return [
        (path, "post", as_alice.post("syncs/", body)),
        (path, "post", as_alice.post("syncs/", {})),
        *((path, "post", program.post("syncs/", body)) for program in (as_bob, stranger, Program(None))),
    ]


def tokens(as_alice: Program, as_bob: Program, contoso: Tenant, made: Any) -> Asked:
    """Making API tokens, and what a call with one is answered."""
    asked = {"tenant": str(contoso.id), "name": "ci", "role": "admin"}
    with_token = Program.with_token(made.json()["token"])
    return [
        ("/api/v1/tokens/", "post", made),
        ("/api/v1/tokens/", "post", as_bob.post("tokens/", asked)),
        ("/api/v1/tokens/", "post", with_token.post("tokens/", asked)),
        ("/api/v1/tokens/{id}/", "delete", as_bob.delete(f"tokens/{made.json()['id']}/")),
        ("/api/v1/me/", "get", with_token.ask("me/")),
        ("/api/v1/me/", "get", Program.with_token("agp_").ask("me/")),
    ]


def people_and_settings(as_alice: Program, as_bob: Program, as_pat: Program, contoso: Tenant, membership: str) -> Asked:
    """Reading and writing people, tenants and groups, in every way they answer."""
    a_role, one, ask_azure = "/api/v1/memberships/", "/api/v1/tenants/{id}/", "/api/v1/tenants/{tenant_id}/preflight/"
    role = {"tenant": str(contoso.id), "email": "erin@contoso.example", "role": "reader"}
    group = {"name": "apac", "tenants": [str(contoso.id)]}
    new = {"azure_tenant_id": str(uuid4()), "client_id": str(uuid4()), "secret_ref": "env:NEW"}
    made = as_pat.post("tenant-groups/", group)
    a_group = f"tenant-groups/{made.json()['id']}/"
    return [
        (a_role, "get", as_bob.ask("memberships/", tenant="contoso")),
        ("/api/v1/users/", "get", as_bob.ask("users/", tenant="contoso")),
        (f"{a_role}{{id}}/", "get", as_bob.ask(f"memberships/{membership}/")),
        (a_role, "post", as_alice.post("memberships/", role)),
        (a_role, "post", as_alice.post("memberships/", {**role, "email": "alice@contoso.example"})),
        (a_role, "post", as_bob.post("memberships/", role)),
        (f"{a_role}{{id}}/", "patch", as_alice.patch(f"memberships/{membership}/", {"role": "admin"})),
        (f"{a_role}{{id}}/", "delete", as_bob.delete(f"memberships/{membership}/")),
        (ask_azure, "get", as_bob.ask(f"tenants/{contoso.id}/preflight/")),
        (ask_azure, "post", as_alice.post(f"tenants/{contoso.id}/preflight/", {})),
        (ask_azure, "post", as_bob.post(f"tenants/{contoso.id}/preflight/", {})),
        ("/api/v1/tenants/", "post", as_pat.post("tenants/", {"name": "northwind", **new})),
        ("/api/v1/tenants/", "post", as_alice.post("tenants/", {"name": "tailspin", **new})),
        (one, "patch", as_alice.patch(f"tenants/{contoso.id}/", {"status": "paused"})),
        (one, "patch", as_alice.patch(f"tenants/{contoso.id}/", {})),
        ("/api/v1/tenant-groups/", "post", made),
        ("/api/v1/tenant-groups/", "post", as_pat.post("tenant-groups/", group)),
        ("/api/v1/tenant-groups/{id}/", "patch", as_pat.patch(a_group, {"tenants": [str(contoso.id)]})),
        ("/api/v1/tenant-groups/{id}/", "delete", as_alice.delete(a_group)),
    ]
