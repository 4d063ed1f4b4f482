"""One attempt to log in, as it is counted: by whom, through which program, from where."""

import hashlib
import hmac
import ipaddress
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

_DIGEST_BYTES = 16
_ADDRESS_LENGTH = 64
_IPV6_NETWORK = 64


@dataclass(frozen=True, slots=True)
class Attempt:
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
        self._key = key
        self._realms = {_folded(realm) for realm in realms}

    def digest(self, typed: str) -> bytes:
        """A keyed digest of the name, without case, spaces, realm and characters that nobody sees.

        It is coarser than any directory's own comparison: names may share a count, and none has two.

        Args:
            typed: the login name as typed.
        """
        name = _folded(typed)
        local, _, realm = name.rpartition("@")
        if not (local and realm in self._realms):
            realm, _, local = name.partition("\\")
        if local and realm in self._realms:
            name = local
        encoded = name.encode(errors="surrogatepass")
        return hmac.digest(self._key, encoded, hashlib.sha256)[:_DIGEST_BYTES]


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
    if text.isascii() and text.isalnum():
        return text.lower()
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return "".join(
        character
        for character in folded
        if not character.isspace() and unicodedata.category(character) not in {"Cc", "Cf"}
    )
