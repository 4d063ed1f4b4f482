"""Refresh tokens: finding one, and rotating it exactly once.

Owns: that exactly one of several concurrent attempts rotates a token (RFC 9700, 4.14.2). Must not know: the
format of tokens, or who may refresh.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import bindparam, exists, select, update

from models.app_passwords.app_password_use import AppPasswordUse
from models.base import table
from models.database.driver import DriverConnection, Statement
from models.grants.grant import (
    INSERT_ACCESS,
    INSERT_AUDIT,
    INSERT_REFRESH,
    NewToken,
    access_row,
    note_use,
    refresh_row,
)
from models.password_grant_tables import AppPasswordRow
from models.sqlite.group_commit import GroupCommit
from models.tables import ClientRow, GrantRow, MissingPersonRow, RefreshTokenRow
from telemetry import AuditEvent

_GRANT, _REFRESH = table(GrantRow), table(RefreshTokenRow)
_MISSING, _CLIENT = table(MissingPersonRow), table(ClientRow)
_APP_PASSWORD = table(AppPasswordRow)


class RefreshToken(NamedTuple):
    """A refresh token with the values of its grant. Times are seconds since the epoch.

    `access_scope` and `access_audience` belong to the access token that was issued with it; None if they
    equal the grant's. `missed` means that the directory did not find the person at the last refresh.
    `released_claims` are the claims that the client may get now; None for all. `origin` is the grant type
    that made the grant; `acr`, `amr` and `session_id` describe its login. `claims` are those of the last
    issue. `app_password_id` is the app password that gave the grant, if one did, and
    `app_password_networks` are those that it may be used from.
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
    origin: str = "password"
    acr: str | None = None
    amr: Sequence[str] | None = None
    session_id: bytes | None = None
    claims: Mapping[str, object] = {}
    app_password_id: bytes | None = None
    app_password_networks: Sequence[str] | None = None

    def is_live(self, now: int) -> bool:
        """Whether neither the token nor its grant has ended at `now`. It may have been used."""
        return self.revoked_at is None and now < min(self.expires_at, self.grant_expires_at)


