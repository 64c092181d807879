"""Entra ID: the client-credentials grant, with a secret or with a federated assertion.

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow

The signature of an assertion is not verified: its issuer publishes no keys here. Checked are its shape, its times, and
that issuer and subject are the client ID (certificate form) or the subject is the tenant's federated one.
"""

import datetime
import secrets
import uuid
from collections.abc import Callable
from typing import Any

import jwt

from governance.azure.simulator.exchange import Request, Response, json_response
from governance.azure.simulator.sign_in import SignIn
from governance.azure.simulator.tokens import (
    ACCESS_SECONDS,
    ARM_AUDIENCE,
    GRAPH_AUDIENCE,
    STORAGE_AUDIENCE,
    UNCHECKED,
    Tokens,
)
from governance.azure.simulator.world import Tenant, World

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
DEFAULT_SCOPE = "/.default"
ARM_RESOURCES = ("https://management.azure.com", "https://management.core.windows.net")


class EntraError(Exception):
    """A refused token request, worded with the AADSTS number that Entra gives."""

    def __init__(self, error: str, number: int, description: str, *, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.number = number
        self.description = description
        self.status = status

    def response(self, now: float) -> Response:
        trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
        stamp = datetime.datetime.fromtimestamp(now, datetime.UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        text = (
            f"AADSTS{self.number}: {self.description} Trace ID: {trace} "
            f"Correlation ID: {correlation} Timestamp: {stamp}"
        )
        payload = {
            "error": self.error,
            "error_description": text,
            "error_codes": [self.number],
            "timestamp": stamp,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": f"https://login.microsoftonline.com/error?code={self.number}",
        }
        return json_response(payload, status=self.status)


class Entra:
    def __init__(self, world: World, tokens: Tokens, sign_in: SignIn, now: Callable[[], float]) -> None:
        self._world = world
        self._tokens = tokens
        self._sign_in = sign_in
        self._now = now

    def grant(self, request: Request, tenant: str) -> Response:
        if request.form.get("grant_type") == "authorization_code":
            return self._sign_in.redeem(request, tenant)
        try:
            return self._grant(request, self._tenant(tenant), request.form)
        except EntraError as error:
            return error.response(self._now())

    def _tenant(self, name: str) -> Tenant:
        tenant = self._world.tenant(name)
        if tenant is None:
            raise EntraError("invalid_request", 90002, f"Tenant '{name}' not found. Check that you have the right one.")
        return tenant

    def _grant(self, request: Request, tenant: Tenant, form: dict[str, str]) -> Response:
        if form.get("grant_type") != "client_credentials":
            raise EntraError("unsupported_grant_type", 70003, "Only the client_credentials grant is offered here.")
        client_id = _required(form, "client_id")
        if client_id.lower() != tenant.client_id:
            raise EntraError(
                "unauthorized_client",
                700016,
                f"Application with identifier '{client_id}' was not found in the directory '{tenant.name}'.",
            )
        audience = _audience(_required(form, "scope"), request.host)
        self._authenticate(tenant, form, request)
        token = self._tokens.access_token(
            tenant_id=tenant.tenant_id,
            client_id=tenant.client_id,
            audience=audience,
            issuer=_issuer(request, tenant),
        )
        return json_response(
            {
                "token_type": "Bearer",
                "expires_in": ACCESS_SECONDS,
                "ext_expires_in": ACCESS_SECONDS,
                "access_token": token,
            }
        )

    def _authenticate(self, tenant: Tenant, form: dict[str, str], request: Request) -> None:
        if "client_assertion" in form:
            if form.get("client_assertion_type") != ASSERTION_TYPE:
                raise EntraError("invalid_request", 900144, f"client_assertion_type must be '{ASSERTION_TYPE}'.")
            self._check_assertion(tenant, form["client_assertion"], request)
            return
        if "client_secret" not in form:
            raise EntraError(
                "invalid_client",
                7000216,
                "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.",
                status=401,
            )
        if not secrets.compare_digest(form["client_secret"].encode(), tenant.client_secret.encode()):
            raise EntraError(
                "invalid_client",
                7000215,
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret "
                f"value, not the client secret ID, for a secret added to app '{tenant.client_id}'.",
                status=401,
            )

    def _check_assertion(self, tenant: Tenant, assertion: str, request: Request) -> None:
        claims = _unverified_claims(assertion)
        if float(claims.get("exp", 0)) <= self._now():
            raise EntraError(
                "invalid_client", 700024, "Client assertion is not within its valid time range.", status=401
            )
        subject, issuer = claims.get("sub"), claims.get("iss")
        if subject == tenant.federated_subject:
            return
        if not subject == issuer == tenant.client_id:
            raise EntraError(
                "invalid_client",
                700213,
                f"No matching federated identity record found for presented assertion subject '{subject}'.",
                status=401,
            )
        _check_assertion_audience(claims, tenant, request)


def _check_assertion_audience(claims: dict[str, Any], tenant: Tenant, request: Request) -> None:
    """The certificate form names the token endpoint, with the tenant spelt either way."""
    expected = {
        f"{request.origin}/{name}/{ending}"
        for name in (tenant.tenant_id, tenant.domain, tenant.name)
        for ending in ("oauth2/v2.0/token", "v2.0")
    }
    audiences = claims.get("aud", [])
    named = {audiences} if isinstance(audiences, str) else set(audiences)
    if not named & (expected | {"api://AzureADTokenExchange"}):
        raise EntraError("invalid_client", 50027, "JWT token is invalid: wrong audience.", status=401)


def _unverified_claims(assertion: str) -> dict[str, Any]:
    try:
        options: Any = {"verify_signature": False, **UNCHECKED}
        claims: dict[str, Any] = jwt.decode(assertion, options=options)
    except jwt.InvalidTokenError as error:
        raise EntraError("invalid_client", 50027, f"JWT token is invalid or malformed: {error}", status=401) from error
    if not isinstance(claims.get("exp", 0), int | float):
        raise EntraError("invalid_client", 50027, "JWT token is invalid: exp is not a number.", status=401)
    return claims


def _audience(scope: str, host: str) -> str:
    """Resource Manager under its own name or this server's, Microsoft Graph, or blob storage."""
    if not scope.endswith(DEFAULT_SCOPE):
        raise EntraError("invalid_scope", 1002012, f"The provided value for scope {scope} is not valid.")
    resource = scope.removesuffix(DEFAULT_SCOPE).rstrip("/").lower()
    if resource in (*ARM_RESOURCES, f"https://{host}".lower()):
        return ARM_AUDIENCE
    if resource in (GRAPH_AUDIENCE, STORAGE_AUDIENCE):
        return resource
    raise EntraError(
        "invalid_resource", 500011, f"The resource principal named {resource} was not found in the tenant."
    )


def _required(form: dict[str, str], name: str) -> str:
    if not form.get(name):
        raise EntraError("invalid_request", 900144, f"The request body must contain the following parameter: '{name}'.")
    return form[name]


def _issuer(request: Request, tenant: Tenant) -> str:
    return f"{request.origin}/{tenant.tenant_id}/v2.0"
