"""Conditions of an issue that are checked in its transaction, such as using up a code.

Owns: that a code gives one grant, however many requests present it at once, and none once its session has
ended. Must not know: which kinds of code there are; their stores make the `Redeem`.
"""

from typing import Any, NamedTuple, Protocol

from sqlalchemy import ColumnElement, bindparam, exists, select

from models.base import table
from models.database.driver import DriverConnection, Statement
from models.sign_in_tables import SignInSessionRow

_SESSION = table(SignInSessionRow)
# The lock orders this transaction and the end of the session on PostgreSQL: either the end comes first and is
# seen here, or it waits and then finds the new grant. SQLite has one writer, so `has_live_session` is enough.
_LIVE_SESSION = Statement(
    select(_SESSION.c.id)
    .where(_SESSION.c.id == bindparam("session"), _SESSION.c.ended_at.is_(None))
    .with_for_update(read=True)
)


class IssueCondition(Protocol):
    """What must hold, and is used, in the transaction that issues a grant."""

    def use(self, link: DriverConnection, grant_id: bytes, *, at: int) -> None:
        """Check and use it.

        Args:
            link: the connection of that transaction.
            grant_id: the grant that is issued.
            at: seconds since the epoch.

        Raises:
            Exception: it does not hold. The caller must roll back.
        """
        ...


def has_live_session(session_id: ColumnElement[bytes | None]) -> ColumnElement[bool]:
    """The condition that the session of a code has not ended, or that the code has none.

    Args:
        session_id: the column of the code.
    """
    return session_id.is_(None) | exists().where(_SESSION.c.id == session_id, _SESSION.c.ended_at.is_(None))


class AlreadyUsed(Exception):
    """The code was used, has expired or was never allowed, or its sign-in session has ended."""


class Redeem(NamedTuple):
    """The use of one code.

    `statement` takes `key`, `grant` and `at`, demands `has_live_session`, and returns `session_id`.
    """

    statement: Statement[dict[str, Any]]
    key: bytes

    def use(self, link: DriverConnection, grant_id: bytes, *, at: int) -> None:
        """Mark the code as used, in the transaction of the issue.

        Args:
            link: the connection of that transaction.
            grant_id: the grant that the code gives.
            at: seconds since the epoch.

        Raises:
            AlreadyUsed: the code gives no grant. The caller must roll back.
        """
        found = link.returned(self.statement, {"key": self.key, "grant": grant_id, "at": at})
        if len(found) != 1:
            raise AlreadyUsed
        session_id = found[0]["session_id"]
        if session_id is None or link.dialect.name == "sqlite":
            return
        if link.first(_LIVE_SESSION, {"session": session_id}) is None:
            raise AlreadyUsed
