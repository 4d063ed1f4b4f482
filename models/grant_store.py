"""Issuing, finding and revoking grants and tokens. The hot path: Core statements, one transaction."""

from collections.abc import Callable
from dataclasses import asdict
from typing import cast

from sqlalchemy import Table, bindparam, delete, insert, select, update

from models.base import rows_changed, session
from models.grant import AccessToken, NewGrant, NewToken
from models.tables import AccessTokenRow, AuditEventRow, ClientSecretRow, GrantRow, RefreshTokenRow
from telemetry import AuditEvent

_INSERT_GRANT = insert(cast("Table", GrantRow.__table__))
_INSERT_ACCESS = insert(cast("Table", AccessTokenRow.__table__))
_INSERT_REFRESH = insert(cast("Table", RefreshTokenRow.__table__))
_INSERT_AUDIT = insert(cast("Table", AuditEventRow.__table__)).inline()
_SELECT_ACCESS = (
    select(
        GrantRow.client_id,
        GrantRow.subject,
        GrantRow.net_id,
        AccessTokenRow.scope,
        GrantRow.claims,
        GrantRow.auth_time,
        AccessTokenRow.issued_at,
        AccessTokenRow.expires_at,
        GrantRow.revoked_at,
    )
    .join(GrantRow, GrantRow.id == AccessTokenRow.grant_id)
    .where(AccessTokenRow.id == bindparam("key"))
)


class GrantStore:
    """Grants, tokens and the audit rows that belong to them."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock

    def issue(
        self,
        grant: NewGrant,
        access: NewToken,
        refresh: NewToken | None,
        event: AuditEvent,
        *,
        secret_used: tuple[str, int] | None = None,
    ) -> None:
        """Store a grant, its tokens and its audit row in one transaction: all of it, or nothing.

        Args:
            grant: the new family.
            access: its first access token.
            refresh: its first refresh token, where the client may refresh.
            event: the audit row.
            secret_used: the client id and serial of the secret whose last use is worth writing down.

        Raises:
            StoreUnavailable: nothing was stored.
        """
        live_until = max(access.expires_at, refresh.expires_at if refresh else 0)
        row = {"grant_id": grant.id, "issued_at": grant.auth_time}
        with session() as work:
            work.execute(_INSERT_GRANT, {**asdict(grant), "live_until": live_until})
            work.execute(
                _INSERT_ACCESS,
                {**row, "id": access.key, "scope": grant.scope, "expires_at": access.expires_at},
            )
            if refresh is not None:
                work.execute(
                    _INSERT_REFRESH,
                    {**row, "id": refresh.key, "generation": 0, "expires_at": refresh.expires_at},
                )
            work.execute(_INSERT_AUDIT, dict(event.fields()))
            if secret_used is not None:
                work.execute(
                    update(ClientSecretRow)
                    .where(
                        ClientSecretRow.client_id == secret_used[0], ClientSecretRow.serial == secret_used[1]
                    )
                    .values(last_used_at=grant.auth_time)
                )
            work.commit()

    def find_access_token(self, key: bytes) -> AccessToken | None:
        """The access token with this key and its grant, live or not; None where there is none.

        Raises:
            StoreUnavailable: the database cannot say.
        """
        with session() as work:
            row = work.execute(_SELECT_ACCESS, {"key": key}).one_or_none()
        return None if row is None else AccessToken(**row._mapping)  # noqa: SLF001 - its public name, for all that

    def revoke_access_token(self, key: bytes, event: AuditEvent) -> bool:
        """End one access token, alone. False where there is none.

        Raises:
            StoreUnavailable: it was not stored.
        """
        with session() as work:
            gone = rows_changed(work.execute(delete(AccessTokenRow).where(AccessTokenRow.id == key))) == 1
            if gone:
                work.execute(_INSERT_AUDIT, dict(event.fields()))
            work.commit()
        return gone

    def revoke_refresh_token(self, key: bytes, event: AuditEvent) -> bool:
        """End the whole grant of a refresh token (RFC 7009, 2.1). False where there is none.

        Raises:
            StoreUnavailable: it was not stored.
        """
        grant_id = select(RefreshTokenRow.grant_id).where(RefreshTokenRow.id == key).scalar_subquery()
        with session() as work:
            statement = update(GrantRow).where(GrantRow.id == grant_id, GrantRow.revoked_at.is_(None))
            gone = rows_changed(work.execute(statement.values(revoked_at=self._now()))) == 1
            if gone:
                work.execute(_INSERT_AUDIT, dict(event.fields()))
            work.commit()
        return gone

    def revoke_client(self, client_id: str, *, batch: int = 1000) -> int:
        """End every grant of a client, in batches. Returns how many ended.

        Raises:
            StoreUnavailable: what is not yet stored goes on at the next call.
        """
        live = (
            select(GrantRow.id)
            .where(GrantRow.client_id == client_id, GrantRow.revoked_at.is_(None))
            .limit(batch)
        )
        ended = 0
        while True:
            with session() as work:
                statement = update(GrantRow).where(GrantRow.id.in_(live)).values(revoked_at=self._now())
                count = rows_changed(work.execute(statement))
                work.commit()
            ended += count
            if count < batch:
                return ended

    def record(self, event: AuditEvent) -> None:
        """Store one audit row by itself.

        Raises:
            StoreUnavailable: it was not stored.
        """
        with session() as work:
            work.execute(_INSERT_AUDIT, dict(event.fields()))
            work.commit()

    def _now(self) -> int:
        return int(self._clock())
