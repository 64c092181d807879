"""/api/v1/users/ and /api/v1/memberships/: who sees whom, and who gives roles."""

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from governance.access import Role
from governance.tenancy import Scope, entered
from tenants.actions import grant_role, group_tenants
from tenants.models import Membership, Tenant, User
from tenants.people_lists import InvitationListFilter, MembershipListFilter, TenantGroupListFilter, UserListFilter
from tests.api.program import Program, problem, refused
from tests.conftest import person


@pytest.fixture
def dana(contoso: Tenant, fabrikam: Tenant) -> User:
    """Operator of contoso, admin of fabrikam."""
    return person("dana@contoso.example", contoso=Role.OPERATOR, fabrikam=Role.ADMIN)


def roles(tenant: Tenant) -> dict[str, str]:
    """Who has which role, by e-mail."""
    with entered(Scope.of(tenant.id)):
        return dict(Membership.objects.values_list("user__email", "role"))


def key_of(user: User, tenant: Tenant) -> str:
    """The address of a person's role."""
    with entered(Scope.of(tenant.id)):
        return f"memberships/{Membership.objects.get(user=user).id}/"


def told(rows: list[dict[str, Any]]) -> dict[str, list[tuple[str, str]]]:
    """The roles of each person, by e-mail."""
    return {row["email"]: [(role["tenant_name"], role["role"]) for role in row["roles"]] for row in rows}


def test_the_parameters_of_these_lists_are_tested_here() -> None:
    assert set(UserListFilter.base_filters) == {"tenant", "group", "role", "q", "sort"}
    assert set(MembershipListFilter.base_filters) == {"tenant", "group", "role", "sort"}
    assert set(InvitationListFilter.base_filters) == {"tenant", "group", "role", "sort"}  # tests/invitations
    assert set(TenantGroupListFilter.base_filters) == {"sort"}


# --- users ------------------------------------------------------------------------------------------------------------


def test_people_are_told_with_their_roles_in_my_tenants_alone(
    alice: User, bob: User, charlie: User, dana: User, auditor: User
) -> None:
    mine = told(Program(alice).rows("users/"))

    assert mine == {
        "alice@contoso.example": [("contoso", "admin")],
        "bob@contoso.example": [("contoso", "reader")],
        "dana@contoso.example": [("contoso", "operator")],
    }
    assert told(Program(dana).rows("users/")) == {  # admin of fabrikam alone
        "charlie@fabrikam.example": [("fabrikam", "admin")],
        "dana@contoso.example": [("fabrikam", "admin")],
    }
    everybody = told(Program(auditor).rows("users/"))
    assert everybody["dana@contoso.example"] == [("contoso", "operator"), ("fabrikam", "admin")]
    assert len(everybody) == 4


@pytest.mark.parametrize("who", ["bob", "olga"])
def test_who_administers_nothing_sees_nobody_and_is_told_so_when_asking_for_a_tenant(
    contoso: Tenant, alice: User, request: pytest.FixtureRequest, who: str
) -> None:
    program = Program(request.getfixturevalue(who))

    for path in ("users/", "memberships/"):
        assert program.rows(path) == []
        assert "role admin" in problem(program.ask(path, tenant="contoso"), 403)["detail"]
    problem(program.ask(f"users/{alice.id}/"), 404)
    problem(program.ask(key_of(alice, contoso)), 403)


def test_filters_speak_of_one_and_the_same_role(
    alice: User, bob: User, charlie: User, dana: User, auditor: User, contoso: Tenant, fabrikam: Tenant
) -> None:
    group_tenants("south", [fabrikam])
    program = Program(auditor)

    def emails(**parameters: str) -> list[str]:
        return [row["email"].partition("@")[0] for row in program.rows("users/", **parameters)]

    assert emails(tenant="contoso") == emails(tenant=str(contoso.id)) == ["alice", "bob", "dana"]
    assert emails(group="south") == ["charlie", "dana"]
    assert emails(role="admin") == ["alice", "charlie", "dana"]
    assert emails(tenant="contoso", role="admin") == ["alice"]
    assert emails(q="FABRIKAM") == ["charlie"]
    assert emails(sort="-email") == ["dana", "charlie", "bob", "alice"]
    assert [row["email"].partition("@")[0] for row in program.walk("users/", page_size=1)] == emails()
    for path in ("users/", "memberships/"):
        refused(program.ask(path, role="owner"), "role")
        refused(program.ask(path, sort="name"), "sort")
        refused(program.ask(path, search="x"), "search")
        refused(Program(alice).ask(path, tenant="fabrikam"), "tenant")


def test_nothing_of_an_account_is_told_before_its_owner_came(alice: User, pat: User, contoso: Tenant) -> None:
    erin = person("erin@elsewhere.example")
    Program(erin)  # signs in, before there is a role
    grant_role(erin, contoso, Role.READER)

    (row,) = Program(alice).rows("users/", q="erin")
    assert (row["name"], row["last_login"]) == ("", None)
    assert Program(pat).rows("users/", q="erin")[0]["name"] == "Erin"

    Program(erin)
    (row,) = Program(alice).rows("users/", q="erin")
    assert row["name"] == "Erin"
    assert row == Program(alice).page(f"users/{erin.id}/")
    assert row["last_login"] >= row["roles"][0]["since"]


