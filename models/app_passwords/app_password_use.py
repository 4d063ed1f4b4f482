"""The use of an app password, as the condition of an issue or a refresh.

Owns: that an issue and an end cannot cross. The update locks the row on PostgreSQL: either the end comes
first and is seen here, or it waits and then finds the new grant. SQLite has one writer.
"""

from typing import NamedTuple

from sqlalchemy import bindparam, func, update

from models.app_passwords.app_password import UNUSED_SECONDS
from models.base import table
from models.database.driver import DriverConnection, Statement
from models.password_grant_tables import AppPasswordRow

_ROW = table(AppPasswordRow)
_USE = Statement(
    update(_ROW)
    .where(
        _ROW.c.id == bindparam("app_password"),
        _ROW.c.ended_at.is_(None),
        _ROW.c.expires_at > bindparam("at"),
        func.coalesce(_ROW.c.last_used_at, _ROW.c.created_at) > bindparam("unused_since"),
    )
    .values(last_used_at=bindparam("at"))
)


class AppPasswordEnded(Exception):
    """The app password was ended, has expired, or was not used for too long. Nothing was stored."""


class AppPasswordUse(NamedTuple):
    """The use of one app password: an `IssueCondition`."""

    id: bytes
    unused_for: int = UNUSED_SECONDS

    def use(self, link: DriverConnection, grant_id: bytes, *, at: int) -> None:  # noqa: ARG002 - the protocol
        """Note the use, in the transaction of the issue or the refresh.

        Args:
            link: the connection of that transaction.
            grant_id: the grant that is issued or refreshed.
            at: seconds since the epoch.

        Raises:
            AppPasswordEnded: it gives no token. The caller must roll back.
        """
        values = {"app_password": self.id, "at": at, "unused_since": at - self.unused_for}
        if link.run(_USE, values) != 1:
            raise AppPasswordEnded
