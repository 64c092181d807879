"""What cells of lists print. Everything that comes from outside is escaped here."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

NOTHING = SafeString('<span class="absent">–</span>')
TAGS_SHOWN = 2
TAGS_NAMED = 15  # in the words that show when one points at "+n"
THIN_SPACE = "\u202f"  # narrow and unbreakable: a number never breaks over two lines
NO_BREAK = "\u00a0"
MINUS = "\u2212"
# Currencies whose smallest coin is one unit: ISO 4217, those that Azure bills in.
WITHOUT_COINS = frozenset({"JPY", "KRW", "CLP", "ISK", "VND"})


def link(address: str, words: str) -> SafeString:
    """A link; `address` is one of our own."""
    return format_html('<a href="{}">{}</a>', address, words)


def text(value: str | None) -> SafeString:
    """Words, or a dash for none."""
    return format_html("{}", value) if value else NOTHING


def moment(value: datetime | None, absent: str = "never") -> SafeString:
    """A UTC time as `2026-11-23 18:10 UTC`, machine-readable too; the word `absent` for none."""
    if value is None:
        return format_html('<span class="absent">{}</span>', absent)
    at = value.astimezone(UTC)
    return format_html('<time datetime="{}">{} UTC</time>', f"{at:%Y-%m-%dT%H:%M:%SZ}", f"{at:%Y-%m-%d %H:%M}")


def state(key: str, word: str = "") -> SafeString:
    """A state as shape, colour and word. `key` is one of the classes of `.state`."""
    return format_html('<span class="state {}">{}</span>', key, word or key.capitalize())


def grouped(value: int | None, absent: str = "unknown") -> str:
    """A whole number with its thousands set apart; the word `absent` for none, never 0."""
    return absent if value is None else f"{value:,}".replace(",", THIN_SPACE)


def money(amount: Decimal | None, currency: str = "", absent: str = "unknown") -> str:
    """An amount to the coin, `1 234.50 EUR`; one that would round to nothing keeps two digits, so that it is not zero.

    The word `absent` for none, never 0.
    """
    if amount is None:
        return absent
    coin = Decimal(1) if currency in WITHOUT_COINS else Decimal("0.01")
    shown = amount.quantize(coin, ROUND_HALF_EVEN)
    if amount and not shown:
        shown = amount.quantize(Decimal(1).scaleb(amount.adjusted() - 1)).normalize()
    digits = f"{abs(shown):,f}".replace(",", THIN_SPACE)
    return f"{MINUS if shown < 0 else ''}{digits}{NO_BREAK + currency if currency else ''}"


def amount(value: Decimal | None, currency: str = "", absent: str = "unknown") -> SafeString:
    """An amount to the coin, with what it is exactly for machines and on pointing."""
    if value is None:
        return format_html('<span class="absent">{}</span>', absent)
    exact = f"{value.normalize():f}"
    return format_html(
        '<data class="money" value="{}" title="{} {}">{}</data>', exact, exact, currency, money(value, currency)
    )


def signed(value: Decimal | None, currency: str = "", absent: str = "unknown") -> SafeString:
    """A difference: an amount with its sign."""
    if value is None or value <= 0:
        return amount(value, currency, absent)
    exact = f"{value.normalize():f}"
    return format_html(
        '<data class="money" value="{}" title="+{} {}">+{}</data>', exact, exact, currency, money(value, currency)
    )


def tags(values: Mapping[str, Any] | None) -> SafeString:
    """The first tags, and how many more there are."""
    pairs = list((values or {}).items())
    if not pairs:
        return SafeString('<span class="absent">none</span>')
    shown = format_html_join("", '<span class="tag" title="{}: {}">{}</span>', map(_tag, pairs[:TAGS_SHOWN]))
    more = SafeString("")
    if len(pairs) > TAGS_SHOWN:
        named = "; ".join(f"{key[:40]}: {str(value)[:40]}" for key, value in pairs[:TAGS_NAMED])
        more = format_html('<span class="more" title="{}">+{}</span>', named, len(pairs) - TAGS_SHOWN)
    return format_html('<div class="tags">{}{}</div>', shown, more)


def _tag(pair: tuple[str, Any]) -> tuple[str, Any, SafeString]:
    key, value = pair
    return key, value, format_html("{}: <i>{}</i>", key, value) if value else format_html("{}", key)
