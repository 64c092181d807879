"""Writing /api/v1/tenants/ and /api/v1/tenant-groups/: connect, pause, credentials, preflight, groups."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from governance.azure.simulator.server import Simulator
from governance.celery import app
from governance.tenancy import Scope, entered
from governance.valkey import free_port
from tenants.actions import group_tenants
from tenants.models import PreflightResult, Tenant, TenantGroup, User
from tenants.tasks import ask_preflight
from tests.api.program import Program, problem, refused


@pytest.fixture
def as_pat(pat: User) -> Program:
    """A program that acts for the platform admin."""
    return Program(pat)


def stored(tenant: Tenant) -> Tenant:
    """The tenant as it is in the database."""
    with entered(Scope.of(tenant.id)):
        row: Tenant = Tenant.objects.get(id=tenant.id)
    return row


def connection(azure: Simulator, **other: Any) -> dict[str, Any]:
    """What connects fabrikam."""
    there = azure.tenant("fabrikam")
    usual = {"azure_tenant_id": str(there.tenant_id), "client_id": str(there.client_id)}
    return {"name": "fabrikam", **usual, "secret_ref": "env:FABRIKAM_CLIENT_SECRET", **other}


# --- connecting -------------------------------------------------------------------------------------------------------


def test_a_platform_admin_connects_and_no_credential_comes_back(azure: Simulator, as_pat: Program) -> None:
    new, known = (as_pat.post("tenants/", connection(azure)) for _ in range(2))

    assert (new.status_code, known.status_code) == (201, 200)
    assert set(new.json()) == {"id", "name", "azure_tenant_id", "cost_export_scope", "status", "connected_at", "role"}
    assert new.json() == known.json() == as_pat.page(f"tenants/{new.json()['id']}/")


@pytest.mark.parametrize("who", ["alice", "bob", "auditor"])
def test_nobody_else_connects(
    azure: Simulator, contoso: Tenant, request: pytest.FixtureRequest, who: str, everywhere: None
) -> None:
    problem(Program(request.getfixturevalue(who)).post("tenants/", connection(azure)), 403)

    assert not Tenant.objects.filter(name="fabrikam").exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "Not A Name"),
        ("name", "contoso"),
        ("azure_tenant_id", "x"),
        ("client_id", None),
        ("secret_ref", "the-secret-itself"),
    ],
)
def test_what_cannot_be_connected_is_refused_by_name(
    azure: Simulator, contoso: Tenant, as_pat: Program, field: str, value: Any, everywhere: None
) -> None:
    answer = as_pat.post("tenants/", connection(azure, **{field: value}))

    refused(answer, field)
    assert b"the-secret-itself" not in answer.content
    assert Tenant.objects.count() == 1


# --- pausing, credentials ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "status"),
    [("alice", 200), ("pat", 200), ("olga", 403), ("bob", 403), ("auditor", 403), ("charlie", 404)],
)
def test_admins_pause_and_resume(contoso: Tenant, request: pytest.FixtureRequest, who: str, status: int) -> None:
    program = Program(request.getfixturevalue(who))

    for word in ("paused", "connected"):
        answer = program.patch(f"tenants/{contoso.id}/", {"status": word})
        assert answer.status_code == status
        assert stored(contoso).status == (word if status == 200 else "connected")


@pytest.mark.parametrize(("who", "status"), [("pat", 200), ("alice", 403)])
def test_credentials_are_for_platform_admins_and_all_or_nothing_is_changed(
    contoso: Tenant, request: pytest.FixtureRequest, who: str, status: int
) -> None:
    wanted = {"client_id": str(uuid4()), "secret_ref": "federated:/var/run/token"}

    answer = Program(request.getfixturevalue(who)).patch(
        f"tenants/{contoso.id}/", {"status": "paused", "credentials": wanted}
    )

    now = stored(contoso)
    assert answer.status_code == status
    assert (now.secret_ref == "federated:/var/run/token") is (now.status == "paused") is (status == 200)
    assert (now.client_id == UUID(wanted["client_id"])) is (status == 200)


@pytest.mark.parametrize(
    ("body", "parameter"),
    [
        ({}, "status"),
        ({"status": "deleted"}, "status"),
        ({"credentials": {"client_id": str(uuid4())}}, "credentials"),
        ({"credentials": {"client_id": str(uuid4()), "secret_ref": "the-secret-itself"}}, "secret_ref"),
    ],
)
def test_a_change_that_cannot_be_made_is_refused(
    contoso: Tenant, as_pat: Program, body: dict[str, Any], parameter: str
) -> None:
    answer = as_pat.patch(f"tenants/{contoso.id}/", body)

    refused(answer, parameter)
    assert b"the-secret-itself" not in answer.content
    assert stored(contoso).secret_ref == contoso.secret_ref


# --- preflight --------------------------------------------------------------------------------------------------------


def test_a_preflight_is_asked_for_answered_by_a_worker_and_told(
    contoso: Tenant, olga: User, bob: User, broker: Any
) -> None:
    path = f"tenants/{contoso.id}/preflight/"
    never = Program(bob).page(path)
    assert never == {
        "tenant": str(contoso.id),
        "waiting": False,
        "requested_at": None,
        "ran_at": None,
        "readable": None,
        "checks": [],
    }

    asked = Program(olga).post(path, {})
    assert (asked.status_code, asked.json()["waiting"], broker.llen("celery")) == (202, True, 1)
    with entered(Scope.of(contoso.id)):
        request = PreflightResult.objects.get().request
    ask_preflight(str(contoso.id), str(request))

    found = Program(bob).page(path)
    assert (found["waiting"], found["readable"]) == (False, True)
    assert [check["passed"] for check in found["checks"]] == [True] * 4
    assert all(check["finding"] for check in found["checks"])


@pytest.mark.parametrize(("who", "status"), [("bob", 403), ("auditor", 403), ("charlie", 404)])
def test_nobody_else_asks(contoso: Tenant, request: pytest.FixtureRequest, broker: Any, who: str, status: int) -> None:
    program = Program(request.getfixturevalue(who))

    problem(program.post(f"tenants/{contoso.id}/preflight/", {}), status)

    assert broker.llen("celery") == 0
    absent = program.post(f"tenants/{uuid4()}/preflight/", {})
    assert absent.status_code == status  # who may ask nowhere is refused before anybody looks for the tenant


def test_a_broker_that_does_not_answer_is_503(
    contoso: Tenant, olga: User, broker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CELERY_BROKER_URL", f"redis://127.0.0.1:{free_port()}/0")
    monkeypatch.setattr(app, "_pool", None)
    monkeypatch.setattr(app.amqp, "_producer_pool", None)
    program = Program(olga)

    assert "broker" in problem(program.post(f"tenants/{contoso.id}/preflight/", {}), 503)["detail"]
    assert program.page(f"tenants/{contoso.id}/preflight/")["waiting"] is False


# --- groups -----------------------------------------------------------------------------------------------------------


def test_a_group_is_made_changed_and_deleted(contoso: Tenant, fabrikam: Tenant, as_pat: Program) -> None:
    made = as_pat.post("tenant-groups/", {"name": "EMEA", "tenants": [str(contoso.id)]})
    assert made.status_code == 201
    assert made.json() == {
        "id": made.json()["id"],
        "name": "emea",
        "tenants": [{"id": str(contoso.id), "name": "contoso"}],
    }
    path = f"tenant-groups/{made.json()['id']}/"

    changed = as_pat.patch(path, {"tenants": [str(fabrikam.id), str(contoso.id)]})
    assert [tenant["name"] for tenant in changed.json()["tenants"]] == ["contoso", "fabrikam"]
    assert changed.json() == as_pat.page(path)

    assert as_pat.delete(path).status_code == 204
    problem(as_pat.ask(path), 404)


def test_groups_are_told_with_the_tenants_one_may_see(
    contoso: Tenant, fabrikam: Tenant, alice: User, as_pat: Program
) -> None:
    for name, tenants in (("both", [contoso, fabrikam]), ("south", [fabrikam])):
        group_tenants(name, tenants)

    assert [row["name"] for row in as_pat.rows("tenant-groups/")] == ["both", "south"]
    assert [row["name"] for row in as_pat.rows("tenant-groups/", sort="-name")] == ["south", "both"]
    assert len(list(as_pat.walk("tenant-groups/", page_size=1))) == 2
    (mine,) = Program(alice).rows("tenant-groups/")
    assert mine["tenants"] == [{"id": str(contoso.id), "name": "contoso"}]


@pytest.mark.parametrize(
    ("body", "parameter"),
    [
        ({"name": "both"}, "name"),
        ({"name": "Not A"}, "name"),
        ({"tenants": [str(uuid4())]}, "tenants"),
        ({"tenants": "x"}, "tenants"),
    ],
)
def test_what_cannot_be_a_group_is_refused_by_name(
    contoso: Tenant, as_pat: Program, body: dict[str, Any], parameter: str
) -> None:
    group_tenants("both", [contoso])

    refused(as_pat.post("tenant-groups/", {"name": "new", "tenants": [str(contoso.id)], **body}), parameter)


@pytest.mark.parametrize("who", ["alice", "bob", "auditor", "charlie"])
def test_nobody_else_changes_groups(
    contoso: Tenant, request: pytest.FixtureRequest, who: str, everywhere: None
) -> None:
    group = group_tenants("mine", [contoso])
    program = Program(request.getfixturevalue(who))

    problem(program.post("tenant-groups/", {"name": "new", "tenants": [str(contoso.id)]}), 403)
    for key in (group.id, uuid4()):  # refused before anybody looks for the group
        problem(program.patch(f"tenant-groups/{key}/", {"tenants": []}), 403)
        problem(program.delete(f"tenant-groups/{key}/"), 403)

    assert [row.name for row in TenantGroup.objects.all()] == ["mine"]
    assert group.members.count() == 1
