"""The directory contract: one question, three outcomes, never a bool."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

MAX_NAME_CHARACTERS: Final = 256
"""Longest login name in characters (code points), as typed: at most 1,024 octets of UTF-8. A longer name is
refused before it is normalised, compared or digested, because the time for each of these grows with it."""

MAX_PASSWORD_BYTES: Final = 1024
"""Longest password in bytes of UTF-8."""


class Refusal(StrEnum):
    """Why a login was refused. For the audit; a client is never told which (RFC 6749, 5.2).

    The last three are rules of this server: about who may have a token, about where a program may be, and
    about app passwords, which end although the account and its password are good.
    """

    WRONG_PASSWORD = "wrong_password"  # noqa: S105 - a reason, not a password
    UNKNOWN_PERSON = "unknown_person"
    AMBIGUOUS = "ambiguous"
    LOCKED = "locked"
    EXPIRED = "expired"
    MUST_CHANGE = "must_change"
    DISABLED = "disabled"
    NOT_NOW = "not_now"
    NOT_HERE = "not_here"
    UNACCEPTABLE = "unacceptable"
    REFUSED = "refused"
    NOT_ALLOWED = "not_allowed"
    NOT_FROM_HERE = "not_from_here"
    APP_PASSWORD_ENDED = "app_password_ended"  # noqa: S105 - a reason, not a password


@dataclass(frozen=True, slots=True)
class Person:
    """One person, as the directory has them at this moment.

    `id` is the stable id that becomes `sub`; `net_id` the canonical login name; `dn` the name of the entry as
    the directory gave it. Times are seconds since the epoch, by the directory's clock. Who is `private`
    has asked that nothing be told of them. `details` are further standard claims under the names of OpenID
    Connect (Core 1.0, 5.1), without those that the directory has no value for.
    """

    id: str
    net_id: str
    dn: str
    name: str | None = None
    mail: str | None = None
    groups: Sequence[str] = ()
    affiliations: Sequence[str] = ()
    principal_name: str | None = None
    password_changed_at: int | None = None
    password_expires_at: int | None = None
    grace_logins_remaining: int | None = None
    private: bool = False
    details: Mapping[str, object] = field(default_factory=dict, hash=False, repr=False)


@dataclass(frozen=True, slots=True)
class LockoutStatus:
    """How near an account is to being locked, by the count of the server that will take the bind.

    `failures` are those counted now and `limit` how many lock it; None where the service account may not read
    it, or the server does not say. A `limit` of 0 locks nobody.
    """

    failures: int | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class PersonState:
    """What the directory shows of a person whose password nobody tries, for the help desk.

    `refusal` is why they cannot log in, where the entry says so for certain, and `detail` its sentence, which
    may also stand alone: for what is not certain. When the password was changed and expires is in `person`.
    """

    person: Person
    refusal: Refusal | None = None
    detail: str = ""
    lockout_status: LockoutStatus = LockoutStatus()


class InvalidCredentials(Exception):
    """The directory said no. `reason` goes to the audit only, `detail` to the log.

    `person_id` is the stable id of the person, where our account found exactly one entry; `server` the URI of
    the server that refused the bind, where one did; `servers` those that said that there is no such person,
    where the directory has servers. `needs_new_password` is true if the directory verified the password, and
    refuses the login only until the user sets a new one (`expired`, `must_change`). Only then a page may say
    so.
    """

    def __init__(self, reason: Refusal, detail: str = "") -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.detail = detail
        self.person_id: str | None = None
        self.server: str | None = None
        self.servers: tuple[str, ...] = ()
        self.needs_new_password = False


class DirectoryUnavailable(Exception):
    """The directory cannot say: unreachable, too slow, busy, or refusing our own service account.

    `cause` is a sentence for the operator. `alarm` marks a cause that no waiting will cure (a setting, a
    certificate, the service account).
    """

    def __init__(self, cause: str, *, alarm: bool = False) -> None:
        super().__init__(cause)
        self.cause = cause
        self.alarm = alarm


class Account(Protocol):
    """The entry that a login name leads to. `verify` tries its password.

    Where the bind needs no search (a DN template), the directory reads the entry at the first use of an
    attribute. Then each attribute and method may raise InvalidCredentials (`unknown_person`: no such entry)
    and DirectoryUnavailable.
    """

    @property
    def is_readable(self) -> bool:
        """Whether the service account can read the entry before the bind.

        It is False where only users may read their own entries: a DN template without a service account.
        Then `verify` is the only method to call.
        """
        ...

    @property
    def person_id(self) -> str:
        """The stable id of the person."""
        ...

    @property
    def fingerprint(self) -> bytes:
        """A digest of the time of the last password change and of the lockout.

        Two equal fingerprints mean that neither has changed. It is empty where the entry does not show them,
        or shows a lock that may end without a trace. Then a password that was wrong may be right by now, and
        no refusal may be answered from the cache.
        """
        ...

    def is_unchanged(self) -> bool:
        """Read the entry again; True if its fingerprint is the same and not empty.

        Call it after a refused bind: a lock that began just before the bind may have refused a right password
        as a wrong one.

        Raises:
            DirectoryUnavailable: the directory cannot say.
        """
        ...

    def lockout_status(self) -> LockoutStatus:
        """Ask the server that will take the bind how near the account is to being locked.

        It costs one or two searches. `verify` then binds on that server, or not at all.

        Raises:
            DirectoryUnavailable: the directory cannot say.
        """
        ...

    def refusal_without_bind(self, detail: str) -> InvalidCredentials:
        """Make the refusal of a password that is known to be wrong, without a bind.

        Apart from the bind it asks the directory what `verify` would ask, so that it fails when that fails.

        Args:
            detail: the reason, for the log.

        Returns:
            The refusal, to be raised by the caller: `wrong_password`, with the person's id.

        Raises:
            DirectoryUnavailable: `verify` could not say either.
        """
        ...

    def verify(self, password: str) -> Person:
        """Bind as the entry with `password` (RFC 4513, section 5.1.3), once.

        The person's groups, where `find` was asked for them, are searched before the bind: a search that
        failed after it would reveal that the password was right.

        Args:
            password: as typed; an unacceptable one (`encoded_password`) is refused without a bind.

        Raises:
            InvalidCredentials: refused, with its reason.
            DirectoryUnavailable: nothing can be said about the password.
        """
        ...


class Directory(Protocol):
    """What the rest of the house may ask of a directory."""

    def find(self, net_id: str, *, groups: bool = False) -> Account:
        """Find the one entry that a login name leads to. No password is tried.

        With a DN template it reads nothing, and the entry need not exist.

        Args:
            net_id: the login name as typed.
            groups: whether `verify` adds the person's groups, which may cost further searches.

        Raises:
            InvalidCredentials: no person or several people have this name, or the entry says for certain
                that the person may not log in: `unknown_person`, `ambiguous`, `disabled`, ….
            DirectoryUnavailable: the directory cannot say.
        """
        ...

    def read(self, person_id: str, *, groups: bool = False) -> Person:
        """Read the person with the stable id `person_id` again, as a token refresh does.

        Raises:
            InvalidCredentials: no such person now (`unknown_person`, with the servers that say so), or the
                entry says for certain that they may not log in: `disabled`, `locked`, `expired`,
                `must_change`, `not_now`.
            DirectoryUnavailable: the directory cannot say.
        """
        ...

    def examine(self, net_id: str, *, groups: bool = False) -> PersonState:
        """Look at the person whom a login as `net_id` would find; no password is tried.

        It says why a login fails or would fail, and costs further searches: for people, not for programs.

        Args:
            net_id: the login name as typed.
            groups: whether the person's groups are wanted.

        Raises:
            InvalidCredentials: it is nobody's name, or several people's: `unknown_person`, `ambiguous`.
            DirectoryUnavailable: nothing can be said.
        """
        ...

    def spelling(self, dn: str) -> str | None:
        """Tell how the directory itself writes the DN of an entry.

        It costs a search: for checks of rules, not for requests.

        Args:
            dn: of any entry, such as a group.

        Returns:
            The DN as the directory writes it; None where our account sees no such entry.

        Raises:
            DirectoryUnavailable: nothing can be said.
        """
        ...

    def ping(self) -> None:
        """Ask cheaply whether the directory answers.

        Raises:
            DirectoryUnavailable: it does not.
        """
        ...

    def check_settings(self) -> None:
        """Check that the settings find users: server, service account, base, kind, attributes and filter.

        It costs a few searches: for the start of a server, not for requests.

        Raises:
            DirectoryUnavailable: they find none, with the setting to change and `alarm`; or the directory
                cannot say.
        """
        ...

    def close(self) -> None:
        """Close every connection. The directory can be used again after it."""
        ...


def encoded_password(password: str) -> bytes:
    """Encode a password as UTF-8 (RFC 4513, section 5.1.3), without preparation, as directories store it.

    Raises:
        InvalidCredentials: `unacceptable`. It is empty, which many directories accept as an anonymous bind
            (RFC 4513, section 5.1.2), holds a NUL, is too long, or is not Unicode text.
    """
    try:
        encoded = password.encode()
    except UnicodeEncodeError:
        raise InvalidCredentials(Refusal.UNACCEPTABLE, "the password is not Unicode text") from None
    if not encoded:
        raise InvalidCredentials(Refusal.UNACCEPTABLE, "the password is empty")
    if b"\0" in encoded:
        raise InvalidCredentials(Refusal.UNACCEPTABLE, "the password holds a NUL")
    if len(encoded) > MAX_PASSWORD_BYTES:
        raise InvalidCredentials(Refusal.UNACCEPTABLE, f"the password is over {MAX_PASSWORD_BYTES} bytes")
    return encoded
