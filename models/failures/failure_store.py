"""Refused logins. The limits of all workers and nodes count these rows.

Owns: that a look-up costs one statement, and a second one only if the counts of clients and addresses are
needed. Must not know: the limits.
"""

from collections.abc import Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Integer, ScalarSelect, bindparam, delete, insert, select, union_all, update

from models.base import table
from models.database.driver import DriverConnection, Statement
from models.tables import DEFAULT_DIRECTORY, LoginFailureRow

FAILURE_SECONDS = 31 * 86_400
"""Seconds for which failures are kept: the longest limit, and the history that the help desk sees."""


class PastFailure(NamedTuple):
    """One refused login, or an attempt that is under way.

    `at` is in seconds since the epoch. `address` is a network, as failures are counted. `is_new_password` is
    false if the same password had been refused before.
    """

    id: int
    at: int
    client_id: str
    address: str
    reason: str
    is_new_password: bool
    tried: bool
    cleared: bool

    @property
    def pending(self) -> bool:
        """Whether the outcome is not recorded yet."""
        return self.reason == "pending"


_FAILURE = table(LoginFailureRow)
# The most rows of one look-up. A user over a limit adds no more rows, so no limit reaches this.
_MAX_ROWS = 2000
PAST_FAILURE_COLUMNS = tuple(_FAILURE.c[name] for name in PastFailure._fields)
"""The columns of a `PastFailure`, in its order."""
_IS_NAME = (_FAILURE.c.name == bindparam("of_name")) & (_FAILURE.c.at > bindparam("since"))
_IS_SUBJECT = (_FAILURE.c.subject == bindparam("of_subject")) & (_FAILURE.c.at > bindparam("since"))
_OF_NAME = select(*PAST_FAILURE_COLUMNS).where(_IS_NAME).order_by(_FAILURE.c.at.desc()).limit(_MAX_ROWS)
_BY_NAME = Statement(_OF_NAME, row=PastFailure)
# Two index scans instead of an OR: without statistics, the database would read the whole table for an OR.
_BY_BOTH = Statement(
    union_all(
        select(_OF_NAME.subquery()),
        select(
            select(*PAST_FAILURE_COLUMNS)
            .where(_IS_SUBJECT, _FAILURE.c.name != bindparam("of_name"))
            .order_by(_FAILURE.c.at.desc())
            .limit(_MAX_ROWS)
            .subquery()
        ),
    ),
    row=PastFailure,
)
_NEWEST_FIRST = attrgetter("at", "id")
_RECORDED = [column.name for column in _FAILURE.c if column.name != "id"]
_RECORD = Statement(insert(_FAILURE).returning(_FAILURE.c.id), _RECORDED)
_IS_ROW = _FAILURE.c.id == bindparam("number")
_SETTLE = Statement(update(_FAILURE).where(_IS_ROW), ["reason", "subject", "is_new_password", "tried"])
_FORGET = Statement(delete(_FAILURE).where(_IS_ROW))
_CLEAR = Statement(update(_FAILURE).where(_IS_SUBJECT, _FAILURE.c.cleared.is_(False)).values(cleared=True))


class _Attempt(Protocol):
    @property
    def name(self) -> bytes: ...
    @property
    def client_id(self) -> str: ...
    @property
    def address(self) -> str: ...


class _Outcome(Protocol):
    @property
    def reason(self) -> str: ...
    @property
    def subject(self) -> str | None: ...
    @property
    def is_new_password(self) -> bool: ...
    @property
    def tried(self) -> bool: ...


class _Threshold(Protocol):
    @property
    def nth(self) -> int: ...
    @property
    def since(self) -> int: ...
    @property
    def client_id(self) -> str | None: ...
    @property
    def address(self) -> str | None: ...


