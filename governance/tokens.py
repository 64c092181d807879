"""Bearer tokens of an identity provider (JWT): what is asked of one before a word of it is believed.

A token is a text until everything here holds; the answer is `Claims`, plain values. Which person that is, and what they
may reach, is not said here: `tenants.bearer` asks the database.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

import jwt
from django.conf import settings

from governance.provider_keys import ALGORITHM, ProviderKeys, PublishedKey, UnknownKeyError
from governance.token_providers import TENANT_PLACE, Provider

SKEW_SECONDS = 60  # clocks of the provider and of this machine may differ by so much
LONGEST_TOKEN = 8 * 1024  # characters; Microsoft's are below 4 KiB
ALWAYS_THERE = ("iss", "aud", "exp", "nbf", "iat", "sub", "scp")
LAST_MOMENT = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp())
NO_SUBJECT = "not supported"  # how Azure AD B2C may begin a `sub` that is the same for everybody


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
        key = self._key(provider, header.get("kid"))
        claims = _proved(token, key, provider)
        _require(provider, claims)
        if key.issuer and key.issuer.replace(TENANT_PLACE, str(claims.get("tid"))) != claims["iss"]:
            raise RefusedTokenError(Refusal.KEY)  # Entra ID publishes keys that sign for one tenant alone
        return _as_claims(claims, provider)

    def _provider_of(self, unproved: Mapping[str, Any]) -> Provider:
        """Whose keys to verify with. What the token says chooses among those configured, and nothing else."""
        issuers = [provider for provider in self.providers if provider.issues(unproved.get("iss"))]
        if not issuers:
            raise RefusedTokenError(Refusal.ISSUER)
        policy = str(unproved.get("tfp") or unproved.get("acr") or "").lower()
        return next((provider for provider in issuers if policy in provider.policies), issuers[0])

    def _key(self, provider: Provider, key_id: str | None) -> PublishedKey:
        if not key_id:
            raise RefusedTokenError(Refusal.KEY)
        try:
            return self._keys[provider].key(key_id)
        except UnknownKeyError as error:
            raise RefusedTokenError(Refusal.KEY) from error


def verifier() -> TokenVerifier:
    """The one of this process, for the settings as they are."""
    return _verifier(settings.API_TOKEN_PROVIDERS, settings.AZURE_CA_FILE)


@lru_cache(maxsize=4)
def _verifier(providers: tuple[Provider, ...], ca_file: str) -> TokenVerifier:
    return TokenVerifier(providers, ca_file=ca_file)


def _unproved(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and payload as anybody may have written them."""
    try:
        found = jwt.decode_complete(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise RefusedTokenError(Refusal.MALFORMED) from error
    return found["header"], found["payload"]


def _proved(token: str, key: PublishedKey, provider: Provider) -> dict[str, Any]:
    """The payload, once signature, times, audience and issuer hold."""
    try:
        found: dict[str, Any] = jwt.decode(
            token,
            key.public,
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


def _require(provider: Provider, claims: Mapping[str, Any]) -> None:
    """What this provider's tokens must say beyond what every token must."""
    subject = claims.get(provider.subject_claim)
    if not isinstance(subject, str) or not subject or subject.lower().startswith(NO_SUBJECT):
        raise RefusedTokenError(Refusal.MISSING_CLAIM)
    _require_policy(provider, claims)
    if provider.tenants:
        _require_tenant(provider, claims)
    if provider.scope not in str(claims["scp"]).split():
        raise RefusedTokenError(Refusal.SCOPE)


def _require_policy(provider: Provider, claims: Mapping[str, Any]) -> None:
    """One of the listed user flows; where none is listed, none: a token of a flow is not taken by mistake."""
    policy = claims.get("tfp") or (claims.get("acr") if provider.policies else None)  # acr: in old flows
    if policy is None and provider.policies:
        raise RefusedTokenError(Refusal.MISSING_CLAIM)
    if policy is not None and str(policy).lower() not in provider.policies:
        raise RefusedTokenError(Refusal.POLICY)


def _require_tenant(provider: Provider, claims: Mapping[str, Any]) -> None:
    """One of the listed tenants, and the issuer that is that tenant's."""
    if not claims.get("tid"):
        raise RefusedTokenError(Refusal.MISSING_CLAIM)
    tenant = str(claims["tid"]).lower()
    if tenant not in provider.tenants or claims["iss"] != provider.issuer.replace(TENANT_PLACE, tenant):
        raise RefusedTokenError(Refusal.TENANT)


def _as_claims(claims: Mapping[str, Any], provider: Provider) -> Claims:
    return Claims(
        issuer=claims["iss"],
        subject=claims[provider.subject_claim],
        object_id=str(claims.get("oid") or ""),
        tenant_id=str(claims.get("tid") or ""),
        scopes=frozenset(str(claims["scp"]).split()),
        expires_at=datetime.fromtimestamp(min(int(claims["exp"]), LAST_MOMENT), UTC),
    )
