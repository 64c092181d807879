"""API tokens, as a program uses them: what they open, what they never open, and when they open nothing any more."""

import hashlib
import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from audit.models import AuditEvent
from governance.access import Role
from governance.portal.tasks import make_file
from governance.tenancy import Scope, entered
from tenants.actions import change_role, grant_role, remove_person
from tenants.models import ApiToken, Membership, Tenant, User
from tenants.token_lists import TokenListFilter
from tests.api.program import Program, problem, refused
from tests.audit.trails import events
from tests.conftest import everybody, person, signed_in

TEXT = re.compile(r"agp_[0-9a-f]{32}_[0-9a-f]{64}")


@pytest.fixture
def dana(contoso: Tenant, fabrikam: Tenant) -> User:
    """Operator of contoso, admin of fabrikam."""
    return person("dana@contoso.example", contoso=Role.OPERATOR, fabrikam=Role.ADMIN)


def make(user: User, tenant: Tenant, role: Role = Role.READER, **asked: Any) -> dict[str, Any]:
    """Make a token as a person does, by the API."""
    answer = Program(user).post("tokens/", {"tenant": str(tenant.id), "name": "ci", "role": role.word, **asked})
    assert answer.status_code == 201, answer.content
    told: dict[str, Any] = answer.json()
    return told


def token_of(user: User, tenant: Tenant, role: Role = Role.READER, **asked: Any) -> Program:
    """A program with a token of this person."""
    return Program.with_token(make(user, tenant, role, **asked)["token"])


def membership(user: User, tenant: Tenant) -> Membership:
    """The role of a person in a tenant."""
    with entered(Scope.of(tenant.id)):
        found: Membership = Membership.objects.get(user=user)
    return found


def refused_token(response: Any) -> str:
    """The sentence of a 401 about the token that came along."""
    detail = str(problem(response, 401)["detail"])
    challenge = response["WWW-Authenticate"]
    assert challenge == f'Bearer realm="api", error="invalid_token", error_description="{detail}"'
    return detail


def change(token: dict[str, Any], **values: Any) -> None:
    """Change the row of a token, as time or somebody else would."""
    with entered(Scope.every_tenant(reason="A test lets time pass.")):
        assert ApiToken.objects.filter(id=token["id"]).update(**values) == 1


# --- making one -------------------------------------------------------------------------------------------------------


def test_the_parameters_of_the_list_are_tested_here() -> None:
    assert set(TokenListFilter.base_filters) == {"tenant", "group", "state", "role", "q", "sort"}


def test_the_secret_is_told_once_and_only_its_hash_is_kept(alice: User, contoso: Tenant, everywhere: None) -> None:
    made = make(alice, contoso, days=30)
    text = made.pop("token")

    assert TEXT.fullmatch(text)
    assert text.startswith(made["begins_with"])
    assert Program(alice).rows("tokens/") == [Program(alice).page(f"tokens/{made['id']}/")] == [made]
    row = ApiToken.objects.values().get()
    secret = text.rpartition("_")[2]
    assert row["secret_hash"] == hashlib.sha256(secret.encode()).hexdigest()
    assert secret not in str(row)
    assert timedelta(days=29) < row["expires_at"] - timezone.now() <= timedelta(days=30)
    assert (made["state"], made["last_used_at"], made["revoked_at"]) == ("active", None, None)


@pytest.mark.parametrize(
    ("asked", "parameter"),
    [
        ({"role": "operator"}, "role"),  # above one's own
        ({"role": "owner"}, "role"),
        ({"days": 0}, "days"),
        ({"days": 366}, "days"),
        ({"days": None}, "days"),
        ({"name": " \x00 "}, "name"),
        ({"name": "n" * 81}, "name"),
        ({"tenant": "contoso"}, "tenant"),
    ],
)
def test_what_cannot_be_made_is_refused_by_name(
    bob: User, contoso: Tenant, asked: dict[str, Any], parameter: str, everywhere: None
) -> None:
    usual = {"tenant": str(contoso.id), "name": "ci", "role": "reader"}

    refused(Program(bob).post("tokens/", {**usual, **asked}), parameter)

    assert not ApiToken.objects.exists()


def test_a_name_is_used_once_until_its_token_is_revoked(alice: User, bob: User, contoso: Tenant) -> None:
    asked = {"tenant": str(contoso.id), "name": "ci", "role": "reader"}
    first = make(alice, contoso)
    make(bob, contoso)  # another person's names are their own

    refused(Program(alice).post("tokens/", asked), "name")
    Program(alice).delete(f"tokens/{first['id']}/")

    make(alice, contoso)


