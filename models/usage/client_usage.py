"""Reading how clients used the password grant, by day."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, select

from models.base import connection, table
from models.password_grant_tables import ClientUsageRow

_USAGE = table(ClientUsageRow)
# Days a statement: some hundred clients have some thousand rows in them.
_DAYS = 31
_MAX_NAMED_CLIENTS = 500
"""A statement names no more clients; rows of others are then read, and left out."""


class ClientUsage(NamedTuple):
    """How one client used the password grant on one day (days since the epoch, in UTC).

    `logins` are those with a Net ID password. `refreshes` are of tokens that began with a password of either
    kind. `failures` are refused logins, but for `refusals`: those that the client's policy refused. `users`
    are the people who logged in or refreshed. `addresses` is an estimate beyond ten. `last_at` is the last
    login or refresh, in seconds since the epoch. `detail` has `agents`, `addresses` (the first ten) and
    `reasons`, each with their numbers.
    """

    day: int
    client_id: str
    logins: int
    app_password_logins: int
    refreshes: int
    failures: int
    refusals: int
    users: int
    addresses: int
    last_at: int | None
    detail: Mapping[str, Mapping[str, int]]


_SELECT = select(*(_USAGE.c[name] for name in ClientUsage._fields)).order_by(_USAGE.c.day, _USAGE.c.client_id)
# To parse the detail is most of the work of reading a row.
_NO_DETAIL: Mapping[str, Mapping[str, int]] = {"agents": {}, "addresses": {}, "reasons": {}}
_SELECT_NUMBERS = select(*(_USAGE.c[name] for name in ClientUsage._fields[:-1])).order_by(
    _USAGE.c.day, _USAGE.c.client_id
)


def usage_of(
    since_day: int, until_day: int, client_ids: Iterable[str] | None = None, *, detail: bool = True
) -> Sequence[ClientUsage]:
    """The usage of clients from `since_day` to before `until_day`, by day and client.

    A day on which a client did nothing has no row.

    Args:
        since_day: the first day, as days since the epoch.
        until_day: the day after the last.
        client_ids: only these clients, if given.
        detail: whether rows have their detail. Without it, it is empty, and rows are read faster.

    Raises:
        StoreUnavailable: the database cannot say.
    """
    wanted = None if client_ids is None else frozenset(client_ids)
    of_clients: tuple[ColumnElement[bool], ...] = ()
    if wanted is not None and len(wanted) <= _MAX_NAMED_CLIENTS:
        of_clients = (_USAGE.c.client_id.in_(wanted),)
    found: list[ClientUsage] = []
    for first in range(since_day, until_day, _DAYS):
        days = (_USAGE.c.day >= first, _USAGE.c.day < min(first + _DAYS, until_day))
        with connection() as link:
            if detail:
                rows = [ClientUsage(*row) for row in link.execute(_SELECT.where(*days, *of_clients))]
            else:
                numbers = link.execute(_SELECT_NUMBERS.where(*days, *of_clients))
                rows = [ClientUsage._make((*row, _NO_DETAIL)) for row in numbers]
        found += [row for row in rows if wanted is None or row.client_id in wanted]
    return found
