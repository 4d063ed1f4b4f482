"""What a user may see, make and end of their own app passwords.

Owns: that everything is found by the user's own stable id, that a form which is sent twice makes one app
password, and the audit events. Must not know: HTTP, how the pages look, and the rules.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from login import Person
from models import (
    AppPassword,
    AppPasswordStore,
    Client,
    SignInSession,
    StoreUnavailable,
    TooManyAppPasswords,
    TooManyInADay,
)
from oauth.policy.app_password_rules import (
    TOO_MANY,
    TOO_MANY_IN_A_DAY,
    AppPasswordRefused,
    AppPasswordRules,
    AppPasswordWish,
    Mistake,
    NewAppPassword,
)
from telemetry import AuditEvent, Log

CREATED: Final = "app_password.created"
ENDED: Final = "app_password.ended"
_BY_USER: Final = "user"
_SENT_TWICE: Final = "form sent twice"
# A form that is sent again within these seconds was a double click: the browser shows only the second answer.
_DOUBLE_SUBMIT_SECONDS: Final = 10


class MadeBefore(Exception):
    """This form has made its app password already, and the user has seen it."""


class ListedAppPassword(NamedTuple):
    """A live app password, and the name of its program."""

    stored: AppPassword
    client_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnAppPasswords:
    """The app passwords of the user who is signed in. Each method may raise StoreUnavailable.

    Attributes:
        store: keeps the app passwords.
        rules: what may be made.
        find_client: a client by its id; None if there is none.
        clock: seconds since the epoch.
        log: gets a line for each that is made or ended.
    """

    store: AppPasswordStore
    rules: AppPasswordRules
    find_client: Callable[[str], Client | None]
    clock: Callable[[], float]
    log: Log

    def list_of(self, user: SignInSession) -> Sequence[ListedAppPassword]:
        """The live app passwords of a user, the newest first.

        Args:
            user: a session of the user.
        """
        now = int(self.clock())
        return [
            ListedAppPassword(each, self._name_of(each.client_id))
            for each in self.store.list_of(user.directory, user.subject)
            if each.is_live(now)
        ]

    def takes_any(self, person: Person, client: Client) -> bool:
        """Whether the rules allow an app password of this user for a client.

        Args:
            person: the user, with groups if the rules want them.
            client: as registered.
        """
        try:
            self.rules.refuse_pair(client, person, int(self.clock()))
        except AppPasswordRefused:
            return False
        return True

    def make(
        self,
        user: SignInSession,
        person: Person,
        client: Client,
        wish: AppPasswordWish,
        *,
        form: str,
        event: AuditEvent,
    ) -> NewAppPassword:
        """Make an app password for the user of a session.

        Args:
            user: the session.
            person: its user, with groups if the rules want them.
            client: as registered.
            wish: what the user typed.
            form: a text that differs in each form, to recognise one that is sent twice.
            event: the facts of the request for the audit.

        Raises:
            AppPasswordRefused: with each reason.
            MadeBefore: the form was sent before, and not by a double click.
        """
        now, key = int(self.clock()), _key_of(user, form)
        former = self.store.get(key)
        if former is None:
            try:
                return self._add(self.rules.checked(client, person, wish, now).named(key), event)
            except StoreUnavailable:
                # The other half of a double click may have been quicker.
                former = self.store.get(key)
                if former is None:
                    raise
        if former.ended_at is not None or now - former.created_at >= _DOUBLE_SUBMIT_SECONDS:
            raise MadeBefore
        new = self.rules.checked(client, person, wish, now)
        if not self._end(former, _SENT_TWICE, event):
            raise MadeBefore  # A third request has replaced it, and the browser shows one answer alone.
        return self._add(new, event)

    def end(self, user: SignInSession, label: str, event: AuditEvent) -> bool:
        """End one app password of a user, with every token that it gave.

        Args:
            user: a session of the user.
            label: its id in hexadecimal.
            event: the facts of the request for the audit.

        Returns:
            False if the user has no live app password with this id.
        """
        return any(
            self._end(each.stored, _BY_USER, event)
            for each in self.list_of(user)
            if each.stored.id.hex() == label
        )

    def end_of_program(self, user: SignInSession, client_id: str, event: AuditEvent) -> None:
        """End every app password of a user for one program.

        Args:
            user: a session of the user.
            client_id: the program.
            event: the facts of the request for the audit.
        """
        ended = replace(event, event=ENDED, subject=user.subject, client_id=client_id, reason=_BY_USER)
        count = self.store.end_all(user.directory, user.subject, _BY_USER, ended, client_id=client_id)
        if count:
            ended = ended.with_count(f"{count} ended")
            self.log.info(ended.event, **ended.facts())

    def _add(self, new: NewAppPassword, event: AuditEvent) -> NewAppPassword:
        created = _about(new.stored, replace(event, event=CREATED, scope=new.stored.scope))
        try:
            self.store.add(new.stored, new.digest, created)
        except TooManyInADay:
            raise AppPasswordRefused(Mistake(None, TOO_MANY_IN_A_DAY)) from None
        except TooManyAppPasswords:
            raise AppPasswordRefused(Mistake(None, TOO_MANY)) from None
        self.log.info(created.event, **created.facts())
        return new

    def _end(self, stored: AppPassword, reason: str, event: AuditEvent) -> bool:
        ended = _about(stored, replace(event, event=ENDED, reason=reason))
        has_ended = self.store.end(stored.id, reason, ended)
        if has_ended:
            self.log.info(ended.event, **ended.facts())
        return has_ended

    def _name_of(self, client_id: str) -> str:
        client = self.find_client(client_id)
        return client.client_name if client else client_id


def _about(stored: AppPassword, event: AuditEvent) -> AuditEvent:
    return replace(event, subject=stored.subject, client_id=stored.client_id, app_password_id=stored.id.hex())


def _key_of(user: SignInSession, form: str) -> bytes:
    """The id of the app password that a form makes. Nobody chooses it: a session's id is not known."""
    text = b"app password\0" + user.id + form.encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).digest()[:16]
