"""Deleting what has ended, in small batches, so that no lock is held for long."""

from collections.abc import Callable, Iterator

from sqlalchemy import Delete, delete, select

from models.base import connection, db, rows_changed, table
from models.checkpoints import Checkpoints
from models.digest import hour_prefix
from models.failure_store import KEPT
from models.refused_store import REMEMBERED
from models.tables import (
    AccessTokenRow,
    AuditEventRow,
    GrantRow,
    LoginFailureRow,
    RefreshTokenRow,
    RefusedPasswordRow,
    SigningKeyRow,
)

# A token's key and its `expires_at` come from two looks at the clock, on nodes whose clocks differ.
_LEEWAY = 60
_AUDIT = table(AuditEventRow)
_ACCESS, _REFRESH, _GRANT = table(AccessTokenRow), table(RefreshTokenRow), table(GrantRow)
_FAILURE, _REFUSED = table(LoginFailureRow), table(RefusedPasswordRow)
_KEY = table(SigningKeyRow)


def go_on() -> None:
    """Rest between two batches: not at all."""


def purge(now: int, *, batch: int = 1000, rest: Callable[[], None] = go_on) -> dict[str, int]:
    """Delete expired tokens, grants whose last token has ended, failures and keys of no more use.

    Tokens go by key alone: their key begins with the hour they end in. A token may stay for up to an hour
    after its end; it is dead all the same, since every look-up compares `expires_at`.

    Args:
        now: seconds since the epoch.
        batch: rows a transaction.
        rest: is called after each batch, so that whoever waits for the database has their turn.

    Returns:
        How many rows went, by table.

    Raises:
        StoreUnavailable: what was not deleted goes at the next call.
    """
    # Not the moment: in keys of JWTs, and of the first release, no more than the hour tells of time.
    floor = hour_prefix(now - _LEEWAY)
    access = select(_ACCESS.c.id).where(_ACCESS.c.id < floor).order_by(_ACCESS.c.id).limit(batch)
    refresh = select(_REFRESH.c.id).where(_REFRESH.c.id < floor).order_by(_REFRESH.c.id).limit(batch)
    ended = select(_GRANT.c.id).where(_GRANT.c.live_until <= now).order_by(_GRANT.c.live_until).limit(batch)
    stale = (
        select(_REFUSED.c.id).where(_REFUSED.c.at <= now - REMEMBERED).order_by(_REFUSED.c.at).limit(batch)
    )
    old = select(_FAILURE.c.id).where(_FAILURE.c.at <= now - KEPT).order_by(_FAILURE.c.at).limit(batch)
    over = select(_KEY.c.kid).where(_KEY.c.ends_at <= now - _LEEWAY).limit(batch)
    ways: dict[str, Callable[[], Delete]] = {
        "access_token": lambda: delete(_ACCESS).where(_ACCESS.c.id.in_(access)),
        "refresh_token": lambda: delete(_REFRESH).where(_REFRESH.c.id.in_(refresh)),
        "grant": lambda: delete(_GRANT).where(_GRANT.c.id.in_(ended)),
        "login_failure": lambda: delete(_FAILURE).where(_FAILURE.c.id.in_(old)),
        "refused_password": lambda: delete(_REFUSED).where(_REFUSED.c.id.in_(stale)),
        "signing_key": lambda: delete(_KEY).where(_KEY.c.kid.in_(over)),
    }
    return {name: sum(_batches(way, batch, rest)) for name, way in ways.items()}


def purge_audit(before: int, *, batch: int = 1000, rest: Callable[[], None] = go_on) -> int:
    """Delete audit rows from before a moment, oldest first; no index is needed, since keys follow time.

    Args:
        before: seconds since the epoch.
        batch: rows a transaction.
        rest: is called after each batch.

    Returns:
        How many rows went.

    Raises:
        StoreUnavailable: what was not deleted goes at the next call.
    """
    oldest = select(_AUDIT.c.id, _AUDIT.c.at).order_by(_AUDIT.c.id).limit(batch)
    gone, count = 0, batch
    while count == batch:
        with connection() as link:
            # Looked for before the transaction that deletes, so that SQLite's is a writer from its beginning.
            old = [row.id for row in link.execute(oldest) if row.at < before]
        if not old:
            break
        with connection() as link:
            count = rows_changed(link.execute(delete(_AUDIT).where(_AUDIT.c.id.in_(old))))
            link.commit()
        gone += count
        _give_way(rest)
    return gone


def _batches(statement: Callable[[], Delete], batch: int, rest: Callable[[], None]) -> Iterator[int]:
    count = batch
    while count == batch:
        with connection() as link:
            count = rows_changed(link.execute(statement()))
            link.commit()
        yield count
        _give_way(rest)


def _give_way(rest: Callable[[], None]) -> None:
    """Rest, and leave nothing of this batch to those who serve: each row can change a page of an index."""
    Checkpoints(db.engine).write_back(anew=False)
    rest()
