"""What of a change may be kept: no secret, nothing endless, and only what has one canonical form."""

import hashlib
import re
from collections.abc import Mapping
from datetime import date, datetime
from enum import Enum
from typing import Any
from uuid import UUID

from audit.standalone.verify_audit import canonical

CENSORED = "(censored)"
MOST_CHARACTERS = 16 * 1024  # of one side of a change, in its canonical form
LONGEST_TEXT = 1000  # characters of one value
MOST_ITEMS = 200  # of one list or object
DEEPEST = 6
SECRET_WITHIN = re.compile(
    r"password|passwd|passphrase|secret|token|assertion|credential|cookie|authorization|signature|private|client_?id",
    re.I,
)
SECRET_WORDS = frozenset({"key", "keys", "sas", "pwd", "pin", "otp", "jwt", "session", "nonce", "verifier", "auth"})
WORD = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")
SIGNED_TEXT = re.compile(r"eyJ[\w-]{8,}\.[\w-]+(\.[\w-]*)?|(?<=[?&]sig=)[^&\s]+")  # a JWT, a signed address


def kept(values: Mapping[str, Any] | None) -> str:
    """One side of a change as it is stored: its canonical JSON, "" for none.

    What is too much is named by its size and its SHA-256 instead.
    """
    if values is None:
        return ""
    text = canonical(_plain(dict(values), DEEPEST))
    if len(text) <= MOST_CHARACTERS:
        return text
    whole = {"characters": len(text), "sha256": hashlib.sha256(text.encode()).hexdigest()}
    return canonical({"too_much_to_keep": whole, "names": sorted(str(name)[:64] for name in values)[:MOST_ITEMS]})


def plain_text(text: str, most: int) -> str:
    """Text that every database keeps as it is, at most so many UTF-16 units long; a token in it is censored."""
    text = SIGNED_TEXT.sub(CENSORED, text.replace("\x00", "\ufffd"))
    units = text.encode("utf-16-le", "surrogatepass")[: most * 2]
    return units.decode("utf-16-le", "ignore")


def is_secret(name: str) -> bool:
    """True when a value of this name is not to be kept."""
    return bool(SECRET_WITHIN.search(name)) or not SECRET_WORDS.isdisjoint(
        word.lower() for word in WORD.findall(name)
    )  # fmt: skip


def _plain(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool | int):
        return int(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if isinstance(value, Mapping):
        return _plain_object(value, depth)
    if isinstance(value, list | tuple | set | frozenset):
        items = sorted(value, key=str) if isinstance(value, set | frozenset) else list(value)
        if depth == 0 or len(items) > MOST_ITEMS:
            return f"({len(items)} items)"
        return [_plain(item, depth - 1) for item in items]
    return plain_text(_text(value), LONGEST_TEXT)


def _plain_object(value: Mapping[Any, Any], depth: int) -> Any:
    if depth == 0 or len(value) > MOST_ITEMS:
        return f"({len(value)} names)"
    return {
        plain_text(str(name), 200): CENSORED
        if is_secret(str(name)) and not (item is None or isinstance(item, bool))
        else _plain(item, depth - 1)
        for name, item in value.items()
    }


def _text(value: Any) -> str:
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, UUID | str):
        return str(value)
    return str(value)  # a Decimal, a float, a model: as people read it
