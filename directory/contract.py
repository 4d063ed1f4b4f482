"""The directory contract: one question, three outcomes, never a bool."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

MAX_NAME_CHARACTERS: Final = 256
"""Characters (code points) of a login name as typed: 1,024 octets of UTF-8 at most. A longer one is no name,
and is refused before it is normalised, compared or digested: each of these takes time that grows with it."""


class Refusal(StrEnum):
    """Why a login was refused. For the audit; a client is never told which (RFC 6749, 5.2).

    The last two are rules of this server: about who may have a token, and about where a program may be.
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


@dataclass(frozen=True, slots=True)
class Person:
    """One person, as the directory has them at this moment.

    `id` is the stable id that becomes `sub`; `net_id` the canonical login name; `dn` the name of the entry as
    the directory gave it. Times are seconds since the epoch, by the directory's clock. Who is `private`
    has asked that nothing be told of them.
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


class Account(Protocol):
    """The entry that a name leads to, before its password is tried.

    Where the bind needs no search (a DN template), the entry is read when it is first looked at. Then each
    attribute may raise InvalidCredentials (`unknown_person`: there is none) and DirectoryUnavailable.
    """

    @property
    def person_id(self) -> str:
        """The stable id of the person."""
        ...

    @property
    def state(self) -> bytes:
        """A digest of when the password was changed and of the lockout: equal means as before.

        It is empty where the entry does not tell, or tells of a lock that may end without a trace: then a
        password that was wrong may be right, and nothing may be answered from memory.
        """
        ...

    def is_unchanged(self) -> bool:
        """Read the entry again, and say whether `state` holds and is not empty.

        It is for after a bind: a lock that began just before it may have refused a right password as a wrong
        one.

        Raises:
            DirectoryUnavailable: nothing can be said.
        """
        ...

    def lockout_status(self) -> LockoutStatus:
        """Ask the server that will take the bind how near the account is to being locked.

        It costs a further search or two. The bind then goes to that server or is not made.

        Raises:
            DirectoryUnavailable: nothing can be said.
        """
        ...


Admit = Callable[[Account], None]


class InvalidCredentials(Exception):
    """The directory said no. `reason` goes to the audit only, `detail` to the log.

    `person_id` is the stable id of the person, where our account found exactly one entry; `server` the URI of
    the server that refused the bind, where one did; `servers` those that said that there is no such person,
    where the directory has servers.
    """

    def __init__(self, reason: Refusal, detail: str = "") -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.detail = detail
        self.person_id: str | None = None
        self.server: str | None = None
        self.servers: tuple[str, ...] = ()


class DirectoryUnavailable(Exception):
    """The directory cannot say: unreachable, too slow, busy, or refusing our own service account.

    `cause` is a sentence for the operator. `alarm` marks a cause that no waiting will cure (a setting, a
    certificate, the service account).
    """

    def __init__(self, cause: str, *, alarm: bool = False) -> None:
        super().__init__(cause)
        self.cause = cause
        self.alarm = alarm


class Directory(Protocol):
    """What the rest of the house may ask of a directory."""

    def authenticate(
        self, net_id: str, password: str, *, groups: bool = False, admit: Admit | None = None
    ) -> Person:
        """Search exactly one entry for `net_id` and bind as it with `password` (RFC 4513, 5.1.3).

        Args:
            net_id: the login name as typed.
            password: as typed; empty, with a NUL or over 1,024 bytes of UTF-8 it is refused without a bind.
            groups: whether the person's groups are wanted (they may cost further searches).
            admit: is shown the account that was found before its password is tried, and may raise to keep
                it from being tried; what it raises goes through. A directory that lets nobody but people
                themselves read their entry (a DN template, and no account of ours) shows none: then it is
                not called.

        Raises:
            InvalidCredentials: refused, with its reason.
            DirectoryUnavailable: nothing can be said about the password.
        """
        ...

    def find(self, person_id: str, *, groups: bool = False) -> Person:
        """Read the person with the stable id `person_id` again.

        Raises:
            InvalidCredentials: no such person now (`unknown_person`, with the servers that say so), or the
                entry says for certain that they may not log in: `disabled`, `locked`, `expired`,
                `must_change`, `not_now`.
            DirectoryUnavailable: nothing can be said.
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

    def close(self) -> None:
        """Close every connection. The directory can be used again after it."""
        ...
