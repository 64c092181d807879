"""Why somebody was not signed in, in the words and numbers of Azure AD B2C and of Entra ID.

https://learn.microsoft.com/azure/active-directory-b2c/error-codes
https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

import datetime
import uuid
from typing import Self

from governance.azure.simulator.exchange import Response, json_response


class SignInError(Exception):
    """``b2c`` and ``entra`` are the numbers; 0 where neither of them documents one."""

    def __init__(self, error: str, words: str, *, b2c: int = 0, entra: int = 0, status: int = 400) -> None:
        super().__init__(words)
        self.error = error
        self._words = words
        self._b2c = b2c
        self._entra = entra
        self._status = status

    def describe(self, policy: str, now: float) -> str:
        """``policy`` is that of the user flow, empty for Entra ID."""
        number = (f"AADB2C{self._b2c}: " if self._b2c else "") if policy else f"AADSTS{self._entra}: "
        return f"{number}{self._words}\r\nCorrelation ID: {uuid.uuid4()}\r\nTimestamp: {_stamp(now)}\r\n"

    def response(self, policy: str, now: float) -> Response:
        payload: dict[str, object] = {"error": self.error, "error_description": self.describe(policy, now)}
        if not policy:
            payload |= {
                "error_codes": [self._entra],
                "timestamp": _stamp(now),
                "trace_id": str(uuid.uuid4()),
                "correlation_id": str(uuid.uuid4()),
            }
        return json_response(payload, status=self._status)

    @classmethod
    def unknown_authority(cls, name: str) -> Self:
        return cls("invalid_request", f"Tenant '{name}' not found. Check that you have the right one.", entra=90002)

    @classmethod
    def unknown_application(cls, client_id: str) -> Self:
        words = f"The client ID '{client_id}' specified in the request is not registered."
        return cls("unauthorized_client", words, b2c=90018, entra=700016)

    @classmethod
    def foreign_redirect(cls, redirect_uri: str, client_id: str) -> Self:
        words = f"The redirect URI '{redirect_uri}' is not registered for the client ID '{client_id}'."
        return cls("invalid_request", words, b2c=90006, entra=50011)

    @classmethod
    def unsupported_response_type(cls, response_type: str) -> Self:
        words = f"The response type '{response_type}' is not supported."
        return cls("unsupported_response_type", words, b2c=90013, entra=700051)

    @classmethod
    def missing_scope(cls) -> Self:
        return cls("invalid_request", "The request does not contain the scope openid.", b2c=90010, entra=900144)

    @classmethod
    def missing_challenge(cls) -> Self:
        words = "PKCE is required here: send code_challenge with code_challenge_method S256."
        return cls("invalid_request", words, entra=9002325)

    @classmethod
    def cancelled(cls) -> Self:
        words = "The user has cancelled entering self-asserted information."
        return cls("access_denied", words, b2c=90091, entra=65004)

    @classmethod
    def unsupported_grant(cls, grant_type: str) -> Self:
        words = f"The grant type '{grant_type}' is not supported."
        return cls("unsupported_grant_type", words, entra=70003)

    @classmethod
    def wrong_secret(cls) -> Self:
        words = "The specified client_secret does not match the expected value for this client."
        return cls("invalid_client", words, b2c=90081, entra=7000215, status=401)

    @classmethod
    def spent_code(cls) -> Self:
        words = "The authorization code is unknown or was already redeemed. Sign in again."
        return cls("invalid_grant", words, b2c=90080, entra=54005)

    @classmethod
    def expired_code(cls) -> Self:
        return cls("invalid_grant", "The provided grant has expired. Sign in again.", b2c=90080, entra=70008)

    @classmethod
    def foreign_code(cls) -> Self:
        words = "The provided grant was not issued for this endpoint and redirect URI."
        return cls("invalid_grant", words, b2c=90088, entra=70000)

    @classmethod
    def wrong_verifier(cls) -> Self:
        return cls("invalid_grant", "The supplied code_verifier is invalid.", b2c=90183, entra=501481)


def _stamp(now: float) -> str:
    return datetime.datetime.fromtimestamp(now, datetime.UTC).strftime("%Y-%m-%d %H:%M:%SZ")
