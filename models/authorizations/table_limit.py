"""A limit on the rows of a table that anyone on the network can fill.

An authorization request needs no password: it is stored before the user signs in. A flood of requests must
not fill the disk until the next purge.

Owns: that such a table stays within its limit, and that the oldest rows go first. Must not know: what a row
is.
"""

import random
from collections.abc import Callable
from contextlib import suppress

from sqlalchemy import ColumnElement, Table, delete, select, true

from models.base import StoreUnavailable, connection
from models.database.driver import DriverConnection, Statement

# An insert in this many looks at the table, and deletes more rows than were inserted since the last look.
_EVERY = 256
_BATCH = 4 * _EVERY


class TableLimit:
    """The limit of one table, which has an `expires_at` with an index."""

    def __init__(
        self,
        rows: Table,
        most: int,
        *,
        counted: ColumnElement[bool] | None = None,
        kept_seconds: int = 0,
        is_due: Callable[[], bool] = lambda: random.randrange(_EVERY) == 0,  # noqa: S311 - no secret
    ) -> None:
        """Describe the limit.

        Args:
            rows: the table.
            most: its most rows that have not expired.
            counted: the rows that the limit counts; all of them if None.
            kept_seconds: how long an expired row stays.
            is_due: whether an insert looks at the table.
        """
        counts = true() if counted is None else counted
        self._kept = kept_seconds
        self._is_due = is_due
        self._first_beyond = (
            select(rows.c.expires_at).where(counts).order_by(rows.c.expires_at.desc()).offset(most).limit(1)
        )
        self._rows, self._counts = rows, counts

    def keep(self, now: int) -> None:
        """Delete expired rows and those beyond the limit, if it is time to look. Never raises.

        Args:
            now: seconds since the epoch.
        """
        if not self._is_due():
            return
        # The row that was just added is stored; the next look will do what this one could not.
        with suppress(StoreUnavailable):
            with connection() as link:
                beyond = link.scalar(self._first_beyond)
            self._delete(self._rows.c.expires_at <= now - self._kept)
            if beyond is not None:
                self._delete(self._counts & (self._rows.c.expires_at <= beyond))

    def _delete(self, which: ColumnElement[bool]) -> None:
        rows = self._rows
        some = select(rows.c.id).where(which).order_by(rows.c.expires_at).limit(_BATCH)
        with DriverConnection() as link:
            link.run(Statement(delete(rows).where(rows.c.id.in_(some))), {})
            link.commit()
