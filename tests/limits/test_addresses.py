"""The address of a request: what our own proxies wrote, never what the sender wrote."""

import pytest
from django.conf import LazySettings
from django.test import RequestFactory

from governance.addresses import address_of, network_of

CONNECTED = "10.0.0.1"


def asked(settings: LazySettings, hops: int, forwarded: str | None, connected: str = CONNECTED) -> str:
    """The address of a request with this header, behind so many proxies."""
    settings.TRUSTED_PROXY_HOPS = hops
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    return address_of(RequestFactory().get("/", headers=headers, REMOTE_ADDR=connected))


@pytest.mark.parametrize(
    ("hops", "forwarded", "expected"),
    [
        (0, None, CONNECTED),
        (0, "203.0.113.7", CONNECTED),
        (1, None, CONNECTED),
        (1, "203.0.113.7", "203.0.113.7"),
        (1, "198.51.100.9, 203.0.113.7", "203.0.113.7"),
        (2, "203.0.113.7, 192.0.2.2", "203.0.113.7"),
        (2, "198.51.100.9,1.1.1.1, 203.0.113.7, 192.0.2.2", "203.0.113.7"),
        (1, "203.0.113.7:50123", "203.0.113.7"),
        (1, "[2001:db8::1]:50123", "2001:db8::1"),
        (1, "2001:DB8:0::1", "2001:db8::1"),
        (1, "::ffff:203.0.113.7", "203.0.113.7"),
    ],
)
def test_the_entry_of_our_outermost_proxy_counts(
    settings: LazySettings, hops: int, forwarded: str | None, expected: str
) -> None:
    assert asked(settings, hops, forwarded) == expected


@pytest.mark.parametrize(
    "forwarded", ["", ",", "unknown", "203.0.113.7, not-an-address", "203.0.113.7,", "999.1.1.1", "\x00", "1" * 5000]
)
def test_an_entry_that_is_no_address_leaves_the_connection(settings: LazySettings, forwarded: str) -> None:
    assert asked(settings, 1, forwarded) == CONNECTED


def test_a_header_with_fewer_entries_than_proxies_did_not_come_through_them(settings: LazySettings) -> None:
    assert asked(settings, 2, "203.0.113.7") == CONNECTED


def test_a_connection_without_an_address_is_empty(settings: LazySettings) -> None:
    assert asked(settings, 0, None, connected="") == ""


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("", "unknown"),
    ],
)
def test_one_customer_of_a_provider_is_one(address: str, network: str) -> None:
    assert network_of(address) == network
