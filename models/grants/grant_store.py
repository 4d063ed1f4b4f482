"""Issuing, finding and revoking grants and tokens, and the cap on one person's grants with one client.

Owns: that the grants beyond the cap end, those idle longest first, at almost no cost: old programs ask for a
token at every call. Only every `cap / 10`-th issue looks for them (each issue if the cap is below 20). Each
process counts the issues of a client and person, so a person may exceed the cap by a tenth for each process:
with ten processes, twice the cap. Pairs that share a counter share its turns. Figures: decision 9.
"""

import random
from collections.abc import Callable
from dataclasses import replace
from threading import Lock

from sqlalchemy import ScalarSelect, bindparam, delete, select, update

from models.app_passwords.app_password_use import AppPasswordUse
from models.audit.audit_store import record_after
from models.base import connection, rows_changed, table
from models.database.driver import DriverConnection, Statement
from models.grants.grant import (
    INSERT_AUDIT,
    SELECT_ACCESS,
    AccessToken,
    NewGrant,
    NewToken,
    insert_issue,
    note_use,
)
from models.grants.redeem import IssueCondition
from models.sqlite.group_commit import GroupCommit
from models.tables import AccessTokenRow, GrantRow, RefreshTokenRow
from telemetry import AuditEvent

_GRANT, _ACCESS, _REFRESH = table(GrantRow), table(AccessTokenRow), table(RefreshTokenRow)
_COUNTERS = 4096
# The most grants that one issue ends; a larger surplus ends in several.
_MAX_ENDED = 500
_IS_LIVE = (_GRANT.c.revoked_at.is_(None)) & (_GRANT.c.live_until > bindparam("now"))
_OF_PAIR = (_GRANT.c.subject == bindparam("subject"), _GRANT.c.client_id == bindparam("client_id"))
# A refresh moves `live_until`, so the grant that ends first has been idle longest. Dead grants go first.
_BEYOND = Statement(
    select(_GRANT.c.id, _IS_LIVE.label("is_live"))
    .where(*_OF_PAIR, _GRANT.c.id != bindparam("newest"))
    .order_by(_IS_LIVE.desc(), _GRANT.c.live_until.desc(), _GRANT.c.auth_time.desc())
    .offset(bindparam("kept"))
    .limit(_MAX_ENDED)
)
# SQLite has no row locks and needs none: it has one writer.
_FREE = select(_GRANT.c.id).where(_GRANT.c.id == bindparam("of_id")).with_for_update(skip_locked=True)
_DELETE = Statement(delete(_GRANT).where(_GRANT.c.id.in_(_FREE)))


class ClientEnded(Exception):
    """The client was disabled or deleted between its authentication and the issue of its token."""


