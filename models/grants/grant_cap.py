"""The cap on one person's grants with one client: old programs ask for a token at every call.

Owns: that the grants beyond the cap end, those idle longest first, at almost no cost. Only every `cap /
10`-th issue looks for them (each issue if the cap is below 20). Each process counts the issues of a client
and person, so a person may exceed the cap by a tenth for each process: with ten processes, twice the cap.
Pairs that share a counter share its turns.

Figures: `docs/decisions/0009-cap-on-grants.md`.
"""

import random
from collections.abc import Iterator
from threading import Lock

from sqlalchemy import ColumnElement, bindparam, delete, func, select

from models.base import connection, table
from models.database.driver import DriverConnection, Statement
from models.tables import GrantRow

_GRANT = table(GrantRow)
_COUNTERS = 4096
_CHUNK_ROWS = 20_000
# The most grants that one issue ends; a larger surplus ends in several.
_MAX_ENDED = 500
_IS_LIVE = (_GRANT.c.revoked_at.is_(None)) & (_GRANT.c.live_until > bindparam("now"))
_OF_PAIR = (_GRANT.c.subject == bindparam("subject"), _GRANT.c.client_id == bindparam("client_id"))
# A refresh moves `live_until`, so the grant that ends first has been idle longest. Dead grants go first.
_BEYOND = Statement(
    select(_GRANT.c.id, _IS_LIVE.label("is_live"))
    .where(*_OF_PAIR, _GRANT.c.id != bindparam("newest"))
    .order_by(_IS_LIVE.desc(), _GRANT.c.live_until.desc(), _GRANT.c.auth_time.desc())
    .offset(bindparam("kept"))
    .limit(_MAX_ENDED)
)
# SQLite has no row locks and needs none: it has one writer.
_FREE = select(_GRANT.c.id).where(_GRANT.c.id == bindparam("of_id")).with_for_update(skip_locked=True)
_DELETE = Statement(delete(_GRANT).where(_GRANT.c.id.in_(_FREE)))
_COUNT_LIVE = select(func.count()).select_from(_GRANT).where(*_OF_PAIR, _IS_LIVE)


class GrantCap:
    """The cap of one process: `per_person` live grants for each client and person."""

    def __init__(self, per_person: int) -> None:
        self._cap = per_person
        self._every = max(1, per_person // 10)
        # Random, so that a restart does not reset all counters at once. No secret depends on it.
        self._issues = bytearray(random.choices(range(min(self._every, 256)), k=_COUNTERS))  # noqa: S311
        self._lock = Lock()

    def is_due(self, client_id: str, subject: str) -> bool:
        """Count an issue, and return whether it must look for a surplus."""
        slot = hash((client_id, subject)) % _COUNTERS
        with self._lock:
            count = self._issues[slot] + 1
            due = count >= min(self._every, 255)
            self._issues[slot] = 0 if due else count
        return due

    def end_surplus(
        self, link: DriverConnection, client_id: str, subject: str, newest: bytes, now: int
    ) -> int:
        """End the grants beyond the cap in the transaction of the newest, and return how many ended.

        The rows are deleted, not marked: a token without its grant is dead, and extra rows would slow each
        look. A grant that is being refreshed at this moment is not idle and is skipped.
        """
        pair = {"client_id": client_id, "subject": subject}
        beyond = link.all(_BEYOND, {**pair, "newest": newest, "now": now, "kept": self._cap - 1})
        if not beyond:
            return 0
        gone = link.run_each(_DELETE, [{"of_id": row["id"]} for row in beyond])
        return min(gone, sum(bool(row["is_live"]) for row in beyond))


def people_at_cap(per_person: int, now: int, *, chunk_rows: int = _CHUNK_ROWS) -> dict[str, int]:
    """The number of people at or beyond the cap of live grants, by client id.

    Reads the index on person and client in chunks, and rows only of people who may be at the cap.

    Raises:
        StoreUnavailable: the database cannot say.
    """
    pairs = select(_GRANT.c.client_id, _GRANT.c.subject).group_by(_GRANT.c.subject, _GRANT.c.client_id)
    people: dict[str, int] = {}
    for chunk in _walk_people(chunk_rows):
        with connection() as link:
            many = link.execute(pairs.where(*chunk).having(func.count() >= per_person)).all()
            for client_id, subject in many:
                pair = {"client_id": client_id, "subject": subject, "now": now}
                if (link.scalar(_COUNT_LIVE, pair) or 0) >= per_person:
                    people[client_id] = people.get(client_id, 0) + 1
    return people


def _walk_people(rows: int) -> Iterator[list[ColumnElement[bool]]]:
    """Chunks of the index by person. All rows of one person are in the same chunk."""
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
