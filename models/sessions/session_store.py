"""Sign-in sessions: beginning, finding, renewing and ending them.

Owns: that a session that has ended never lives again, and that the cookie of one sign-in is no good after the
next. Must not know: how long a session may live or be idle; its times are compared by the caller.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from sqlalchemy import bindparam, delete, exists, insert, select, update

from models.audit.audit_store import record_after
from models.base import table
from models.database.driver import DriverConnection, Statement
from models.grants.grant import INSERT_AUDIT
from models.sessions.session_end import end_one
from models.sign_in_tables import USER_AGENT_LENGTH, SignInSessionRow
from models.sqlite.group_commit import GroupCommit
from models.tables import MissingPersonRow
from telemetry import AuditEvent

_SESSION, _MISSING = table(SignInSessionRow), table(MissingPersonRow)
# A user has few browsers. A program that signs in as the user at every call would fill the table.
_MAX_SESSIONS = 100
_MAX_BEYOND = 10


class SignInSession(NamedTuple):
    """A user's sign-in with one browser. Times are seconds since the epoch.

    `id` is what grants and codes refer to; it never leaves the server. `person` is what is needed to build a
    Person again; of a user who asked for privacy it holds no names. `checked_at` is when the directory was
    last asked about the user. `expires_at` is the end of its absolute lifetime.
    """

    id: bytes
    directory: str
    subject: str
    net_id: str | None
    person: Mapping[str, object]
    auth_time: int
    amr: Sequence[str]
    acr: str | None
    password_changed_at: int | None
    created_at: int
    last_used_at: int
    checked_at: int
    expires_at: int
    ended_at: int | None
    address: str
    user_agent: str

    def is_live(self, now: int) -> bool:
        """Whether the session has neither ended nor expired at `now`. It may have been idle for too long."""
        return self.ended_at is None and now < self.expires_at


SESSION_COLUMNS = tuple(_SESSION.c[name] for name in SignInSession._fields)
"""The columns of a `SignInSession`, in its order."""
_SELECT = select(*SESSION_COLUMNS)
_BY_COOKIE = Statement(_SELECT.where(_SESSION.c.cookie_digest == bindparam("cookie")), row=SignInSession)
_OF_SUBJECT = Statement(
    _SELECT.where(
        _SESSION.c.subject == bindparam("of_subject"),
        _SESSION.c.ended_at.is_(None),
        _SESSION.c.expires_at > bindparam("now"),
        _SESSION.c.last_used_at >= bindparam("since"),
    )
    .order_by(_SESSION.c.last_used_at.desc(), _SESSION.c.id)
    .limit(_MAX_SESSIONS),
    row=SignInSession,
)
_INSERT = Statement(insert(_SESSION), _SESSION.c.keys())
_LIVE = update(_SESSION).where(_SESSION.c.id == bindparam("session"), _SESSION.c.ended_at.is_(None))
_RENEWED = (
    "cookie_digest",
    "net_id",
    "person",
    "auth_time",
    "amr",
    "acr",
    "password_changed_at",
    "last_used_at",
    "checked_at",
    "expires_at",
    "address",
    "user_agent",
)
_RENEW = Statement(_LIVE.where(_SESSION.c.subject == bindparam("of_subject")), [*_RENEWED])
_TOUCH = Statement(
    _LIVE.where(_SESSION.c.last_used_at < bindparam("used")).values(last_used_at=bindparam("used"))
)
_CHECKED = Statement(_LIVE, ["checked_at", "net_id", "person"])
_ITS_USER = exists().where(
    _SESSION.c.id == bindparam("session"),
    _SESSION.c.subject == _MISSING.c.subject,
    _SESSION.c.directory == _MISSING.c.directory,
)
_FOUND_AGAIN = Statement(delete(_MISSING).where(_ITS_USER))
_UNENDED_OF = select(_SESSION.c.id).where(
    _SESSION.c.subject == bindparam("of_subject"), _SESSION.c.ended_at.is_(None)
)
# In the order of their ids, so that two that end the same sessions do not wait for each other.
_ALL_OF = Statement(_UNENDED_OF.order_by(_SESSION.c.id))
# The new session stays, whatever the others say: clocks differ, and a second has many sign-ins.
_BEYOND = Statement(
    _UNENDED_OF.where(_SESSION.c.id != bindparam("newest"))
    .order_by(_SESSION.c.last_used_at.desc(), _SESSION.c.created_at.desc(), _SESSION.c.id)
    .offset(bindparam("kept"))
    .limit(_MAX_BEYOND)
)
_DELETE = Statement(delete(_SESSION).where(_SESSION.c.id == bindparam("session")))


class SessionStore:
    """The sign-in sessions in the database."""

    def __init__(self, clock: Callable[[], float], commits: GroupCommit | None = None) -> None:
        """Open the store.

        Args:
            clock: seconds since the epoch.
            commits: the write queue of this process; one of its own if None.
        """
        self._clock = clock
        self._commits = commits or GroupCommit()

    def find(self, cookie_digest: bytes) -> SignInSession | None:
        """The session of a cookie, live or not; None if there is none.

        Args:
            cookie_digest: the SHA-256 of the cookie's value.

        Raises:
            StoreUnavailable: the database cannot say.
        """
        with DriverConnection(alone=True) as link:
            return link.first(_BY_COOKIE, {"cookie": cookie_digest})

    def list_of(self, subject: str, *, used_since: int = 0) -> Sequence[SignInSession]:
        """The live sessions of a user, the one that was used last first, up to 100.

        Args:
            subject: the user's stable id.
            used_since: leaves out sessions that were last used before, in seconds since the epoch.

        Raises:
            StoreUnavailable: the database cannot say.
        """
        values = {"of_subject": subject, "now": self._now(), "since": used_since}
        with DriverConnection(alone=True) as link:
            return link.all(_OF_SUBJECT, values)

    def begin(
        self, new: SignInSession, cookie_digest: bytes, event: AuditEvent, *, replaces: bytes | None = None
    ) -> None:
        """Store a new session and its audit row, and end the one before it, in one transaction.

        Of a user with more than a hundred sessions, those that were idle longest are ended and deleted.

        Args:
            new: the session.
            cookie_digest: the SHA-256 of its cookie's value.
            event: the audit row.
            replaces: the id of the session that the same browser had, of another user.

        Raises:
            StoreUnavailable: nothing was stored.
        """
        self._commits.run(self.begin_beside(new, cookie_digest, event, replaces=replaces))

    def begin_beside(
        self, new: SignInSession, cookie_digest: bytes, event: AuditEvent, *, replaces: bytes | None = None
    ) -> Callable[[DriverConnection], None]:
        """The same as a part of another transaction, such as that of a code. It returns the write.

        Args:
            new: the session.
            cookie_digest: the SHA-256 of its cookie's value.
            event: the audit row.
            replaces: as `begin` has it.
        """

        def store(link: DriverConnection) -> None:
            link.run(_INSERT, _row(new, cookie_digest))
            link.run(INSERT_AUDIT, event.fields())
            if replaces is not None:
                _replace(link, replaces, event)
            others = {"of_subject": new.subject, "newest": new.id, "kept": _MAX_SESSIONS - 1}
            for each in link.all(_BEYOND, others):
                end_one(link, each["id"], at=event.at)
                link.run(_DELETE, {"session": each["id"]})

        return store

    def reauthenticated(
        self, session_id: bytes, cookie_digest: bytes, new: SignInSession, event: AuditEvent
    ) -> bool:
        """Give a session to the same user's next sign-in. Its id and its beginning stay; the old cookie dies.

        Args:
            session_id: the session.
            cookie_digest: the SHA-256 of its new cookie's value.
            new: the values of the next sign-in; its `id`, `created_at` and `ended_at` are not stored.
            event: the audit row.

        Returns:
            False if the session has ended, or is another user's: nothing was stored.

        Raises:
            StoreUnavailable: nothing was stored.
        """
        row = _row(new, cookie_digest)
        values = {name: row[name] for name in _RENEWED}
        with DriverConnection() as link:
            if link.run(_RENEW, {**values, "session": session_id, "of_subject": new.subject}) != 1:
                return False
            link.run(INSERT_AUDIT, event.fields())
            link.commit()
        return True

    def touch(self, session_id: bytes, at: int) -> None:
        """Note that a session was used at `at`, in seconds since the epoch.

        Raises:
            StoreUnavailable: it was not noted.
        """
        with DriverConnection(alone=True) as link:
            link.run(_TOUCH, {"session": session_id, "used": at})
            link.commit()

    def checked(
        self, session_id: bytes, at: int, person: Mapping[str, object], *, net_id: str | None
    ) -> bool:
        """Note that the directory still has the user, with the user's current values.

        The time of the last password change stays: a replica that lags behind would bring back an older one.
        That the user was missing before is forgotten.

        Args:
            session_id: the session.
            at: when the directory was asked, in seconds since the epoch.
            person: as `SignInSession.person`.
            net_id: the user's current Net ID; None for a user who asked for privacy.

        Returns:
            False if the session ended in the meantime.

        Raises:
            StoreUnavailable: it was not noted.
        """
        values = {"session": session_id, "checked_at": at, "person": person, "net_id": net_id}
        with DriverConnection() as link:
            is_live = link.run(_CHECKED, values) == 1
            link.run(_FOUND_AGAIN, {"session": session_id})
            link.commit()
        return is_live

    def end(self, session_id: bytes, event: AuditEvent) -> bool:
        """End a session with its grants, and store the notices to its clients, in one transaction.

        Grants with `offline_access` stay.

        Args:
            session_id: the session.
            event: the audit row; the number of ended grants is appended to its reason.

        Returns:
            False if it had ended already, or there is none.

        Raises:
            StoreUnavailable: nothing has ended.
        """
        with DriverConnection() as link:
            ended = end_one(link, session_id, at=event.at)
            link.commit()
        if ended is not None:
            # The end stands, whether or not its audit row can be stored.
            record_after(event.with_count(f"{ended.grants} grants"))
        return ended is not None

    def end_all(self, subject: str, event: AuditEvent) -> int:
        """End every session of a user as `end` does, with one audit row, and return how many ended.

        Args:
            subject: the user's stable id.
            event: the audit row; the number of ended sessions is appended to its reason.

        Raises:
            StoreUnavailable: nothing has ended.
        """
        with DriverConnection() as link:
            ids = [each["id"] for each in link.all(_ALL_OF, {"of_subject": subject})]
            ended = [found for each in ids if (found := end_one(link, each, at=event.at)) is not None]
            link.commit()
        if ended:
            grants = sum(each.grants for each in ended)
            record_after(event.with_count(f"{len(ended)} sessions, {grants} grants"))
        return len(ended)

    def _now(self) -> int:
        return int(self._clock())


def _replace(link: DriverConnection, session_id: bytes, event: AuditEvent) -> None:
    """End the session that `event` replaces, with an audit row of its own."""
    ended = end_one(link, session_id, at=event.at)
    if ended is not None:
        row = replace(event, event="session.ended", subject=ended.subject, reason="another sign-in")
        link.run(INSERT_AUDIT, row.fields())


def _row(new: SignInSession, cookie_digest: bytes) -> dict[str, Any]:
    return {
        **new._asdict(),
        "cookie_digest": cookie_digest,
        "amr": list(new.amr),
        "user_agent": _shown(new.user_agent[:USER_AGENT_LENGTH]),
    }


def _shown(text: str) -> str:
    """The text that a browser sent, without the characters that a driver or a terminal would not take."""
    return "".join(each if each.isprintable() else "?" for each in text)
