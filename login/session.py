"""Sign-in sessions: how long one lasts, and when the directory is asked again about its user.

Owns: the lifetimes of a session, the value of its cookie, and which answers of the directory end it. Must not
know: HTTP, pages, and how sessions are stored. `Sessions.current` is the place to start reading.
"""

import hashlib
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from functools import partial
from typing import Any, Final, Generic, NamedTuple

from directory import InvalidCredentials, Person, Refusal
from login.ports import PASSWORD_AMR
from login.service import Login
from login.session_records import S, SessionRecord, SessionRecords
from telemetry import AuditEvent, Log

# Seconds in use after which the directory is asked again about the user.
_CHECK_SECONDS: Final = 300
# The longest session in seconds where the directory cannot be asked again without the user's password.
_UNREADABLE_SECONDS: Final = 900
# The longest time in seconds without a note of the session's use: a write at each request would cost more.
_MAX_TOUCH_SECONDS: Final = 60
_TOUCHES_PER_IDLE: Final = 4
_COOKIE_OCTETS: Final = 32
_COOKIE_CHARACTERS: Final = 43
_ID_OCTETS: Final = 16
# What is stored of a user who asked for privacy: what the rules about people need, and no names.
_KEPT_OF_PRIVATE: Final = frozenset({"affiliations", "groups", "password_changed_at", "private"})
# These have columns of their own, or belong to one login only.
_NOT_STORED: Final = frozenset({"id", "grace_logins_remaining"})
_GROUPS: Final = "groups"
_KNOWN: Final = {each.name: None if each.default is MISSING else each.default for each in fields(Person)}
# The defaults of what is stored; a value that is the default is not.
_STORED: Final = {name: default for name, default in _KNOWN.items() if name not in _NOT_STORED}
_NEW_PASSWORD: Final = "password_changed"  # noqa: S105 - a reason, not a password


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRules:
    """The operator's rules for sessions, in seconds.

    Attributes:
        lifetime: how long a session lasts at most.
        idle: how long it lasts without use.
        can_read: whether the directory can be asked about a user without the user's password.
    """

    lifetime: int
    idle: int
    can_read: bool = True


class Browser(NamedTuple):
    """The browser that a request comes from. Both are shown to the user later, to recognise the session."""

    address: str
    user_agent: str = ""


@dataclass(frozen=True, slots=True)
class ActiveSession(Generic[S]):
    """A session that is live now, and its person. `has_groups`: the person's groups are known."""

    stored: S
    person: Person
    cookie_digest: bytes
    has_groups: bool


class NewSession(Generic[S]):
    """The session of a sign-in: stored with other rows (`beside`, then `stored`), or alone (`store`)."""

    def __init__(
        self,
        value: str,
        active: ActiveSession[S],
        store: Callable[[], None] | None = None,
        write: Callable[..., object] | None = None,
        log: Callable[[], None] | None = None,
    ) -> None:
        """Describe it.

        Args:
            value: the cookie's value.
            active: the session.
            store: stores it in a transaction of its own; None if it is stored.
            write: stores it in the transaction of the connection that it gets.
            log: writes its log line.
        """
        self.value, self.active = value, active
        self._store, self._write, self._log = store, write, log

    def beside(self) -> Sequence[Callable[..., object]]:
        """The writes to be run in another transaction of the store. Call `stored` once that is committed."""
        return [] if self._store is None or self._write is None else [self._write]

    def stored(self) -> None:
        """Note that it is stored: log its beginning. A second call does nothing."""
        log, self._store, self._log = self._log, None, None
        if log is not None:
            log()

    def store(self) -> None:
        """Store it, unless it is stored. It may raise the store's exception."""
        if self._store is not None:
            self._store()
        self.stored()


