"""Who calls the API with an Authorization header: an API token of ours, or a token of an identity provider.

The header decides alone. One that is refused makes the caller nobody; no cookie that came along is asked instead.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from governance.access import Access, Role
from governance.provider_keys import KeysUnavailableError
from governance.tenancy import Scope, entered
from governance.tokens import LONGEST_TOKEN, Claims, Refusal, RefusedTokenError, verifier
from tenants.authorization import access_for, access_with
from tenants.identities import person_of
from tenants.models import TOKEN_PREFIX, ApiToken, User
from tenants.tokens import InvalidApiTokenError, recognise

SCHEME = "bearer"
NOT_ACCEPTED = "The token cannot be accepted."
EXPIRED = "The token has expired."
WRONG_SCHEME = "Send Authorization: Bearer, a space, and a token."


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody whose token holds. `access` is what this call may reach: with an API token less than the person may."""

    user: User
    access: Access
    api_token: ApiToken | None = None

    @property
    def limit_key(self) -> str:
        """What tells this credential from all others when calls are counted: the token, or the person of a JWT."""
        return str(self.api_token.id if self.api_token else self.user.id)


@dataclass(frozen=True, slots=True)
class Refused:
    """Nobody: the header does not hold. `words` are for the caller; `reason` is for the log and the audit trail."""

    reason: str
    words: str = NOT_ACCEPTED
    api_token: ApiToken | None = None  # one that is ours, with its secret
    claims: Claims | None = None  # of a token that holds, of somebody who is nobody here


@dataclass(frozen=True, slots=True)
class Undecided:
    """Nobody can tell now: the identity provider does not answer."""

    retry_after_seconds: int


Credential = Caller | Refused | Undecided


def credential_of(header: str) -> Credential:
    """What an Authorization header says of its caller. One query for an API token, and those that make the access."""
    scheme, _, text = header.partition(" ")
    if scheme.lower() != SCHEME:
        return Refused("scheme", WRONG_SCHEME)
    text = text.strip()
    if len(text) > LONGEST_TOKEN:
        return Refused(Refusal.TOO_LONG.value)
    judge: Callable[..., Credential] = _of_api_token if text.startswith(TOKEN_PREFIX) else _of_provider
    return judge(text, now=timezone.now())


def _of_api_token(text: str, *, now: datetime) -> Credential:
    try:
        token = recognise(text, now=now)
    except InvalidApiTokenError as error:
        words = EXPIRED if error.state is ApiToken.State.EXPIRED else NOT_ACCEPTED
        return Refused(f"API token {error}", words, error.row)
    access = access_with(token.user, tenant_id=token.tenant_id, ceiling=Role.from_word(token.role))
    if access.role_in(token.tenant_id) is None:
        return Refused("API token of a person without a role", api_token=token)
    return Caller(token.user, access, token)


def _of_provider(text: str, *, now: datetime) -> Credential:
    try:
        claims = verifier().claims_of(text)
    except RefusedTokenError as error:
        return Refused(error.refusal.value, EXPIRED if error.refusal is Refusal.EXPIRED else NOT_ACCEPTED)
    except KeysUnavailableError as error:
        return Undecided(max(1, error.retry_after_seconds))
    return _person(claims)


def _person(claims: Claims) -> Credential:
    """By issuer and stable id, never by an e-mail address, which anybody may claim."""
    with entered(Scope.every_tenant(reason="Whom a token names is not known before it is read.")):
        user = person_of(claims.issuer, claims.subject)
    if user is None:
        return Refused("unknown person, or a closed account", claims=claims)
    return Caller(user, access_for(user))
