"""ID tokens: one that is not right in every way signs nobody in; what may differ does not keep anybody out."""

import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from django.conf import LazySettings

from governance.azure.simulator.directory import OTHER_POLICY, Directory
from governance.azure.simulator.server import Simulator
from tenants.models import User
from tests.portal.providers import Browser, let_in, refusal_of, use_b2c

pytestmark = pytest.mark.once  # which tokens are right does not depend on the engine; who they sign in is asked on both

Claims = dict[str, Any]
Forge = Callable[[Directory, Claims], str]


@pytest.fixture
def b2c(azure: Simulator, settings: LazySettings, alice: User) -> Browser:
    """A browser; alice's account at B2C signs her in."""
    use_b2c(azure, settings)
    let_in(alice, azure)
    return Browser(azure)


def _other_key(directory: Directory, claims: Claims) -> str:
    """A key of somebody else's under the published ID."""
    own = directory.keys.current.key_id
    return Directory(directory._world).sign(claims, {"kid": own})


def _with_public_key(directory: Directory, claims: Claims) -> str:
    """HS256 with the published key as its secret."""
    key = directory.keys.current.published
    return jwt.encode(claims, key["n"].encode(), algorithm="HS256", headers={"kid": key["kid"]})


def _tampered(directory: Directory, claims: Claims) -> str:
    """Somebody else's claims under alice's signature."""
    head, _, signature = directory.sign(claims).split(".")
    return ".".join([head, directory.sign({**claims, "sub": "somebody else"}).split(".")[1], signature])


FORGERIES: dict[str, Forge] = {
    "other nonce": lambda directory, claims: directory.sign({**claims, "nonce": "another"}),
    "no nonce": lambda directory, claims: directory.sign({k: v for k, v in claims.items() if k != "nonce"}),
    "other issuer": lambda directory, claims: directory.sign({**claims, "iss": f"{claims['iss']}x"}),
    "no issuer": lambda directory, claims: directory.sign({k: v for k, v in claims.items() if k != "iss"}),
    "other audience": lambda directory, claims: directory.sign({**claims, "aud": directory.application.api_client_id}),
    "other policy": lambda directory, claims: directory.sign({**claims, "tfp": OTHER_POLICY}),
    "no policy": lambda directory, claims: directory.sign({k: v for k, v in claims.items() if k != "tfp"}),
    "expired": lambda directory, claims: directory.sign({**claims, "exp": time.time() - 120}),
    "not yet valid": lambda directory, claims: directory.sign({**claims, "nbf": time.time() + 120}),
    "too old": lambda directory, claims: directory.sign({**claims, "iat": time.time() - 3600}),
    "tampered": _tampered,
    "not signed": lambda directory, claims: jwt.encode(claims, "", algorithm="none"),
    "not signed, with a key ID": lambda directory, claims: jwt.encode(
        claims, "", algorithm="none", headers={"kid": directory.keys.current.key_id}
    ),
    "signed with the public key": _with_public_key,
    "signed with another key": _other_key,
    "unknown key ID": lambda directory, claims: directory.sign(claims, {"kid": "nobody's"}),
    "other access token": lambda directory, claims: directory.sign({**claims, "at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}),
    "no subject": lambda directory, claims: directory.sign({k: v for k, v in claims.items() if k != "sub"}),
    "subject of everybody": lambda directory, claims: directory.sign(
        {**claims, "sub": "Not supported currently. Use oid claim."}
    ),
    "no token": lambda directory, claims: "",
    "not a token": lambda directory, claims: "three.words.only",
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_token_that_is_not_right_in_every_way_signs_nobody_in(b2c: Browser, alice: User, name: str) -> None:
    directory = b2c.azure.directory
    directory.id_token_instead = lambda claims: FORGERIES[name](directory, claims)

    refused = refusal_of(b2c, b2c.sign_in(alice.email))

    assert alice.email not in refused
    directory.id_token_instead = None
    assert b2c.sign_in(alice.email, again="yes")["Location"] == "/"


def test_an_old_flow_says_its_policy_in_acr(b2c: Browser, alice: User) -> None:
    directory = b2c.azure.directory

    def renamed(claims: Claims) -> str:
        return directory.sign({**{k: v for k, v in claims.items() if k != "tfp"}, "acr": claims["tfp"]})

    directory.id_token_instead = renamed

    assert b2c.sign_in(alice.email)["Location"] == "/"


@pytest.mark.parametrize("seconds", [-30, 30])
def test_a_clock_may_be_half_a_minute_off(b2c: Browser, alice: User, seconds: int) -> None:
    directory = b2c.azure.directory

    def shifted(claims: Claims) -> str:
        return directory.sign({**claims, **{name: claims[name] + seconds for name in ("iat", "nbf")}})

    directory.id_token_instead = shifted

    assert b2c.sign_in(alice.email)["Location"] == "/"


@pytest.mark.parametrize("keep_old", [True, False])
def test_a_new_signing_key_is_learnt_at_once(b2c: Browser, alice: User, keep_old: bool) -> None:  # noqa: FBT001
    b2c.sign_in(alice.email)

    b2c.azure.directory.keys.rotate(keep_old=keep_old)

    assert Browser(b2c.azure).sign_in(alice.email)["Location"] == "/"
