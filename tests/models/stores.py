"""The stores of one application on one database, as the rules of every database use them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from secrets import token_bytes
from typing import Any
from unittest.mock import patch

from sqlalchemy import Engine, event, func, select

from models import (
    Base,
    ClientStore,
    GrantCap,
    GrantStore,
    GroupCommit,
    NewGrant,
    NewToken,
    RefreshStore,
    RefreshToken,
    Registration,
    Renewal,
    SecretHasher,
    db,
    moment_prefix,
    new_grant_id,
)
from models.database.driver import DriverConnection
from telemetry import AuditEvent
from tests.conftest import Clock, Site, forget_registrations
from tests.fakes import OPERATOR

FIRST_KEY = ("first", b"1" * 32)
SECOND_KEY = ("second", b"2" * 32)


@dataclass(frozen=True)
class Place:
    """What differs from one database to another."""

    url: str
    # Everything that a thief of the database would hold.
    dump: Callable[[], str]
    # While it lasts, another program holds what a writer needs; or the database is not there at all.
    held: Callable[[], AbstractContextManager[None]]
    away: Callable[[], AbstractContextManager[None]]
    # Makes a connection give up soon, so that no test waits as long as a request would.
    hurry: Callable[[Any], None]


@dataclass(frozen=True)
class Issued:
    """An issue: the grant's id, and the keys of its tokens."""

    grant_id: bytes
    access: bytes
    refresh: bytes


