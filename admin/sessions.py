"""Sign-in sessions: listing the live ones, ending those that an operator selects, and logging a person out.

The end of a session ends its grants but those with `offline_access`, and notifies its clients. Like a
revocation, it stands whether or not its audit row can be stored (decision 0019).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from admin.app_passwords.ending import end_app_passwords_of
from admin.operation import NothingMatches, OperationRefused, Services, UnclearSelection, require_one_way
from admin.people import PersonLookup, live_app_passwords_of
from models import (
    EndedSessions,
    Selection,
    SessionSelection,
    SignInSession,
    count_sessions,
    end_sessions,
    list_sessions,
)
from telemetry import Actor

_ID_OCTETS = 16
_LOGOUT = "logout"


class NoLiveSession(NothingMatches):
    """No live session is selected."""

    def __init__(self) -> None:
        super().__init__("No live session matches.")


class NotASessionId(OperationRefused):
    """A text cannot be the id of a session."""

    def __init__(self) -> None:
        super().__init__("This is not the id of a session. `flask session list` shows the ids.")


class NoSessionSelected(UnclearSelection):
    """An end names no session and no person, and not everyone either; or it names both."""

    def __init__(self) -> None:
        super().__init__("Name at least one of --session and --person, or --everyone alone.")


class NoLogins(NothingMatches):
    """A person has neither a live grant nor a session nor an app password."""

    def __init__(self) -> None:
        super().__init__(
            "This user has no live grant, no session and no app password: nobody was logged out."
        )


class Logins(NamedTuple):
    """How many live grants, sessions and app passwords a person has, or had before they ended."""

    grants: int
    sessions: int
    app_passwords: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedSessions:
    """The live sessions that were used last, and whether there are more than the limit."""

    sessions: Sequence[SignInSession]
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEndPlan:
    """The sessions that are about to end, for the operator to confirm. `count` is how many are live now."""

    selection: SessionSelection
    count: int
    subject: str | None
    everyone: bool


def list_live_sessions(services: Services, person: PersonLookup | None, *, limit: int) -> ListedSessions:
    """List live sessions, the one that was used last first. Those that were idle for too long are left out.

    Args:
        services: what the use case works on.
        person: only sessions of this person.
        limit: how many sessions to list.

    Raises:
        StoreUnavailable: the database did not answer.
    """
    selection = SessionSelection(subjects=None if person is None else person.subjects)
    used_since = services.now - services.settings.session_idle_ttl
    sessions, more = list_sessions(selection, services.now, used_since=used_since, limit=limit)
    return ListedSessions(sessions=sessions, more=more)


def require_session_selection(*named: str | None, everyone: bool) -> None:
    """Refuse an end that names nothing: a slip must not sign the whole campus out.

    Args:
        named: the session and the person, as far as they are given.
        everyone: whether the operator means every session.

    Raises:
        NoSessionSelected: nothing is named, or something beside everyone.
    """
    require_one_way(NoSessionSelected, any(each is not None for each in named), everyone)


def plan_session_end(
    services: Services,
    *,
    session_id: str | None = None,
    person: PersonLookup | None = None,
    everyone: bool = False,
) -> SessionEndPlan:
    """Find which sessions an operator means, for a confirmation before `end_planned_sessions` ends them.

    Args:
        services: what the use case works on.
        session_id: one session, by its id in hexadecimal.
        person: the sessions of this person.
        everyone: every session.

    Raises:
        NoSessionSelected: as `require_session_selection`.
        AmbiguousPerson: the name means several people.
        NotASessionId: `session_id` cannot be one.
        NoLiveSession: no live session is selected. Everyone may have none: a restore ends them all.
        StoreUnavailable: the database did not answer.
    """
    require_session_selection(session_id, None if person is None else person.person, everyone=everyone)
    subject = None if person is None else person.only_subject()
    selection = SessionSelection(
        session_id=None if session_id is None else _session_key(session_id),
        subjects=None if person is None else [subject] if subject else [],
    )
    if not (count := count_sessions(selection, services.now)) and not everyone:
        raise NoLiveSession
    return SessionEndPlan(selection=selection, count=count, subject=subject, everyone=everyone)


def end_planned_sessions(services: Services, plan: SessionEndPlan, *, actor: Actor) -> EndedSessions:
    """End the selected sessions with their grants, and store the notices to their clients.

    Args:
        services: what the use case works on.
        plan: from `plan_session_end`.
        actor: who ends them, for the audit.

    Raises:
        StoreUnavailable: sessions that did not end yet end at the next call.
    """
    selection, reasons = plan.selection, ["everyone"] if plan.everyone else []
    if selection.session_id is not None:
        # The id finds the session in the list; it opens nothing.
        reasons.append(f"session {selection.session_id.hex()}")
    return _end(services, selection, actor, ", ".join(reasons) or None, subject=plan.subject)


def count_logins(services: Services, lookup: PersonLookup) -> Logins:
    """How many live grants, sessions and app passwords a person has.

    Args:
        services: what the use case works on.
        lookup: the person, from `look_up_person`.

    Raises:
        AmbiguousPerson: the name means several people.
        NoLogins: there are none.
        StoreUnavailable: the database did not answer.
    """
    subject = lookup.only_subject()
    if subject is None:
        raise NoLogins
    found = Logins(
        services.count_grants(Selection(subjects=[subject])),
        count_sessions(SessionSelection(subjects=[subject]), services.now),
        len(live_app_passwords_of(services, subject)),
    )
    if not any(found):
        raise NoLogins
    return found


def log_person_out(services: Services, lookup: PersonLookup, *, actor: Actor) -> Logins:
    """End every session, app password and live grant of a person, with every token. Returns how many ended.

    Sessions and app passwords end first, so that none of them gives a grant after the others ended. An app
    password ends although its user may need it: it outlives a change of the password, so a thief's would.

    Args:
        services: what the use case works on.
        lookup: the person, from `look_up_person`.
        actor: who ends them, for the audit.

    Raises:
        AmbiguousPerson: the name means several people.
        NoLogins: there are none.
        StoreUnavailable: what did not end yet ends at the next call.
    """
    subject = lookup.only_subject()
    if subject is None:
        raise NoLogins
    sessions = _end(services, SessionSelection(subjects=[subject]), actor, _LOGOUT, subject=subject)
    selection = Selection(subjects=[subject])
    # The end of an app password ends its grants too.
    live = services.count_grants(selection)
    app_passwords = end_app_passwords_of(services, subject, _LOGOUT, actor=actor)
    event = services.event("grant.revoked", actor, _LOGOUT, subject=subject)
    grants = max(live, services.end_grants(selection, event))
    ended = Logins(sessions.grants + grants, sessions.sessions, app_passwords)
    if not any(ended):
        raise NoLogins
    return ended


def _end(
    services: Services, selection: SessionSelection, actor: Actor, reason: str | None, *, subject: str | None
) -> EndedSessions:
    """End the selected sessions, and log it."""
    event = services.event("session.ended", actor, reason, subject=subject)
    ended = end_sessions(selection, event, event.at)
    if ended.sessions:
        services.tell(event.with_count(f"{ended.sessions} sessions, {ended.grants} grants"))
    return ended


def _session_key(text: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != _ID_OCTETS:
        raise NotASessionId
    return key
