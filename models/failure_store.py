"""Refused logins: what limits are counted by, in every worker and node alike.

Owns: that a look costs one statement, and a second one only where the counts of clients and addresses are
asked for. Must not know: what the limits are.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from sqlalchemy import ScalarSelect, bindparam, delete, insert, select, union_all, update

from models.base import connection, table
from models.driver import Link, Statement
from models.tables import LoginFailureRow

KEPT = 31 * 86_400
"""Seconds that failures are kept: the longest limit, and what the help desk looks back on."""

_FAILURE = table(LoginFailureRow)
# Of one look. A person who is over their limits adds no more, so that this is beyond any of them.
_MOST = 2000
_PAST = (
    _FAILURE.c.id,
    _FAILURE.c.at,
    _FAILURE.c.client_id,
    _FAILURE.c.guess,
    _FAILURE.c.tried,
    _FAILURE.c.cleared,
    (_FAILURE.c.reason == "pending").label("pending"),
)
_IS_NAME = (_FAILURE.c.name == bindparam("of_name")) & (_FAILURE.c.at > bindparam("since"))
_IS_SUBJECT = (_FAILURE.c.subject == bindparam("of_subject")) & (_FAILURE.c.at > bindparam("since"))
_OF_NAME = select(*_PAST).where(_IS_NAME).order_by(_FAILURE.c.at.desc()).limit(_MOST)
_BY_NAME = Statement(_OF_NAME)
# Two walks of an index and no OR, which would read the table where it has no statistics.
_BY_BOTH = Statement(
    union_all(
        select(_OF_NAME.subquery()),
        select(
            select(*_PAST)
            .where(_IS_SUBJECT, _FAILURE.c.name != bindparam("of_name"))
            .order_by(_FAILURE.c.at.desc())
            .limit(_MOST)
            .subquery()
        ),
    )
)
_INSERT = insert(_FAILURE).returning(_FAILURE.c.id)


class PastFailure(NamedTuple):
    """One failure of a person, or a try that is under way. `at` is in seconds since the epoch."""

    id: int
    at: int
    client_id: str
    guess: bool
    tried: bool
    cleared: bool
    pending: bool


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
    def guess(self) -> bool: ...
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
        """Read a person's failures, and when those of others reached a number.

        Args:
            name: digest of the login name.
            subject: the person's stable id, where it is known.
            since: seconds since the epoch.
            thresholds: further questions, answered in the same breath.

        Returns:
            Failures under the name or of the subject, newest first; and for each threshold when its n-th
            newest guess was, or None where there are fewer.

        Raises:
            StoreUnavailable: the database cannot say.
        """
        statement = _BY_NAME if subject is None else _BY_BOTH
        with Link(alone=True) as link:
            found = link.all(statement, {"of_name": name, "of_subject": subject, "since": since})
        answers: Sequence[int | None] = ()
        if thresholds:
            asked = [_nth(each).label(f"t{place}") for place, each in enumerate(thresholds)]
            with connection() as wide:
                answers = tuple(wide.execute(select(*asked)).one())
        past = [PastFailure(**row) for row in found]
        return sorted(past, key=lambda each: (each.at, each.id), reverse=True), answers

    def record(self, at: int, attempt: _Attempt, outcome: _Outcome) -> int:
        """Write a failure down, and give back its number.

        Args:
            at: seconds since the epoch.
            attempt: by whom, through which client, from where.
            outcome: what came of it.

        Raises:
            StoreUnavailable: it was not written.
        """
        row = {"at": at, "name": attempt.name, "client_id": attempt.client_id, "address": attempt.address}
        with connection() as link:
            number: int = link.execute(_INSERT, {**row, **_columns(outcome), "cleared": False}).scalar_one()
            link.commit()
        return number

    def settle(self, number: int, outcome: _Outcome) -> None:
        """Write down what came of a try that was recorded before.

        Raises:
            StoreUnavailable: it still counts as one that is under way.
        """
        with connection() as link:
            link.execute(update(_FAILURE).where(_FAILURE.c.id == number).values(**_columns(outcome)))
            link.commit()

    def forget(self, number: int) -> None:
        """Take a record back: nothing was tried.

        Raises:
            StoreUnavailable: it still counts as one that is under way.
        """
        with connection() as link:
            link.execute(delete(_FAILURE).where(_FAILURE.c.id == number))
            link.commit()

    def clear(self, name: bytes, subject: str, since: int) -> None:
        """Mark that the person has logged in after their failures.

        Args:
            name: digest of the login name.
            subject: the person's stable id.
            since: seconds since the epoch.

        Raises:
            StoreUnavailable: they count as before.
        """
        values = {"of_name": name, "of_subject": subject, "since": since}
        with connection() as link:
            for mine in (_IS_NAME, _IS_SUBJECT):
                statement = update(_FAILURE).where(mine, _FAILURE.c.cleared.is_(False))
                link.execute(statement.values(cleared=True), values)
            link.commit()


def _nth(asked: _Threshold) -> ScalarSelect[int]:
    chosen = [_FAILURE.c.at > asked.since, _FAILURE.c.guess.is_(True)]
    if asked.client_id is not None:
        chosen.append(_FAILURE.c.client_id == asked.client_id)
    if asked.address is not None:
        chosen.append(_FAILURE.c.address == asked.address)
    nth = select(_FAILURE.c.at).where(*chosen).order_by(_FAILURE.c.at.desc())
    return nth.offset(asked.nth - 1).limit(1).scalar_subquery()


def _columns(outcome: _Outcome) -> dict[str, str | bool | None]:
    return {
        "reason": outcome.reason,
        "subject": outcome.subject,
        "guess": outcome.guess,
        "tried": outcome.tried,
    }
