"""Access tokens of Azure AD B2C and Entra ID: the true one opens what its person may reach, no other opens anything."""

import base64
import hashlib
import hmac
import time
from typing import Any

import jwt
import orjson
import pytest
import requests
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import LazySettings
from django.test import Client

from governance.access import Role
from governance.azure.simulator.directory import B2C_DOMAIN, OTHER_POLICY, SIGN_IN_POLICY
from governance.azure.simulator.server import Simulator
from governance.tenancy import Scope, entered
from governance.tokens import ALWAYS_THERE
from tenants.actions import remove_person
from tenants.models import Membership, Tenant, User
from tests.api.bearers import Claims, Forge, claims_of, let_in, reason_of, take_b2c, take_entra, token_of
from tests.api.program import Program, problem
from tests.audit.trails import events
from tests.conftest import everybody, person, signed_in


@pytest.fixture
def b2c(azure: Simulator, settings: LazySettings, alice: User) -> Simulator:
    """The simulated Azure AD B2C, whose tokens the API takes; alice's account there is hers here."""
    take_b2c(azure, settings)
    let_in(alice, azure)
    return azure


# --- the true one -----------------------------------------------------------------------------------------------------


def test_it_opens_what_its_person_may_reach(b2c: Simulator, contoso: Tenant, fabrikam: Tenant) -> None:
    dana = let_in(person("dana@contoso.example", contoso=Role.READER, fabrikam=Role.ADMIN), b2c)
    program = Program.with_token(token_of(b2c, dana.email))

    assert program.page("me/")["email"] == dana.email
    assert [row["name"] for row in program.rows("tenants/")] == ["contoso", "fabrikam"]
    problem(program.patch(f"tenants/{contoso.id}/", {"status": "paused"}), 403)
    assert program.patch(f"tenants/{fabrikam.id}/", {"status": "paused"}).status_code == 200


def test_a_role_that_ended_counts_at_the_next_call(b2c: Simulator, bob: User, contoso: Tenant) -> None:
    program = Program.with_token(token_of(b2c, let_in(bob, b2c).email))
    assert len(program.rows("tenants/")) == 1

    with entered(Scope.of(contoso.id)):
        remove_person(Membership.objects.get(user=bob), by_platform=False)

    assert program.rows("tenants/") == []


def test_it_makes_an_api_token(b2c: Simulator, alice: User, contoso: Tenant) -> None:
    asked = {"tenant": str(contoso.id), "name": "ci", "role": "reader"}

    answer = Program.with_token(token_of(b2c, alice.email)).post("tokens/", asked)

    assert answer.status_code == 201
    assert Program.with_token(answer.json()["token"]).page("me/")["email"] == alice.email


def test_the_header_decides_beside_a_session_and_needs_no_csrf_token(
    b2c: Simulator, alice: User, bob: User, contoso: Tenant
) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(bob)
    header = {"Authorization": f"bearer {token_of(b2c, alice.email)}"}  # the scheme's letter case is free
    path, paused = f"/api/v1/tenants/{contoso.id}/", {"status": "paused"}

    assert browser.get("/api/v1/me/", headers=header).json()["email"] == alice.email
    assert browser.patch(path, paused, content_type="application/json", headers=header).status_code == 200
    assert browser.get("/tenants/", headers=header).context["user"] == bob  # pages take no token


@pytest.mark.once
def test_skew_of_the_clocks_is_allowed_up_to_a_minute(b2c: Simulator, alice: User) -> None:
    now = int(time.time())
    for times in ({"exp": now - 50}, {"nbf": now + 50, "iat": now + 50}):
        token = b2c.directory.sign({**claims_of(b2c, alice.email), **times})
        assert Program.with_token(token).page("me/")["email"] == alice.email


def test_entra_id_of_one_tenant(azure: Simulator, settings: LazySettings, alice: User) -> None:
    take_entra(azure, settings, tenants=["contoso"], at="contoso")
    let_in(alice, azure, tenant="contoso")

    assert Program.with_token(token_of(azure, alice.email, tenant="contoso")).page("me/")["email"] == alice.email


def test_entra_id_of_several_tenants_takes_those_that_are_listed(
    azure: Simulator, settings: LazySettings, alice: User, charlie: User
) -> None:
    take_entra(azure, settings, tenants=["contoso"])
    for user, tenant in ((alice, "contoso"), (charlie, "fabrikam")):
        let_in(user, azure, tenant=tenant)
    of_alice, of_charlie = (token_of(azure, user.email, tenant="organizations") for user in (alice, charlie))

    assert Program.with_token(of_alice).page("me/")["email"] == alice.email
    assert reason_of(of_charlie) == "issuer"
    take_entra(azure, settings, tenants=["contoso", "fabrikam"])
    assert Program.with_token(of_charlie).page("me/")["email"] == charlie.email


