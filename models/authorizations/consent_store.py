"""Remembered consents: what a user need not be asked again for a client.

Owns: that consents to several scopes add up, and that two at once lose nothing.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from models.base import table
from models.database.driver import DriverConnection, Statement
from models.sign_in_tables import ConsentRow
from models.tables import DEFAULT_DIRECTORY, ClientRow

_CONSENT, _CLIENT = table(ConsentRow), table(ClientRow)
_OF_SUBJECT = (_CONSENT.c.subject == bindparam("of_subject")) & (
    _CONSENT.c.directory == bindparam("of_directory")
)
_IS_ONE = _OF_SUBJECT & (_CONSENT.c.client_id == bindparam("of_client"))


class Consent(NamedTuple):
    """A user's remembered consent to a client.

    `granted_at` is its last change, in seconds since the epoch.
    """

    client_id: str
    client_name: str | None
    scope: str
    granted_at: int


_SELECT = select(
    _CONSENT.c.client_id, _CLIENT.c.client_name, _CONSENT.c.scope, _CONSENT.c.granted_at
).select_from(_CONSENT.outerjoin(_CLIENT, _CLIENT.c.client_id == _CONSENT.c.client_id))
_FIND = Statement(_SELECT.where(_IS_ONE), row=Consent)
_LIST = Statement(_SELECT.where(_OF_SUBJECT).order_by(_CONSENT.c.client_id), row=Consent)
_LOCK = Statement(select(_CONSENT.c.scope).where(_IS_ONE).with_for_update())
_JOIN = Statement(update(_CONSENT).where(_IS_ONE), ["scope", "granted_at"])
_FORGET = Statement(delete(_CONSENT).where(_IS_ONE))


def _insert(kind: Any) -> Statement[Any]:
    return Statement(kind(_CONSENT).on_conflict_do_nothing(), _CONSENT.c.keys())


_INSERT = {"sqlite": _insert(sqlite.insert), "postgresql": _insert(postgresql.insert)}


class ConsentStore:
    """The remembered consents in the database."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Open the store.

        Args:
            clock: seconds since the epoch.
        """
        self._clock = clock

    def find(self, subject: str, client_id: str, *, directory: str = DEFAULT_DIRECTORY) -> Consent | None:
        """A user's consent to a client, or None.

        Args:
            subject: the user's stable id.
            client_id: the client.
            directory: the name of the directory that `subject` belongs to.

        Raises:
            StoreUnavailable: the database cannot say.
        """
        with DriverConnection(alone=True) as link:
            return link.first(_FIND, _one(subject, client_id, directory))

    def remember(
        self, subject: str, client_id: str, scope: str, *, directory: str = DEFAULT_DIRECTORY
    ) -> None:
        """Add scopes to a user's consent.

        Args:
            subject: the user's stable id.
            client_id: the client.
            scope: the scopes, separated by spaces.
            directory: the name of the directory that `subject` belongs to.

        Raises:
            StoreUnavailable: nothing was stored.
        """
        one, now = _one(subject, client_id, directory), int(self._clock())
        new = {"subject": subject, "directory": directory, "client_id": client_id}
        with DriverConnection() as link:
            row = {**new, "scope": _joined(scope), "granted_at": now}
            if link.run(_INSERT[link.dialect.name], row) != 1:
                known = link.first(_LOCK, one)
                joined = _joined(known["scope"] if known else "", scope)
                link.run(_JOIN, {**one, "scope": joined, "granted_at": now})
            link.commit()

    def forget(self, subject: str, client_id: str, *, directory: str = DEFAULT_DIRECTORY) -> bool:
        """Forget a user's consent to a client. False if there is none.

        Args:
            subject: the user's stable id.
            client_id: the client.
            directory: the name of the directory that `subject` belongs to.

        Raises:
            StoreUnavailable: nothing was forgotten.
        """
        with DriverConnection(alone=True) as link:
            gone = link.run(_FORGET, _one(subject, client_id, directory)) == 1
            link.commit()
        return gone

    @staticmethod
    def list_of(subject: str, *, directory: str = DEFAULT_DIRECTORY) -> Sequence[Consent]:
        """Every consent of a user, by client id.

        Args:
            subject: the user's stable id.
            directory: the name of the directory that `subject` belongs to.

        Raises:
            StoreUnavailable: the database cannot say.
        """
        with DriverConnection(alone=True) as link:
            return link.all(_LIST, {"of_subject": subject, "of_directory": directory})


def _one(subject: str, client_id: str, directory: str) -> dict[str, str]:
    return {"of_subject": subject, "of_client": client_id, "of_directory": directory}


def _joined(*scopes: str) -> str:
    """The distinct scopes, in their first order."""
    return " ".join(dict.fromkeys(" ".join(scopes).split()))
