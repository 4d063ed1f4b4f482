"""One attempt to log in, as it is counted: by whom, through which program, from where."""

import hashlib
import hmac
import ipaddress
import unicodedata
from collections.abc import Collection
from functools import lru_cache
from typing import NamedTuple

_DIGEST_BYTES = 16
_ADDRESS_LENGTH = 64
_IPV6_NETWORK = 64


class Attempt(NamedTuple):
    """What an attempt is counted by.

    `name` is a keyed digest of the login name, the same however it was written: people type passwords there.
    `address` is a network: one IPv4 address, or the /64 of an IPv6 one.
    """

    name: bytes
    client_id: str
    address: str


class Names:
    """Makes one digest of all ways to write a login name."""

    def __init__(self, key: bytes, realms: Collection[str] = ()) -> None:
        """Take what belongs to this server.

        Args:
            key: for the digests.
            realms: what the directory takes off a name, behind `@` or before a backslash.
        """
        # Copied for each name: the key is hashed once.
        self._keyed = hmac.new(key, digestmod=hashlib.sha256)
        self._realms = {_folded(realm) for realm in realms}

    def digest(self, typed: str) -> bytes:
        """A keyed digest of the name, without case, spaces, realm and characters that nobody sees.

        It is coarser than any directory's own comparison: names may share a count, and none has two.

        Args:
            typed: the login name as typed.
        """
        is_plain = typed.isascii() and typed.isalnum()
        name = typed.lower() if is_plain else self._without_realm(_folded(typed))
        keyed = self._keyed.copy()
        keyed.update(name.encode(errors="surrogatepass"))
        return keyed.digest()[:_DIGEST_BYTES]

    def _without_realm(self, name: str) -> str:
        local, _, realm = name.rpartition("@")
        if not (local and realm in self._realms):
            realm, _, local = name.partition("\\")
        return local if local and realm in self._realms else name


@lru_cache(maxsize=1024)
def network_of(address: str) -> str:
    """The network that an address is counted as: whoever has one IPv6 address has 2^64 of them.

    Args:
        address: as the connection, or the trusted proxy, has it.

    Returns:
        The IPv4 address, the /64 of an IPv6 one, or what else was given, cut.
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:_ADDRESS_LENGTH]
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is None:
            return str(ipaddress.ip_network((found, _IPV6_NETWORK), strict=False))
        found = found.ipv4_mapped
    return str(found)


def _folded(text: str) -> str:
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return "".join(
        character
        for character in folded
        if not character.isspace() and unicodedata.category(character) not in {"Cc", "Cf"}
    )
