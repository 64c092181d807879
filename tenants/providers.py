"""The identity providers of the portal: Azure AD B2C, and any OpenID Connect provider such as Entra ID.

Both are social-auth's OpenID Connect backend, which checks signature (RS256 only), issuer, audience, times, state and
nonce; PKCE cannot be switched off here. What is ours: the user flow of B2C, the tenants of Entra ID, and that a person
is found by issuer and subject.
"""

from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

import jwt
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from social_core.backends.open_id_connect import OpenIdConnectAuth
from social_core.backends.utils import jwt_error
from social_core.exceptions import AuthPolicyError, AuthResponseError, SocialAuthBaseException
from social_core.utils import url_add_parameters
from social_django.utils import load_strategy

from tenants.identities import ProvenIdentity, note_use, person_of
from tenants.models import User

SKEW_SECONDS = 60  # how far the provider's clock may be from ours
NO_SUBJECT = "not supported"  # how B2C begins a `sub` that is the same for everybody
OPEN_TENANT = "{tenantid}"  # in the issuer of Entra ID's addresses for several tenants


class UnknownPersonError(AuthPolicyError):
    """Somebody proved who they are, and is nobody here."""

    def __init__(self, backend: Any, identity: ProvenIdentity) -> None:
        super().__init__(backend, stage="pipeline")
        self.identity = identity


