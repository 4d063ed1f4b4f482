"""A registered client as plain values, detached from the database."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import groupby
from typing import Any

from sqlalchemy import Row

OPERATOR = "operator"
"""The audit's word for who changed a client, where the caller names nobody else."""
# An imported weak secret is tolerated for three months.
_WEAK_SECONDS = 90 * 86_400


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
    """A registered client with its secrets."""

    client_id: str
    created_at: int
    disabled_at: int | None = None
    secrets: Sequence[ClientSecret] = ()

    @property
    def is_public(self) -> bool:
        """Whether the client has no secret to authenticate with (RFC 6749, 2.1)."""
        return self.token_endpoint_auth_method == "none"  # noqa: S105 - a method's name


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
        created_at=row.created_at,
        disabled_at=row.disabled_at,
        secrets=tuple(secrets),
    )
