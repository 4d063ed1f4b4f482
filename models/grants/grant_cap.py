"""How many grants one person may have with one client: old programs ask for a token at every call.

Owns: that the grants beyond the cap end, those that were idle longest first, at next to no cost: only every
`cap / 10`-th issue looks (each where the cap is below 20). Each process counts issues by client and person:
nobody has more than the cap and a tenth of it for each process: with ten processes twice the cap. Of
pairs that share one of the slots, whoever comes at its turn is looked at.

Measured: `docs/decisions/0009-cap-on-grants.md`.
"""

import random
from collections.abc import Iterator
from threading import Lock

from sqlalchemy import ColumnElement, bindparam, delete, func, select

from models.base import connection, table
from models.database.driver import DriverConnection, Statement
from models.tables import GrantRow

_GRANT = table(GrantRow)
_SLOTS = 4096
_STRETCH = 20_000
# Of one look: what piled up before there was a cap goes in several.
_AT_ONCE = 500
_IS_LIVE = (_GRANT.c.revoked_at.is_(None)) & (_GRANT.c.live_until > bindparam("now"))
_OF_PAIR = (_GRANT.c.subject == bindparam("subject"), _GRANT.c.client_id == bindparam("client_id"))
# A use moves `live_until`, so the one that ends first has been idle longest. The dead go before the living.
_BEYOND = Statement(
    select(_GRANT.c.id, _IS_LIVE.label("is_live"))
    .where(*_OF_PAIR, _GRANT.c.id != bindparam("newest"))
    .order_by(_IS_LIVE.desc(), _GRANT.c.live_until.desc(), _GRANT.c.auth_time.desc())
    .offset(bindparam("kept"))
    .limit(_AT_ONCE)
)
# SQLite knows no locks of rows, and needs none: it has one writer.
_FREE = select(_GRANT.c.id).where(_GRANT.c.id == bindparam("of_id")).with_for_update(skip_locked=True)
_DELETE = Statement(delete(_GRANT).where(_GRANT.c.id.in_(_FREE)))
_COUNT_LIVE = select(func.count()).select_from(_GRANT).where(*_OF_PAIR, _IS_LIVE)


class GrantCap:
    """The cap of one process: `per_person` live grants for each client and person."""

    def __init__(self, per_person: int) -> None:
        self._cap = per_person
        self._every = max(1, per_person // 10)
        # Restarts must not begin the count anew for everyone at once; no secret depends on it.
        self._issues = bytearray(random.choices(range(min(self._every, 256)), k=_SLOTS))  # noqa: S311
        self._lock = Lock()

    def is_due(self, client_id: str, subject: str) -> bool:
        """Whether this issue is one that looks."""
        slot = hash((client_id, subject)) % _SLOTS
        with self._lock:
            count = self._issues[slot] + 1
            due = count >= min(self._every, 255)
            self._issues[slot] = 0 if due else count
        return due

    def end_surplus(
        self, link: DriverConnection, client_id: str, subject: str, newest: bytes, now: int
    ) -> int:
        """End the grants beyond the cap, in the transaction of the newest, which stays. Returns how many.

        They are deleted, not marked: a token without its grant is dead, and rows that nobody needs would make
        each look longer. One that is being refreshed at this moment is not idle, and is passed over.
        """
        pair = {"client_id": client_id, "subject": subject}
        beyond = link.all(_BEYOND, {**pair, "newest": newest, "now": now, "kept": self._cap - 1})
        if not beyond:
            return 0
        gone = link.run_each(_DELETE, [{"of_id": row["id"]} for row in beyond])
        return min(gone, sum(bool(row["is_live"]) for row in beyond))


def people_at_cap(per_person: int, now: int, *, stretch: int = _STRETCH) -> dict[str, int]:
    """How many people have as many live grants as the cap allows, or more, by client id.

    The index on person and client is walked, a stretch a statement; rows are read of those alone who may be
    at the cap.

    Raises:
        StoreUnavailable: the database cannot say.
    """
    pairs = select(_GRANT.c.client_id, _GRANT.c.subject).group_by(_GRANT.c.subject, _GRANT.c.client_id)
    people: dict[str, int] = {}
    for stretched in _walk_people(stretch):
        with connection() as link:
            many = link.execute(pairs.where(*stretched).having(func.count() >= per_person)).all()
            for client_id, subject in many:
                pair = {"client_id": client_id, "subject": subject, "now": now}
                if (link.scalar(_COUNT_LIVE, pair) or 0) >= per_person:
                    people[client_id] = people.get(client_id, 0) + 1
    return people


def _walk_people(rows: int) -> Iterator[list[ColumnElement[bool]]]:
    """Stretches of the index by person; all rows of one person are in the same."""
    lower: list[ColumnElement[bool]] = [_GRANT.c.subject.is_not(None)]
    while True:
        last = select(_GRANT.c.subject).where(*lower).order_by(_GRANT.c.subject).offset(rows - 1).limit(1)
        with connection() as link:
            highest = link.scalar(last)
        if highest is None:
            yield lower
            return
        yield [*lower, _GRANT.c.subject <= highest]
        lower = [_GRANT.c.subject > highest]