def test_the_tenant_of_a_token_and_its_issuer_are_one(azure: Simulator, settings: LazySettings, alice: User) -> None:
    take_entra(azure, settings, tenants=["contoso", "fabrikam"])
    let_in(alice, azure, tenant="contoso")
    claims = claims_of(azure, alice.email, tenant="organizations")

    assert reason_of(azure.directory.sign({**claims, "tid": azure.tenant("fabrikam").tenant_id})) == "tenant"
    assert reason_of(azure.directory.sign({name: claims[name] for name in claims if name != "tid"})) == "missing claim"
    assert reason_of(azure.directory.sign({name: claims[name] for name in claims if name != "oid"})) == "missing claim"


# --- every other one --------------------------------------------------------------------------------------------------


def forged(**changes: Any) -> Forge:
    """Signed by the provider, but for these claims."""
    return lambda azure, claims: azure.directory.sign({**claims, **changes})


def later(seconds: int, *names: str) -> Forge:
    """Signed by the provider, with these times so many seconds from now."""
    return lambda azure, claims: azure.directory.sign({**claims, **dict.fromkeys(names, int(time.time()) + seconds)})


def unsigned(_: Simulator, claims: Claims) -> str:
    """`alg: none`."""
    return jwt.encode(claims, "", algorithm="none")


def encoded(part: Any) -> str:
    """A part of a token."""
    raw = part if isinstance(part, bytes) else orjson.dumps(part)
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def signed_with_the_public_key(azure: Simulator, claims: Claims) -> str:
    """HS256, with what everybody can read as its secret."""
    key = azure.directory.keys.current
    public = key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signed = f"{encoded({'alg': 'HS256', 'typ': 'JWT', 'kid': key.key_id})}.{encoded(claims)}"
    return f"{signed}.{encoded(hmac.digest(public, signed.encode(), hashlib.sha256))}"


def tampered(azure: Simulator, claims: Claims) -> str:
    """A true token whose payload was changed afterwards."""
    header, _, signature = azure.directory.sign(claims).split(".")
    return f"{header}.{encoded({**claims, 'exp': claims['exp'] + 3600})}.{signature}"


def signed_by_somebody_else(azure: Simulator, claims: Claims) -> str:
    """With a key of one's own, under the provider's key id."""
    key_id = azure.directory.keys.current.key_id
    azure.directory.keys.rotate(keep_old=True)
    return azure.directory.sign(claims, {"kid": key_id})


def identity_token(azure: Simulator, claims: Claims) -> str:
    """What the portal is given when somebody signs in."""
    directory = azure.directory
    authority = directory.authority(B2C_DOMAIN, SIGN_IN_POLICY)
    assert authority
    return directory.sign(directory.id_claims(azure.url, authority, directory.person(claims["emails"][0])))


def of_an_application(azure: Simulator, _: Claims) -> str:
    """What an application is given for Azure Resource Manager, without any person."""
    tenant = azure.tenant("contoso")
    form = {
        "grant_type": "client_credentials",
        "client_id": tenant.client_id,
        "client_secret": tenant.client_secret,
        "scope": "https://management.azure.com/.default",
    }
    url = f"{azure.url}/{tenant.tenant_id}/oauth2/v2.0/token"
    return str(requests.post(url, data=form, verify=str(azure.ca_file), timeout=10).json()["access_token"])


FORGERIES: dict[str, tuple[Forge, str]] = {
    "wrong issuer": (forged(iss="https://login.example/v2.0/"), "issuer"),
    "issuer without its slash": (lambda azure, claims: forged(iss=claims["iss"].rstrip("/"))(azure, claims), "issuer"),
    "issuer that is a list": (
        lambda _, claims: f"{encoded({'alg': 'RS256'})}.{encoded({**claims, 'iss': []})}.eA",
        "issuer",
    ),
    "wrong policy": (forged(tfp=OTHER_POLICY), "policy"),
    "policy that is a list": (forged(tfp=["b2c_1_signupsignin1"]), "policy"),
    "wrong audience": (forged(aud="another application"), "audience"),
    "several audiences": (lambda azure, claims: forged(aud=[claims["aud"], "x"])(azure, claims), "audience"),
    "wrong scope": (forged(scp="other"), "scope"),
    "part of the scope": (forged(scp="acces access_all"), "scope"),
    "no signature": (unsigned, "algorithm"),
    "public key as secret": (signed_with_the_public_key, "algorithm"),
    "RS512": (lambda azure, claims: jwt.encode(claims, azure.directory.keys.current.private, "RS512"), "algorithm"),
    "expired": (later(-61, "exp"), "expired"),
    "expired long ago": (later(-86400, "exp", "nbf", "iat"), "expired"),
    "not yet valid": (later(65, "nbf"), "not yet valid"),
    "issued in the future": (later(65, "iat"), "not yet valid"),
    "unknown key": (lambda azure, claims: azure.directory.sign(claims, {"kid": "forged"}), "unknown key"),
    "key id that is none": (lambda azure, claims: azure.directory.sign(claims, {"kid": ""}), "unknown key"),
    "another's key": (signed_by_somebody_else, "signature"),
    "tampered": (tampered, "signature"),
    "cut": (lambda azure, claims: azure.directory.sign(claims)[:-1], "malformed"),
    "another's signature": (lambda azure, claims: azure.directory.sign(claims)[:-8] + "A" * 8, "signature"),
    "without signature": (lambda azure, claims: azure.directory.sign(claims).rpartition(".")[0], "malformed"),
    "identity token": (identity_token, "missing claim"),
    "of an application for Azure": (of_an_application, "algorithm"),
    "garbage": (lambda *_: "garbage", "malformed"),
    "garbage in three parts": (lambda *_: "a.b.c", "malformed"),
    "letters of no alphabet": (lambda *_: "ä.ö.ü", "malformed"),
    "payload that is a list": (lambda *_: f"{encoded({'alg': 'RS256'})}.{encoded([])}.eA", "malformed"),
    "payload without end": (lambda *_: f"{encoded({'alg': 'RS256'})}.{encoded(b'[' * 5000)}.eA", "malformed"),
    "header without end": (lambda *_: f"{encoded(b'[' * 5000)}.e30.eA", "malformed"),
    "longer than any": (forged(name="n" * 9000), "too long"),
    "time that is no number": (forged(exp="soon"), "malformed"),
    "person who cannot be told": (forged(sub="Not supported currently. Use oid claim."), "missing claim"),
    "empty person": (forged(sub=""), "missing claim"),
}