class Provider(OpenIdConnectAuth[Any]):
    """What both have in common."""

    DEFAULT_USE_PKCE = True
    JWT_LEEWAY = SKEW_SECONDS
    PROMPT: str | None = None

    @property
    def start_path(self) -> str:
        """Where the button leads."""
        return reverse(f"sign-in-{self.name}")

    @property
    def label(self) -> str:
        """How people call it: "Sign in with …"."""
        raise NotImplementedError

    @property
    def is_configured(self) -> bool:
        """Whether the settings name it."""
        raise NotImplementedError

    @property
    def subject_claim(self) -> str:
        """The claim that tells one person from another for good."""
        raise NotImplementedError

    def setting(self, name: str, default: Any = None) -> Any:
        """Nothing that guards sign-in can be set otherwise than in this class."""
        if name in {"USE_PKCE", "PKCE_CODE_CHALLENGE_METHOD", "JWT_ALGORITHMS", "JWT_DECODE_OPTIONS", "JWT_LEEWAY"}:
            return default
        return super().setting(name, default)

    def user_data(self, access_token: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The claims of the ID token; nothing more is asked of the provider."""
        return dict(self._claims)

    def validate_temporal_claims(self, id_token: Mapping[str, Any]) -> None:
        """As social-auth does it, but with the skew for `nbf` too: it would refuse a clock that is a second late."""
        early = {"nbf": id_token["nbf"] - SKEW_SECONDS} if "nbf" in id_token else {}
        super().validate_temporal_claims({**id_token, **early})

    def proven_identity(self) -> ProvenIdentity:
        """Who the verified ID token says this is."""
        subject = self._claims.get(self.subject_claim)
        if not isinstance(subject, str) or not subject or subject.lower().startswith(NO_SUBJECT):
            raise AuthResponseError(self, claim=self.subject_claim, code="missing_claim", stage="token_validation")
        emails = self._claims.get("emails") or [self._claims.get("email") or self._claims.get("preferred_username")]
        return ProvenIdentity(
            provider=self.name,
            issuer=self._claims["iss"],
            subject=subject,
            email=str(emails[0] or ""),
            name=str(self._claims.get("name") or ""),
        )

    def sign_out_address(self, back_to: str) -> str:
        """Where signing out goes on at the provider, which then leads back; empty when it tells no such place."""
        try:
            endpoint = self.oidc_config().get("end_session_endpoint")
        except SocialAuthBaseException:
            return ""
        if not isinstance(endpoint, str) or urlsplit(endpoint).scheme != "https":
            return ""
        client_id, _ = self.get_key_and_secret()
        return url_add_parameters(endpoint, {"client_id": client_id, "post_logout_redirect_uri": back_to})

    @property
    def _claims(self) -> dict[str, Any]:
        return cast("dict[str, Any]", self.id_token)


class B2CProvider(Provider):
    """Azure AD B2C. Its issuer does not name the user flow, so that the token must."""

    name = "b2c"

    @property
    def label(self) -> str:
        return str(settings.SIGN_IN_B2C_TITLE)

    @property
    def is_configured(self) -> bool:
        return bool(settings.SIGN_IN_B2C_HOST)

    @property
    def subject_claim(self) -> str:
        return str(settings.SIGN_IN_B2C_SUBJECT_CLAIM)

    def oidc_endpoint(self) -> str:
        """The custom domain or b2clogin.com, with the user flow in the path."""
        return f"https://{settings.SIGN_IN_B2C_HOST}/{settings.SIGN_IN_B2C_TENANT}/{settings.SIGN_IN_B2C_POLICY}/v2.0"

    def get_key_and_secret(self) -> tuple[str, str]:
        return settings.SIGN_IN_B2C_CLIENT_ID, settings.SIGN_IN_B2C_CLIENT_SECRET

    def get_scope(self) -> list[str]:
        """With its own client ID as scope B2C gives the access token that social-auth insists on."""
        return ["openid", settings.SIGN_IN_B2C_CLIENT_ID]

    def validate_claims(self, id_token: Mapping[str, Any]) -> None:
        """Else a token of a flow that resets passwords or edits profiles would sign in."""
        super().validate_claims(id_token)
        policy = id_token.get("tfp") or id_token.get("acr")  # the latter in old flows
        if not isinstance(policy, str) or policy.lower() != settings.SIGN_IN_B2C_POLICY.lower():
            raise AuthResponseError(self, claim="tfp", code="invalid_claim", stage="token_validation")


class OIDCProvider(Provider):
    """Entra ID, of one tenant or of several that are listed; or any other provider with one issuer."""

    name = "oidc"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._claimed_tenant = ""

    @property
    def label(self) -> str:
        return str(settings.SIGN_IN_OIDC_TITLE)

    @property
    def is_configured(self) -> bool:
        return bool(settings.SIGN_IN_OIDC_AUTHORITY)

    @property
    def subject_claim(self) -> str:
        return str(settings.SIGN_IN_OIDC_SUBJECT_CLAIM)

    def oidc_endpoint(self) -> str:
        return str(settings.SIGN_IN_OIDC_AUTHORITY)

    def get_key_and_secret(self) -> tuple[str, str]:
        return settings.SIGN_IN_OIDC_CLIENT_ID, settings.SIGN_IN_OIDC_CLIENT_SECRET

    def decode_and_validate_id_token(self, id_token: str, access_token: str) -> dict[str, Any]:
        """Look at the tenant first, since the issuer that is then required follows from it."""
        try:
            claimed = jwt.decode(id_token, options={"verify_signature": False})
        except jwt.PyJWTError as error:
            raise jwt_error(self, error) from error
        self._claimed_tenant = str(claimed.get("tid") or "")
        claims: dict[str, Any] = super().decode_and_validate_id_token(id_token, access_token)  # type: ignore[no-untyped-call]
        return claims

    def id_token_issuer(self) -> str:
        """Exactly what discovery says; where that leaves the tenant open, with the token's, which must be listed."""
        issuer = super().id_token_issuer()
        if OPEN_TENANT in issuer and self._claimed_tenant not in map(str.lower, settings.SIGN_IN_OIDC_TENANTS):
            raise AuthPolicyError(self, stage="token_validation")
        return issuer.replace(OPEN_TENANT, self._claimed_tenant)

    def find_valid_key(self, id_token: str) -> dict[str, Any] | None:
        """Entra ID says of some keys whose tokens they sign; they sign nobody else's."""
        key: dict[str, Any] | None = super().find_valid_key(id_token)  # type: ignore[no-untyped-call]
        said = str(key.get("issuer") or "") if key else ""
        if said and said.replace(OPEN_TENANT, self._claimed_tenant) != self.id_token_issuer():
            return None
        return key


PROVIDERS: tuple[type[Provider], ...] = (B2CProvider, OIDCProvider)


def provider_named(request: HttpRequest, name: str) -> Provider | None:
    """The provider of this name, if the settings name it."""
    found = {provider.name: provider for provider in configured_providers(request)}
    return found.get(name)


def configured_providers(request: HttpRequest) -> list[Provider]:
    """Those that people can sign in with, each ready for this request."""
    strategy: Any = load_strategy(request)  # type: ignore[no-untyped-call]
    every = [kind(strategy, redirect_uri=_return_path(kind.name)) for kind in PROVIDERS]
    return [provider for provider in every if provider.is_configured]


def known_person(backend: Provider, **_more: Any) -> dict[str, User]:
    """The only step of social-auth's pipeline: the person of the verified identity, or UnknownPersonError."""
    proven = backend.proven_identity()
    user = person_of(proven.issuer, proven.subject)
    if user is None:
        raise UnknownPersonError(backend, proven)
    note_use(proven.issuer, proven.subject)
    return {"user": user}


def _return_path(name: str) -> str:
    return reverse(f"sign-in-{name}-done")
