"""The keys that an identity provider signs its tokens with, read again as they roll over.

Two numbers bound what goes wrong: a key that was withdrawn is accepted for at most `FRESH_SECONDS`, and while the
provider does not answer, the keys read before go on for at most `LIVE_SECONDS`. A token with an unknown key id has the
keys read again, but never twice within `COOLDOWN_SECONDS`, whether the reading before succeeded or failed: forged ids
make nobody hammer the provider. PyJWT's own client neither survives an outage nor cools down after a failed reading,
and reads answers of any size (docs/adr/0014).
"""

import http.client
import json
import ssl
import threading
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from time import monotonic
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit

import jwt
import structlog

log = structlog.get_logger(__name__)

ALGORITHM = "RS256"
SMALLEST_KEY_BITS = 2048
FRESH_SECONDS = 5 * 60
LIVE_SECONDS = 60 * 60
COOLDOWN_SECONDS = 30
DISCOVERY_SECONDS = 24 * 60 * 60  # so long the address of the keys is taken from one reading of the discovery document
SOCKET_SECONDS = 5.0  # to connect, and between two pieces of an answer
ANSWER_SECONDS = 10.0  # for a whole answer
MOST_BYTES = 256 * 1024
PIECE_BYTES = 16 * 1024


class UnknownKeyError(Exception):
    """The provider publishes no such key."""


class KeysUnavailableError(Exception):
    """The provider does not answer, and what it said before is too old or too little to judge by."""

    def __init__(self, retry_after_seconds: int) -> None:
        self.retry_after_seconds = retry_after_seconds
        super().__init__(f"The identity provider does not answer; try again in {retry_after_seconds} seconds.")


class UnreadableAnswerError(Exception):
    """What the provider answered cannot be used; the text says why, for the log."""


@dataclass(frozen=True, slots=True)
class PublishedKey:
    """A key, and whose tokens alone it signs: Entra ID says so of some. "" is no such word."""

    public: jwt.PyJWK
    issuer: str


@dataclass(frozen=True, slots=True)
class _Reading:
    keys: Mapping[str, PublishedKey]
    at: float


class ProviderKeys:
    """The keys of one provider, shared by a process's threads. `issuer` must be what its discovery document says."""

    def __init__(self, discovery_url: str, *, issuer: str, ca_file: str = "") -> None:
        self.discovery_url, self.issuer, self.ca_file = discovery_url, issuer, ca_file
        self._lock = threading.Lock()
        self._reading: _Reading | None = None
        self._tried_at: float | None = None
        self._has_failed = False
        self._address, self._address_at = "", 0.0

    def key(self, key_id: str) -> PublishedKey:
        """The key of this id. Raises UnknownKeyError, or KeysUnavailableError when nobody can tell."""
        reading = self._reading
        if reading is None or key_id not in reading.keys or _age(reading) >= FRESH_SECONDS:
            reading = self._read_again(reading, key_id)
        if reading is None or _age(reading) >= LIVE_SECONDS:
            raise KeysUnavailableError(self._seconds_to_next_try())
        if key_id in reading.keys:
            return reading.keys[key_id]
        if self._has_failed:
            raise KeysUnavailableError(self._seconds_to_next_try())
        raise UnknownKeyError

    def _read_again(self, reading: _Reading | None, key_id: str) -> _Reading | None:
        """The newest reading. Whose key is known and still lives does not wait for another thread that reads."""
        is_served = reading is not None and key_id in reading.keys and _age(reading) < LIVE_SECONDS
        if not self._lock.acquire(blocking=not is_served):
            return reading
        try:
            if self._seconds_to_next_try() == 0:
                self._try()
            return self._reading
        finally:
            self._lock.release()

    def _try(self) -> None:
        self._tried_at = monotonic()
        try:
            self._reading = _Reading(self._published(), monotonic())
            self._has_failed = False
        except (OSError, ValueError, http.client.HTTPException, UnreadableAnswerError) as error:
            if isinstance(error, HTTPError):
                error.close()
            self._has_failed = True
            self._address = ""  # it may have moved
            log.warning("provider_keys_unreadable", url=self.discovery_url, reason=f"{type(error).__name__}: {error}")

    def _seconds_to_next_try(self) -> int:
        if self._tried_at is None:
            return 0
        return max(0, round(self._tried_at + COOLDOWN_SECONDS - monotonic()))

    def _published(self) -> dict[str, PublishedKey]:
        if not self._address or monotonic() - self._address_at >= DISCOVERY_SECONDS:
            self._address, self._address_at = self._discovered(), monotonic()
        found = self._get(self._address).get("keys")
        keys = [key for entry in (found if isinstance(found, list) else []) if (key := _usable(entry))]
        if not keys:
            raise UnreadableAnswerError("It publishes no key that RS256 can be verified with.")
        return {str(key.public.key_id): key for key in keys}

    def _discovered(self) -> str:
        document = self._get(self.discovery_url)
        if document.get("issuer") != self.issuer:
            raise UnreadableAnswerError(f"It calls itself {str(document.get('issuer'))[:200]}, not {self.issuer}.")
        return str(document.get("jwks_uri", ""))

    def _get(self, url: str) -> dict[str, Any]:
        """A JSON object from an https address, without following it elsewhere."""
        if urlsplit(url).scheme != "https":
            raise UnreadableAnswerError("The address of its keys is not https.")
        deadline = monotonic() + ANSWER_SECONDS
        with self._opener.open(url, timeout=SOCKET_SECONDS) as response:
            content = _bounded(response, deadline)
        try:
            found = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise UnreadableAnswerError(f"Its answer is not JSON ({len(content)} bytes).") from error
        if not isinstance(found, dict):
            raise UnreadableAnswerError("Its answer is JSON, but not an object.")
        return found

    @cached_property
    def _opener(self) -> urllib.request.OpenerDirector:
        context = ssl.create_default_context(cafile=self.ca_file or None)
        return urllib.request.build_opener(_NoRedirects(), urllib.request.HTTPSHandler(context=context))


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect is an error: keys come from where the configuration says."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Go nowhere; urllib raises HTTPError then."""
        return


def _age(reading: _Reading) -> float:
    return monotonic() - reading.at


def _bounded(response: http.client.HTTPResponse, deadline: float) -> bytes:
    content = b""
    while piece := response.read1(PIECE_BYTES):
        content += piece
        if len(content) > MOST_BYTES:
            raise UnreadableAnswerError(f"Its answer is larger than {MOST_BYTES} bytes.")
        if monotonic() > deadline:
            raise UnreadableAnswerError(f"Its answer took longer than {ANSWER_SECONDS} seconds.")
    return content


def _usable(entry: Any) -> PublishedKey | None:
    """A published key that signs with RS256; None for any other, of which there may be some."""
    if not isinstance(entry, dict) or entry.get("kty") != "RSA" or not isinstance(entry.get("kid"), str):
        return None
    if entry.get("use", "sig") != "sig" or entry.get("alg", ALGORITHM) != ALGORITHM:
        return None
    try:
        key = jwt.PyJWK.from_dict(entry, algorithm=ALGORITHM)
    except jwt.PyJWTError:
        return None
    return PublishedKey(key, str(entry.get("issuer") or "")) if key.key.key_size >= SMALLEST_KEY_BITS else None