_SELECT = Statement(
    select(
        _REFRESH.c.grant_id,
        _REFRESH.c.generation,
        _REFRESH.c.issued_at,
        _REFRESH.c.expires_at,
        _REFRESH.c.used_at,
        _REFRESH.c.access_scope,
        _REFRESH.c.access_audience,
        _GRANT.c.client_id,
        _GRANT.c.subject,
        _GRANT.c.sub,
        _GRANT.c.net_id,
        _GRANT.c.scope,
        _GRANT.c.audience,
        _GRANT.c.private,
        _CLIENT.c.released_claims,
        _GRANT.c.password_changed_at,
        _GRANT.c.auth_time,
        _GRANT.c.expires_at.label("grant_expires_at"),
        _GRANT.c.revoked_at,
        exists()
        .where(_MISSING.c.subject == _GRANT.c.subject, _MISSING.c.directory == _GRANT.c.directory)
        .label("missed"),
        _GRANT.c.origin,
        _GRANT.c.acr,
        _GRANT.c.amr,
        _GRANT.c.session_id,
        _GRANT.c.claims,
        _GRANT.c.app_password_id,
        _APP_PASSWORD.c.networks.label("app_password_networks"),
    )
    .select_from(
        _REFRESH.join(_GRANT, _GRANT.c.id == _REFRESH.c.grant_id)
        .outerjoin(_CLIENT, _CLIENT.c.client_id == _GRANT.c.client_id)
        .outerjoin(_APP_PASSWORD, _APP_PASSWORD.c.id == _GRANT.c.app_password_id)
    )
    .where(_REFRESH.c.id == bindparam("key")),
    row=RefreshToken,
)
_UNUSED = update(_REFRESH).where(_REFRESH.c.id == bindparam("key"), _REFRESH.c.used_at.is_(None))
_USE = Statement(_UNUSED.values(used_at=bindparam("at")))
_MOVE = Statement(_UNUSED.values(expires_at=bindparam("ends")))
_RENEW = Statement(
    update(_GRANT)
    .where(_GRANT.c.id == bindparam("grant"), _GRANT.c.revoked_at.is_(None))
    .values(
        net_id=bindparam("new_net_id"),
        claims=bindparam("new_claims"),
        private=bindparam("is_private"),
        live_until=bindparam("until"),
        last_used_at=bindparam("used"),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """The result of a refresh: the next tokens, and the user's current values.

    `at` is in seconds since the epoch. `scope` is that of the access token, and may be narrower than the
    grant's. `net_id` is None for a user who asked for privacy. The time of the last
    password change is not renewed: a replica that lags behind would bring back an older one.
    """

    at: int
    access: NewToken
    refresh: NewToken
    scope: str
    claims: Mapping[str, object]
    net_id: str | None = None
    private: bool = False


class _TooLate(Exception):
    """Another request used the token, or revoked its grant, in the meantime."""


class RefreshStore:
    """The refresh tokens in the database."""

    def __init__(self, commits: GroupCommit) -> None:
        self._commits = commits

    def find(self, key: bytes) -> RefreshToken | None:
        """The refresh token with this key and its grant, live or not; None if there is none.

        Raises:
            StoreUnavailable: the database cannot say.
        """
        with DriverConnection(alone=True, engine=self._commits.engine) as link:
            return link.first(_SELECT, {"key": key})

    def rotate(
        self,
        key: bytes,
        found: RefreshToken,
        renewal: Renewal,
        event: AuditEvent,
        *,
        secret_used: tuple[str, int] | None = None,
    ) -> bool:
        """Use the token and store its successor, in one transaction: all of it, or nothing.

        Args:
            key: the key of the presented token.
            found: the result of `find` for it.
            renewal: the next tokens and values.
            event: the audit row.
            secret_used: the client id and serial of the secret whose last use is to be recorded.

        Returns:
            False if another request used the token or revoked the grant in the meantime.

        Raises:
            AppPasswordEnded: the app password that gave the grant has ended; nothing was stored.
            StoreUnavailable: nothing was stored.
        """

        def use(link: DriverConnection) -> None:
            _use_app_password(link, found, renewal)
            if link.run(_USE, {"key": key, "at": renewal.at}) != 1:
                raise _TooLate
            _renew_access(link, found, renewal)
            _renew_refresh(link, found, renewal)

        return self._store(use, event, secret_used, at=renewal.at)

    def keep(
        self,
        key: bytes,
        found: RefreshToken,
        renewal: Renewal,
        event: AuditEvent,
        *,
        secret_used: tuple[str, int] | None = None,
    ) -> bool:
        """Store a new access token and keep the refresh token, in one transaction.

        The refresh token's row changes only if `renewal.refresh` moves its end. Args as of `rotate`.

        Returns:
            False if the grant was revoked, or the token was rotated, in the meantime.

        Raises:
            AppPasswordEnded: the app password that gave the grant has ended; nothing was stored.
            StoreUnavailable: nothing was stored.
        """
        ends = renewal.refresh.expires_at

        def move(link: DriverConnection) -> None:
            _use_app_password(link, found, renewal)
            _renew_access(link, found, renewal)
            if ends != found.expires_at and link.run(_MOVE, {"key": key, "ends": ends}) != 1:
                raise _TooLate

        return self._store(move, event, secret_used, at=renewal.at)

    def _store(
        self,
        renew: Callable[[DriverConnection], None],
        event: AuditEvent,
        secret_used: tuple[str, int] | None,
        *,
        at: int,
    ) -> bool:
        """Run `renew` and store its audit row. False if another request was faster."""

        def work(link: DriverConnection) -> None:
            renew(link)
            link.run(INSERT_AUDIT, event.fields())
            if secret_used is not None:
                note_use(link, *secret_used, at=at)

        try:
            self._commits.run(work)
        except _TooLate:
            return False
        return True


def _use_app_password(link: DriverConnection, found: RefreshToken, renewal: Renewal) -> None:
    """Use the app password that gave the grant: first of all, since its end locks it before the grants."""
    if found.app_password_id is not None:
        AppPasswordUse(found.app_password_id).use(link, found.grant_id, at=renewal.at)


def _renew_refresh(link: DriverConnection, found: RefreshToken, renewal: Renewal) -> None:
    """Store the next refresh token."""
    row = {
        **refresh_row(
            found.grant_id,
            renewal.refresh,
            found.generation + 1,
            renewal.access,
            found.audience,
            at=renewal.at,
        ),
        "access_scope": None if renewal.scope == found.scope else renewal.scope,
    }
    link.run(INSERT_REFRESH, row)


def _renew_access(link: DriverConnection, found: RefreshToken, renewal: Renewal) -> None:
    """Renew the grant and store its next access token."""
    access = renewal.access
    renewed = {
        "grant": found.grant_id,
        "new_net_id": renewal.net_id,
        "new_claims": renewal.claims,
        "is_private": renewal.private,
        "used": renewal.at,
        "until": max(access.expires_at, renewal.refresh.expires_at),
    }
    if link.run(_RENEW, renewed) != 1:
        raise _TooLate
    row = access_row(found.grant_id, access, renewal.scope, found.audience, at=renewal.at)
    link.run(INSERT_ACCESS, row)
