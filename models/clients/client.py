"""A registered client as plain values, detached from the database, and the cache of clients.

The cache keeps a client for two seconds, so that a busy program does not cost a read for each request.

Owns: the lifetime of cached clients. Changes by this process are visible at once, and changes by another
process within `CACHE_SECONDS`. A client that another process disabled gets no token even so: the insert of a
grant checks it. Figures: decision 20. Must not know: SQL.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import groupby
from threading import Lock
from typing import Any

from sqlalchemy import Row

from models.clients.password_grant import DEFAULT_POLICY, PasswordGrantPolicy

# An imported weak secret is tolerated for three months.
_WEAK_SECONDS = 90 * 86_400
CACHE_SECONDS = 2.0
_MAX_CACHED_CLIENTS = 1000


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """The stored facts about one secret, never the secret itself. Times are seconds since the epoch."""

    serial: int
    key_id: str
    digest: bytes = field(repr=False)
    created_at: int
    not_after: int | None
    last_used_at: int | None
    weak: bool

    @property
    def rotate_by(self) -> int | None:
        """The time by which to replace a weak secret, in seconds since the epoch; None for a strong one."""
        return self.created_at + _WEAK_SECONDS if self.weak else None

    def is_live(self, now: int) -> bool:
        """Whether the secret is valid at `now`."""
        return self.not_after is None or now < self.not_after


SECRET_COLUMNS = tuple(each.name for each in fields(ClientSecret))


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """The metadata that an operator registers for a client (RFC 7591, 2)."""

    client_name: str
    grant_types: Sequence[str] = ()
    scope: str = ""
    default_scope: str | None = None
    redirect_uris: Sequence[str] = ()
    token_endpoint_auth_method: str = "client_secret_basic"  # noqa: S105 - a method's name
    owner: str | None = None
    resource_server: bool = False
    flags: Mapping[str, bool] = field(default_factory=dict)
    access_token_format: str = "opaque"  # noqa: S105 - a format's name
    audiences: Sequence[str] = ()
    released_claims: Sequence[str] | None = None
    restrictions: Mapping[str, Sequence[str]] = field(default_factory=dict)
    post_logout_redirect_uris: Sequence[str] = ()
    backchannel_logout_uri: str | None = None

    def row(self, client_id: str, now: int) -> dict[str, object]:
        """The columns of a new client with this id, registered at `now` in seconds since the epoch."""
        columns = {each.name: getattr(self, each.name) for each in fields(Registration)}
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in columns.items()}
        return {
            **plain,
            "flags": dict(self.flags),
            "restrictions": {name: list(values) for name, values in self.restrictions.items()},
            "client_id": client_id,
            "created_at": now,
            "disabled_at": None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Client(Registration):
    """A registered client with its secrets, and its policy of the password grant."""

    client_id: str
    created_at: int
    disabled_at: int | None = None
    secrets: Sequence[ClientSecret] = ()
    password_grant: PasswordGrantPolicy = DEFAULT_POLICY

    @property
    def is_public(self) -> bool:
        """Whether the client has no secret to authenticate with (RFC 6749, 2.1)."""
        return self.token_endpoint_auth_method == "none"  # noqa: S105 - a method's name


class ClientCache:
    """A cache of clients by id. Unknown ids are not cached."""

    def __init__(self, read: Callable[[str], Client | None], clock: Callable[[], float]) -> None:
        """Begin empty.

        Args:
            read: reads a client from the database, or raises StoreUnavailable.
            clock: seconds since the epoch.
        """
        self._read = read
        self._clock = clock
        self._cached: dict[str, tuple[Client, float]] = {}
        self._lock = Lock()
        self._changes = 0

    def __len__(self) -> int:
        """The number of cached clients."""
        return len(self._cached)

    def get(self, client_id: str) -> Client | None:
        """The client with its secrets, or None.

        Raises:
            StoreUnavailable: the client is not cached, and the database cannot say.
        """
        return self.kept(client_id) or self.read(client_id)

    def kept(self, client_id: str) -> Client | None:
        """The cached client, or None, without a read of the database."""
        cached = self._cached.get(client_id)
        is_fresh = cached is not None and 0 <= self._clock() - cached[1] < CACHE_SECONDS
        return cached[0] if cached is not None and is_fresh else None

    def read(self, client_id: str) -> Client | None:
        """Read the client from the database and cache it; None if there is none.

        Raises:
            StoreUnavailable: the database cannot say.
        """
        now, changes = self._clock(), self._changes
        client = self._read(client_id)
        with self._lock:
            # A client that was read during a change may be the old one.
            if client is not None and changes == self._changes:
                if len(self._cached) >= _MAX_CACHED_CLIENTS:
                    self._cached.clear()
                self._cached[client_id] = client, now
        return client

    def forget(self) -> None:
        """Empty the cache: a client was changed, or the database is in trouble."""
        with self._lock:
            self._changes += 1
            self._cached.clear()


def clients_of(rows: Iterable[Row[Any]]) -> Sequence[Client]:
    """The clients of the rows that `client_store` selected: one row a secret, sorted by client.

    Args:
        rows: the columns of `client` by name, then `SECRET_COLUMNS` of one of its secrets, if it has any.
    """
    found = []
    for _, together in groupby(rows, key=lambda row: row.client_id):
        of_one = list(together)
        secrets = [
            ClientSecret(*row[-len(SECRET_COLUMNS) :]) for row in of_one if row.secret_serial is not None
        ]
        found.append(_client(of_one[0], secrets))
    return found


def _client(row: Row[Any], secrets: Sequence[ClientSecret]) -> Client:
    return Client(
        client_id=row.client_id,
        client_name=row.client_name,
        owner=row.owner,
        grant_types=tuple(row.grant_types),
        scope=row.scope,
        default_scope=row.default_scope,
        redirect_uris=tuple(row.redirect_uris),
        token_endpoint_auth_method=row.token_endpoint_auth_method,
        resource_server=row.resource_server,
        flags=dict(row.flags),
        access_token_format=row.access_token_format,
        audiences=tuple(row.audiences),
        released_claims=None if row.released_claims is None else tuple(row.released_claims),
        restrictions={name: tuple(values) for name, values in row.restrictions.items()},
        post_logout_redirect_uris=tuple(row.post_logout_redirect_uris),
        backchannel_logout_uri=row.backchannel_logout_uri,
        created_at=row.created_at,
        disabled_at=row.disabled_at,
        secrets=tuple(secrets),
        password_grant=PasswordGrantPolicy.from_json(row.password_grant)
        if row.password_grant
        else DEFAULT_POLICY,
    )
