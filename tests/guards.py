"""Logins over a fake directory, with failures counted in memory."""

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from directory import Directory, Person
from login import Limits, Login, LoginRules, LoginStores, parse_limits
from login.ports import FailureRecords
from telemetry import open_log
from tests.conftest import Clock
from tests.failures import MemoryFailures
from tests.fakes import FakeAccount, FakeDirectory


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
        )
        self.login = Login(
            self.directory,
            rules,
            LoginStores(self.store, self.refused, Away),
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

    def sign_in(
        self, net_id: str = "alice", password: str | None = None, *, address: str = "192.0.2.1"
    ) -> Person:
        """Log in on the sign-in page, with a password that was not tried before unless one is given."""
        return self.login.sign_in(net_id, self._password(password), address=address)

    def _password(self, password: str | None) -> str:
        self.guesses += 1
        return f"guess{self.guesses}" if password is None else password
