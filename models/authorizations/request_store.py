"""Authorization and logout requests that are under way: pushed by a client, or at a user's browser.

Owns: that a request is taken once (RFC 9126, 7.3), and that a flood of them stays within a limit. Must not
know: what its parameters mean.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

from sqlalchemy import bindparam, delete, insert, select, update

from models.authorizations.table_limit import TableLimit
from models.base import table
from models.database.driver import DriverConnection, Statement
from models.sign_in_tables import AuthorizationRequestRow
from models.sqlite.group_commit import GroupCommit

RequestKind = Literal["pushed", "browser", "logout"]
_REQUEST = table(AuthorizationRequestRow)
# Anyone can send a browser here. A flood pushes out the oldest sign-ins under way, and fills no disk.
# Requests for a logout live shorter, and so they go first.
MOST_AT_BROWSERS = 100_000
AT_BROWSERS = _REQUEST.c.kind != "pushed"


class StoredRequest(NamedTuple):
    """An authorization request that is under way. Times are seconds since the epoch.

    `client_id` is None where the browser came for a page of this server.
    """

    client_id: str | None
    parameters: Mapping[str, object]
    created_at: int
    expires_at: int


_COLUMNS = tuple(_REQUEST.c[name] for name in StoredRequest._fields)
_IS_ONE = (
    (_REQUEST.c.id == bindparam("key"))
    & (_REQUEST.c.kind == bindparam("of_kind"))
    & (_REQUEST.c.expires_at > bindparam("now"))
)
_INSERT = Statement(insert(_REQUEST), _REQUEST.c.keys())
_FIND = Statement(select(*_COLUMNS).where(_IS_ONE), row=StoredRequest)
_CHANGE = Statement(update(_REQUEST).where(_IS_ONE), ["parameters"])
_TAKE = Statement(delete(_REQUEST).where(_IS_ONE).returning(*_COLUMNS), row=StoredRequest)


class RequestStore:
    """The authorization requests in the database."""

    def __init__(
        self,
        clock: Callable[[], float],
        limit: TableLimit | None = None,
        *,
        commits: GroupCommit | None = None,
    ) -> None:
        """Open the store.

        Args:
            clock: seconds since the epoch.
            limit: the limit on requests at browsers; the usual one if None.
            commits: the write queue of this process; one of its own if None.
        """
        self._clock = clock
        self._commits = commits or GroupCommit()
        self._limit = limit or TableLimit(_REQUEST, MOST_AT_BROWSERS, counted=AT_BROWSERS)

    def add(
        self,
        key: bytes,
        kind: RequestKind,
        client_id: str | None,
        parameters: Mapping[str, object],
        expires_at: int,
    ) -> None:
        """Store a request.

        Args:
            key: the SHA-256 of its handle.
            kind: `pushed`, `browser` or `logout`.
            client_id: its client, if there is one.
            parameters: a JSON object.
            expires_at: seconds since the epoch.

        Raises:
            StoreUnavailable: it was not stored.
        """
        row: dict[str, Any] = {
            "id": key,
            "kind": kind,
            "client_id": client_id,
            "parameters": parameters,
            "created_at": self._now(),
            "expires_at": expires_at,
        }
        self._commits.run(lambda link: link.run(_INSERT, row), alone=True)
        self._limit.keep(row["created_at"])

    def find(self, key: bytes, kind: RequestKind) -> StoredRequest | None:
        """The request, which stays; None if there is none of this kind, or it has expired.

        Args:
            key: the SHA-256 of its handle.
            kind: `pushed`, `browser` or `logout`.

        Raises:
            StoreUnavailable: the database cannot say.
        """
        with DriverConnection(alone=True, engine=self._commits.engine) as link:
            return link.first(_FIND, self._which(key, kind))

    def change(self, key: bytes, kind: RequestKind, parameters: Mapping[str, object]) -> bool:
        """Replace the parameters of a request. False if there is none, or it has expired.

        Args:
            key: the SHA-256 of its handle.
            kind: `pushed`, `browser` or `logout`.
            parameters: a JSON object.

        Raises:
            StoreUnavailable: nothing was changed.
        """
        return self._commits.run(self.change_beside(key, kind, parameters), alone=True) == 1

    def change_beside(
        self, key: bytes, kind: RequestKind, parameters: Mapping[str, object]
    ) -> Callable[[DriverConnection], int]:
        """The same change as a part of another transaction, such as that of a code.

        Args:
            key: the SHA-256 of its handle.
            kind: `pushed`, `browser` or `logout`.
            parameters: a JSON object.

        Returns:
            The write, which gives the number of changed rows.
        """
        values = {**self._which(key, kind), "parameters": parameters}
        return lambda link: link.run(_CHANGE, values)

    def take(self, key: bytes, kind: RequestKind) -> StoredRequest | None:
        """Take the request away; of several at once, one gets it. None as of `find`.

        Args:
            key: the SHA-256 of its handle.
            kind: `pushed`, `browser` or `logout`.

        Raises:
            StoreUnavailable: whether it was taken is unknown.
        """
        with DriverConnection(alone=True) as link:
            taken = link.returned(_TAKE, self._which(key, kind))
            link.commit()
        return taken[0] if taken else None

    def _which(self, key: bytes, kind: RequestKind) -> dict[str, object]:
        return {"key": key, "of_kind": kind, "now": self._now()}

    def _now(self) -> int:
        return int(self._clock())
