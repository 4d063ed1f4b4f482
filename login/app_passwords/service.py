"""A login with an app password, step by step: its value, client, end and networks, then the user.

Owns: the order of the steps. `AppPasswords.authenticate` is the place to start reading. No step binds, and
the directory never gets the value. Must not know: how app passwords are stored, and how one ends.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, NamedTuple, NoReturn, Protocol

from directory import InvalidCredentials, Person, Refusal
from login.addresses import is_within
from login.app_passwords.limits import WrongAppPasswords
from login.app_passwords.recent_people import PersonKey, RecentPeople
from login.app_passwords.value import digest_of
from login.limits.throttle import ClientRate
from login.names import is_same_name
from login.ports import SIGN_IN_PAGE, AppPasswordRecord, AppPasswordRecords, AttemptKey
from login.response_time import ResponseTimeFloor

NEEDS_SEARCH: Final = (
    "app passwords need an account that can search the directory: "
    "set NETID_LDAP_BIND_DN beside NETID_LDAP_USER_DN_TEMPLATE"
)
"""Why no app password is accepted where only users can read their own entries."""


class AppPasswordLoginRefused(InvalidCredentials):
    """An app password was refused.

    `record` is the app password, if the value is one. `is_guess` is false if the value was right at its
    client, so that nothing was guessed. `must_end` is true if the app password is to end now, because the
    account is disabled or its password has changed.
    """

    def __init__(
        self,
        reason: Refusal,
        detail: str,
        record: AppPasswordRecord | None = None,
        *,
        is_guess: bool = True,
        must_end: bool = False,
    ) -> None:
        """Take the reason for the audit, and the detail for the log."""
        super().__init__(reason, detail)
        self.record = record
        self.is_guess = is_guess
        self.must_end = must_end
        self.person_id = None if record is None else record.subject


class People(Protocol):
    """What a login with an app password asks of the directory. Nothing here takes a password."""

    def read(self, person_id: str, *, groups: bool = False) -> Person:
        """As `Directory.read`."""
        ...

    def id_of(self, net_id: str) -> str:
        """Return the stable id of the person that a login name leads to. Raises as `Directory.find`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AppPasswordRules:
    """The operator's rules.

    Attributes:
        sees_accounts: whether an account of this server can read users. Otherwise nothing could tell whether
            a user is still active.
        survives_password_change: whether an app password stays good when its user's password changes.
    """

    sees_accounts: bool = True
    survives_password_change: bool = True


class LoginTools(NamedTuple):
    """The parts that logins with app passwords share with the other logins of this process."""

    wrong: WrongAppPasswords
    rate: ClientRate
    floor: ResponseTimeFloor


