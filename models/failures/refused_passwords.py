"""Recently refused passwords, each as 32 bits of a keyed digest.

Owns: that only the newest of each person are kept, for a short time. Must not know: how a digest is made.
"""

from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, bindparam, delete, insert, literal, not_, or_, select

from models.base import table
from models.database.driver import DriverConnection, Statement
from models.tables import DEFAULT_DIRECTORY, RefusedPasswordRow

# Seconds for which a certainly wrong password is kept, and a password that may become right.
_CERTAIN_SECONDS = 900
_UNCERTAIN_SECONDS = 3600

_REFUSED = table(RefusedPasswordRow)
_MAX_PASSWORDS = 5
_OF_SUBJECT = _REFUSED.c.subject == bindparam("of_subject")
_IS_UNCERTAIN = _REFUSED.c.fingerprint == literal(b"")
_IS_LIVE = or_(
    _REFUSED.c.at > bindparam("since"), and_(_REFUSED.c.at > bindparam("uncertain_since"), _IS_UNCERTAIN)
)


def _newest(*columns: ColumnElement[Any]) -> Select[Any]:
    newest = select(*columns).where(_OF_SUBJECT, _IS_LIVE)
    return newest.order_by(_REFUSED.c.at.desc(), _REFUSED.c.id.desc()).limit(_MAX_PASSWORDS)


class RefusedPassword(NamedTuple):
    """A refused password. An empty `fingerprint` means that it may become right without a trace."""

    tag: bytes
    fingerprint: bytes
    client_id: str
    at: int


_NEWEST = Statement(_newest(*(_REFUSED.c[name] for name in RefusedPassword._fields)), row=RefusedPassword)
_COLUMNS = [column.name for column in _REFUSED.c if column.name != "id"]
_REMEMBER = Statement(insert(_REFUSED).inline(), _COLUMNS)
_FORGET = Statement(delete(_REFUSED).where(_OF_SUBJECT))
_IS_ONE = (_REFUSED.c.tag == bindparam("of_tag")) & (_REFUSED.c.client_id == bindparam("of_client"))
_FORGET_ONE = Statement(delete(_REFUSED).where(_OF_SUBJECT, _IS_ONE))
_FORGET_OLDER = Statement(delete(_REFUSED).where(_OF_SUBJECT, _REFUSED.c.id.not_in(_newest(_REFUSED.c.id))))


class RefusedPasswordStore:
    """The refused passwords in the database."""

    def of(self, subject: str, at: int) -> list[RefusedPassword]:
        """The newest refused passwords of a person, or of a name that no entry has.

        Args:
            subject: the person's stable id, or the substitute for an unknown name.
            at: seconds since the epoch.

        Raises:
            StoreUnavailable: the database cannot say.
        """
        values = {"of_subject": subject, **_since(at)}
        with DriverConnection(alone=True) as link:
            return link.all(_NEWEST, values)

    def remember(self, subject: str, client_id: str, tag: bytes, fingerprint: bytes, at: int) -> None:
        """Store a password in place of the client's earlier row, and delete all but the person's newest.

        Args:
            subject: as `of` takes it.
            client_id: the client that sent the password.
            tag: 32 bits of the password's digest.
            fingerprint: the fingerprint of the person's account, from the directory.
            at: seconds since the epoch.

        Raises:
            StoreUnavailable: nothing was stored.
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
            link.run(_FORGET_ONE, {"of_subject": subject, "of_tag": tag, "of_client": client_id})
            link.run(_REMEMBER, row)
            link.run(_FORGET_OLDER, {"of_subject": subject, **_since(at)})
            link.commit()

    def forget(self, subject: str) -> None:
        """Delete a person's refused passwords: one of them may be right by now.

        Raises:
            StoreUnavailable: nothing was deleted.
        """
        with DriverConnection(alone=True) as link:
            link.run(_FORGET, {"of_subject": subject})
            link.commit()


def is_expired(now: int) -> ColumnElement[bool]:
    """Whether a row is no longer read, so that the purge may delete it.

    Args:
        now: seconds since the epoch.
    """
    is_certain_and_old = and_(_REFUSED.c.at <= now - _CERTAIN_SECONDS, not_(_IS_UNCERTAIN))
    return or_(_REFUSED.c.at <= now - _UNCERTAIN_SECONDS, is_certain_and_old)


def _since(at: int) -> dict[str, int]:
    return {"since": at - _CERTAIN_SECONDS, "uncertain_since": at - _UNCERTAIN_SECONDS}