class Sessions(Generic[S]):
    """Begins, finds and ends sessions. No cookie value is stored: the store has its digest."""

    def __init__(
        self,
        store: SessionRecords[S],
        make: Callable[..., S],
        login: Login,
        rules: SessionRules,
        *,
        directory: str,
        log: Log,
        note_missing: Callable[[AuditEvent, Sequence[str]], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Join the parts.

        Args:
            store: keeps the sessions.
            make: makes the store's record of a session.
            login: reads people again.
            rules: the operator's.
            directory: the name of the directory that the people are in.
            log: receives a line for each beginning and end.
            note_missing: told that the directory lacks a session's user, and which of its servers said so. It
                ends the sessions once that is certain.
            clock: seconds since the epoch.
        """
        self._store = store
        self._make = make
        self._login = login
        self._rules = rules
        self._directory = directory
        self._log = log
        self._note_missing = note_missing
        self._clock = clock

    @property
    def can_read(self) -> bool:
        """Whether the directory can be asked about a user without the user's password."""
        return self._rules.can_read

    def begin(
        self,
        person: Person,
        *,
        browser: Browser,
        event: AuditEvent,
        has_groups: bool,
        replaces: S | None = None,
    ) -> NewSession[S]:
        """Begin a session after a password was verified. A cookie from before dies (session fixation).

        Args:
            person: who signed in.
            browser: where.
            event: an audit event with the facts of the request; its name and its subject are set here.
            has_groups: whether the person has the groups that the directory knows.
            replaces: the live session that the browser had. Another user's ends; the same user's goes on.

        Returns:
            The session, which the caller must store before the browser gets its cookie.
        """
        value = secrets.token_urlsafe(_COOKIE_OCTETS)
        digest, values = cookie_digest(value), self._values(person, browser, has_groups=has_groups)
        event = replace(event, subject=person.id)
        if replaces is not None and replaces.subject == person.id:
            if _has_new_password(person, replaces):
                # What the old password began ends, as at the next question to the directory.
                self.end(replaces, event=event, reason=_NEW_PASSWORD)
            else:
                new = self._make(id=replaces.id, created_at=replaces.created_at, **values)
                again = replace(event, event="session.reauthenticated")
                if self._store.reauthenticated(replaces.id, digest, new, again):
                    self._log.info(again.event, **again.facts())
                    return NewSession(value, ActiveSession(new, person, digest, has_groups))
            replaces = None
        new = self._make(id=secrets.token_bytes(_ID_OCTETS), created_at=values["auth_time"], **values)
        active = ActiveSession(new, person, digest, has_groups)
        return self._begun(value, active, event, replaces=None if replaces is None else replaces.id)

    def current(
        self, cookie: str | None, *, event: AuditEvent, groups: bool = False
    ) -> ActiveSession[S] | None:
        """The live session of a cookie, or None. At most every five minutes the directory is asked again.

        A disabled account or a new password ends the session. Any other refusal is no end: anyone can lock
        another's account, and a replica may lack a user. Until the directory accepts the user again there is
        no session.

        Args:
            cookie: the value that the browser sent, if it sent one.
            event: an audit event with the facts of the request, for the end of a session.
            groups: whether the person's groups are wanted. Where the session lacks them and the directory
                cannot be asked, there is no session: the user must sign in again.

        Raises:
            DirectoryUnavailable: the directory cannot say whether the user may still sign in.
        """
        active = self.remembered(cookie)
        if active is None:
            return None
        now = int(self._clock())
        lacks_groups = groups and not active.has_groups
        if lacks_groups and not self._rules.can_read:
            return None
        if lacks_groups or (self._rules.can_read and active.stored.checked_at + _CHECK_SECONDS <= now):
            checked = self._checked(active, now, event, groups=groups or active.has_groups)
            if checked is None:
                return None
            active = checked
        if active.stored.last_used_at + min(_MAX_TOUCH_SECONDS, self._rules.idle // _TOUCHES_PER_IDLE) <= now:
            self._store.touch(active.stored.id, now)
        return active

    def remembered(self, cookie: str | None) -> ActiveSession[S] | None:
        """The live session of a cookie, or None, as the database knows it: enough to end it.

        Args:
            cookie: the value that the browser sent, if it sent one.
        """
        if cookie is None or len(cookie) != _COOKIE_CHARACTERS:
            return None
        return self._found(cookie_digest(cookie))

    def end(self, session: S, *, event: AuditEvent, reason: str) -> bool:
        """End a session; False if it had ended already.

        Args:
            session: the session.
            event: an audit event with the facts of the request.
            reason: why, for the audit.
        """
        ended = replace(event, event="session.ended", subject=session.subject, reason=reason)
        has_ended = self._store.end(session.id, ended)
        if has_ended:
            self._log.info(ended.event, **ended.facts())
        return has_ended

    def _begun(
        self, value: str, active: ActiveSession[S], event: AuditEvent, *, replaces: bytes | None
    ) -> NewSession[S]:
        begun = replace(event, event="session.began")
        new, digest = active.stored, active.cookie_digest
        return NewSession(
            value,
            active,
            store=partial(self._store.begin, new, digest, begun, replaces=replaces),
            write=self._store.begin_beside(new, digest, begun, replaces=replaces),
            log=lambda: self._log.info(begun.event, **begun.facts()),
        )

    def _values(self, person: Person, browser: Browser, *, has_groups: bool) -> dict[str, Any]:
        """The values of a session after a sign-in, but its id and its beginning."""
        now, lifetime = int(self._clock()), self._rules.lifetime
        if not self._rules.can_read:
            lifetime = min(lifetime, _UNREADABLE_SECONDS)
        return {
            "directory": self._directory,
            "subject": person.id,
            "net_id": None if person.private else person.net_id,
            "person": _stored(person, has_groups=has_groups),
            "auth_time": now,
            "amr": PASSWORD_AMR,
            "acr": None,
            "password_changed_at": person.password_changed_at,
            "last_used_at": now,
            "checked_at": now,
            "expires_at": now + lifetime,
            "ended_at": None,
            "address": browser.address,
            "user_agent": browser.user_agent,
        }

    def _found(self, digest: bytes) -> ActiveSession[S] | None:
        stored, now = self._store.find(digest), int(self._clock())
        if stored is None or stored.ended_at is not None or stored.expires_at <= now:
            return None
        if stored.last_used_at + self._rules.idle <= now:
            return None
        person = _person(stored.subject, stored.person)
        return ActiveSession(stored, person, digest, _GROUPS in stored.person)

    def _checked(
        self, active: ActiveSession[S], now: int, event: AuditEvent, *, groups: bool
    ) -> ActiveSession[S] | None:
        """The session with the person as the directory has them now; None if it refuses the person."""
        stored = active.stored
        try:
            person = self._login.read(stored.subject, groups=groups)
        except InvalidCredentials as refusal:
            if refusal.reason is Refusal.DISABLED:
                self.end(stored, event=event, reason=refusal.reason.value)
            elif refusal.reason is Refusal.UNKNOWN_PERSON:
                missing = replace(event, subject=stored.subject, reason=refusal.reason.value)
                self._note_missing(missing, refusal.servers)
            return None
        if _has_new_password(person, stored):
            self.end(stored, event=event, reason=_NEW_PASSWORD)
            return None
        net_id = None if person.private else person.net_id
        if not self._store.checked(stored.id, now, _stored(person, has_groups=groups), net_id=net_id):
            return None
        return replace(active, person=person, has_groups=groups)


def _has_new_password(person: Person, session: SessionRecord) -> bool:
    changed, known = person.password_changed_at, session.password_changed_at
    return changed is not None and (known is None or changed > known)


def cookie_digest(value: str) -> bytes:
    """The digest under which the store knows a cookie.

    Args:
        value: the cookie's value.
    """
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).digest()


def _stored(person: Person, *, has_groups: bool) -> dict[str, object]:
    """What a session keeps of a person, as JSON: what differs from the default."""
    kept: dict[str, object] = {}
    for name, default in _STORED.items():
        value = getattr(person, name)
        is_wanted = has_groups if name == _GROUPS else value != default
        if is_wanted and (not person.private or name in _KEPT_OF_PRIVATE):
            kept[name] = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value
    return kept


def _person(subject: str, stored: Mapping[str, Any]) -> Person:
    """The person of a session. A private person has no login name and no DN."""
    values: dict[str, Any] = {"id": subject, "net_id": "", "dn": ""}
    for name, value in stored.items():
        if name in _KNOWN:
            values[name] = tuple(value) if isinstance(value, list) else value
    return Person(**values)
