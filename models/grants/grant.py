"""A grant and its tokens: what an issue stores, and what a look-up returns.

Owns: which rows an issue stores, and in how many statements; the look-up of an access token. They run on
`DriverConnection`: this is the hot path of the database.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import CTE, Column, Insert, Select, Table, bindparam, exists, func, insert, select, update

from models.app_passwords.app_password_use import AppPasswordUse, used
from models.base import table
from models.database.driver import DriverConnection, Statement
from models.tables import (
    DEFAULT_DIRECTORY,
    AccessTokenRow,
    AuditEventRow,
    ClientRow,
    ClientSecretRow,
    GrantRow,
    RefreshTokenRow,
)
from telemetry import AuditEvent

_GRANT, _ACCESS, _REFRESH = table(GrantRow), table(AccessTokenRow), table(RefreshTokenRow)
_AUDIT, _CLIENT, _SECRET = table(AuditEventRow), table(ClientRow), table(ClientSecretRow)
# A grant is not used before its first refresh.
_GRANTED = tuple(column for column in _GRANT.c if column.name != "last_used_at")
_UNUSED = tuple(name for name in _REFRESH.c.keys() if name != "used_at")  # noqa: SIM118 - no mapping
# Only operators are actors.
_AUDITED = tuple(column.name for column in _AUDIT.c if column.name not in {"id", "actor", "actor_reason"})


class NewGrant(NamedTuple):
    """A grant to be stored. Times are seconds since the epoch.

    `origin` is the grant type that made it. `sub` replaces `subject` towards the client; None if the client
    sees `subject` itself. `audience` holds the requested resources (RFC 8707), separated by spaces. `private`
    means that the user asked for privacy. `cnf` binds the refresh token to a key (RFC 7800); `acr`, `amr` and
    `session_id` describe the login. `app_password_id` is the app password that gave it, if one did.
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
    app_password_id: bytes | None = None

    def row(self, live_until: int) -> Mapping[str, object]:
        """Its columns by name, for a grant whose last token ends at `live_until`."""
        return {**self._asdict(), "live_until": live_until, "revoked_at": None}


class NewToken(NamedTuple):
    """A token to be stored: its key, never the token. `expires_at` is in seconds since the epoch.

    `cnf` is the key that the presenter of an access token must prove (RFC 7800). `audience` is the access
    token's part of the grant's audience (RFC 8707, 2.2); None if it has all of it.
    """

    key: bytes
    expires_at: int
    cnf: Mapping[str, str] | None = None
    audience: str | None = None


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


def _binds(columns: Iterable[Column[Any]], prefix: str = "") -> Select[Any]:
    return select(*(bindparam(prefix + column.name, type_=column.type) for column in columns))


def _grant(prefix: str = "", used: CTE | None = None) -> Insert:
    # The insert itself checks that the client is enabled: it may have been disabled during the password
    # check, and no token may outlive that.
    is_enabled = exists().where(
        _CLIENT.c.client_id == bindparam(f"{prefix}client_id"), _CLIENT.c.disabled_at.is_(None)
    )
    rows = _binds(_GRANTED, prefix).where(is_enabled)
    if used is not None:
        rows = rows.where(exists(select(used.c.id)))
    return insert(_GRANT).from_select(list(_GRANTED), rows)


def _at_once(*, refresh: bool, used: CTE | None) -> Statement[Any]:
    """All rows of an issue in one statement, for PostgreSQL: it saves round trips.

    `used` is the use of an app password, which must be live.
    """
    issued = _grant("grant_", used).returning(_GRANT.c.id).cte("issued")

    def beside(table: Table, names: Iterable[str], prefix: str) -> Insert:
        columns = [table.c[name] for name in names]
        return insert(table).from_select(columns, _binds(columns, prefix).select_from(issued))

    tokens = [beside(_ACCESS, _ACCESS.c.keys(), "access_").returning(_ACCESS.c.id).cte("access")]
    if refresh:
        tokens.append(beside(_REFRESH, _UNUSED, "refresh_").returning(_REFRESH.c.id).cte("refresh"))
    return Statement(beside(_AUDIT, _AUDITED, "audit_").inline().add_cte(*tokens))


