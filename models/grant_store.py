"""Issuing, finding and revoking grants and tokens. The hot path: Core statements, one transaction."""

from collections.abc import Callable
from dataclasses import replace

from sqlalchemy import Connection, bindparam, delete, exists, insert, select, update

from models.audit_store import record_after
from models.base import connection, rows_changed, table
from models.grant import AccessToken, NewGrant, NewToken
from models.grant_cap import GrantCap
from models.tables import (
    AccessTokenRow,
    AuditEventRow,
    ClientRow,
    ClientSecretRow,
    GrantRow,
    RefreshTokenRow,
)
from telemetry import AuditEvent

_GRANT, _ACCESS, _REFRESH = table(GrantRow), table(AccessTokenRow), table(RefreshTokenRow)
_SECRET, _AUDIT = table(ClientSecretRow), table(AuditEventRow)
_CLIENT = table(ClientRow)
# Whether the client still may is asked by the insert itself: it may have been disabled while its person's
# password was being checked, and then nothing may outlive that.
_INSERT_GRANT = (
    insert(_GRANT)
    .from_select(
        list(_GRANT.c),
        select(*(bindparam(column.name, type_=column.type) for column in _GRANT.c)).where(
            exists().where(_CLIENT.c.client_id == bindparam("client_id"), _CLIENT.c.disabled_at.is_(None))
        ),
    )
    .execution_options(preserve_rowcount=True)
)
_INSERT_ACCESS = insert(_ACCESS)
_INSERT_REFRESH = insert(_REFRESH)
_INSERT_AUDIT = insert(_AUDIT).inline()
_SELECT_ACCESS = (
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
        _GRANT.c.revoked_at,
    )
    .select_from(
        _ACCESS.join(_GRANT, _GRANT.c.id == _ACCESS.c.grant_id).outerjoin(
            _CLIENT, _CLIENT.c.client_id == _GRANT.c.client_id
        )
    )
    .where(_ACCESS.c.id == bindparam("key"))
)


class ClientEnded(Exception):
    """The client was disabled or deleted between its authentication and the issue of its token."""


class GrantStore:
    """Grants, tokens and the audit rows that belong to them; `cap`, if any, bounds a person's live grants."""

    def __init__(self, clock: Callable[[], float], cap: GrantCap | None = None) -> None:
        self._clock = clock
        self._cap = cap

    def issue(
        self,
        grant: NewGrant,
        access: NewToken,
        refresh: NewToken | None,
        event: AuditEvent,
        *,
        secret_used: tuple[str, int] | None = None,
    ) -> AuditEvent | None:
        """Store a grant, its tokens and its audit row in one transaction: all of it, or nothing.

        Args:
            grant: the new family.
            access: its first access token.
            refresh: its first refresh token, where the client may refresh.
            event: the audit row.
            secret_used: the client id and serial of the secret whose last use is worth writing down.

        Returns:
            What tells of older grants that the cap ended in the same transaction, where it did.

        Raises:
            ClientEnded: the client is registered and enabled no more; nothing was stored.
            StoreUnavailable: nothing was stored.
        """
        with connection() as link:
            _insert(link, grant, access, refresh)
            link.execute(_INSERT_AUDIT, dict(event.fields()))
            if secret_used is not None:
                note_use(link, *secret_used, at=grant.auth_time)
            capped = self._keep_to_cap(link, grant, event)
            link.commit()
        return capped

    def find_access_token(self, key: bytes) -> AccessToken | None:
        """The access token with this key and its grant, live or not; None where there is none.

        Raises:
            StoreUnavailable: the database cannot say.
        """
        with connection() as link:
            row = link.execute(_SELECT_ACCESS, {"key": key}).one_or_none()
        return None if row is None else AccessToken(**row._mapping)  # noqa: SLF001 - its public name, for all that

    def revoke_access_token(self, key: bytes, event: AuditEvent) -> bool:
        """End one access token, alone. False where there is none.

        Raises:
            StoreUnavailable: it was not stored.
        """
        with connection() as link:
            gone = rows_changed(link.execute(delete(_ACCESS).where(_ACCESS.c.id == key))) == 1
            link.commit()
        if gone:
            record_after(event)
        return gone

    def revoke_refresh_token(self, key: bytes, event: AuditEvent) -> bool:
        """End the whole grant of a refresh token (RFC 7009, 2.1). False where there is none.

        Raises:
            StoreUnavailable: it was not stored.
        """
        grant_id = select(_REFRESH.c.grant_id).where(_REFRESH.c.id == key).scalar_subquery()
        with connection() as link:
            statement = update(_GRANT).where(_GRANT.c.id == grant_id, _GRANT.c.revoked_at.is_(None))
            gone = rows_changed(link.execute(statement.values(revoked_at=self._now()))) == 1
            link.commit()
        if gone:
            record_after(event)
        return gone

    def revoke_client(self, client_id: str, *, batch: int = 1000) -> int:
        """End every grant of a client, in batches. Returns how many ended.

        Raises:
            StoreUnavailable: what is not yet stored goes on at the next call.
        """
        live = (
            select(_GRANT.c.id)
            .where(_GRANT.c.client_id == client_id, _GRANT.c.revoked_at.is_(None))
            .limit(batch)
        )
        ended = 0
        while True:
            with connection() as link:
                statement = update(_GRANT).where(_GRANT.c.id.in_(live)).values(revoked_at=self._now())
                count = rows_changed(link.execute(statement))
                link.commit()
            ended += count
            if count < batch:
                return ended

    def _keep_to_cap(self, link: Connection, grant: NewGrant, issued: AuditEvent) -> AuditEvent | None:
        cap, person = self._cap, grant.subject
        if cap is None or person is None or not cap.is_due(grant.client_id, person):
            return None
        ended = cap.end_surplus(link, grant.client_id, person, grant.id, grant.auth_time)
        if not ended:
            return None
        event = replace(
            issued, event="grant.revoked", grant_id=None, scope=None, reason=f"cap: {ended} ended"
        )
        link.execute(_INSERT_AUDIT, dict(event.fields()))
        return event

    def _now(self) -> int:
        return int(self._clock())


def _insert(link: Connection, grant: NewGrant, access: NewToken, refresh: NewToken | None) -> None:
    live_until = max(access.expires_at, refresh.expires_at if refresh else 0)
    if rows_changed(link.execute(_INSERT_GRANT, {**grant.row(), "live_until": live_until})) != 1:
        raise ClientEnded
    row = {"grant_id": grant.id, "issued_at": grant.auth_time}
    link.execute(
        _INSERT_ACCESS,
        {
            **row,
            "id": access.key,
            "scope": grant.scope,
            "audience": grant.audience,
            "expires_at": access.expires_at,
        },
    )
    if refresh is not None:
        link.execute(
            _INSERT_REFRESH, {**row, "id": refresh.key, "generation": 0, "expires_at": refresh.expires_at}
        )


def note_use(link: Connection, client_id: str, serial: int, *, at: int) -> None:
    """Write down when a secret was last used, in the transaction of what it was used for.

    Args:
        link: the transaction's connection.
        client_id: the secret's client.
        serial: the secret's own number.
        at: seconds since the epoch.
    """
    secret = (_SECRET.c.client_id == client_id, _SECRET.c.serial == serial)
    link.execute(update(_SECRET).where(*secret).values(last_used_at=at))
