"""The address that a request comes from, in one canonical form.

Proxies write addresses in many ways: with a port, in brackets, quoted, as `for=…` (RFC 7239, section 6), IPv4
inside IPv6. Limits, allowed networks and the audit compare texts: without one form, each spelling of an
address would have its own count. Owns: which spellings mean the same address. Must not know: which proxies
are trusted.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

UNREADABLE = "unreadable"

_IPV6_PREFIX_BITS = 64
# Longer than any spelling: an IPv6 address with a zone, in brackets and quotes, behind `for=`, with a port.
_MAX_CHARACTERS = 100
_STORED_LENGTH = 64
_PREFIX = re.compile(r'(?:for=)?"?', re.IGNORECASE)
_BRACKETED = re.compile(r"\[([^\[\]]*)\](?::[0-9]{1,5})?", re.ASCII)
_WITH_PORT = re.compile(r"([0-9.]+):[0-9]{1,5}", re.ASCII)


@lru_cache(maxsize=1024)
def address_of(text: str, peer: str = "") -> str:
    """An address in its canonical form: no port, brackets, quotes or zone; IPv4 where IPv6 only wraps it.

    Args:
        text: the address as the connection or the trusted proxy gave it.
        peer: the address of the proxy that gave it.

    Returns:
        The address; `unreadable` and the peer for a text that is no address. That is in no network. It is the
        same for all such texts, so that none has a count of its own.
    """
    parsed = _parse(text)
    if parsed is not None:
        return str(parsed)
    proxy = _parse(peer)
    return UNREADABLE if proxy is None else f"{UNREADABLE} via {proxy}"


@lru_cache(maxsize=1024)
def network_of(address: str) -> str:
    """The network that an address is counted as: a host with one IPv6 address has 2^64 of them.

    Args:
        address: as `address_of` returned it.

    Returns:
        The IPv4 address, the /64 of an IPv6 address, or the shortened text where it is no address.
    """
    parsed = _parse(address)
    if parsed is None:
        return address[:_STORED_LENGTH]
    if isinstance(parsed, IPv4Address):
        return str(parsed)
    return str(ip_network((parsed, _IPV6_PREFIX_BITS), strict=False))


def is_within(address: str, networks: Iterable[str]) -> bool:
    """Whether an address is in one of the networks. A text that is no address is in none.

    Args:
        address: as `address_of` returned it.
        networks: such as `192.0.2.0/24`.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in map(_network, networks) if network.version == parsed.version)


@lru_cache(maxsize=1024)
def _network(text: str) -> IPv4Network | IPv6Network:
    return ip_network(text)


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    if len(text) > _MAX_CHARACTERS:
        return None
    host = _PREFIX.sub("", text.strip(), count=1).removesuffix('"')
    if match := _BRACKETED.fullmatch(host) or _WITH_PORT.fullmatch(host):
        host = match[1]
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
