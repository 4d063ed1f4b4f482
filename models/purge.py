"""Deleting what has ended, in small batches, so that no lock is held for long."""

from collections.abc import Callable, Iterator

from sqlalchemy import Delete, delete, select

from models.base import rows_changed, session
from models.digest import hour_prefix
from models.tables import AccessTokenRow, GrantRow, RefreshTokenRow


def purge(now: int, *, batch: int = 1000) -> dict[str, int]:
    """Delete expired tokens and the grants whose last token has ended.

    Tokens go by key alone: their key begins with the hour they end in. A token may stay for up to an hour
    after its end; it is dead all the same, since every look-up compares `expires_at`.

    Args:
        now: seconds since the epoch.
        batch: rows a transaction.

    Returns:
        How many rows went, by table.

    Raises:
        StoreUnavailable: what was not deleted goes at the next call.
    """
    floor = hour_prefix(now)
    access = (
        select(AccessTokenRow.id).where(AccessTokenRow.id < floor).order_by(AccessTokenRow.id).limit(batch)
    )
    refresh = (
        select(RefreshTokenRow.id).where(RefreshTokenRow.id < floor).order_by(RefreshTokenRow.id).limit(batch)
    )
    ended = select(GrantRow.id).where(GrantRow.live_until <= now).order_by(GrantRow.live_until).limit(batch)
    return {
        "access_token": sum(
            _batches(lambda: delete(AccessTokenRow).where(AccessTokenRow.id.in_(access)), batch)
        ),
        "refresh_token": sum(
            _batches(lambda: delete(RefreshTokenRow).where(RefreshTokenRow.id.in_(refresh)), batch)
        ),
        "grant": sum(_batches(lambda: delete(GrantRow).where(GrantRow.id.in_(ended)), batch)),
    }


def _batches(statement: Callable[[], Delete], batch: int) -> Iterator[int]:
    count = batch
    while count == batch:
        with session() as work:
            count = rows_changed(work.execute(statement().execution_options(synchronize_session=False)))
            work.commit()
        yield count
