"""The programs that hold a user's grants, for the user's own page.

Owns: one line a program, however many grants it has. Must not know: the page.
"""

from typing import NamedTuple

from sqlalchemy import select

from models.base import connection, table
from models.keys.digest import moment_of
from models.tables import DEFAULT_DIRECTORY, ClientRow, GrantRow

_GRANT, _CLIENT = table(GrantRow), table(ClientRow)
# More than the cap leaves to one user with many programs.
_MAX_GRANTS = 5000


class Program(NamedTuple):
    """A client that holds live grants of a user. Times are seconds since the epoch.

    `scope` has the scopes of all its grants. `since` is when the oldest of them was issued; `last_used_at` is
    when the client last got a token for any.
    """

    client_id: str
    client_name: str
    scope: str
    since: int
    last_used_at: int
    grants: int


def programs_of(subject: str, now: int, *, directory: str = DEFAULT_DIRECTORY) -> list[Program]:
    """The programs that hold live grants of a user, the one that was used last first.

    Args:
        subject: the user's stable id.
        now: seconds since the epoch.
        directory: the name of the directory that `subject` belongs to.

    Raises:
        StoreUnavailable: the database cannot say.
    """
    live = (
        select(_GRANT.c.client_id, _CLIENT.c.client_name, _GRANT.c.scope, _GRANT.c.id, _GRANT.c.last_used_at)
        .join(_CLIENT, _CLIENT.c.client_id == _GRANT.c.client_id)
        .where(
            _GRANT.c.subject == subject,
            _GRANT.c.directory == directory,
            _GRANT.c.revoked_at.is_(None),
            _GRANT.c.live_until > now,
        )
        .order_by(_GRANT.c.id.desc())
        .limit(_MAX_GRANTS)
    )
    found: dict[str, Program] = {}
    with connection() as link:
        for client_id, name, scope, grant_id, refreshed_at in link.execute(live):
            issued_at = moment_of(grant_id)
            one = Program(client_id, name, scope, issued_at, refreshed_at or issued_at, 1)
            known = found.get(client_id)
            found[client_id] = one if known is None else _joined(known, one)
    return sorted(found.values(), key=lambda each: (-each.last_used_at, each.client_name, each.client_id))


def _joined(one: Program, other: Program) -> Program:
    return one._replace(
        scope=" ".join(dict.fromkeys([*one.scope.split(), *other.scope.split()])),
        since=min(one.since, other.since),
        last_used_at=max(one.last_used_at, other.last_used_at),
        grants=one.grants + other.grants,
    )
