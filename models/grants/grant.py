"""A grant and its tokens as plain values: what the database stores, and what a look-up returns."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from models.tables import DEFAULT_DIRECTORY


class NewGrant(NamedTuple):
    """A grant to be stored. Times are seconds since the epoch.

    `origin` is the grant type that made it. `sub` replaces `subject` towards the client; None if the client
    sees `subject` itself. `audience` holds the requested resources (RFC 8707), separated by spaces. `private`
    means that the user asked for privacy. `cnf` binds the refresh token to a key (RFC 7800); `acr`, `amr` and
    `session_id` describe the login.
    """

    id: bytes
    client_id: str
    subject: str | None
    net_id: str | None
    scope: str
    claims: Mapping[str, object]
    password_changed_at: int | None
    auth_time: int
    expires_at: int
    origin: str
    directory: str = DEFAULT_DIRECTORY
    sub: str | None = None
    audience: str | None = None
    private: bool = False
    acr: str | None = None
    amr: Sequence[str] | None = None
    session_id: bytes | None = None
    cnf: Mapping[str, str] | None = None

    def row(self, live_until: int) -> Mapping[str, object]:
        """Every column by name, for a grant whose last token ends at `live_until`."""
        return {**self._asdict(), "live_until": live_until, "revoked_at": None}


class NewToken(NamedTuple):
    """A token to be stored: its key, never the token. `expires_at` is in seconds since the epoch.

    `cnf` is the key that the presenter of an access token must prove (RFC 7800).
    """

    key: bytes
    expires_at: int
    cnf: Mapping[str, str] | None = None


class AccessToken(NamedTuple):
    """An access token with the values of its grant. Times are seconds since the epoch.

    `released_claims` are the claims that the client may get now; None for all.
    """

    grant_id: bytes
    client_id: str
    subject: str | None
    sub: str | None
    net_id: str | None
    scope: str
    audience: str | None
    claims: Mapping[str, object]
    private: bool
    released_claims: Sequence[str] | None
    auth_time: int
    issued_at: int
    expires_at: int
    revoked_at: int | None

    def is_live(self, now: int) -> bool:
        """Whether the token is neither expired nor revoked at `now`."""
        return self.revoked_at is None and now < self.expires_at


class RefreshToken(NamedTuple):
    """A refresh token with the values of its grant. Times are seconds since the epoch.

    `access_scope` and `access_audience` belong to the access token that was issued with it; None if they
    equal the grant's. `missed` means that the directory did not find the person at the last refresh.
    `released_claims` are the claims that the client may get now; None for all.
    """

    grant_id: bytes
    generation: int
    issued_at: int
    expires_at: int
    used_at: int | None
    access_scope: str | None
    access_audience: str | None
    client_id: str
    subject: str | None
    sub: str | None
    net_id: str | None
    scope: str
    audience: str | None
    private: bool
    released_claims: Sequence[str] | None
    password_changed_at: int | None
    auth_time: int
    grant_expires_at: int
    revoked_at: int | None
    missed: bool = False

    def is_live(self, now: int) -> bool:
        """Whether neither the token nor its grant has ended at `now`. It may have been used."""
        return self.revoked_at is None and now < min(self.expires_at, self.grant_expires_at)
