"""Which addresses an outgoing request may connect to."""

import pytest

from outgoing.addresses import refusal

PUBLIC = [
    "8.8.8.8",
    "100.63.255.255",
    "100.128.0.0",
    "172.32.0.1",
    "2600::1",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
]
ALLOWABLE = [
    ("127.0.0.1", "loopback"),
    ("127.255.255.254", "loopback"),
    ("::1", "loopback"),
    ("10.0.0.1", "private"),
    ("172.16.0.1", "private"),
    ("172.31.255.255", "private"),
    ("192.168.1.1", "private"),
    ("100.64.0.1", "private"),
    ("fd00::1", "private"),
    ("64:ff9b:1::a00:1", "private"),
    ("::ffff:127.0.0.1", "loopback"),
    ("::ffff:10.0.0.1", "private"),
    ("64:ff9b::7f00:1", "loopback"),
    ("64:ff9b::c0a8:1", "private"),
]
NEVER = [
    ("0.0.0.0", "unspecified"),  # noqa: S104 - an address to refuse
    ("0.1.2.3", "unspecified"),
    ("::", "unspecified"),
    ("169.254.169.254", "link-local"),
    ("::ffff:169.254.169.254", "link-local"),
    ("64:ff9b::a9fe:a9fe", "link-local"),
    ("fe80::1", "link-local"),
    ("fe80::1%eth0", "link-local"),
    ("224.0.0.1", "multicast"),
    ("239.255.255.255", "multicast"),
    ("ff02::1", "multicast"),
    ("255.255.255.255", "reserved"),
    ("240.0.0.1", "reserved"),
    ("198.18.0.1", "reserved"),
    ("203.0.113.1", "reserved"),
    ("::127.0.0.1", "reserved"),
    ("2002:7f00:1::", "reserved"),
    ("2001:0:7f00:1::", "reserved"),
    ("2001:db8::1", "reserved"),
    ("fec0::1", "reserved"),
    ("4000::1", "reserved"),
    ("localhost", "not an IP address"),
]


@pytest.mark.parametrize("address", PUBLIC)
@pytest.mark.parametrize("allow_private", [False, True])
def test_public_address_may_be_reached(address: str, *, allow_private: bool) -> None:
    """A public address is never refused, also inside an IPv6 address that carries it."""
    assert refusal(address, allow_private=allow_private) is None


@pytest.mark.parametrize(("address", "kind"), ALLOWABLE)
def test_private_address_needs_the_operators_consent(address: str, kind: str) -> None:
    """Loopback and private addresses are reached only if the operator allows them."""
    assert refusal(address, allow_private=False) == kind
    assert refusal(address, allow_private=True) is None


@pytest.mark.parametrize(("address", "kind"), NEVER)
@pytest.mark.parametrize("allow_private", [False, True])
def test_other_special_address_is_never_reached(address: str, kind: str, *, allow_private: bool) -> None:
    """No setting allows link-local addresses, where clouds have their metadata, or multicast."""
    assert refusal(address, allow_private=allow_private) == kind