def test_a_foreign_and_a_missing_person_are_the_same_404(alice: User, charlie: User) -> None:
    foreign, absent = (Program(alice).ask(f"users/{key}/") for key in (charlie.id, uuid4()))

    problem(foreign, 404)
    assert foreign.content == absent.content


# --- memberships ------------------------------------------------------------------------------------------------------


def test_roles_are_listed_in_the_order_they_were_given(
    alice: User, bob: User, dana: User, auditor: User, charlie: User, contoso: Tenant
) -> None:
    program = Program(auditor)
    rows = program.rows("memberships/")

    assert [row["since"] for row in rows] == sorted(row["since"] for row in rows)
    assert rows[::-1] == program.rows("memberships/", sort="-since")
    assert list(program.walk("memberships/", page_size=2)) == rows
    assert {row["email"] for row in program.rows("memberships/", tenant="contoso", role="operator")} == {dana.email}
    assert {row["tenant_name"] for row in Program(alice).rows("memberships/")} == {"contoso"}
    assert Program(alice).page(key_of(bob, contoso)) in rows


@pytest.mark.parametrize(
    ("body", "parameter"),
    [
        ({"email": "no address"}, "email"),
        ({"email": None}, "email"),
        ({"role": "owner"}, "role"),
        ({"role": 3}, "role"),
        ({"tenant": "contoso"}, "tenant"),
        ({"tenant": None}, "tenant"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(
    as_alice: Program, contoso: Tenant, body: dict[str, Any], parameter: str
) -> None:
    usual = {"tenant": str(contoso.id), "email": "erin@elsewhere.example", "role": "reader"}

    refused(as_alice.post("memberships/", {**usual, **body}), parameter)


@pytest.mark.parametrize(
    ("who", "status"), [("bob", 403), ("olga", 403), ("auditor", 403), ("charlie", 404), ("alice", 200), ("pat", 200)]
)
def test_only_admins_invite_change_and_take_away(
    contoso: Tenant, alice: User, bob: User, request: pytest.FixtureRequest, who: str, status: int
) -> None:
    erin = person("erin@elsewhere.example")
    program, key = Program(request.getfixturevalue(who)), key_of(bob, contoso)
    before = roles(contoso)

    answers = [
        program.post("memberships/", {"tenant": str(contoso.id), "email": erin.email, "role": "admin"}),
        program.patch(key, {"role": "operator"}),
        program.delete(key),
    ]

    allowed = [202, 200, 204] if status == 200 else [status] * 3
    assert [answer.status_code for answer in answers] == allowed
    after = {email: role for email, role in before.items() if email != bob.email}  # erin has not accepted
    assert roles(contoso) == (after if status == 200 else before)


def test_a_changed_role_is_answered_as_it_is_now(as_alice: Program, bob: User, contoso: Tenant) -> None:
    answer = as_alice.patch(key_of(bob, contoso), {"role": "operator"})

    assert answer.json() == as_alice.page(key_of(bob, contoso))
    assert answer.json()["role"] == "operator"
    refused(as_alice.patch(key_of(bob, contoso), {"role": "owner"}), "role")
    refused(as_alice.patch(key_of(bob, contoso), {}), "role")


def test_the_last_admin_stays_and_that_is_a_conflict(as_alice: Program, alice: User, contoso: Tenant) -> None:
    key = key_of(alice, contoso)

    for answer in (as_alice.patch(key, {"role": "reader"}), as_alice.delete(key)):
        assert "without an admin" in problem(answer, 409)["detail"]
    again = as_alice.post("memberships/", {"tenant": str(contoso.id), "email": alice.email, "role": "reader"})
    assert "has a role" in problem(again, 409)["detail"]
    assert roles(contoso) == {alice.email: "admin"}


def test_a_foreign_role_is_a_missing_one(as_alice: Program, charlie: User, fabrikam: Tenant) -> None:
    foreign, absent = key_of(charlie, fabrikam), f"memberships/{uuid4()}/"

    for ask in (as_alice.ask, as_alice.delete, lambda key: as_alice.patch(key, {"role": "reader"})):
        problem(ask(foreign), 404)
        assert ask(foreign).content == ask(absent).content
    assert roles(fabrikam) == {charlie.email: "admin"}


def test_without_the_csrf_token_nothing_is_written(alice: User, bob: User, contoso: Tenant) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    before = roles(contoso)

    for method in (client.patch, client.delete):
        answer = method(f"/api/v1/{key_of(bob, contoso)}", {"role": "admin"}, content_type="application/json")
        assert answer.status_code == 403
    assert roles(contoso) == before