class FailureStore:
    """The failures in the database."""

    def look(
        self, name: bytes, subject: str | None, since: int, thresholds: Sequence[_Threshold] = ()
    ) -> tuple[Sequence[PastFailure], Sequence[int | None]]:
        """Read a person's failures, and when the counts of others reached their thresholds.

        Args:
            name: digest of the login name.
            subject: the person's stable id, if it is known.
            since: seconds since the epoch.
            thresholds: further counts to read in the same transaction.

        Returns:
            The failures under the name or of the subject, newest first. For each threshold, the time of its
            n-th newest failure with a new password; None if there are fewer.

        Raises:
            StoreUnavailable: the database cannot say.
        """
        statement = _BY_NAME if subject is None else _BY_BOTH
        with DriverConnection(alone=True) as link:
            past = link.all(statement, {"of_name": name, "of_subject": subject, "since": since})
            reached = _reached(link, thresholds) if thresholds else ()
        if past:
            past.sort(key=_NEWEST_FIRST, reverse=True)
        return past, reached

    def record(self, at: int, attempt: _Attempt, outcome: _Outcome) -> int:
        """Record a failure, and return the id of its row.

        Args:
            at: seconds since the epoch.
            attempt: the login name's digest, the client and the network.
            outcome: how the attempt ended, or that it is under way.

        Raises:
            StoreUnavailable: nothing was recorded.
        """
        row = {
            "at": at,
            "name": attempt.name,
            "directory": DEFAULT_DIRECTORY,
            "client_id": attempt.client_id,
            "address": attempt.address,
            "cleared": False,
        }
        with DriverConnection(alone=True) as link:
            (inserted,) = link.returned(_RECORD, {**row, **_columns(outcome)})
            link.commit()
        return int(inserted["id"])

    def settle(self, number: int, outcome: _Outcome) -> None:
        """Record the outcome of an attempt that was recorded as under way.

        Raises:
            StoreUnavailable: the attempt still counts as under way.
        """
        with DriverConnection(alone=True) as link:
            link.run(_SETTLE, {**_columns(outcome), "number": number})
            link.commit()

    def forget(self, number: int) -> None:
        """Delete the record of an attempt: no password was tried.

        Raises:
            StoreUnavailable: the attempt still counts as under way.
        """
        with DriverConnection(alone=True) as link:
            link.run(_FORGET, {"number": number})
            link.commit()

    def clear(self, subjects: Sequence[str], since: int) -> None:
        """Mark a person's failures as followed by a successful login.

        Rows that share only the digest of the name are left: names of two people may have the same digest.

        Args:
            subjects: the subjects under which the person's failures were recorded.
            since: seconds since the epoch.

        Raises:
            StoreUnavailable: the failures count as before.
        """
        with DriverConnection() as link:
            for subject in subjects:
                link.run(_CLEAR, {"of_subject": subject, "since": since})
            link.commit()


def _reached(link: DriverConnection, thresholds: Sequence[_Threshold]) -> Sequence[int | None]:
    kinds = tuple((each.client_id is not None, each.address is not None) for each in thresholds)
    values: dict[str, Any] = {}
    for place, each in enumerate(thresholds):
        values |= {f"skipped{place}": each.nth - 1, f"since{place}": each.since}
        values |= {f"client{place}": each.client_id, f"address{place}": each.address}
    row = link.first(_thresholds(kinds), values)
    return () if row is None else tuple(row.values())


@lru_cache(maxsize=64)
def _thresholds(kinds: tuple[tuple[bool, bool], ...]) -> Statement[dict[str, Any]]:
    """The statement for these thresholds. Each counts a client, an address, or all failures."""
    return Statement(select(*(_nth(place, *kind).label(f"t{place}") for place, kind in enumerate(kinds))))


def _nth(place: int, of_client: bool, of_address: bool) -> ScalarSelect[int]:  # noqa: FBT001
    chosen = [_FAILURE.c.at > bindparam(f"since{place}"), _FAILURE.c.is_new_password.is_(True)]
    if of_client:
        chosen.append(_FAILURE.c.client_id == bindparam(f"client{place}"))
    if of_address:
        chosen.append(_FAILURE.c.address == bindparam(f"address{place}"))
    nth = select(_FAILURE.c.at).where(*chosen).order_by(_FAILURE.c.at.desc())
    return nth.offset(bindparam(f"skipped{place}", type_=Integer)).limit(1).scalar_subquery()


def _columns(outcome: _Outcome) -> dict[str, str | bool | None]:
    return {
        "reason": outcome.reason,
        "subject": outcome.subject,
        "is_new_password": outcome.is_new_password,
        "tried": outcome.tried,
    }