@pytest.mark.once
@pytest.mark.parametrize("forgery", FORGERIES)
def test_any_other_is_refused(b2c: Simulator, alice: User, forgery: str) -> None:
    claims = claims_of(b2c, alice.email)
    assert Program.with_token(b2c.directory.sign(claims)).page("me/")["email"] == alice.email
    forge, reason = FORGERIES[forgery]

    assert reason_of(forge(b2c, claims)) == reason


@pytest.mark.once
@pytest.mark.parametrize("name", [*ALWAYS_THERE, "tfp"])
def test_without_any_one_of_its_claims_it_is_refused(b2c: Simulator, alice: User, name: str) -> None:
    claims = claims_of(b2c, alice.email)
    del claims[name]

    assert reason_of(b2c.directory.sign(claims)) == ("issuer" if name == "iss" else "missing claim")


def test_the_policy_of_an_old_flow_stands_in_another_claim(b2c: Simulator, alice: User) -> None:
    claims = claims_of(b2c, alice.email)
    policy = claims.pop("tfp")

    token = b2c.directory.sign({**claims, "acr": policy.upper()})

    assert Program.with_token(token).page("me/")["email"] == alice.email
    assert reason_of(b2c.directory.sign({**claims, "acr": OTHER_POLICY})) == "policy"


def test_a_user_flow_is_not_taken_where_none_is_listed(b2c: Simulator, settings: LazySettings, alice: User) -> None:
    take_b2c(b2c, settings, policies=frozenset())

    assert reason_of(token_of(b2c, alice.email)) == "policy"


def test_an_identity_token_opens_nothing_even_where_portal_and_api_are_one_application(
    b2c: Simulator, settings: LazySettings, alice: User
) -> None:
    take_b2c(b2c, settings, audience=b2c.directory.application.client_id)

    assert reason_of(identity_token(b2c, claims_of(b2c, alice.email))) == "missing claim"


def test_without_a_provider_no_such_token_is_taken(b2c: Simulator, settings: LazySettings, alice: User) -> None:
    settings.API_TOKEN_PROVIDERS = ()

    assert reason_of(token_of(b2c, alice.email)) == "issuer"


# --- who it is --------------------------------------------------------------------------------------------------------


def test_an_address_is_no_proof_of_who_somebody_is(b2c: Simulator, alice: User) -> None:
    claims = claims_of(b2c, "bob@contoso.example")
    token = b2c.directory.sign({**claims, "emails": [alice.email], "email": alice.email, "name": "Alice"})

    assert reason_of(token) == "unknown person, or a closed account"
    (event,) = [event for event in events() if event.verb == "session.refused"]
    assert (event.target_id, event.target_label, event.outcome) == (claims["sub"], claims["iss"], "refused")


def test_a_closed_account_opens_nothing(b2c: Simulator, alice: User) -> None:
    everybody().filter(id=alice.id).update(is_active=False)

    assert reason_of(token_of(b2c, alice.email)) == "unknown person, or a closed account"


def test_a_refused_token_beside_a_session_is_nobody(b2c: Simulator, alice: User) -> None:
    browser = signed_in(alice)
    token = b2c.directory.sign({**claims_of(b2c, alice.email), "aud": "x"})

    problem(browser.get("/api/v1/me/", headers={"Authorization": f"Bearer {token}"}), 401)
    assert browser.get("/api/v1/me/").status_code == 200


def test_no_token_is_in_any_log(
    b2c: Simulator, alice: User, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    true, forgery = token_of(b2c, alice.email), tampered(b2c, claims_of(b2c, alice.email))

    Program.with_token(true).page("me/")
    problem(Program.with_token(forgery).ask("me/"), 401)

    said = caplog.text + "".join(capfd.readouterr())
    assert not [part for token in (true, forgery) for part in token.split(".") if part in said]
