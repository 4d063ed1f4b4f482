"""How long usage is kept, and what of it goes earlier.

Owns: that an address goes with the audit rows that it came from. Counts by client and day say nothing of a
person, and stay for three years, so that a report shows the way of a client out of the password grant.
"""

from sqlalchemy import Delete, and_, bindparam, delete, select, update

from models.base import connection, table
from models.database.driver import DriverConnection, Statement
from models.password_grant_tables import ClientUsageRow, ClientUserRow
from models.usage.tally import DAY_SECONDS

USAGE_SECONDS = 3 * 366 * DAY_SECONDS
"""Seconds for which usage by client and day is kept, and who used a client."""

_USAGE, _USER = table(ClientUsageRow), table(ClientUserRow)
_BATCH = 500
_FORGET = Statement(
    update(_USAGE)
    .where(_USAGE.c.day == bindparam("of_day"), _USAGE.c.client_id == bindparam("of_client"))
    .values(detail=bindparam("rest"), address_bits=None)
)


def old_usage(now: int) -> dict[str, Delete]:
    """The statements that delete usage past its time, by table.

    Args:
        now: seconds since the epoch.
    """
    oldest = now - USAGE_SECONDS
    return {
        "client_usage": delete(_USAGE).where(_USAGE.c.day < oldest // DAY_SECONDS),
        "client_user": delete(_USER).where(_USER.c.last_at < oldest),
    }


def forget_addresses(before: int) -> int:
    """Remove the addresses from the usage of days before a time; their number stays.

    Args:
        before: seconds since the epoch, as the purge of the audit takes it.

    Returns:
        The number of changed rows.

    Raises:
        StoreUnavailable: the next call goes on.
    """
    known = and_(_USAGE.c.day < before // DAY_SECONDS, _USAGE.c.address_bits.is_not(None))
    some = select(_USAGE.c.day, _USAGE.c.client_id, _USAGE.c.detail).where(known).limit(_BATCH)
    changed = 0
    while True:
        with connection() as link:
            rows = link.execute(some.order_by(_USAGE.c.day, _USAGE.c.client_id)).all()
        if not rows:
            return changed
        forgotten = [
            {"of_day": row.day, "of_client": row.client_id, "rest": {**row.detail, "addresses": {}}}
            for row in rows
        ]
        with DriverConnection() as link:
            changed += link.run_each(_FORGET, forgotten)
            link.commit()
