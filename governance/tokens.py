"""Bearer tokens of an identity provider (JWT): what is asked of one before a word of it is believed.

A token is a text until everything here holds; the answer is `Claims`, plain values. Which person that is, and what they
may reach, is not said here: `tenants.bearer` asks the database.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, Self

import jwt
from django.conf import settings

from governance.provider_keys import ALGORITHM, ProviderKeys, UnknownKeyError

SKEW_SECONDS = 60  # clocks of the provider and of this machine may differ by so much
LONGEST_TOKEN = 8 * 1024  # characters; Microsoft's are below 4 KiB
LAST_MOMENT = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp())
ALWAYS_THERE = ("iss", "aud", "exp", "nbf", "iat", "sub", "scp")
TEXTS = ("issuer", "discovery_url", "audience", "scope", "subject_claim")
LISTS = ("policies", "tenants")
NO_SUBJECT = "not supported"  # how Azure AD B2C may begin a `sub` that is the same for everybody
TENANT_PLACE = "{tenantid}"  # as Entra ID writes it in the issuer of `organizations`


class Refusal(StrEnum):
    """Why a token is not accepted: for the log and the audit trail, not for whoever sent it."""

    TOO_LONG = "too long"
    MALFORMED = "malformed"
    ALGORITHM = "algorithm"
    ISSUER = "issuer"
    KEY = "unknown key"
    SIGNATURE = "signature"
    MISSING_CLAIM = "missing claim"
    AUDIENCE = "audience"
    EXPIRED = "expired"
    NOT_YET_VALID = "not yet valid"
    POLICY = "policy"
    TENANT = "tenant"
    SCOPE = "scope"


class RefusedTokenError(Exception):
    """The token is not accepted."""

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal
        super().__init__(refusal.value)


@dataclass(frozen=True, slots=True)
class Claims:
    """What an accepted token says. E-mail addresses are not among it: they are no proof of who somebody is."""

    issuer: str
    subject: str  # of the claim that tells one person from another for good: `Provider.subject_claim`
    object_id: str  # "" when the provider names none
    tenant_id: str  # of Entra ID, "" for others
    scopes: frozenset[str]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Provider:
    """An identity provider whose access tokens the API takes, as the configuration says.

    `issuer` is compared exactly; where it holds {tenantid}, one of `tenants` stands there. `policies` are the user
    flows of Azure AD B2C whose tokens are taken: its issuer is the same for all of them, so that a token of a password
    reset differs from one of a sign-in by its policy alone. `subject_claim` is `oid` for Entra ID, whose `sub` is
    another one for each application, and `sub` for others.
    """

    issuer: str
    discovery_url: str
    audience: str
    scope: str
    subject_claim: str = "sub"
    policies: frozenset[str] = frozenset()
    tenants: frozenset[str] = frozenset()

    @classmethod
    def from_mapping(cls, given: Any) -> Self:
        """As it stands in API_TOKEN_PROVIDERS. Raises ValueError with what is wrong."""
        if not isinstance(given, Mapping):
            raise ValueError("Each provider is an object.")
        said = {"subject_claim": "oid" if given.get("tenants") else "sub", **given}
        if unknown := set(given) - {*TEXTS, *LISTS}:
            raise ValueError(f"A provider has no {', '.join(sorted(unknown))}.")
        if missing := [name for name in TEXTS if not (isinstance(said.get(name), str) and said[name])]:
            raise ValueError(f"A provider needs {', '.join(missing)}.")
        words = {name: _words(name, given.get(name, [])) for name in LISTS}
        if TENANT_PLACE in given["issuer"] and not words["tenants"]:
            raise ValueError(f"An issuer with {TENANT_PLACE} needs tenants: whose people may come.")
        if not given["discovery_url"].startswith("https://"):
            raise ValueError("The discovery_url has to be an https:// address.")
        return cls(**{name: said[name] for name in TEXTS}, **words)

    def issues(self, issuer: Any) -> bool:
        """Whether this is its name, or that of one of its tenants."""
        return isinstance(issuer, str) and issuer in self._names()

    def _names(self) -> set[str]:
        if TENANT_PLACE not in self.issuer:
            return {self.issuer}
        return {self.issuer.replace(TENANT_PLACE, tenant) for tenant in self.tenants}

    def require(self, claims: Mapping[str, Any]) -> None:
        """What this provider's tokens must say beyond what every token must. Raises RefusedTokenError."""
        subject = claims.get(self.subject_claim)
        if not isinstance(subject, str) or not subject or subject.lower().startswith(NO_SUBJECT):
            raise RefusedTokenError(Refusal.MISSING_CLAIM)
        policy = claims.get("tfp") or (claims.get("acr") if self.policies else None)
        if policy is None and self.policies:
            raise RefusedTokenError(Refusal.MISSING_CLAIM)
        if policy is not None and str(policy).lower() not in self.policies:
            raise RefusedTokenError(Refusal.POLICY)
        if self.tenants:
            self._require_tenant(claims)
        if self.scope not in str(claims["scp"]).split():
            raise RefusedTokenError(Refusal.SCOPE)

    def _require_tenant(self, claims: Mapping[str, Any]) -> None:
        if not claims.get("tid"):
            raise RefusedTokenError(Refusal.MISSING_CLAIM)
        tenant = str(claims["tid"]).lower()
        if tenant not in self.tenants or claims["iss"] != self.issuer.replace(TENANT_PLACE, tenant):
            raise RefusedTokenError(Refusal.TENANT)


