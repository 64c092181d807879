"""The RSA keys that ID and access tokens of people are signed with, and how they roll over.

A key is made when it is first needed, since most runs of the simulator sign nobody in; the next start has other ones.
"""

import base64
import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

ALGORITHM = "RS256"
KEY_BITS = 2048
PUBLIC_EXPONENT = 65537


@dataclass(frozen=True)
class SigningKey:
    key_id: str
    private: RSAPrivateKey

    @property
    def published(self) -> dict[str, str]:
        """As a JWKS has it. Azure AD B2C and Entra ID name no ``alg``."""
        numbers = self.private.public_key().public_numbers()
        return {"kty": "RSA", "use": "sig", "kid": self.key_id, "n": _base64(numbers.n), "e": _base64(numbers.e)}


class SigningKeys:
    """Thread-safe. The last key signs; those before it are published until they are withdrawn."""

    def __init__(self) -> None:
        self._keys: list[SigningKey] = []
        self._lock = threading.RLock()

    @property
    def current(self) -> SigningKey:
        with self._lock:
            if not self._keys:
                self._keys.append(_new_key())
            return self._keys[-1]

    def key_set(self) -> dict[str, list[dict[str, str]]]:
        with self._lock:
            current = self.current
            return {"keys": [key.published for key in (*self._keys[:-1], current)]}

    def rotate(self, *, keep_old: bool) -> str:
        """Sign with a new key from now on; the old ones stay published or are withdrawn. The new key's ID."""
        with self._lock:
            current = self.current
            self._keys = [*self._keys[:-1], current] if keep_old else []
            self._keys.append(_new_key())
            return self.current.key_id

    def sign(self, claims: Mapping[str, Any], headers: Mapping[str, Any] | None = None) -> str:
        """A token of exactly these claims; ``headers`` replaces or adds header fields, such as ``kid``."""
        key = self.current
        return jwt.encode(
            dict(claims), key.private, algorithm=ALGORITHM, headers={"kid": key.key_id, **dict(headers or {})}
        )


def _new_key() -> SigningKey:
    private = generate_private_key(public_exponent=PUBLIC_EXPONENT, key_size=KEY_BITS)
    modulus = private.public_key().public_numbers().n
    return SigningKey(_encoded(hashlib.sha256(_bytes(modulus)).digest()[:20]), private)


def _base64(number: int) -> str:
    return _encoded(_bytes(number))


def _bytes(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
