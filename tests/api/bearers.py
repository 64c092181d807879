"""Tokens of the simulated Azure AD B2C and Entra ID, and the API set up to take them."""

from collections.abc import Callable, Collection
from typing import Any

from django.conf import LazySettings
from structlog.testing import capture_logs

from governance.azure.simulator.directory import API_SCOPE, B2C_DOMAIN, SIGN_IN_POLICY, Person
from governance.azure.simulator.server import Simulator
from governance.token_providers import Provider
from tenants.identities import bind_identity
from tenants.models import User
from tests.api.program import Program, problem

PEOPLE = (
    Person("alice@contoso.example", "Alice", "contoso"),
    Person("bob@contoso.example", "Bob", "contoso"),
    Person("charlie@fabrikam.example", "Charlie", "fabrikam"),
    Person("dana@contoso.example", "Dana", "contoso"),
)
Claims = dict[str, Any]
Forge = Callable[[Simulator, Claims], str]


def take_b2c(azure: Simulator, settings: LazySettings, **changes: Any) -> None:
    """Let the API take access tokens of the simulated Azure AD B2C."""
    azure.directory.add(PEOPLE)
    usual = {
        "issuer": f"{azure.url}/{azure.directory.tenant_id}/v2.0/",
        "discovery_url": f"{azure.url}/{B2C_DOMAIN}/{SIGN_IN_POLICY}/v2.0/.well-known/openid-configuration",
        "audience": azure.directory.application.api_client_id,
        "scope": API_SCOPE,
        "policies": frozenset({SIGN_IN_POLICY}),
    }
    settings.API_TOKEN_PROVIDERS = (Provider(**{**usual, **changes}),)


def take_entra(azure: Simulator, settings: LazySettings, *, tenants: Collection[str], at: str = "") -> None:
    """Let the API take access tokens of these tenants of the simulated Entra ID; `at` one of them, or any."""
    azure.directory.add(PEOPLE)
    home = azure.tenant(at).tenant_id if at else "{tenantid}"
    settings.API_TOKEN_PROVIDERS = (
        Provider(
            issuer=f"{azure.url}/{home}/v2.0",
            discovery_url=f"{azure.url}/{at or 'organizations'}/v2.0/.well-known/openid-configuration",
            audience=azure.directory.application.api_client_id,
            scope=API_SCOPE,
            subject_claim="oid",
            tenants=frozenset(azure.tenant(name).tenant_id for name in tenants),
        ),
    )


def claims_of(azure: Simulator, email: str, *, policy: str = SIGN_IN_POLICY, tenant: str = "") -> Claims:
    """What a true access token of this person says: of B2C, or of their tenant of Entra ID."""
    directory = azure.directory
    authority = directory.authority(tenant) if tenant else directory.authority(B2C_DOMAIN, policy)
    assert authority
    return directory.access_claims(azure.url, authority, directory.person(email))


def token_of(azure: Simulator, email: str, **how: str) -> str:
    """A true access token of this person."""
    return azure.directory.sign(claims_of(azure, email, **how))


def let_in(user: User, azure: Simulator, *, tenant: str = "") -> User:
    """Bind this person's account at the provider."""
    claims = claims_of(azure, user.email, tenant=tenant)
    bind_identity(user, claims["iss"], claims["oid"])
    return user


def reason_of(token: str) -> str:
    """Why the API refuses a token, as its log says; the answer says nothing of it but that it has expired."""
    with capture_logs() as events:
        answer = Program.with_token(token).ask("me/")
    reason = next(str(event["reason"]) for event in events if event["event"] == "bearer_refused")
    detail = problem(answer, 401)["detail"]
    assert detail == ("The token has expired." if reason == "expired" else "The token cannot be accepted.")
    assert 'error="invalid_token"' in answer["WWW-Authenticate"]
    return reason


def readings(azure: Simulator) -> int:
    """How often the provider was asked for its keys."""
    return sum("/discovery/" in path for _, path in azure.application.log.all())
