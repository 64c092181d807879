"""Who is calling, and what that principal sees."""

from governance.azure.simulator.exchange import Refusal, Request
from governance.azure.simulator.faults import SIGHT, Faults
from governance.azure.simulator.tokens import ARM_AUDIENCE, InvalidTokenError, Tokens
from governance.azure.simulator.world import Subscription, Tenant, World


class Access:
    def __init__(self, world: World, tokens: Tokens, faults: Faults) -> None:
        self._world = world
        self._tokens = tokens
        self._faults = faults

    def caller(self, request: Request) -> Tenant:
        """The tenant whose principal sent a valid token for Resource Manager; else refused with 401."""
        scheme, _, token = request.authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise unauthorized(request, "Authentication failed. The 'Authorization' header is missing or invalid.")
        try:
            tenant = self._world.tenant(self._tokens.tenant_of(token.strip(), audience=ARM_AUDIENCE))
        except InvalidTokenError as error:
            raise unauthorized(request, f"The access token is invalid. {error}") from error
        if tenant is None:
            raise unauthorized(request, "The access token is from the wrong issuer: its tenant is unknown.")
        return tenant

    def subscriptions(self, request: Request, tenant: Tenant) -> list[Subscription]:
        """All that the principal sees, by subscription ID."""
        hidden = {(fault.subscription or "").lower() for fault in self._faults.claim_all(SIGHT, request)}
        seen = self._world.subscriptions_seen_by(tenant)
        kept = [row for row in seen if row.subscription_id not in hidden]
        return sorted(kept, key=lambda row: row.subscription_id)

    def subscription(self, request: Request, tenant: Tenant, subscription_id: str) -> Subscription:
        for found in self.subscriptions(request, tenant):
            if found.subscription_id == subscription_id.lower():
                return found
        message = f"The subscription '{subscription_id}' could not be found."
        raise Refusal(404, "SubscriptionNotFound", message)


def unauthorized(request: Request, message: str) -> Refusal:
    authorization = f"{request.origin}/common"
    challenge = (
        f'Bearer authorization_uri="{authorization}", error="invalid_token", '
        f'error_description="{message.replace(chr(34), chr(39))}"'
    )
    return Refusal(401, "InvalidAuthenticationToken", message, headers={"WWW-Authenticate": challenge})


def require_api_version(request: Request) -> str:
    version = request.query.get("api-version")
    if not version:
        raise Refusal(
            400,
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        )
    return version