INSERT_GRANT = Statement(_grant())
INSERT_ACCESS = Statement(insert(_ACCESS), _ACCESS.c.keys())
INSERT_REFRESH = Statement(insert(_REFRESH), _UNUSED)
INSERT_AUDIT = Statement(insert(_AUDIT).inline(), _AUDITED)
# By whether there is a refresh token, and whether the use of an app password is noted; None without one.
_INSERT_AT_ONCE = {
    (refresh, noted): _at_once(refresh=refresh, used=None if noted is None else used(noted=noted))
    for refresh in (False, True)
    for noted in (None, False, True)
}
_NOTE_USE = Statement(
    update(_SECRET)
    .where(_SECRET.c.client_id == bindparam("of_client"), _SECRET.c.serial == bindparam("of_serial"))
    .values(last_used_at=bindparam("at"))
)
SELECT_ACCESS = Statement(
    select(
        _ACCESS.c.grant_id,
        _GRANT.c.client_id,
        _GRANT.c.subject,
        _GRANT.c.sub,
        _GRANT.c.net_id,
        _ACCESS.c.scope,
        _ACCESS.c.audience,
        _GRANT.c.claims,
        _GRANT.c.private,
        _CLIENT.c.released_claims,
        _GRANT.c.auth_time,
        _ACCESS.c.issued_at,
        _ACCESS.c.expires_at,
        # A client that is disabled at the moment of an issue may have ended before the grant was stored.
        func.coalesce(_GRANT.c.revoked_at, _CLIENT.c.disabled_at).label("revoked_at"),
    )
    .select_from(
        _ACCESS.join(_GRANT, _GRANT.c.id == _ACCESS.c.grant_id).join(
            _CLIENT, _CLIENT.c.client_id == _GRANT.c.client_id
        )
    )
    .where(_ACCESS.c.id == bindparam("key")),
    row=AccessToken,
)


def insert_issue(
    link: DriverConnection,
    grant: NewGrant,
    access: NewToken,
    refresh: NewToken | None,
    event: AuditEvent,
    *,
    at: int,
    use: AppPasswordUse | None = None,
) -> bool:
    """Insert a grant, its tokens and its audit row. False if the client is no longer enabled.

    On PostgreSQL also False if the app password of `use` has ended. On SQLite the caller checks that.

    Args:
        link: on PostgreSQL it runs one statement, in a transaction of its own if it is `alone`. On SQLite it
            runs several, which the caller commits.
        grant: the new family.
        access: its first access token.
        refresh: its first refresh token, if the client may refresh.
        event: the audit row.
        at: when its tokens are issued, in seconds since the epoch.
        use: of the app password that gives the grant.
    """
    live_until, refreshed = access.expires_at, None
    if refresh is not None:
        live_until = max(live_until, refresh.expires_at)
        refreshed = refresh_row(grant.id, refresh, 0, access, grant.audience, at=at)
    granted = grant.row(live_until)
    accessed = access_row(grant.id, access, grant.scope, grant.audience, at=at)
    if link.dialect.name != "sqlite":
        rows = {"grant_": granted, "access_": accessed, "refresh_": refreshed, "audit_": event.fields()}
        return _insert_at_once(link, rows, use, at=at)
    if link.run(INSERT_GRANT, granted) != 1:
        return False
    link.run(INSERT_ACCESS, accessed)
    if refreshed is not None:
        link.run(INSERT_REFRESH, refreshed)
    link.run(INSERT_AUDIT, event.fields())
    return True


def _insert_at_once(
    link: DriverConnection,
    rows: Mapping[str, Mapping[str, Any] | None],
    use: AppPasswordUse | None,
    *,
    at: int,
) -> bool:
    """Insert the rows of an issue, by the prefixes of their parameters. False if none was inserted."""
    values = {prefix + name: value for prefix, row in rows.items() if row for name, value in row.items()}
    if use is None:
        return link.run(_INSERT_AT_ONCE[rows["refresh_"] is not None, None], values) == 1
    statement = _INSERT_AT_ONCE[rows["refresh_"] is not None, use.is_noted(at)]
    return link.run(statement, {**values, **use.values(at)}) == 1


def access_row(
    grant_id: bytes, token: NewToken, scope: str, audience: str | None, *, at: int
) -> Mapping[str, Any]:
    """The row of an access token issued at `at` (seconds since the epoch), for `INSERT_ACCESS`.

    `audience` is the grant's.
    """
    return {
        "id": token.key,
        "grant_id": grant_id,
        "scope": scope,
        "audience": token.audience or audience,
        "cnf": token.cnf,
        "issued_at": at,
        "expires_at": token.expires_at,
    }


def refresh_row(
    grant_id: bytes, token: NewToken, generation: int, access: NewToken, audience: str | None, *, at: int
) -> Mapping[str, Any]:
    """The row of a refresh token issued at `at` (seconds since the epoch), for `INSERT_REFRESH`.

    `access` is the access token that is issued with it, and `audience` the grant's.
    """
    return {
        "id": token.key,
        "grant_id": grant_id,
        "generation": generation,
        "issued_at": at,
        "expires_at": token.expires_at,
        "access_scope": None,
        "access_audience": None if access.audience == audience else access.audience,
    }


def note_use(link: DriverConnection, client_id: str, serial: int, *, at: int) -> None:
    """Record when a secret was last used, in the transaction of the request that used it.

    Args:
        link: the connection of that transaction.
        client_id: the secret's client.
        serial: the number of the secret.
        at: seconds since the epoch.
    """
    link.run(_NOTE_USE, {"of_client": client_id, "of_serial": serial, "at": at})
