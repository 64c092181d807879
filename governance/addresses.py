"""From which network address a request comes: what limits count, what logs and the audit trail write down.

X-Forwarded-For is written by whoever sends the request; each proxy only appends the address it saw. So an entry is
believed when a proxy of ours wrote it: the setting TRUSTED_PROXY_HOPS says how many of those stand before the platform.
"""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from django.conf import settings
from django.http import HttpRequest

LONGEST_HEADER = 2_000  # characters; a longer X-Forwarded-For is not looked into
NETWORK_OF_A_CUSTOMER = 64  # bits of an IPv6 address that a provider gives to one customer, who may use all the rest


def address_of(request: HttpRequest) -> str:
    """The address that the outermost proxy of ours saw, or that of the connection; "" when neither can be told.

    With n trusted hops it is the nth entry of X-Forwarded-For from the right. What stands to the left of it is
    whatever the sender wrote. An entry that is missing or no address leaves the address of the connection.
    """
    connected = _parsed(request.META.get("REMOTE_ADDR", ""))
    forwarded = _forwarded(request, settings.TRUSTED_PROXY_HOPS)
    return str(forwarded or connected or "")


def network_of(address: str) -> str:
    """What limits count for an address: an IPv4 address itself; of an IPv6 address the network of one customer."""
    parsed = _parsed(address)
    if isinstance(parsed, IPv6Address):
        return str(IPv6Network((parsed, NETWORK_OF_A_CUSTOMER), strict=False))
    return str(parsed or "unknown")


def _forwarded(request: HttpRequest, hops: int) -> IPv4Address | IPv6Address | None:
    header = request.META.get("HTTP_X_FORWARDED_FOR", "")
    if hops < 1 or len(header) > LONGEST_HEADER:
        return None
    entries = header.split(",")
    return _parsed(entries[-hops]) if len(entries) >= hops else None


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    """The address in a text: App Service writes the port after it, "203.0.113.7:50123" or "[2001:db8::1]:50123"."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found
