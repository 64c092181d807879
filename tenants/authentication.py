"""How a call to the API says who makes it. A module of its own: DRF loads it while importing its views."""

from typing import Any

import structlog
from rest_framework import exceptions, status
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.request import Request

from audit.models import EventOutcome
from audit.trail import Target, record
from audit.verbs import Verb
from governance.tenancy import Scope, entered
from tenants.bearer import Caller, Credential, Refused, Undecided

log = structlog.get_logger(__name__)


class ProviderUnavailable(exceptions.APIException):
    """The identity provider whose token this is does not answer, so nobody can tell whether it holds."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = "The identity provider does not answer; the token can be judged when it does."
    default_code = "unavailable"

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__()
        self.retry_after_seconds = retry_after_seconds


class BearerAuthentication(BaseAuthentication):
    """The Authorization header, as `tenants.middleware.BearerMiddleware` judged it. No cookie counts beside it."""

    def authenticate(self, request: Request) -> tuple[Any, Caller] | None:
        """The person and the credential; None without a header. Raises AuthenticationFailed (401) or a 503."""
        credential = _credential(request)
        if credential is None:
            return None
        if isinstance(credential, Caller):
            return credential.user, credential
        if isinstance(credential, Undecided):
            raise ProviderUnavailable(credential.retry_after_seconds)
        _write_down(credential)
        raise exceptions.AuthenticationFailed(credential.words)

    def authenticate_header(self, request: Request) -> str:
        """What goes into WWW-Authenticate (RFC 6750); it says of a token no more than the answer does."""
        credential = _credential(request)
        if credential is None or isinstance(credential, Caller | Undecided):
            return 'Bearer realm="api"'
        return f'Bearer realm="api", error="invalid_token", error_description="{credential.words}"'


def _credential(request: Request) -> Credential | None:
    found: Credential | None = getattr(request._request, "credential", None)
    return found


def _write_down(refused: Refused) -> None:
    """Every refusal in the log. In the audit trail what somebody must have held a true token for: nobody fills it."""
    log.warning("bearer_refused", reason=refused.reason)
    told: dict[str, Any] = {"outcome": EventOutcome.REFUSED, "reason": refused.reason}
    if token := refused.api_token:
        with entered(Scope.of(token.tenant_id)):
            record(Verb.TOKEN_REFUSED, tenant_id=token.tenant_id, target=token, **told)
    elif claims := refused.claims:
        identity = Target("identity", claims.subject, claims.issuer)
        record(Verb.SIGN_IN_REFUSED, tenant_id=None, target=identity, **told)


class PortalSessionAuthentication(SessionAuthentication):
    """The portal's session cookie, with CSRF protection on writes; without it the answer is 401, not 403."""

    def authenticate_header(self, request: Request) -> str:
        """What DRF puts into WWW-Authenticate, which is what makes the answer a 401."""
        return "Session"
