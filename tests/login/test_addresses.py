"""An address counts once, however a connection or a proxy spells it."""

import pytest

from login.addresses import address_of, network_of


@pytest.mark.parametrize(
    ("spelled", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.7:1000", "192.0.2.7"),
        (" 192.0.2.7 ", "192.0.2.7"),
        ("[192.0.2.7]:80", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("[::FFFF:c000:207]:443", "192.0.2.7"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ('"[2001:db8::1]:443"', "2001:db8::1"),
        ('for="[2001:db8::1]:443"', "2001:db8::1"),
        ("For=192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::1"),
        ("[fe80::1%25eth0]:443", "fe80::1"),
    ],
)
def test_each_spelling_of_an_address_is_the_same(spelled: str, address: str) -> None:
    """Port, brackets, quotes, zone, `for=` and an IPv6 wrapper change nothing (RFC 7239, 6)."""
    assert address_of(spelled, "10.0.0.1") == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "unknown",
        "_hidden",
        "unix:",
        "192.0.2.7:",
        "192.0.2.7:x",
        "192.0.2.7:123456",
        "192.0.2.7:1:2",
        "192.0.2.07",
        "192.0.2",
        "3221225991",
        "[2001:db8::1",
        "2001:db8::1]:443",
        "[2001:db8::1]443",
        "[[2001:db8::1]]",
        "192.0.2.7, 192.0.2.8",
        "192.0.2.7/24",
        "\u0661.2.3.4",
        "192.0.2.7\0",
        "192.0.2.7" + " " * 100,
        "x" * 100_000,
    ],
)
def test_texts_that_are_no_address_share_a_count(text: str) -> None:
    """Unreadable addresses share one count for the proxy that sent them, and are in no network."""
    assert address_of(text) == "unreadable"
    assert address_of(text, "[2001:db8::2]:443") == "unreadable via 2001:db8::2"
    assert address_of(text, "192.0.2.1") != address_of(text, "192.0.2.2")
    assert address_of(text, text) == "unreadable"


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", ""),
        ("unreadable via 192.0.2.7", "unreadable via 192.0.2.7"),
        ("unix:" + "x" * 100, "unix:" + "x" * 59),
    ],
)
def test_address_counts_as_its_network(address: str, network: str) -> None:
    """A host with one IPv6 address has a whole /64, which counts as one; an IPv4 address counts alone."""
    assert network_of(address) == network


def test_longest_address_fits_its_column() -> None:
    """The table has 64 characters for an address."""
    longest = address_of("x", ":".join(["abcd"] * 8))
    assert len(longest) <= 64
    assert network_of(longest) == longest
