"""The end of app passwords, each with the grants that it gave, in one transaction.

Owns: that no token lives after the app password that gave it. The grants are found by the user and the
client, for which there is an index.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import bindparam, func, or_, select, update

from models.app_passwords.app_password import COLUMNS, AppPassword
from models.base import table
from models.database.driver import DriverConnection, Statement
from models.password_grant_tables import AppPasswordRow
from models.tables import GrantRow

_ROW, _GRANT = table(AppPasswordRow), table(GrantRow)
_UNENDED = update(_ROW).where(_ROW.c.id == bindparam("app_password"), _ROW.c.ended_at.is_(None))
_ENDED: Mapping[str, Any] = {"ended_at": bindparam("at"), "end_reason": bindparam("why")}
_IS_OVER = or_(
    _ROW.c.expires_at <= bindparam("at"),
    func.coalesce(_ROW.c.last_used_at, _ROW.c.created_at) <= bindparam("unused_since"),
)
_END = Statement(_UNENDED.values(**_ENDED).returning(*COLUMNS), row=AppPassword)
# Between the look and the end it may have been used.
_END_IF_OVER = Statement(_UNENDED.where(_IS_OVER).values(**_ENDED).returning(*COLUMNS), row=AppPassword)
_END_GRANTS = Statement(
    update(_GRANT)
    .where(
        _GRANT.c.subject == bindparam("of_subject"),
        _GRANT.c.client_id == bindparam("of_client"),
        _GRANT.c.app_password_id == bindparam("app_password"),
        _GRANT.c.revoked_at.is_(None),
    )
    .values(revoked_at=bindparam("at"))
)
_BY_ID = select(_ROW.c.id).where(_ROW.c.ended_at.is_(None)).order_by(_ROW.c.id)
# In the order of their ids, so that two that end the same app passwords do not wait for each other.
OF_PERSON = Statement(
    _BY_ID.where(_ROW.c.directory == bindparam("of_directory"), _ROW.c.subject == bindparam("of_subject"))
)
"""The ids of a person's app passwords that have not ended, by `of_directory` and `of_subject`."""
OF_CLIENT = Statement(_BY_ID.where(_ROW.c.client_id == bindparam("of_client")))
"""The ids of a client's app passwords that have not ended, by `of_client`."""
OF_PERSON_AT_CLIENT = Statement(
    _BY_ID.where(
        _ROW.c.directory == bindparam("of_directory"),
        _ROW.c.subject == bindparam("of_subject"),
        _ROW.c.client_id == bindparam("of_client"),
    )
)
"""The ids of a person's app passwords for one client, with the parameters of both."""


class EndedAppPassword(NamedTuple):
    """An app password that ended, and how many grants ended with it."""

    app_password: AppPassword
    grants: int


def end_one(
    link: DriverConnection, app_password_id: bytes, reason: str, *, at: int
) -> EndedAppPassword | None:
    """End an app password with its grants, in the caller's transaction. None if it has ended, or is none.

    Args:
        link: the connection of that transaction.
        app_password_id: the app password.
        reason: why it ends, a constant word.
        at: seconds since the epoch.
    """
    return _ended(link, _END, {"app_password": app_password_id, "at": at, "why": reason})


def end_one_if_over(
    link: DriverConnection, app_password_id: bytes, reason: str, *, at: int, unused_for: int
) -> EndedAppPassword | None:
    """End an app password that has expired or fallen into disuse; None if it was used in the meantime.

    Args:
        link: the connection of the caller's transaction.
        app_password_id: the app password.
        reason: why it ends.
        at: seconds since the epoch.
        unused_for: seconds without a use after which it ends.
    """
    over = {"app_password": app_password_id, "at": at, "why": reason, "unused_since": at - unused_for}
    return _ended(link, _END_IF_OVER, over)


def end_each(
    link: DriverConnection, which: Statement[dict[str, Any]], of: Mapping[str, str], reason: str, *, at: int
) -> list[EndedAppPassword]:
    """End the app passwords that a statement selects, each with its grants, in the caller's transaction.

    Args:
        link: the connection of that transaction.
        which: one of the statements of this module.
        of: its parameters.
        reason: why they end.
        at: seconds since the epoch.
    """
    ids = [each["id"] for each in link.all(which, of)]
    return [ended for each in ids if (ended := end_one(link, each, reason, at=at)) is not None]


def _ended(
    link: DriverConnection, statement: Statement[AppPassword], values: Mapping[str, Any]
) -> EndedAppPassword | None:
    for ended in link.returned(statement, values):
        of = {"of_subject": ended.subject, "of_client": ended.client_id}
        grants = link.run(_END_GRANTS, {**of, "app_password": values["app_password"], "at": values["at"]})
        return EndedAppPassword(ended, grants)
    return None
