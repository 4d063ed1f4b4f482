"""The end of a session, and the clients that it signed in to.

Owns: which grants end with a session, and which clients are notified. A grant with `offline_access` is for
the time after the session (OpenID Connect Core, 11) and stays.
"""

from typing import Any, NamedTuple

from sqlalchemy import Integer, bindparam, exists, insert, literal, not_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from models.base import table
from models.database.driver import DriverConnection, Statement
from models.sign_in_tables import LogoutNoticeRow, SessionClientRow, SignInSessionRow
from models.tables import ClientRow, GrantRow

NOTICE_SECONDS = 86_400
"""Seconds after which a logout notice that no client took is given up."""

_SESSION, _PART, _NOTICE = table(SignInSessionRow), table(SessionClientRow), table(LogoutNoticeRow)
_GRANT, _CLIENT = table(GrantRow), table(ClientRow)
_IS_OFFLINE = (literal(" ") + _GRANT.c.scope + literal(" ")).contains(" offline_access ", autoescape=True)
# The subject leads to the grants by an index; a session's id alone would need one of its own.
_END_GRANTS = Statement(
    update(_GRANT)
    .where(
        _GRANT.c.subject == bindparam("subject"),
        _GRANT.c.session_id == bindparam("session"),
        _GRANT.c.revoked_at.is_(None),
        not_(_IS_OFFLINE),
    )
    .values(revoked_at=bindparam("at"))
)
_TIME = _NOTICE.c.due_at.type
_NOTIFY = Statement(
    insert(_NOTICE)
    .from_select(
        ["client_id", "uri", "session_id", "sub", "created_at", "due_at", "attempts", "expires_at"],
        select(
            _PART.c.client_id,
            _CLIENT.c.backchannel_logout_uri,
            _PART.c.session_id,
            _PART.c.sub,
            bindparam("at", type_=_TIME),
            bindparam("at", type_=_TIME),
            literal(0, Integer),
            bindparam("gives_up", type_=_TIME),
        )
        .select_from(_PART.join(_CLIENT, _CLIENT.c.client_id == _PART.c.client_id))
        .where(
            _PART.c.session_id == bindparam("session"),
            _CLIENT.c.backchannel_logout_uri.is_not(None),
            _CLIENT.c.disabled_at.is_(None),
        ),
    )
    .inline()
)


def _take_part(kind: Any) -> Statement[Any]:
    """Insert a client of a session that is still stored, or renew its `sub`."""
    names = ("session_id", "client_id", "sub")
    values = select(*(bindparam(name, type_=_PART.c[name].type) for name in names))
    is_stored = exists().where(_SESSION.c.id == bindparam("session_id"), _SESSION.c.ended_at.is_(None))
    taken = kind(_PART).from_select(list(names), values.where(is_stored))
    return Statement(
        taken.on_conflict_do_update(
            index_elements=["session_id", "client_id"], set_={"sub": taken.excluded.sub}
        )
    )


_END = Statement(
    update(_SESSION)
    .where(_SESSION.c.id == bindparam("session"), _SESSION.c.ended_at.is_(None))
    .values(ended_at=bindparam("at"))
    .returning(_SESSION.c.subject)
)
_TAKE_PART = {"sqlite": _take_part(sqlite.insert), "postgresql": _take_part(postgresql.insert)}


class EndedSession(NamedTuple):
    """A session that ended: its user, and how many grants ended with it."""

    subject: str
    grants: int


def end_one(link: DriverConnection, session_id: bytes, *, at: int) -> EndedSession | None:
    """End a session with its grants and notify its clients, in the caller's transaction.

    Args:
        link: the connection of that transaction.
        session_id: the session.
        at: seconds since the epoch.

    Returns:
        None if it had ended already, or there is none.
    """
    for row in link.returned(_END, {"session": session_id, "at": at}):
        subject = row["subject"]
        grants = link.run(_END_GRANTS, {"session": session_id, "subject": subject, "at": at})
        link.run(_NOTIFY, {"session": session_id, "at": at, "gives_up": at + NOTICE_SECONDS})
        return EndedSession(subject, grants)
    return None


def take_part_in(link: DriverConnection, session_id: bytes, client_id: str, sub: str) -> None:
    """Note that a session signed in to a client, in the transaction of the approval.

    Args:
        link: the connection of that transaction.
        session_id: the session; nothing is stored if it has ended.
        client_id: the client.
        sub: the user as this client sees them.
    """
    link.run(_TAKE_PART[link.dialect.name], {"session_id": session_id, "client_id": client_id, "sub": sub})