def test_a_stranger_makes_none_and_cannot_tell_a_foreign_tenant_from_none(charlie: User, contoso: Tenant) -> None:
    asked = {"name": "ci", "role": "reader"}

    foreign, absent = (Program(charlie).post("tokens/", {**asked, "tenant": str(key)}) for key in (contoso.id, uuid4()))

    problem(foreign, 404)
    assert foreign.content == absent.content


def test_a_token_makes_no_other_token(alice: User, contoso: Tenant) -> None:
    asked = {"tenant": str(contoso.id), "name": "longer life", "role": "reader"}

    answer = token_of(alice, contoso, Role.ADMIN).post("tokens/", asked)

    assert "makes no other" in problem(answer, 403)["detail"]


# --- what it opens ----------------------------------------------------------------------------------------------------


def test_it_opens_one_tenant_with_the_lesser_role(dana: User, contoso: Tenant, fabrikam: Tenant) -> None:
    program = token_of(dana, contoso)

    assert [row["name"] for row in program.rows("tenants/")] == ["contoso"]
    me = program.page("me/")
    assert me["roles"] == [{"tenant": str(contoso.id), "tenant_name": "contoso", "role": "reader"}]
    foreign, absent = (program.ask(f"tenants/{key}/") for key in (fabrikam.id, uuid4()))
    problem(foreign, 404)
    assert foreign.content == absent.content
    refused(program.ask("resources/", tenant="fabrikam"), "tenant")
    assert program.rows("users/") == []
    problem(program.post("syncs/", {"tenant": str(contoso.id), "kind": "resources"}), 403)


def test_the_ceiling_holds_even_for_an_admin(alice: User, bob: User, contoso: Tenant) -> None:
    as_reader = token_of(alice, contoso, Role.READER)
    as_admin = token_of(alice, contoso, Role.ADMIN, name="admin")
    paused = {"status": "paused"}

    problem(as_reader.patch(f"tenants/{contoso.id}/", paused), 403)
    assert as_reader.rows("users/") == as_reader.rows("memberships/") == []
    assert "role admin" in problem(as_reader.ask("users/", tenant="contoso"), 403)["detail"]
    assert as_admin.patch(f"tenants/{contoso.id}/", paused).status_code == 200
    assert len(as_admin.rows("users/")) == 2


@pytest.mark.parametrize(("who", "status"), [("pat", 200), ("auditor", 403)])
def test_the_platforms_people_hold_tokens_of_one_tenant_too(
    contoso: Tenant, fabrikam: Tenant, request: pytest.FixtureRequest, who: str, status: int
) -> None:
    user = request.getfixturevalue(who)
    program = token_of(user, contoso, Role.ADMIN if who == "pat" else Role.READER)
    connect = {"name": "n", "azure_tenant_id": str(uuid4()), "client_id": str(uuid4()), "secret_ref": "env:N"}

    assert [row["name"] for row in program.rows("tenants/")] == ["contoso"]
    assert program.page("me/")["platform_role"] == ""
    problem(program.ask(f"tenants/{fabrikam.id}/"), 404)
    problem(program.post("tenants/", connect), 403)
    assert program.patch(f"tenants/{contoso.id}/", {"status": "paused"}).status_code == status


def test_an_export_of_a_token_holds_its_tenant_alone(dana: User, contoso: Tenant, broker: Any) -> None:
    program = token_of(dana, contoso)
    file = program.post("exports/", {"list": "tenants", "format": "csv"}).json()

    make_file(file["id"])

    made = program.page(f"exports/{file['id']}/")
    assert (made["status"], made["tenants"], made["rows"]) == ("done", ["contoso"], 1)
    content = b"".join(program.ask(f"exports/{file['id']}/content/"))
    assert b"contoso" in content
    assert b"fabrikam" not in content


# --- when it opens nothing --------------------------------------------------------------------------------------------


def test_a_revoked_one_opens_nothing(alice: User, contoso: Tenant) -> None:
    made = make(alice, contoso)
    program = Program.with_token(made["token"])
    program.page("me/")

    assert Program(alice).delete(f"tokens/{made['id']}/").status_code == 204

    assert refused_token(program.ask("me/")) == "The token cannot be accepted."
    (row,) = Program(alice).rows("tokens/", state="revoked")
    assert row["revoked_at"] is not None
    assert Program(alice).rows("tokens/", state="active") == []


def test_an_expired_one_opens_nothing_and_is_told_why(alice: User, contoso: Tenant) -> None:
    made = make(alice, contoso)
    program = Program.with_token(made["token"])
    program.page("me/")

    change(made, expires_at=timezone.now())

    assert refused_token(program.ask("me/")) == "The token has expired."
    assert [row["id"] for row in Program(alice).rows("tokens/", state="expired")] == [made["id"]]