class TokenVerifier:
    """Judges tokens of several providers. Holds their keys, so a process needs one of it."""

    def __init__(self, providers: Sequence[Provider], *, ca_file: str = "") -> None:
        self.providers = tuple(providers)
        self._keys = {
            provider: ProviderKeys(provider.discovery_url, issuer=provider.issuer, ca_file=ca_file)
            for provider in self.providers
        }

    def claims_of(self, token: str) -> Claims:
        """What the token says, when all of it holds.

        Raises RefusedTokenError, or KeysUnavailableError when its provider does not answer.
        """
        if len(token) > LONGEST_TOKEN:
            raise RefusedTokenError(Refusal.TOO_LONG)
        header, unproved = _unproved(token)
        if header.get("alg") != ALGORITHM:
            raise RefusedTokenError(Refusal.ALGORITHM)
        provider = self._provider_of(unproved)
        key_id = header.get("kid")
        if not key_id:
            raise RefusedTokenError(Refusal.KEY)
        try:
            key = self._keys[provider].key(key_id)
        except UnknownKeyError as error:
            raise RefusedTokenError(Refusal.KEY) from error
        claims = _proved(token, key.public, provider)
        if key.issuer and key.issuer.replace(TENANT_PLACE, str(claims.get("tid"))) != claims["iss"]:
            raise RefusedTokenError(Refusal.KEY)
        provider.require(claims)
        return _as_claims(claims, provider)

    def _provider_of(self, unproved: Mapping[str, Any]) -> Provider:
        """Whose keys to verify with. What the token says chooses among those configured, and nothing else."""
        issuers = [provider for provider in self.providers if provider.issues(unproved.get("iss"))]
        if not issuers:
            raise RefusedTokenError(Refusal.ISSUER)
        policy = str(unproved.get("tfp") or unproved.get("acr") or "").lower()
        return next((provider for provider in issuers if policy in provider.policies), issuers[0])


def verifier() -> TokenVerifier:
    """The one of this process, for the settings as they are. Raises ValueError when they cannot be read."""
    return _verifier(configured_providers(), settings.AZURE_CA_FILE)


@lru_cache(maxsize=4)
def _verifier(providers: tuple[Provider, ...], ca_file: str) -> TokenVerifier:
    return TokenVerifier(providers, ca_file=ca_file)


def configured_providers() -> tuple[Provider, ...]:
    """Those of API_TOKEN_PROVIDERS. Raises ValueError when it cannot be read."""
    given = settings.API_TOKEN_PROVIDERS
    if not isinstance(given, list):
        raise ValueError("It has to be a JSON list of providers.")
    return tuple(Provider.from_mapping(one) for one in given)


def _words(name: str, given: Any) -> frozenset[str]:
    if not isinstance(given, list) or not all(isinstance(word, str) and word for word in given):
        raise ValueError(f"{name} is a list of words.")
    return frozenset(word.lower() for word in given)


def _unproved(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and payload as anybody may have written them."""
    try:
        found = jwt.decode_complete(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise RefusedTokenError(Refusal.MALFORMED) from error
    return found["header"], found["payload"]


def _proved(token: str, key: jwt.PyJWK, provider: Provider) -> dict[str, Any]:
    """The payload, once signature, times and audience hold."""
    try:
        found: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            audience=provider.audience,
            leeway=SKEW_SECONDS,
            options={"require": list(ALWAYS_THERE), "strict_aud": True},
        )
    except (jwt.PyJWTError, ValueError, OverflowError) as error:
        raise RefusedTokenError(_refusal_of(error)) from error
    if not provider.issues(found["iss"]):
        raise RefusedTokenError(Refusal.ISSUER)
    return found


REFUSALS: tuple[tuple[type[Exception], Refusal], ...] = (
    (jwt.InvalidSignatureError, Refusal.SIGNATURE),
    (jwt.InvalidAlgorithmError, Refusal.ALGORITHM),
    (jwt.ExpiredSignatureError, Refusal.EXPIRED),
    (jwt.ImmatureSignatureError, Refusal.NOT_YET_VALID),
    (jwt.InvalidAudienceError, Refusal.AUDIENCE),
    (jwt.MissingRequiredClaimError, Refusal.MISSING_CLAIM),
)


def _refusal_of(error: Exception) -> Refusal:
    return next((refusal for kind, refusal in REFUSALS if isinstance(error, kind)), Refusal.MALFORMED)


def _as_claims(claims: Mapping[str, Any], provider: Provider) -> Claims:
    return Claims(
        issuer=claims["iss"],
        subject=claims[provider.subject_claim],
        object_id=str(claims.get("oid") or ""),
        tenant_id=str(claims.get("tid") or ""),
        scopes=frozenset(str(claims["scp"]).split()),
        expires_at=datetime.fromtimestamp(min(int(claims["exp"]), LAST_MOMENT), UTC),
    )
