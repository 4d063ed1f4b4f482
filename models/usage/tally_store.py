"""Adding counts to the stored ones, in the transaction that moves the progress.

Owns: the estimate of distinct addresses, and that a person counts once a day. Must not know: which events
count.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

from sqlalchemy import Connection, Table, case, select
from sqlalchemy.dialects import postgresql, sqlite

from models.base import table
from models.password_grant_tables import ADDRESS_BITS, ClientUsageRow, ClientUserRow
from models.tables import DEFAULT_DIRECTORY
from models.usage.tally import Tallies, Tally, Uses

_USAGE, _USER = table(ClientUsageRow), table(ClientUserRow)
_MAX_ADDRESSES: Final = 10
_MAX_REASONS: Final = 30
_BATCH: Final = 500
_ADDED: Final = ("logins", "app_password_logins", "refreshes", "failures", "refusals")
_LATEST: Final = ("last_at", "last_password_at", "last_app_password_at", "counted_day")


def add(link: Connection, tallies: Tallies, counted: Mapping[tuple[str, str], int]) -> None:
    """Add counts to the stored ones, in the caller's transaction, which no other roll-up shares.

    Args:
        link: the connection of that transaction.
        tallies: the counts.
        counted: the answer of `last_days` about the people in them.
    """
    new_users = _new_users(tallies.people, counted)
    remember(link, [_user_row(key, uses) for key, uses in tallies.people.items()])
    stored = _stored(link, tallies.days)
    rows = [
        {"day": key[0], "client_id": key[1], **_summed(stored.get(key), tally, new_users[key])}
        for key, tally in sorted(tallies.days.items())
    ]
    if rows:
        given = _insert(link, _USAGE)
        key = [column.name for column in _USAGE.primary_key]
        summed = {name: given.excluded[name] for name in rows[0] if name not in key}
        link.execute(given.on_conflict_do_update(index_elements=key, set_=summed), rows)


def _stored(link: Connection, keys: Iterable[tuple[int, str]]) -> Mapping[tuple[int, str], Mapping[str, Any]]:
    """The stored rows of these days and clients."""
    clients: dict[int, list[str]] = {}
    for day, client_id in keys:
        clients.setdefault(day, []).append(client_id)
    found: dict[tuple[int, str], Mapping[str, Any]] = {}
    for day, of_day in clients.items():
        for first in range(0, len(of_day), _BATCH):
            some = _USAGE.c.client_id.in_(of_day[first : first + _BATCH])
            rows = link.execute(select(_USAGE).where(_USAGE.c.day == day, some)).mappings()
            found |= {(day, row["client_id"]): dict(row) for row in rows}
    return found


def _new_users(
    people: Mapping[tuple[str, str], Uses], counted: Mapping[tuple[str, str], int]
) -> Counter[tuple[int, str]]:
    """The number of people whom a day of a client sees for the first time."""
    new: Counter[tuple[int, str]] = Counter()
    for (client_id, subject), uses in people.items():
        last_day = counted.get((client_id, subject), -1)
        for day in sorted(uses.days):
            # A day before the last one was counted with it, unless midnight lay between two nodes' clocks.
            if day > last_day:
                new[day, client_id] += 1
                last_day = day
    return new


def last_days(link: Connection, people: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """The last day on which each person was counted, of those who ever were.

    It may be read before the transaction of the counts: only roll-ups write it.

    Args:
        link: a connection.
        people: the ids of clients, each with a subject.
    """
    of_client: dict[str, list[str]] = {}
    for client_id, subject in people:
        of_client.setdefault(client_id, []).append(subject)
    found: dict[tuple[str, str], int] = {}
    # One client a statement: SQLite would read the whole table for pairs.
    for client_id, subjects in of_client.items():
        for first in range(0, len(subjects), _BATCH):
            known = select(_USER.c.subject, _USER.c.counted_day).where(
                _USER.c.client_id == client_id,
                _USER.c.directory == DEFAULT_DIRECTORY,
                _USER.c.subject.in_(subjects[first : first + _BATCH]),
                _USER.c.counted_day.is_not(None),
            )
            found |= {(client_id, row.subject): row.counted_day for row in link.execute(known)}
    return found


def _user_row(key: tuple[str, str], uses: Uses) -> dict[str, Any]:
    return {
        "client_id": key[0],
        "directory": DEFAULT_DIRECTORY,
        "subject": key[1],
        "first_at": uses.first_at,
        "last_at": uses.last_at,
        "last_password_at": uses.last_password_at,
        "last_app_password_at": uses.last_app_password_at,
        "counted_day": max(uses.days),
    }


def remember(link: Connection, people: Sequence[Mapping[str, Any]]) -> None:
    """Store rows of `client_user`, or widen the stored ones, in the caller's transaction.

    Args:
        link: the connection of that transaction.
        people: the rows. They are stored in the order of their keys, so that two that store the same rows
            do not wait for each other.
    """
    if not people:
        return
    given = _insert(link, _USER)
    new = given.excluded
    statement = given.on_conflict_do_update(
        index_elements=["client_id", "directory", "subject"],
        set_={
            "first_at": case((new.first_at < _USER.c.first_at, new.first_at), else_=_USER.c.first_at),
            **{name: case((_is_later(new, name), new[name]), else_=_USER.c[name]) for name in _LATEST},
        },
    )
    in_order = sorted(people, key=lambda row: (row["client_id"], row["directory"], row["subject"]))
    link.execute(statement, in_order)


def _insert(link: Connection, rows: Table) -> Any:
    kind: Any = sqlite.insert if link.dialect.name == "sqlite" else postgresql.insert
    return kind(rows)


def _is_later(new: Any, name: str) -> Any:
    stored = _USER.c[name]
    return new[name].is_not(None) & (stored.is_(None) | (new[name] > stored))


def _summed(stored: Mapping[str, Any] | None, tally: Tally, new_users: int) -> dict[str, Any]:
    """The values of a row of `client_usage`: what is stored, and the counts."""
    of = stored or {}
    detail = of.get("detail") or {}
    addresses = Counter(detail.get("addresses", {})) + tally.addresses
    bits = _with_addresses(of.get("address_bits"), tally.addresses)
    last = [each for each in (of.get("last_at"), tally.last_at) if each is not None]
    return {
        **{name: of.get(name, 0) + getattr(tally, name) for name in _ADDED},
        "users": of.get("users", 0) + new_users,
        "addresses": _number(of.get("addresses", 0), len(addresses), bits),
        "last_at": max(last, default=None),
        "detail": {
            "agents": dict(Counter(detail.get("agents", {})) + tally.agents),
            "addresses": dict(addresses.most_common(_MAX_ADDRESSES)),
            "reasons": dict((Counter(detail.get("reasons", {})) + tally.reasons).most_common(_MAX_REASONS)),
        },
        "address_bits": bits,
    }


def _with_addresses(stored: bytes | None, addresses: Iterable[str]) -> bytes:
    """A bit for each address (Whang et al. 1990, linear counting). No address can be read from it."""
    bits = int.from_bytes(stored or b"")
    for address in addresses:
        place = int.from_bytes(blake2b(address.encode(errors="replace"), digest_size=8).digest())
        bits |= 1 << place % ADDRESS_BITS
    return bits.to_bytes(ADDRESS_BITS // 8)


def _number(before: int, listed: int, bits: bytes) -> int:
    """The number of distinct addresses: exact while all of them are listed, and an estimate beyond."""
    if max(before, listed) <= _MAX_ADDRESSES:
        return listed
    zeros = ADDRESS_BITS - int.from_bytes(bits).bit_count()
    estimate = round(ADDRESS_BITS * math.log(ADDRESS_BITS / max(zeros, 1)))
    return max(before, listed, estimate)