def test_a_lesser_role_counts_at_the_next_call(alice: User, pat: User, contoso: Tenant) -> None:
    program = token_of(alice, contoso, Role.ADMIN)
    assert program.patch(f"tenants/{contoso.id}/", {"status": "paused"}).status_code == 200

    with entered(Scope.of(contoso.id)):
        change_role(membership(alice, contoso), Role.READER, by_platform=True)

    problem(program.patch(f"tenants/{contoso.id}/", {"status": "connected"}), 403)
    assert program.page("me/")["roles"][0]["role"] == "reader"


def test_who_is_removed_loses_the_token_for_good(bob: User, contoso: Tenant) -> None:
    program = token_of(bob, contoso)
    program.page("me/")

    with entered(Scope.of(contoso.id)):
        remove_person(membership(bob, contoso), by_platform=False)
    refused_token(program.ask("me/"))
    assert "token.revoked" in {event.verb for event in events(contoso.id)}
    grant_role(bob, contoso, Role.READER)

    refused_token(program.ask("me/"))


def test_a_role_that_went_another_way_is_gone_too(bob: User, contoso: Tenant, everywhere: None) -> None:
    program = token_of(bob, contoso)

    Membership.objects.filter(user=bob).delete()

    refused_token(program.ask("me/"))


def test_a_platform_role_that_ended_is_gone_too(pat: User, contoso: Tenant) -> None:
    program = token_of(pat, contoso)
    program.page("me/")

    everybody().filter(id=pat.id).update(platform_role="")

    refused_token(program.ask("me/"))


def test_a_closed_account_opens_nothing(bob: User, contoso: Tenant) -> None:
    program = token_of(bob, contoso)

    everybody().filter(id=bob.id).update(is_active=False)

    refused_token(program.ask("me/"))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[:-1] + ("0" if text[-1] != "0" else "1"),
        lambda text: text.replace("agp_", "agp_0", 1),
        lambda text: text + "0",
        lambda text: text.upper(),
        lambda text: f"agp_{uuid4().hex}_{text.rpartition('_')[2]}",
        lambda text: text.rpartition("_")[0],
        lambda text: text + " x",
        lambda text: f"{text},Bearer {text}",
        lambda text: text + "\u0660",
        lambda _: "",
        lambda _: "agp_",
        lambda _: "a" * 9000,
        lambda _: "agp_" + "a" * 9000,
    ],
)
def test_what_only_resembles_it_opens_nothing(alice: User, contoso: Tenant, spoil: Any) -> None:
    text = make(alice, contoso)["token"]

    assert refused_token(Program.with_token(spoil(text)).ask("me/")) == "The token cannot be accepted."


# --- beside a session -------------------------------------------------------------------------------------------------


def test_the_header_decides_and_the_cookie_beside_it_counts_nothing(alice: User, bob: User, contoso: Tenant) -> None:
    browser, text = signed_in(alice), make(bob, contoso)["token"]

    answer = browser.get("/api/v1/me/", headers={"Authorization": f"Bearer {text}"})

    assert answer.json()["email"] == bob.email


@pytest.mark.parametrize("header", ["Bearer nonsense", "Bearer", "", "Basic YWxpY2U6eA==", "Token x"])
def test_a_header_that_does_not_hold_is_nobody_whoever_is_signed_in(alice: User, header: str) -> None:
    browser = signed_in(alice)

    for path in ("/api/v1/me/", "/api/v1/resources/"):
        refused_token(browser.get(path, headers={"Authorization": header}))
    assert browser.get("/api/v1/me/").status_code == 200


def test_a_token_needs_no_csrf_token_and_a_session_still_does(alice: User, contoso: Tenant) -> None:
    text = make(alice, contoso, Role.ADMIN)["token"]
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice)
    path, paused = f"/api/v1/tenants/{contoso.id}/", {"status": "paused"}
    header = {"Authorization": f"Bearer {text}"}

    assert browser.patch(path, paused, content_type="application/json").status_code == 403
    assert browser.patch(path, paused, content_type="application/json", headers=header).status_code == 200


def test_pages_take_no_token(alice: User, contoso: Tenant) -> None:
    program = token_of(alice, contoso, Role.ADMIN)

    for path in ("/", "/resources/", "/tenants/", "/tokens/", f"/tenants/{contoso.id}/people/"):
        answer = program.client.get(path)
        assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/sign-in/")
    assert program.client.post(f"/tenants/{contoso.id}/pause/").status_code == 302


# --- who sees and revokes ---------------------------------------------------------------------------------------------


