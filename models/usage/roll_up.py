"""The roll-up of the audit table into usage, chunk by chunk, in the background.

Owns: that each row is counted exactly once, whoever else rolls up, and that a killed roll-up goes on where it
was. The progress moves in the transaction of the counts, and only from the key at which the chunk began.

On PostgreSQL a row may become visible after rows with higher keys, since its transaction may commit later. So
rows are counted up to the highest key of `lag` seconds ago: every transaction that could still add a lower
one has ended since, because no request waits that long. SQLite has one writer, and its keys appear in order.
"""

from typing import Any

from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from models.base import connection, db, rows_changed, table
from models.database.driver import DriverConnection, Statement
from models.password_grant_tables import UsageProgressRow
from models.tables import AuditEventRow, GrantRow
from models.usage import tally_store
from models.usage.tally import COUNTED_EVENTS, AuditRow, count, is_password_refresh

COUNTED, SEEN = "counted", "seen"
"""The names of the rows of `usage_progress`: the last key that was counted, and the highest one seen."""

_AUDIT, _GRANT, _PROGRESS = table(AuditEventRow), table(GrantRow), table(UsageProgressRow)
_COLUMNS = tuple(_AUDIT.c[name] for name in AuditRow._fields)
_PASSWORD = "password"  # noqa: S105 - a grant type
_BATCH = 500
_LEFT = select(func.coalesce(func.max(_AUDIT.c.id), 0)).scalar_subquery()
_STEP_BACK = Statement(update(_PROGRESS).where(_PROGRESS.c.audit_id > _LEFT).values(audit_id=_LEFT))


def roll_up(now: int, *, lag: int = 120, chunk: int = 2000) -> int:
    """Count the audit rows that were not counted yet.

    Args:
        now: seconds since the epoch.
        lag: on PostgreSQL, the seconds after which no transaction of before is under way.
        chunk: the keys a transaction.

    Returns:
        The keys that this call has passed. It is 0 if there was nothing to do, or another process did it.

    Raises:
        StoreUnavailable: the next call goes on from there.
    """
    bound = _bound(now, lag)
    passed = 0
    while True:
        begin = counted_up_to() or 0
        end = min(begin + chunk, bound)
        if end <= begin:
            break
        if not _count_chunk(begin, end, now):
            # Another process has counted it, and goes on.
            return passed
        passed += end - begin
    _see(now, lag)
    return passed


def counted_up_to() -> int | None:
    """The key of the last audit row that was counted; None if nothing was ever counted.

    Raises:
        StoreUnavailable: the database cannot say.
    """
    with connection() as link:
        return _progress(link, COUNTED)


def keep_progress(link: DriverConnection) -> None:
    """Keep the progress right when audit rows are deleted, in the transaction of their deletion.

    SQLite gives the key of a deleted last row again. A row that got it would pass for a counted one.

    Args:
        link: the connection of that transaction.
    """
    if link.dialect.name == "sqlite":
        link.run(_STEP_BACK, {})


def _count_chunk(begin: int, end: int, now: int) -> bool:
    """Count the rows after the key `begin` up to `end`. False if another process was faster."""
    is_in = (_AUDIT.c.id > begin, _AUDIT.c.id <= end, _AUDIT.c.event.in_(COUNTED_EVENTS))
    with connection() as link:
        rows = [AuditRow(*row) for row in link.execute(select(*_COLUMNS).where(*is_in).order_by(_AUDIT.c.id))]
        tallies = count(rows, _password_grants(link, rows))
        counted = tally_store.last_days(link, tallies.people)
    with connection() as link:
        # It locks the row on PostgreSQL and the file on SQLite, until the counts are stored.
        link.execute(_insert(link, COUNTED, 0, now).on_conflict_do_nothing())
        moved = update(_PROGRESS).where(_PROGRESS.c.name == COUNTED, _PROGRESS.c.audit_id == begin)
        if rows_changed(link.execute(moved.values(audit_id=end, at=now))) != 1:
            return False
        tally_store.add(link, tallies, counted)
        link.commit()
    return True


def _password_grants(link: Connection, rows: list[AuditRow]) -> frozenset[str]:
    """The hex ids of those refreshed grants that began with a password. A grant that is gone is unknown."""
    named = {row.grant_id for row in rows if row.grant_id is not None and is_password_refresh(row)}
    ids = sorted(id_ for each in named if (id_ := _octets(each)) is not None)
    found: set[str] = set()
    for first in range(0, len(ids), _BATCH):
        some = ids[first : first + _BATCH]
        began = select(_GRANT.c.id).where(_GRANT.c.id.in_(some), _GRANT.c.origin == _PASSWORD)
        found.update(each.hex() for each in link.scalars(began))
    return frozenset(found)


def _octets(grant_id: str) -> bytes | None:
    """The key of a grant. None for a text that is none: one bad row must not stop the count for good."""
    try:
        return bytes.fromhex(grant_id)
    except ValueError:
        return None


def _bound(now: int, lag: int) -> int:
    """The highest key that may be counted now."""
    with connection() as link:
        if db.engine.dialect.name == "sqlite" or lag <= 0:
            return _highest(link)
        seen = link.execute(select(_PROGRESS).where(_PROGRESS.c.name == SEEN)).one_or_none()
    # One that was seen in the future was seen by a wrong clock.
    return 0 if seen is None or 0 <= now - seen.at < lag else int(seen.audit_id)


def _see(now: int, lag: int) -> None:
    """Note the highest key, for a later call, unless the one noted before has yet to be counted."""
    if db.engine.dialect.name == "sqlite" or lag <= 0:
        return
    with connection() as link:
        seen = link.execute(select(_PROGRESS).where(_PROGRESS.c.name == SEEN)).one_or_none()
        if seen is not None and 0 <= now - seen.at < lag:
            return
        noted: Any = _insert(link, SEEN, _highest(link), now)
        values = {"audit_id": noted.excluded.audit_id, "at": noted.excluded.at}
        link.execute(noted.on_conflict_do_update(index_elements=["name"], set_=values))
        link.commit()


def _insert(link: Connection, name: str, audit_id: int, now: int) -> Any:
    kind: Any = sqlite.insert if link.dialect.name == "sqlite" else postgresql.insert
    return kind(_PROGRESS).values(name=name, audit_id=audit_id, at=now)


def _progress(link: Connection, name: str) -> int | None:
    found: int | None = link.scalar(select(_PROGRESS.c.audit_id).where(_PROGRESS.c.name == name))
    return found


def _highest(link: Connection) -> int:
    return link.scalar(select(func.max(_AUDIT.c.id))) or 0
