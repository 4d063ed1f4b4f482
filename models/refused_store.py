"""Passwords that were refused of late, as 32 bits of a keyed digest each.

Owns: that there are few of them, for a short while. Must not know: how a digest is made.
"""

from typing import NamedTuple

from sqlalchemy import bindparam, delete, insert, select

from models.base import connection, table
from models.tables import RefusedPasswordRow

REMEMBERED = 900
"""Seconds for which a refused password is remembered."""

_REFUSED = table(RefusedPasswordRow)
_FEW = 5
_OF_SUBJECT = _REFUSED.c.subject == bindparam("of_subject")
_NEWEST = (
    select(_REFUSED.c.id, _REFUSED.c.tag, _REFUSED.c.state)
    .where(_OF_SUBJECT, _REFUSED.c.at > bindparam("since"))
    .order_by(_REFUSED.c.at.desc(), _REFUSED.c.id.desc())
    .limit(_FEW)
)
_INSERT = insert(_REFUSED).inline()


class RefusedPassword(NamedTuple):
    """One refused password; `state` is empty where its repetition must be tried again."""

    tag: bytes
    state: bytes


class RefusedStore:
    """The refused passwords in the database."""

    def of(self, subject: str, at: int) -> list[RefusedPassword]:
        """The few newest of a person, or of a name that is nobody's.

        Args:
            subject: the person's stable id, or what stands for it.
            at: seconds since the epoch.

        Raises:
            StoreUnavailable: the database cannot say.
        """
        values = {"of_subject": subject, "since": at - REMEMBERED}
        with connection() as link:
            return [RefusedPassword(row.tag, row.state) for row in link.execute(_NEWEST, values)]

    def remember(self, subject: str, client_id: str, tag: bytes, state: bytes, at: int) -> None:
        """Remember one, in the place of what was known of it, and forget all but the few newest.

        Args:
            subject: as `of` takes it.
            client_id: the client that sent it.
            tag: 32 bits of its digest.
            state: digest of the person's password-changed time and lockout state.
            at: seconds since the epoch.

        Raises:
            StoreUnavailable: it is not remembered.
        """
        row = {"subject": subject, "client_id": client_id, "tag": tag, "state": state, "at": at}
        mine = _REFUSED.c.subject == subject
        with connection() as link:
            link.execute(delete(_REFUSED).where(mine, _REFUSED.c.tag == tag))
            link.execute(_INSERT, row)
            newest = link.execute(_NEWEST, {"of_subject": subject, "since": at - REMEMBERED})
            kept = [each.id for each in newest]
            link.execute(delete(_REFUSED).where(mine, _REFUSED.c.id.not_in(kept)))
            link.commit()

    def forget(self, subject: str) -> None:
        """Forget all of a person: what was refused may be right now.

        Raises:
            StoreUnavailable: they are still remembered.
        """
        with connection() as link:
            link.execute(delete(_REFUSED).where(_REFUSED.c.subject == subject))
            link.commit()
