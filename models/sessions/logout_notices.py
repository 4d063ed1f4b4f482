"""Logout notices that wait to be sent: the end of a session stores them, and a sender takes them.

Owns: that only one of several senders takes a notice at a time. Must not know: how a notice is sent.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import bindparam, delete, select, update

from models.base import table
from models.database.driver import DriverConnection, Statement
from models.sign_in_tables import LogoutNoticeRow

_NOTICE = table(LogoutNoticeRow)


class LogoutNotice(NamedTuple):
    """A logout token to be sent to a client's `uri`. Times are seconds since the epoch.

    `attempts` is how many tries have begun. It is given up at `expires_at`.
    """

    id: int
    client_id: str
    uri: str
    session_id: bytes
    sub: str
    created_at: int
    due_at: int
    attempts: int
    expires_at: int


_COLUMNS = tuple(_NOTICE.c[name] for name in LogoutNotice._fields)
_DUE = Statement(
    select(*_COLUMNS)
    .where(_NOTICE.c.due_at <= bindparam("now"), _NOTICE.c.expires_at > bindparam("now"))
    .order_by(_NOTICE.c.due_at, _NOTICE.c.id)
    .limit(bindparam("most")),
    row=LogoutNotice,
)
_IS_ONE = _NOTICE.c.id == bindparam("number")
_CLAIM = Statement(
    update(_NOTICE)
    .where(_IS_ONE, _NOTICE.c.attempts == bindparam("tries"))
    .values(attempts=_NOTICE.c.attempts + 1, due_at=bindparam("next"))
)
_DELETE = Statement(delete(_NOTICE).where(_IS_ONE))


class LogoutNoticeStore:
    """The logout notices in the database."""

    def due(self, now: int, limit: int) -> Sequence[LogoutNotice]:
        """The notices whose next try is due, the oldest first.

        Args:
            now: seconds since the epoch.
            limit: how many to return.

        Raises:
            StoreUnavailable: the database cannot say.
        """
        with DriverConnection(alone=True) as link:
            return link.all(_DUE, {"now": now, "most": limit})

    def claim(self, notice_id: int, attempts: int, next_due: int) -> bool:
        """Begin a try. Until `next_due`, no other sender takes the notice.

        Args:
            notice_id: the notice.
            attempts: its number of tries when it was read.
            next_due: when the try after this one is due, in seconds since the epoch.

        Returns:
            False if another sender has taken it, or it is gone.

        Raises:
            StoreUnavailable: the notice was not taken.
        """
        with DriverConnection(alone=True) as link:
            mine = link.run(_CLAIM, {"number": notice_id, "tries": attempts, "next": next_due}) == 1
            link.commit()
        return mine

    def delete(self, notice_id: int) -> None:
        """Delete a notice: it was sent, or cannot be.

        Raises:
            StoreUnavailable: it is tried again.
        """
        with DriverConnection(alone=True) as link:
            link.run(_DELETE, {"number": notice_id})
            link.commit()