class AppPasswords:
    """Logins with app passwords."""

    def __init__(
        self,
        records: AppPasswordRecords,
        people: People,
        rules: AppPasswordRules,
        tools: LoginTools,
        *,
        clock: Callable[[], float],
    ) -> None:
        """Take the parts.

        Args:
            records: the app passwords that all workers and nodes share.
            people: the directory's.
            rules: the operator's.
            tools: shared with other logins.
            clock: seconds since the epoch.
        """
        self._records = records
        self._people = people
        self._rules = rules
        self._tools = tools
        self._recent = RecentPeople(clock)
        self._clock = clock

    def authenticate(
        self,
        net_id: str,
        value: str,
        *,
        client_id: str,
        address: str,
        groups: bool = False,
        check: Callable[[Person], None] = lambda _: None,
    ) -> tuple[Person, AppPasswordRecord]:
        """Verify an app password in the place of a password (RFC 6749, section 4.3.2).

        A right one is accepted however many wrong ones were sent under its user's name: 256 random bits
        cannot be guessed, and nobody may stop another's programs.

        Args:
            net_id: the login name as typed.
            value: the app password as typed.
            client_id: the client that sent them.
            address: the address of the request.
            groups: whether the person's groups are wanted.
            check: takes the person, and may raise InvalidCredentials.

        Returns:
            The person, read within the last five minutes, and the app password. That may have ended
            meanwhile: the store checks it again in the transaction that stores a token.

        Raises:
            Throttled: too many failed before.
            AppPasswordLoginRefused: refused, with its reason.
            DirectoryUnavailable: the directory cannot say whether the user is still active.
        """
        key = self._admitted(net_id, client_id, address)
        with self._refusing(key, groups=groups):
            record = self._find(value)
            self._check(record, client_id, address)
            person = self._read(record, net_id, key, groups=groups)
            with _about(record):
                check(person)
        return person, record

    def refuse_misplaced(self, net_id: str, *, client_id: str, address: str) -> NoReturn:
        """Refuse an app password where only a Net ID password counts, as on the sign-in page.

        Neither the directory nor the cache of refused passwords gets it.

        Args:
            net_id: the login name as typed.
            client_id: the client that sent it.
            address: the address of the request.

        Raises:
            Throttled: too many failed before.
            AppPasswordLoginRefused: always, otherwise.
        """
        with self._refusing(self._admitted(net_id, client_id, address)):
            detail = "an app password stands where only a Net ID and its password are accepted"
            raise AppPasswordLoginRefused(Refusal.UNACCEPTABLE, detail)

    def _admitted(self, net_id: str, client_id: str, address: str) -> AttemptKey:
        """Refuse what this process knows to be over a limit. It costs no query."""
        wrong = self._tools.wrong
        key = wrong.key(net_id, client_id, address)
        wrong.throttle.refuse_known(key)
        if client_id != SIGN_IN_PAGE:
            self._tools.rate.take(client_id)
        return key

    @contextmanager
    def _refusing(self, key: AttemptKey, *, groups: bool = False) -> Iterator[None]:
        """Count a refusal, and let it take as long as that of a wrong password."""
        with self._tools.floor.refusing(groups=groups):
            try:
                yield
            except AppPasswordLoginRefused as refusal:
                self._tools.wrong.count(key, refusal.reason, is_guess=refusal.is_guess)
                raise

    def _find(self, value: str) -> AppPasswordRecord:
        """Find the app password by its digest. A malformed value costs no query."""
        if not self._rules.sees_accounts:
            raise AppPasswordLoginRefused(Refusal.UNACCEPTABLE, NEEDS_SEARCH)
        digest = digest_of(value)
        if digest is None:
            raise AppPasswordLoginRefused(Refusal.WRONG_PASSWORD, "the app password is malformed or mistyped")
        record = self._records.find(digest)
        if record is None:
            raise AppPasswordLoginRefused(Refusal.WRONG_PASSWORD, "the app password is unknown")
        return record

    def _check(self, record: AppPasswordRecord, client_id: str, address: str) -> None:
        """Check what the record itself says: client, end and networks. The directory is not asked."""
        if record.client_id != client_id:
            detail = "the app password is for another client"
            raise AppPasswordLoginRefused(Refusal.WRONG_PASSWORD, detail, record)
        if not record.is_live(int(self._clock())):
            detail = "the app password has ended, has expired, or was not used for 90 days"
            raise AppPasswordLoginRefused(Refusal.APP_PASSWORD_ENDED, detail, record, is_guess=False)
        if record.networks and not is_within(address, record.networks):
            detail = "from none of the app password's networks"
            raise AppPasswordLoginRefused(Refusal.NOT_FROM_HERE, detail, record, is_guess=False)

    def _read(self, record: AppPasswordRecord, net_id: str, key: AttemptKey, *, groups: bool) -> Person:
        """Read the user, who must still be active, and whose name must be the typed one."""
        subject = record.subject
        with _about(record, ends_if=Refusal.DISABLED):
            recent = self._recent.get(
                PersonKey(record.directory, subject, groups),
                lambda: self._people.read(subject, groups=groups),
                # Another process did not find the user, so only a new answer of the directory counts.
                fresh=record.missed,
            )
        person = recent.person
        if not self._rules.survives_password_change and has_changed(person, record.password_changed_at):
            detail = "the user's password has changed since the app password was made"
            raise AppPasswordLoginRefused(
                Refusal.APP_PASSWORD_ENDED, detail, record, is_guess=False, must_end=True
            )
        if not is_same_name(net_id, person.net_id) and net_id not in recent.names:
            self._tools.wrong.check(key)
            if not self._leads_to(net_id, subject):
                detail = "the app password is another user's"
                raise AppPasswordLoginRefused(Refusal.WRONG_PASSWORD, detail, record)
            recent.add_name(net_id)
        return person

    def _leads_to(self, net_id: str, subject: str) -> bool:
        """Whether a name is another spelling, or another name, that the directory has for a person."""
        try:
            return self._people.id_of(net_id) == subject
        except InvalidCredentials:
            return False


def has_changed(person: Person, known: int | None) -> bool:
    """Whether a person's password has changed since it was last known.

    Args:
        person: as the directory shows them now.
        known: when the password was changed (seconds since the epoch), as it was known; None if it was not.
    """
    changed = person.password_changed_at
    return changed is not None and (known is None or changed > known)


@contextmanager
def _about(record: AppPasswordRecord, *, ends_if: Refusal | None = None) -> Iterator[None]:
    """Turn a refusal of the directory, or of a rule, into one of this app password."""
    try:
        yield
    except InvalidCredentials as refusal:
        refused = AppPasswordLoginRefused(
            refusal.reason, refusal.detail, record, is_guess=False, must_end=refusal.reason is ends_if
        )
        refused.servers = refusal.servers
        raise refused from None
