"""Rotation: the tokens that replace a refresh token, the same at every attempt.

They are derived from the presented token under keys of the server. So a client whose answer was lost gets the
same tokens again from any node, and no token is stored in clear (RFC 9700, 4.14.2).
"""

import hmac
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from oauth.tokens.contents import TokenContents
from oauth.tokens.format import ACCESS, REFRESH, mint
from oauth.tokens.issuer import Lifetimes


@dataclass(frozen=True, slots=True)
class RotatedToken:
    """A refresh token with its end, in seconds since the epoch, and octets for the access token beside it."""

    refresh: str = field(repr=False)
    refresh_expires_at: int
    access: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Pair:
    """An access token, what it stands for, and a refresh token with its end (seconds since the epoch)."""

    access: str = field(repr=False)
    contents: TokenContents
    refresh: str = field(repr=False)
    refresh_expires_at: int


@dataclass(frozen=True, slots=True)
class RotatedTokens:
    """Derives rotated tokens: the first key derives new ones, all are tried for a replay.

    For `replay_window` seconds a client whose answer was lost may present its refresh token again.
    """

    keys: Sequence[bytes]
    lifetimes: Lifetimes
    replay_window: int

    def of(self, presented: str, generation: int, at: int, grant_expires_at: int) -> Iterator[RotatedToken]:
        """The token that replaces a refresh token now, then those that may have replaced it before.

        Args:
            presented: the refresh token.
            generation: the presented token's.
            at: when it is or was used, in seconds since the epoch.
            grant_expires_at: when the grant ends.
        """
        ends = min(at + self.lifetimes.refresh(), grant_expires_at)
        for key in self.keys:
            refresh = mint(REFRESH, ends, _derive(key, REFRESH, presented, generation))
            yield RotatedToken(refresh, ends, _derive(key, ACCESS, presented, generation))


def _derive(key: bytes, kind: str, presented: str, generation: int) -> bytes:
    return hmac.digest(key, f"{kind}{generation}:{presented}".encode("ascii"), "sha256")