class GrantCap:
    """The cap of one process: `per_person` live grants for each client and person."""

    def __init__(self, per_person: int) -> None:
        self._cap = per_person
        self._every = max(1, per_person // 10)
        # Random, so that a restart does not reset all counters at once. No secret depends on it.
        counts = bytes(number % min(self._every, 256) for number in range(256))
        self._issues = bytearray(random.randbytes(_COUNTERS).translate(counts))  # noqa: S311
        self._lock = Lock()

    def is_due(self, client_id: str, subject: str) -> bool:
        """Count an issue, and return whether it must look for a surplus."""
        slot = hash((client_id, subject)) % _COUNTERS
        with self._lock:
            count = self._issues[slot] + 1
            due = count >= min(self._every, 255)
            self._issues[slot] = 0 if due else count
        return due

    def end_surplus(
        self, link: DriverConnection, client_id: str, subject: str, newest: bytes, now: int
    ) -> int:
        """End the grants beyond the cap in the transaction of the newest, and return how many ended.

        The rows are deleted, not marked: a token without its grant is dead, and extra rows would slow each
        look. A grant that is being refreshed at this moment is not idle and is skipped.
        """
        pair = {"client_id": client_id, "subject": subject}
        beyond = link.all(_BEYOND, {**pair, "newest": newest, "now": now, "kept": self._cap - 1})
        if not beyond:
            return 0
        gone = link.run_each(_DELETE, [{"of_id": row["id"]} for row in beyond])
        return min(gone, sum(bool(row["is_live"]) for row in beyond))


class GrantStore:
    """The grants and tokens in the database, with their audit rows. `cap` limits a person's live grants."""

    def __init__(self, clock: Callable[[], float], commits: GroupCommit, cap: GrantCap | None = None) -> None:
        self._clock = clock
        self.commits = commits
        self._cap = cap

    def issue(
        self,
        grant: NewGrant,
        access: NewToken,
        refresh: NewToken | None,
        event: AuditEvent,
        *,
        secret_used: tuple[str, int] | None = None,
        redeem: IssueCondition | None = None,
        at: int | None = None,
    ) -> AuditEvent | None:
        """Store a grant, its tokens and its audit row in one transaction: all of it, or nothing.

        Args:
            grant: the new family.
            access: its first access token.
            refresh: its first refresh token, if the client may refresh.
            event: the audit row.
            secret_used: the client id and serial of the secret whose last use is to be recorded.
            redeem: the code that the issue uses up, or the app password that it uses.
            at: when the tokens are issued (seconds since the epoch); `grant.auth_time` if None.

        Returns:
            The audit row of older grants that the cap ended in the same transaction, if any.

        Raises:
            ClientEnded, AlreadyUsed, AppPasswordEnded, StoreUnavailable: nothing was stored.
        """
        cap, now = self._due_cap(grant), grant.auth_time if at is None else at
        use = redeem if isinstance(redeem, AppPasswordUse) else None  # a part of the issue on PostgreSQL

        def work(link: DriverConnection) -> AuditEvent | None:
            _use_first(link, redeem, grant.id, at=now)
            if not insert_issue(link, grant, access, refresh, event, at=now, use=use):
                raise _refusal(link, use, at=now)
            if secret_used is not None:
                note_use(link, *secret_used, at=now)
            return None if cap is None else _keep_to(cap, link, grant, event, at=now)

        return self.commits.run(work, alone=secret_used is None and cap is None and redeem is use)

    def find_access_token(self, key: bytes) -> AccessToken | None:
        """The access token with this key and its grant, live or not; None if there is none.

        Raises:
            StoreUnavailable: the database cannot say.
        """
        with DriverConnection(alone=True, engine=self.commits.engine) as link:
            return link.first(SELECT_ACCESS, {"key": key})

    def revoke_access_token(self, key: bytes, event: AuditEvent) -> bool:
        """End one access token, not its grant. False if there is none.

        Raises:
            StoreUnavailable: the end was not stored.
        """
        with connection() as link:
            gone = rows_changed(link.execute(delete(_ACCESS).where(_ACCESS.c.id == key))) == 1
            link.commit()
        if gone:
            record_after(event)
        return gone

    def revoke_refresh_token(self, key: bytes, event: AuditEvent) -> bool:
        """End the whole grant of a refresh token (RFC 7009, 2.1). False if there is none.

        Raises:
            StoreUnavailable: the end was not stored.
        """
        its_grant = select(_REFRESH.c.grant_id).where(_REFRESH.c.id == key).scalar_subquery()
        return self._revoke(its_grant, event)

    def revoke_grant(self, grant_id: bytes, event: AuditEvent) -> bool:
        """End a whole grant. False if it had ended already.

        Raises:
            StoreUnavailable: the end was not stored.
        """
        return self._revoke(grant_id, event)

    def _revoke(self, grant_id: bytes | ScalarSelect[bytes], event: AuditEvent) -> bool:
        statement = update(_GRANT).where(_GRANT.c.id == grant_id, _GRANT.c.revoked_at.is_(None))
        with connection() as link:
            gone = rows_changed(link.execute(statement.values(revoked_at=self._now()))) == 1
            link.commit()
        if gone:
            record_after(event)
        return gone

    def revoke_client(self, client_id: str, *, batch: int = 1000) -> int:
        """End every grant of a client in batches, and return how many ended.

        Raises:
            StoreUnavailable: some grants have not ended; another call ends them.
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

    def _due_cap(self, grant: NewGrant) -> GrantCap | None:
        """The cap, if this issue must look for a surplus."""
        cap, person = self._cap, grant.subject
        return cap if cap and person is not None and cap.is_due(grant.client_id, person) else None

    def _now(self) -> int:
        return int(self._clock())


def _use_first(link: DriverConnection, redeem: IssueCondition | None, grant_id: bytes, *, at: int) -> None:
    """Use what must be used before the issue. On PostgreSQL, an app password is a part of its statement."""
    if redeem is not None and not (isinstance(redeem, AppPasswordUse) and link.dialect.name != "sqlite"):
        redeem.use(link, grant_id, at=at)


def _refusal(link: DriverConnection, use: AppPasswordUse | None, *, at: int) -> ClientEnded:
    """Tell why no grant was stored: the client has ended, unless the app password has.

    Raises:
        AppPasswordEnded: the app password has.
    """
    if use is not None:
        use.require_live(link, at=at)
    return ClientEnded()


def _keep_to(
    cap: GrantCap, link: DriverConnection, grant: NewGrant, issued: AuditEvent, *, at: int
) -> AuditEvent | None:
    ended = cap.end_surplus(link, grant.client_id, grant.subject or "", grant.id, at)
    if not ended:
        return None
    event = replace(issued, event="grant.revoked", grant_id=None, scope=None, reason=f"cap: {ended} ended")
    link.run(INSERT_AUDIT, event.fields())
    return event
