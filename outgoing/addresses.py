"""Which addresses an outgoing request may connect to.

Owns: the ranges that are refused, also inside an IPv6 address that carries an IPv4 address. Must not know:
names and sockets.

Whoever registers a URL must not make the server call what only the server can reach (server-side request
forgery): itself, the campus network, or the metadata service of a cloud, which is at a link-local address.
"""

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

LOOPBACK, PRIVATE, RESERVED = "loopback", "private", "reserved"
_MAY_BE_ALLOWED: Final = frozenset({LOOPBACK, PRIVATE})

# Special-purpose ranges (RFC 6890, and IANA's registries). Python's own list differs between its releases.
_IPV4: Final[Mapping[IPv4Network, str]] = {
    IPv4Network("0.0.0.0/8"): "unspecified",
    IPv4Network("10.0.0.0/8"): PRIVATE,
    IPv4Network("100.64.0.0/10"): PRIVATE,  # shared by the customers of a carrier (RFC 6598)
    IPv4Network("127.0.0.0/8"): LOOPBACK,
    IPv4Network("169.254.0.0/16"): "link-local",
    IPv4Network("172.16.0.0/12"): PRIVATE,
    IPv4Network("192.0.0.0/24"): RESERVED,
    IPv4Network("192.0.2.0/24"): RESERVED,
    IPv4Network("192.88.99.0/24"): RESERVED,
    IPv4Network("192.168.0.0/16"): PRIVATE,
    IPv4Network("198.18.0.0/15"): RESERVED,
    IPv4Network("198.51.100.0/24"): RESERVED,
    IPv4Network("203.0.113.0/24"): RESERVED,
    IPv4Network("224.0.0.0/4"): "multicast",
    IPv4Network("240.0.0.0/4"): RESERVED,
}
_IPV6: Final[Mapping[IPv6Network, str]] = {
    IPv6Network("::/128"): "unspecified",
    IPv6Network("::1/128"): LOOPBACK,
    IPv6Network("64:ff9b:1::/48"): PRIVATE,  # a translator of the site (RFC 8215)
    IPv6Network("2001::/23"): RESERVED,  # Teredo among others
    IPv6Network("2001:db8::/32"): RESERVED,
    IPv6Network("2002::/16"): RESERVED,  # 6to4, which carries an IPv4 address (RFC 7526)
    IPv6Network("3fff::/20"): RESERVED,
    IPv6Network("fc00::/7"): PRIVATE,
    IPv6Network("fe80::/10"): "link-local",
    IPv6Network("ff00::/8"): "multicast",
}
# All public addresses of IPv6 are in this range (RFC 4291, 2.4).
_IPV6_PUBLIC: Final = IPv6Network("2000::/3")
# Packets for these go to the IPv4 address in the last 32 bits (RFC 4291, 2.5.5.2; RFC 6052, 2.1).
_CARRY_IPV4: Final = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))
_IPV4_MASK: Final = 0xFFFF_FFFF


def refusal(address: str, *, allow_private: bool) -> str | None:
    """Say why no connection may be made to an address.

    Args:
        address: As the resolver returned it. An IPv6 address may have a zone (`fe80::1%eth0`).
        allow_private: Whether loopback and private addresses may be reached.

    Returns:
        The kind of address that is refused; None if it may be reached.
    """
    try:
        kind = _kind(ip_address(address.partition("%")[0]))
    except ValueError:
        return "not an IP address"
    return None if allow_private and kind in _MAY_BE_ALLOWED else kind


def _kind(address: IPv4Address | IPv6Address) -> str | None:
    """The special purpose of an address; None for a public one."""
    if isinstance(address, IPv4Address):
        return next((kind for network, kind in _IPV4.items() if address in network), None)
    if any(address in network for network in _CARRY_IPV4):
        return _kind(IPv4Address(int(address) & _IPV4_MASK))
    kind = next((kind for network, kind in _IPV6.items() if address in network), None)
    return kind or (None if address in _IPV6_PUBLIC else RESERVED)
