"""Signed tokens: access tokens and the opaque continuation tokens of pages. The key follows from the world's seed."""

import base64
import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Any

import jwt

ALGORITHM = "HS256"
ACCESS_SECONDS = 3599
CONTINUATION_SECONDS = 3600
UNCHECKED = {"verify_exp": False, "verify_aud": False, "verify_iss": False, "verify_iat": False, "verify_nbf": False}
ARM_AUDIENCE = "https://management.azure.com"
STORAGE_AUDIENCE = "https://storage.azure.com"
GRAPH_AUDIENCE = "https://graph.microsoft.com"


class InvalidTokenError(Exception):
    """Not ours, altered, expired, or made for something else; the text says which."""


class Tokens:
    """``now`` is in seconds since 1970 and belongs to the caller, so that tests need not wait."""

    def __init__(self, seed: str, now: Callable[[], float] = time.time) -> None:
        self._key = hashlib.sha256(f"{seed}/signing key".encode()).digest()
        self._now = now

    def access_token(self, *, tenant_id: str, client_id: str, audience: str, issuer: str) -> str:
        start = int(self._now())
        return self._sign(
            {
                "aud": audience,
                "iss": issuer,
                "tid": tenant_id,
                "appid": client_id,
                "iat": start,
                "nbf": start,
                "exp": start + ACCESS_SECONDS,
            }
        )

    def tenant_of(self, access_token: str, *, audience: str) -> str:
        """Tenant ID of a valid access token for this audience."""
        claims = self._read(access_token)
        if claims.get("aud") != audience:
            found = claims.get("aud")
            raise InvalidTokenError(f"The access token has been obtained for wrong audience or resource '{found}'.")
        return str(claims["tid"])

    def signature(self, text: str) -> str:
        """Of a link that is good without a token."""
        return base64.b64encode(hmac.digest(self._key, text.encode(), "sha256")).decode()

    def continuation(self, *, offset: int, bound_to: str, serial: int) -> str:
        """Resumes a list at ``offset``; ``bound_to`` names the list, ``serial`` tells two tokens of one place apart."""
        claims = {"offset": offset, "to": _short(bound_to), "n": serial, "exp": int(self._now()) + CONTINUATION_SECONDS}
        return self._sign(claims)

    def offset_of(self, continuation: str, *, bound_to: str) -> int:
        claims = self._read(continuation)
        if claims.get("to") != _short(bound_to):
            raise InvalidTokenError("The continuation token belongs to another request.")
        return int(claims["offset"])

    def _sign(self, claims: dict[str, Any]) -> str:
        return jwt.encode(claims, self._key, algorithm=ALGORITHM)

    def _read(self, token: str) -> dict[str, Any]:
        try:
            claims: dict[str, Any] = jwt.decode(token, self._key, algorithms=[ALGORITHM], options=UNCHECKED)  # type: ignore[arg-type]
        except jwt.InvalidTokenError as error:
            raise InvalidTokenError("The token is invalid.") from error
        if claims.get("exp", 0) <= self._now():
            raise InvalidTokenError("The token is expired.")
        return claims


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
