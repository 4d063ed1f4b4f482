"""One attempt to log in, as it is counted: by whom, through which program, from where."""

import hashlib
import hmac
from collections.abc import Collection
from typing import Final, NamedTuple

from directory import MAX_NAME_CHARACTERS
from login.folding import folded

_DIGEST_BYTES = 16
# What all names that are too long are counted as: no name folds to it.
_TOO_LONG: Final = "\0"
_SPELLING: Final = "spelling:"


class AttemptKey(NamedTuple):
    """What an attempt is counted by.

    `name` is a keyed digest of the login name, the same however it was written: people type passwords there.
    `address` is a network: one IPv4 address, or the /64 of an IPv6 one. `spelling` stands for the login name
    exactly as typed. It says whose a failure is where no stable id is known: names that fold alike may be two
    people's.
    """

    name: bytes
    client_id: str
    address: str
    spelling: str | None = None


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
        self._realms = {folded(realm) for realm in realms} - {""}

    def digest(self, typed: str) -> bytes:
        """A keyed digest of the name, without case, accents, spaces, realm and characters that nobody sees.

        It is coarser than any directory's own comparison: names may share a count, and none has two. A name
        that is too long for a login costs nothing: all of them have one digest.

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
        """What stands for a name exactly as it was typed: a keyed digest too, in the place of a stable id.

        Args:
            typed: the login name as typed.
        """
        exact = typed if len(typed) <= MAX_NAME_CHARACTERS else _TOO_LONG
        # Behind a zero byte, which no form of a name has: neither is the other's digest.
        return _SPELLING + self._digest_of(f"\0{exact}").hex()

    def _digest_of(self, text: str) -> bytes:
        keyed = self._keyed.copy()
        keyed.update(text.encode(errors="surrogatepass"))
        return keyed.digest()[:_DIGEST_BYTES]

    def _without_realms(self, name: str) -> str:
        """Take realms off until none is left: one may be written so that the directory does not see it."""
        while True:
            local, at, behind = name.rpartition("@")
            before, backslash, rest = name.partition("\\")
            if at and behind in self._realms:
                name = local
            elif backslash and before in self._realms:
                name = rest
            else:
                return name
