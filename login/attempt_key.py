"""What an attempt to log in is counted by: login name, client and network."""

import hashlib
import hmac
from collections.abc import Collection
from typing import Final, NamedTuple

from directory import MAX_NAME_CHARACTERS
from login.folding import folded

_DIGEST_BYTES = 16
# All names that are too long count as this one, to which no name folds.
_TOO_LONG: Final = "\0"
_SPELLING: Final = "spelling:"


class AttemptKey(NamedTuple):
    """What an attempt is counted by.

    `name` is a keyed digest of the folded login name, since users type passwords into that field. `address`
    is a network: one IPv4 address, or the /64 of an IPv6 address. `spelling` is a keyed digest of the login
    name exactly as typed. It owns a failure where no stable id is known: two people's names may fold alike.
    """

    name: bytes
    client_id: str
    address: str
    spelling: str | None = None


class Names:
    """Makes one digest of all spellings of a login name."""

    def __init__(self, key: bytes, realms: Collection[str] = ()) -> None:
        """Take the key and the realms.

        Args:
            key: of the digests.
            realms: realms that the directory takes off a name, behind `@` or before a backslash.
        """
        # Copied for each name, so that the key is hashed once.
        self._keyed = hmac.new(key, digestmod=hashlib.sha256)
        self._realms = {folded(realm) for realm in realms} - {""}

    def digest(self, typed: str) -> bytes:
        """A keyed digest of the name, without case, accents, spaces, realm and invisible characters.

        It is coarser than any directory's own comparison: names may share a count, and no name has two. All
        names that are too long for a login share one digest, which costs nothing to make.

        Args:
            typed: the login name as typed.
        """
        if len(typed) > MAX_NAME_CHARACTERS:
            name = _TOO_LONG
        elif typed.isascii() and typed.isalnum():
            name = typed.lower()
        else:
            name = self._without_realms(folded(typed))
        return self._digest_of(name)

    def spelling(self, typed: str) -> str:
        """A keyed digest of the name exactly as typed, used in place of a stable id.

        Args:
            typed: the login name as typed.
        """
        exact = typed if len(typed) <= MAX_NAME_CHARACTERS else _TOO_LONG
        # No folded name holds a zero byte, so that this digest differs from all of `digest`.
        return _SPELLING + self._digest_of(f"\0{exact}").hex()

    def _digest_of(self, text: str) -> bytes:
        keyed = self._keyed.copy()
        keyed.update(text.encode(errors="surrogatepass"))
        return keyed.digest()[:_DIGEST_BYTES]

    def _without_realms(self, name: str) -> str:
        """Take realms off until none is left: a spelling may hide a realm from the directory."""
        while True:
            local, at, behind = name.rpartition("@")
            before, backslash, rest = name.partition("\\")
            if at and behind in self._realms:
                name = local
            elif backslash and before in self._realms:
                name = rest
            else:
                return name
