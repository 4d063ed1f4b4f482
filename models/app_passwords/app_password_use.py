"""The use of an app password, as the condition of an issue or a refresh.

Owns: that an issue and an end cannot cross. The statement locks the row on PostgreSQL: either the end comes
first and is seen here, or it waits and then finds the new grant. SQLite has one writer.
"""

from typing import NamedTuple

from sqlalchemy import CTE, bindparam, exists, func, select, update

from models.app_passwords.app_password import UNUSED_SECONDS
from models.base import table
from models.database.driver import DriverConnection, Statement
from models.password_grant_tables import AppPasswordRow
from models.tables import ClientRow

STEP_SECONDS = 60
"""Seconds after a noted use in which a further use is checked, but not noted again."""
_ROW, _CLIENT = table(AppPasswordRow), table(ClientRow)
_IS_LIVE = (
    _ROW.c.id == bindparam("app_password"),
    _ROW.c.ended_at.is_(None),
    _ROW.c.expires_at > bindparam("at"),
    func.coalesce(_ROW.c.last_used_at, _ROW.c.created_at) > bindparam("unused_since"),
)
_NOTE = update(_ROW).where(*_IS_LIVE).values(last_used_at=bindparam("at"))
# A shared lock, so that logins with one app password do not wait for each other, but its end waits for them.
_CHECK = select(_ROW.c.id).where(*_IS_LIVE).with_for_update(read=True)
# An issue that fails because the client was disabled notes no use.
_IS_ENABLED = exists().where(_CLIENT.c.client_id == _ROW.c.client_id, _CLIENT.c.disabled_at.is_(None))
_NOTING, _CHECKING = Statement(_NOTE), Statement(_CHECK)


def used(*, noted: bool) -> CTE:
    """The use as a part of a larger statement, for PostgreSQL. It has one row if the app password is live.

    Args:
        noted: whether the use is noted, or only checked. The parameters are `AppPasswordUse.values`.
    """
    return (_NOTE.where(_IS_ENABLED).returning(_ROW.c.id) if noted else _CHECK).cte("used")


class AppPasswordEnded(Exception):
    """The app password was ended, has expired, or was not used for too long. Nothing was stored."""


class AppPasswordUse(NamedTuple):
    """The use of one app password: an `IssueCondition`. `used_at` is its last use, where that is known."""

    id: bytes
    unused_for: int = UNUSED_SECONDS
    used_at: int | None = None

    def use(self, link: DriverConnection, grant_id: bytes, *, at: int) -> None:  # noqa: ARG002 - the protocol
        """Note the use, in the transaction of the issue or the refresh.

        Args:
            link: the connection of that transaction.
            grant_id: the grant that is issued or refreshed.
            at: seconds since the epoch.

        Raises:
            AppPasswordEnded: it gives no token. The caller must roll back.
        """
        if not self.is_noted(at):
            self.require_live(link, at=at)
        elif link.run(_NOTING, self.values(at)) != 1:
            raise AppPasswordEnded

    def require_live(self, link: DriverConnection, *, at: int) -> None:
        """Check without noting a use. Args and errors as of `use`."""
        if link.first(_CHECKING, self.values(at)) is None:
            raise AppPasswordEnded

    def is_noted(self, at: int) -> bool:
        """Whether a use at `at` (seconds since the epoch) is noted: the last noted one is a minute ago."""
        return self.used_at is None or not 0 <= at - self.used_at < STEP_SECONDS

    def values(self, at: int) -> dict[str, object]:
        """The parameters of a use at `at`, in seconds since the epoch."""
        return {"app_password": self.id, "at": at, "unused_since": at - self.unused_for}
