"""Logins over a fake directory, with failures counted in memory."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from directory import Directory, Person
from login import Limits, Login, LoginRules, LoginStores, parse_limits
from login.app_passwords import digest_of, new_app_password
from login.ports import AppPasswordRecord, FailureRecords
from telemetry import open_log
from tests.conftest import NOON, Clock
from tests.failures import MemoryFailures
from tests.fakes import ALICE, FakeAccount, FakeDirectory


class Away(Exception):
    """The store of failures is away."""


class Remembered(NamedTuple):
    """A refused password."""

    tag: bytes
    fingerprint: bytes
    client_id: str
    at: int

    def is_live(self, at: int) -> bool:
        """Whether it is remembered: for 15 minutes if it was certainly wrong, else for an hour."""
        return self.at > at - (900 if self.fingerprint else 3600)


class Refusals:
    """Refused passwords in memory; `asked` counts the questions, and `away` takes it away."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[tuple[bytes, str], Remembered]] = {}
        self.asked = 0
        self.away = False

    def of(self, subject: str, at: int) -> list[Remembered]:
        """Those that are remembered."""
        self._ask()
        return [each for each in self.rows.get(subject, {}).values() if each.is_live(at)]

    def remember(self, subject: str, client_id: str, tag: bytes, fingerprint: bytes, at: int) -> None:
        """Keep one."""
        self._ask()
        record = Remembered(tag, fingerprint, client_id, at)
        self.rows.setdefault(subject, {})[tag, client_id] = record

    def _ask(self) -> None:
        self.asked += 1
        if self.away:
            raise Away("locked")


@dataclass(kw_only=True)
class MadeAppPassword:
    """An app password in memory."""

    id: bytes = b"an app password."
    client_id: str = "a-client"
    directory: str = "default"
    subject: str = ALICE.id
    scope: str = ""
    networks: Sequence[str] = ()
    password_changed_at: int | None = ALICE.password_changed_at
    expires_at: int = NOON + 180 * 86_400
    last_used_at: int | None = NOON
    ended: bool = False
    missed: bool = False

    def is_live(self, now: int) -> bool:
        """Whether it has not ended, and was used within 90 days."""
        return not self.ended and now < min(self.expires_at, (self.last_used_at or 0) + 90 * 86_400)


class MemoryAppPasswords:
    """App passwords in memory; `asked` counts the questions."""

    def __init__(self) -> None:
        self.made: dict[bytes, MadeAppPassword] = {}
        self.asked = 0

    def make(self, record: MadeAppPassword | None = None) -> str:
        """Keep an app password under a new value, and return the value."""
        value = new_app_password()
        digest = digest_of(value)
        assert digest is not None
        self.made[digest] = record or MadeAppPassword()
        return value

    def find(self, digest: bytes) -> MadeAppPassword | None:
        """The one that is kept."""
        self.asked += 1
        return self.made.get(digest)


@dataclass
class Gate:
    """A login as a test sees it: its directory, its clock, its store, and what it logged."""

    directory: Directory = field(default_factory=lambda: FakeDirectory(account=FakeAccount()))
    store: FailureRecords = field(default_factory=MemoryFailures)
    clock: Clock = field(default_factory=Clock)
    person: str = ""
    client: str = ""
    address: str = ""
    server: str = ""
    client_rate: str = ""
    shield_budget: int = 0
    shield_window: int = 3600
    sees_accounts: bool = True
    workers: int = 1
    slots: int = 1
    monotonic: Callable[[], float] | None = None
    sleep: Callable[[float], None] = field(default=lambda _: None)
    log: io.StringIO = field(default_factory=io.StringIO)
    refused: Refusals = field(default_factory=Refusals)
    guesses: int = 0
    app_passwords: MemoryAppPasswords = field(default_factory=MemoryAppPasswords)
    survives: bool = True
    login: Login = field(init=False)

    def __post_init__(self) -> None:
        rules = LoginRules(
            limits=Limits(*map(parse_limits, (self.person, self.client, self.address, self.server))),
            client_rate=parse_limits(self.client_rate),
            shield_budget=self.shield_budget,
            shield_window=self.shield_window,
            sees_accounts=self.sees_accounts,
            workers=self.workers,
            realms=("campus.example", "CAMPUS"),
            slots=self.slots,
            app_passwords_survive=self.survives,
        )
        self.login = Login(
            self.directory,
            rules,
            LoginStores(self.store, self.refused, Away, self.app_passwords),
            keys=(b"k" * 32, b"p" * 32),
            log=open_log(self.log),
            clock=self.clock,
            monotonic=self.monotonic or self.clock,
            sleep=self.sleep,
        )

    def ask(
        self,
        net_id: str = "alice",
        password: str | None = None,
        *,
        client_id: str = "a-client",
        address: str = "192.0.2.1",
    ) -> Person:
        """Log in, with a password that was not tried before unless one is given."""
        return self.login.authenticate(net_id, self._password(password), client_id=client_id, address=address)

    def use(
        self,
        value: str,
        net_id: str = "alice",
        *,
        client_id: str = "a-client",
        address: str = "192.0.2.1",
        groups: bool = False,
        check: Callable[[Person], None] = lambda _: None,
    ) -> tuple[Person, AppPasswordRecord]:
        """Log in with an app password."""
        return self.login.app_passwords.authenticate(
            net_id, value, client_id=client_id, address=address, groups=groups, check=check
        )

    def sign_in(
        self, net_id: str = "alice", password: str | None = None, *, address: str = "192.0.2.1"
    ) -> Person:
        """Log in on the sign-in page, with a password that was not tried before unless one is given."""
        return self.login.sign_in(net_id, self._password(password), address=address)

    def _password(self, password: str | None) -> str:
        self.guesses += 1
        return f"guess{self.guesses}" if password is None else password
