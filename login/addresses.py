"""The address that a request comes from: read once, and written in one way.

Proxies write addresses in many ways: with a port, in brackets, quoted, as `for=…` (RFC 7239, 6), IPv4 inside
IPv6. Limits, allowed networks and the audit compare texts, so that each spelling of one address would count
apart. Owns: which spellings mean the same address. Must not know: which proxies are trusted.
"""

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

UNREADABLE = "unreadable"

_IPV6_NETWORK = 64
# The longest spelling: an IPv6 address with a zone, in brackets and quotes, behind `for=` and before a port.
_LONGEST = 100
_STORED_LENGTH = 64
_PREFIX = re.compile(r'(?:for=)?"?', re.IGNORECASE)
_BRACKETED = re.compile(r"\[([^\[\]]*)\](?::[0-9]{1,5})?", re.ASCII)
_WITH_PORT = re.compile(r"([0-9.]+):[0-9]{1,5}", re.ASCII)


@lru_cache(maxsize=1024)
def address_of(text: str, peer: str = "") -> str:
    """An address in its canonical form: no port, brackets, quotes or zone; IPv4 where IPv6 only wraps it.

    Args:
        text: the address as the connection, or the trusted proxy, has it.
        peer: who says so: the address of the proxy.

    Returns:
        The address; or for a text that is none, `unreadable` and the peer. This is no address, so that it is
        in no network, and the same for all such texts, so that none has a count of its own.
    """
    found = _read(text)
    if found is not None:
        return str(found)
    told_by = _read(peer)
    return UNREADABLE if told_by is None else f"{UNREADABLE} via {told_by}"


@lru_cache(maxsize=1024)
def network_of(address: str) -> str:
    """The network that an address is counted as: whoever has one IPv6 address has 2^64 of them.

    Args:
        address: as `address_of` gave it.

    Returns:
        The IPv4 address, the /64 of an IPv6 one, or what else was given, cut.
    """
    found = _read(address)
    if found is None:
        return address[:_STORED_LENGTH]
    if isinstance(found, IPv4Address):
        return str(found)
    return str(ip_network((found, _IPV6_NETWORK), strict=False))


def _read(text: str) -> IPv4Address | IPv6Address | None:
    if len(text) > _LONGEST:
        return None
    host = _PREFIX.sub("", text.strip(), count=1).removesuffix('"')
    if found := _BRACKETED.fullmatch(host) or _WITH_PORT.fullmatch(host):
        host = found[1]
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
