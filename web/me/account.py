"""What a user may see and end of their own: programs that hold grants, remembered consents, and sessions.

App passwords are in `own_app_passwords.py`.

Owns: that everything is found by the user's own stable id, so that nobody else's can be ended. Must not know:
HTTP, and how the page looks.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from models import (
    ConsentStore,
    Program,
    ScopeStore,
    Selection,
    SessionStore,
    SignInSession,
    end_grants,
    programs_of,
)
from telemetry import AuditEvent, Log
from web.me.own_app_passwords import OwnAppPasswords

_REASON: Final = "user"


class ListedProgram(NamedTuple):
    """A program, as the user sees it. Times are seconds since the epoch.

    `last_used_at` is None for a program that holds nothing now, but whose consent is remembered.
    """

    client_id: str
    name: str
    scope: str
    since: int
    last_used_at: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The stores of the page. Each method raises StoreUnavailable if the database cannot say.

    Attributes:
        sessions: the sign-in sessions.
        consents: the remembered consents.
        app_passwords: the app passwords.
        scopes: the registered scopes.
        idle: seconds without use after which a session has ended.
        clock: seconds since the epoch.
        log: gets a line for each end.
    """

    sessions: SessionStore
    consents: ConsentStore
    app_passwords: OwnAppPasswords
    scopes: ScopeStore
    idle: int
    clock: Callable[[], float]
    log: Log

    def programs(self, user: SignInSession) -> Sequence[ListedProgram]:
        """The programs that hold grants of a user, and those that the user has allowed, used last first.

        Args:
            user: a session of the user.
        """
        holding = programs_of(user.subject, self._now(), directory=user.directory)
        listed = {each.client_id: _holding(each) for each in holding}
        for consent in self.consents.list_of(user.subject, directory=user.directory):
            if consent.client_id not in listed and consent.client_name is not None:
                listed[consent.client_id] = ListedProgram(
                    consent.client_id, consent.client_name, consent.scope, consent.granted_at, None
                )
        return list(listed.values())

    def live_sessions(self, user: SignInSession) -> Sequence[SignInSession]:
        """The live sessions of a user, the one that was used last first.

        Args:
            user: a session of the user.
        """
        return self.sessions.list_of(user.subject, used_since=self._now() - self.idle + 1)

    def descriptions(self) -> Mapping[str, str]:
        """What operators wrote about scopes, by name."""
        return {scope.name: scope.description for scope in self.scopes.list()}

    def end_program(self, user: SignInSession, client_id: str, event: AuditEvent) -> bool:
        """End every grant and app password that a program has of a user, and forget the consent.

        The program's tokens end at once. Consent and app passwords go first: if the database fails in
        between, the program cannot come back by itself.

        Args:
            user: a session of the user.
            client_id: the program.
            event: the facts of the request for the audit.

        Returns:
            False if it is no program of the user.
        """
        if client_id not in {program.client_id for program in self.programs(user)}:
            return False
        self.consents.forget(user.subject, client_id, directory=user.directory)
        self.app_passwords.end_of_program(user, client_id, event)
        revoked = replace(
            event, event="grant.revoked", subject=user.subject, client_id=client_id, reason=_REASON
        )
        selection = Selection(subjects=(user.subject,), client_id=client_id)
        count = end_grants(selection, revoked, self._now())
        self._tell(revoked.with_count(f"{count} ended"))
        return True

    def end_session(self, user: SignInSession, label: str, event: AuditEvent) -> SignInSession | None:
        """End one session of a user.

        Args:
            user: a session of the user.
            label: the label of the session that ends.
            event: the facts of the request for the audit.

        Returns:
            The session that ended; None if the user has no live session with this label.
        """
        for session in self.sessions.list_of(user.subject):
            if label_of(session) == label:
                ended = replace(event, event="session.ended", subject=user.subject, reason=_REASON)
                if self.sessions.end(session.id, ended):
                    self._tell(ended)
                return session
        return None

    def end_all_sessions(self, user: SignInSession, event: AuditEvent) -> None:
        """End every session of a user, with the grants that belong to it.

        Args:
            user: a session of the user.
            event: the facts of the request for the audit.
        """
        ended = replace(event, event="session.ended", subject=user.subject, reason=_REASON)
        count = self.sessions.end_all(user.subject, ended)
        self._tell(ended.with_count(f"{count} sessions"))

    def _tell(self, event: AuditEvent) -> None:
        self.log.info(event.event, **event.facts())

    def _now(self) -> int:
        return int(self.clock())


def label_of(session: SignInSession) -> str:
    """Name a session in a page. The id itself never leaves the server.

    Args:
        session: the session.
    """
    return hashlib.sha256(b"me" + session.id).hexdigest()[:32]


def _holding(program: Program) -> ListedProgram:
    return ListedProgram(
        program.client_id, program.client_name, program.scope, program.since, program.last_used_at
    )
