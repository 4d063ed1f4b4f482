"""Passwords that were refused of late, as 32 bits of a keyed digest each.

Owns: that there are few of them, for a short while. Must not know: how a digest is made.
"""

from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, bindparam, delete, insert, select

from models.base import table
from models.database.driver import DriverConnection, Statement
from models.tables import DEFAULT_DIRECTORY, RefusedPasswordRow

REMEMBERED = 900
"""Seconds for which a refused password is remembered."""

_REFUSED = table(RefusedPasswordRow)
_FEW = 5
_OF_SUBJECT = _REFUSED.c.subject == bindparam("of_subject")


def _newest(*columns: ColumnElement[Any]) -> Select[Any]:
    newest = select(*columns).where(_OF_SUBJECT, _REFUSED.c.at > bindparam("since"))
    return newest.order_by(_REFUSED.c.at.desc(), _REFUSED.c.id.desc()).limit(_FEW)


class RefusedPassword(NamedTuple):
    """One refused password; `fingerprint` is empty where its repetition must be tried again."""

    tag: bytes
    fingerprint: bytes


_NEWEST = Statement(_newest(_REFUSED.c.tag, _REFUSED.c.fingerprint), row=RefusedPassword)
_REMEMBERED = [column.name for column in _REFUSED.c if column.name != "id"]
_REMEMBER = Statement(insert(_REFUSED).inline(), _REMEMBERED)
_FORGET = Statement(delete(_REFUSED).where(_OF_SUBJECT))
_FORGET_ONE = Statement(delete(_REFUSED).where(_OF_SUBJECT, _REFUSED.c.tag == bindparam("of_tag")))
_FORGET_OLDER = Statement(delete(_REFUSED).where(_OF_SUBJECT, _REFUSED.c.id.not_in(_newest(_REFUSED.c.id))))


class RefusedPasswordStore:
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
        with DriverConnection(alone=True) as link:
            return link.all(_NEWEST, values)

    def remember(self, subject: str, client_id: str, tag: bytes, fingerprint: bytes, at: int) -> None:
        """Remember one, in the place of what was known of it, and forget all but the few newest.

        Args:
            subject: as `of` takes it.
            client_id: the client that sent it.
            tag: 32 bits of its digest.
            fingerprint: of the person's account, as the directory gave it.
            at: seconds since the epoch.

        Raises:
            StoreUnavailable: it is not remembered.
        """
        row = {
            "directory": DEFAULT_DIRECTORY,
            "subject": subject,
            "client_id": client_id,
            "tag": tag,
            "fingerprint": fingerprint,
            "at": at,
        }
        with DriverConnection() as link:
            link.run(_FORGET_ONE, {"of_subject": subject, "of_tag": tag})
            link.run(_REMEMBER, row)
            link.run(_FORGET_OLDER, {"of_subject": subject, "since": at - REMEMBERED})
            link.commit()

    def forget(self, subject: str) -> None:
        """Forget all of a person: what was refused may be right now.

        Raises:
            StoreUnavailable: they are still remembered.
        """
        with DriverConnection(alone=True) as link:
            link.run(_FORGET, {"of_subject": subject})
            link.commit()