@dataclass(frozen=True)
class Stores:
    """The stores, with helpers that fill them and read their tables."""

    site: Site
    clock: Clock
    grants: GrantStore = field(init=False)
    refreshes: RefreshStore = field(init=False)
    clients: ClientStore = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "grants", GrantStore(self.clock, GroupCommit()))
        object.__setattr__(self, "refreshes", RefreshStore(self.grants.commits))
        object.__setattr__(self, "clients", self.clients_with(FIRST_KEY))

    @property
    def now(self) -> int:
        """The time of the clock."""
        return int(self.clock())

    @property
    def engine(self) -> Engine:
        """The application's engine."""
        return db.engine

    def clients_with(self, *keys: tuple[str, bytes]) -> ClientStore:
        """A client store with this ring of keys."""
        return ClientStore(SecretHasher(keys), self.grants, self.clock)

    def register(self, name: str = "a program", **changes: Any) -> tuple[str, str]:
        """Register a confidential client, and return its id and secret. The audit is emptied afterwards."""
        client, secret = self.clients.create(Registration(client_name=name, **changes), actor=OPERATOR)
        forget_registrations()
        assert secret is not None
        return client.client_id, secret

    def verifies(self, secret: str, client_id: str, clients: ClientStore | None = None) -> bool:
        """Whether a valid secret of the client matches, as in client authentication."""
        clients = clients or self.clients
        client = clients.get(client_id)
        assert client is not None
        stored = [(each.key_id, each.digest) for each in client.secrets if each.is_live(self.now)]
        return any(clients.hasher.matches([secret], stored))

    def audit(self, name: str = "token.issued", **changes: Any) -> AuditEvent:
        """An audit event of now."""
        return AuditEvent(event=name, at=self.now, **changes)

    def issue(
        self,
        client_id: str = "a-client",
        *,
        access_ttl: int = 3600,
        refresh_ttl: int | None = 86_400,
        event: AuditEvent | None = None,
        keys: tuple[bytes, bytes] | None = None,
        subject: str | None = "subject-of-alice",
        net_id: str | None = "alice",
        cnf: Mapping[str, str] | None = None,
        audience: str | None = None,
        of_grant: Mapping[str, Any] | None = None,
        **changes: Any,
    ) -> Issued:
        """Issue an access token bound to `cnf`, and a refresh token unless it has no time to live."""
        self._know(client_id)
        ends, refresh_ends = self.now + access_ttl, self.now + (refresh_ttl or 0)
        access, refresh = keys or (self.key(ends), self.key(refresh_ends))
        grant = NewGrant(
            id=new_grant_id(self.now),
            client_id=client_id,
            subject=subject,
            net_id=net_id,
            scope="profile email",
            claims={"name": "Ålice", "mail": "alice@campus.example"},
            password_changed_at=self.now - 99,
            auth_time=self.now,
            expires_at=max(ends, refresh_ends),
            origin="password",
        )._replace(**(of_grant or {}))
        self.grants.issue(
            grant,
            NewToken(key=access, expires_at=ends, cnf=cnf, audience=audience),
            NewToken(key=refresh, expires_at=refresh_ends) if refresh_ttl else None,
            event or self.audit(grant_id=grant.id.hex()),
            **changes,
        )
        return Issued(grant.id, access, refresh)

    def found(self, key: bytes) -> RefreshToken:
        """The result of a look-up of a refresh token."""
        found = self.refreshes.find(key)
        assert found is not None
        return found

    def rotate(
        self,
        key: bytes,
        found: RefreshToken,
        *,
        keys: tuple[bytes, bytes] | None = None,
        event: AuditEvent | None = None,
        secret_used: tuple[str, int] | None = None,
        **changes: Any,
    ) -> bool:
        """Rotate a refresh token into the pair of tokens under `keys`."""
        ends, refresh_ends = self.now + 3600, self.now + 86_400
        access, refresh = keys or (self.key(ends), self.key(refresh_ends))
        usual = Renewal(
            at=self.now,
            access=NewToken(key=access, expires_at=ends),
            refresh=NewToken(key=refresh, expires_at=refresh_ends),
            scope="profile",
            claims={"name": "Álice"},
            net_id=found.net_id,
        )
        event = event or self.audit("token.refreshed", grant_id=found.grant_id.hex())
        return self.refreshes.rotate(key, found, replace(usual, **changes), event, secret_used=secret_used)

    def keep(self, key: bytes, found: RefreshToken, *, ends: int | None = None, **changes: Any) -> bool:
        """Issue an access token for a refresh token that stays; `ends` moves the refresh token's end."""
        at = self.now
        renewal = Renewal(
            at=at,
            access=NewToken(key=self.key(at + 3600), expires_at=at + 3600),
            refresh=NewToken(key=key, expires_at=found.expires_at if ends is None else ends),
            scope="profile",
            claims={"name": "Álice"},
            net_id=found.net_id,
        )
        event = self.audit("token.refreshed", grant_id=found.grant_id.hex())
        return self.refreshes.keep(key, found, replace(renewal, **changes), event)

    def cap_grants(self, per_person: int) -> None:
        """Issue under a cap from now on."""
        object.__setattr__(self, "grants", GrantStore(self.clock, self.grants.commits, GrantCap(per_person)))

    def _know(self, client_id: str) -> None:
        """See to it that a client with this id is registered."""
        if self.clients.get(client_id) is None:
            made, _ = self.clients.create(Registration(client_name=client_id), actor=OPERATOR)
            forget_registrations()
            clients = Base.metadata.tables["client"]
            own = clients.c.client_id == made.client_id
            secrets = Base.metadata.tables["client_secret"]
            with self.engine.begin() as connection:
                connection.execute(secrets.delete().where(secrets.c.client_id == made.client_id))
                connection.execute(clients.update().where(own).values(client_id=client_id))

    def lives(self, issued: Issued) -> bool:
        """Whether the access token is valid now."""
        found = self.grants.find_access_token(issued.access)
        return found is not None and found.is_live(self.now)

    @staticmethod
    def key(ends: int) -> bytes:
        """The key of a token that ends at this time."""
        return moment_prefix(ends) + token_bytes(32)

    def rows(self, table: str) -> Sequence[dict[str, Any]]:
        """Every row of a table."""
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(Base.metadata.tables[table].select()).mappings()]

    def counts(self) -> dict[str, int]:
        """The number of rows of each table of tokens."""
        with self.engine.connect() as connection:
            return {
                name: connection.scalar(select(func.count()).select_from(Base.metadata.tables[name])) or 0
                for name in ("grant", "access_token", "refresh_token", "audit_event")
            }

    @contextmanager
    def counted_commits(self) -> Iterator[list[object]]:
        """Collects an item for each commit within the block."""
        commits: list[object] = []
        note = commits.append
        event.listen(self.engine, "commit", note)
        link_commits, runs_alone = DriverConnection.commit, DriverConnection.run

        def commit(link: DriverConnection) -> None:
            link_commits(link)
            if not link.alone:
                note(link)

        def run(link: DriverConnection, *statement: Any) -> int:
            if link.alone:
                note(link)
            return runs_alone(link, *statement)

        try:
            with patch.object(DriverConnection, "commit", commit), patch.object(DriverConnection, "run", run):
                yield commits
        finally:
            event.remove(self.engine, "commit", note)
