"""One attempt to log in, as it is counted: by whom, through which program, from where."""

import hashlib
import hmac
import unicodedata
from collections.abc import Collection
from typing import NamedTuple

_DIGEST_BYTES = 16


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


def _folded(text: str) -> str:
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return "".join(
        character
        for character in folded
        if not character.isspace() and unicodedata.category(character) not in {"Cc", "Cf"}
    )
