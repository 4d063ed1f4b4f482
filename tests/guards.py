"""Logins over a fake directory, with failures counted in memory."""

import io
from dataclasses import dataclass, field

from directory import Directory, Person
from login import Limits, Login, open_guard, parse_limits
from login.local_failures import LocalFailures
from login.ports import FailureStore
from telemetry import open_log
from tests.conftest import Clock
from tests.fakes import FakeAccount, FakeDirectory


class Away(Exception):
    """The store of failures is away."""


@dataclass
class Gate:
    """A login as a test sees it: its directory, its clock, its store, and what it logged."""

    directory: Directory = field(default_factory=lambda: FakeDirectory(account=FakeAccount()))
    store: FailureStore = field(default_factory=lambda: LocalFailures(step=1))
    clock: Clock = field(default_factory=Clock)
    person: str = ""
    client: str = ""
    address: str = ""
    server: str = ""
    client_rate: str = ""
    workers: int = 1
    places: int = 1
    log: io.StringIO = field(default_factory=io.StringIO)
    login: Login = field(init=False)

    def __post_init__(self) -> None:
        guard = open_guard(
            self.store,
            trouble=Away,
            name_key=b"k" * 32,
            realms=("campus.example", "CAMPUS"),
            limits=Limits(*map(parse_limits, (self.person, self.client, self.address, self.server))),
            client_rate=parse_limits(self.client_rate),
            workers=self.workers,
            log=open_log(self.log),
            clock=self.clock,
            monotonic=self.clock,
        )
        self.login = Login(self.directory, guard, places=self.places)

    def ask(
        self,
        net_id: str = "alice",
        password: str = "x",  # noqa: S107 - of nobody
        *,
        client_id: str = "a-client",
        address: str = "192.0.2.1",
    ) -> Person:
        """Log in."""
        return self.login.authenticate(net_id, password, client_id=client_id, address=address)
