"""How a call to the API says who makes it. A module of its own: DRF loads it while importing its views."""

from typing import Any

from rest_framework import exceptions, status
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.request import Request

from tenants.bearer import Caller, Credential, Undecided


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
        credential: Credential | None = request._request.credential  # type: ignore[attr-defined]
        if credential is None:
            return None
        if isinstance(credential, Caller):
            return credential.user, credential
        if isinstance(credential, Undecided):
            raise ProviderUnavailable(credential.retry_after_seconds)
        raise exceptions.AuthenticationFailed(credential.words)

    def authenticate_header(self, request: Request) -> str:
        """What goes into WWW-Authenticate (RFC 6750); it says of a token no more than the answer does."""
        credential: Credential | None = request._request.credential  # type: ignore[attr-defined]
        if credential is None or isinstance(credential, Caller | Undecided):
            return 'Bearer realm="api"'
        return f'Bearer realm="api", error="invalid_token", error_description="{credential.words}"'


class PortalSessionAuthentication(SessionAuthentication):
    """The portal's session cookie, with CSRF protection on writes; without it the answer is 401, not 403."""

    def authenticate_header(self, request: Request) -> str:
        """What DRF puts into WWW-Authenticate, which is what makes the answer a 401."""
        return "Session"