def test_one_sees_ones_own_and_admins_those_of_their_tenant(
    alice: User, bob: User, dana: User, charlie: User, auditor: User, contoso: Tenant, fabrikam: Tenant
) -> None:
    of_bob, of_dana = make(bob, contoso), make(dana, contoso, Role.OPERATOR)
    elsewhere = make(dana, fabrikam, Role.ADMIN)

    def seen(user: User, **asked: str) -> set[str]:
        return {row["id"] for row in Program(user).rows("tokens/", **asked)}

    assert seen(bob) == {of_bob["id"]}
    assert seen(alice) == {of_bob["id"], of_dana["id"]}
    assert seen(dana) == {of_dana["id"], elsewhere["id"]}
    assert seen(charlie) == {elsewhere["id"]}
    assert seen(auditor) == {of_bob["id"], of_dana["id"], elsewhere["id"]}
    assert seen(dana, tenant="contoso") == {of_dana["id"]}
    assert seen(auditor, role="admin") == {elsewhere["id"]}
    assert seen(auditor, q="CI") == seen(auditor)
    assert seen(auditor, q="nightly") == set()
    by_expiry = [row["id"] for row in Program(auditor).rows("tokens/", sort="expires")]
    assert by_expiry == [of_bob["id"], of_dana["id"], elsewhere["id"]]
    assert list(Program(auditor).walk("tokens/", page_size=1, sort="-expires")) == Program(auditor).rows("tokens/")
    refused(Program(alice).ask("tokens/", sort="email"), "sort")
    refused(Program(alice).ask("tokens/", state="lost"), "state")
    refused(Program(alice).ask("tokens/", tenant="fabrikam"), "tenant")


@pytest.mark.parametrize(
    ("who", "status"), [("bob", 204), ("alice", 204), ("pat", 204), ("auditor", 403), ("olga", 404), ("charlie", 404)]
)
def test_its_person_and_its_tenants_admins_revoke_it(
    bob: User, contoso: Tenant, request: pytest.FixtureRequest, who: str, status: int
) -> None:
    made = make(bob, contoso)
    program = Program(request.getfixturevalue(who))

    answer = program.delete(f"tokens/{made['id']}/")

    assert answer.status_code == status
    assert Program.with_token(made["token"]).ask("me/").status_code == (401 if status == 204 else 200)
    if status == 404:
        assert answer.content == program.delete(f"tokens/{uuid4()}/").content
        assert program.ask(f"tokens/{made['id']}/").content == program.ask(f"tokens/{uuid4()}/").content


def test_a_token_revokes_itself_and_others_only_as_an_admin(alice: User, contoso: Tenant) -> None:
    reader, admin, other = (
        make(alice, contoso, role, name=name)
        for name, role in (("r", Role.READER), ("a", Role.ADMIN), ("o", Role.READER))
    )
    as_reader, as_admin = (Program.with_token(made["token"]) for made in (reader, admin))

    problem(as_reader.delete(f"tokens/{other['id']}/"), 403)
    assert as_reader.delete(f"tokens/{reader['id']}/").status_code == 204
    assert as_admin.delete(f"tokens/{other['id']}/").status_code == 204

    refused_token(as_reader.ask("me/"))
    refused_token(Program.with_token(other["token"]).ask("me/"))


# --- what is noted ----------------------------------------------------------------------------------------------------


def test_the_last_use_is_noted_but_not_with_each_call(alice: User, contoso: Tenant) -> None:
    made = make(alice, contoso)
    program = Program.with_token(made["token"])

    def last_used() -> Any:
        return Program(alice).page(f"tokens/{made['id']}/")["last_used_at"]

    program.page("me/")
    first = last_used()
    program.page("me/")

    assert first is not None
    assert last_used() == first
    change(made, last_used_at=timezone.now() - timedelta(minutes=6))
    program.page("me/")
    assert last_used() > first


def test_making_using_revoking_and_refused_use_are_in_the_trail(alice: User, contoso: Tenant) -> None:
    made = make(alice, contoso, Role.ADMIN)
    program = Program.with_token(made["token"])
    program.delete(f"tokens/{made['id']}/")
    refused_token(program.ask("me/"))

    found: list[AuditEvent] = [event for event in events(contoso.id) if event.verb.startswith("token.")]

    assert [(event.verb, event.outcome, event.actor_kind) for event in found] == [
        ("token.made", "done", "person"),
        ("token.revoked", "done", "token"),
        ("token.refused", "refused", "nobody"),
    ]
    assert {event.target_id for event in found} == {made["id"]}
    assert found[1].actor_id == made["id"]
    assert made["token"].rpartition("_")[2] not in "".join(f"{vars(event)}" for event in found)


def test_the_secret_is_in_no_log(
    alice: User, contoso: Tenant, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    made = make(alice, contoso)
    secret = made["token"].rpartition("_")[2]

    Program.with_token(made["token"]).page("me/")
    refused_token(Program.with_token(made["token"] + "0").ask("me/"))

    assert secret not in caplog.text
    assert secret not in "".join(capfd.readouterr())
