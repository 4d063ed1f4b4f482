"""Authorization codes: storing, finding and using them up.

Owns: that a code gives one grant at most (RFC 6749, 4.1.2), and none after its session. Must not know: the
checks of client, redirect URI and verifier.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import and_, bindparam, insert, select, update

from models.authorizations.approval import Approval
from models.base import table
from models.database.driver import DriverConnection, Statement
from models.grants.grant import INSERT_AUDIT
from models.grants.redeem import Redeem, has_live_session
from models.sessions.session_end import take_part_in
from models.sign_in_tables import AuthorizationCodeRow, SignInSessionRow
from models.sqlite.group_commit import GroupCommit
from telemetry import AuditEvent

_CODE, _SESSION = table(AuthorizationCodeRow), table(SignInSessionRow)
_IS_LIVE_SESSION = and_(_SESSION.c.id == _CODE.c.session_id, _SESSION.c.ended_at.is_(None))


class AuthorizationCode(NamedTuple):
    """An authorization code. Times are seconds since the epoch.

    `grant_id` is the grant that it gave when it was used. `session_ended` means that the sign-in session of
    the approval has ended.
    """

    client_id: str
    redirect_uri: str | None
    code_challenge: str | None
    approval: Approval
    issued_at: int
    expires_at: int
    used_at: int | None = None
    grant_id: bytes | None = None
    session_ended: bool = False


_FIND = Statement(
    select(
        _CODE.c.client_id,
        _CODE.c.redirect_uri,
        _CODE.c.code_challenge,
        _CODE.c.approval,
        _CODE.c.issued_at,
        _CODE.c.expires_at,
        _CODE.c.used_at,
        _CODE.c.grant_id,
        and_(_CODE.c.session_id.is_not(None), _SESSION.c.id.is_(None)).label("session_ended"),
    )
    .select_from(_CODE.outerjoin(_SESSION, _IS_LIVE_SESSION))
    .where(_CODE.c.id == bindparam("key"))
)
_INSERT = Statement(insert(_CODE), _CODE.c.keys())
_USE = Statement(
    update(_CODE)
    .where(
        _CODE.c.id == bindparam("key"),
        _CODE.c.used_at.is_(None),
        _CODE.c.expires_at > bindparam("at"),
        has_live_session(_CODE.c.session_id),
    )
    .values(used_at=bindparam("at"), grant_id=bindparam("grant"))
    .returning(_CODE.c.session_id)
)


class CodeStore:
    """The authorization codes in the database."""

    def __init__(self, commits: GroupCommit | None = None) -> None:
        """Open the store.

        Args:
            commits: the write queue of this process; one of its own if None.
        """
        self._commits = commits or GroupCommit()

    def add(
        self,
        key: bytes,
        code: AuthorizationCode,
        event: AuditEvent,
        *,
        beside: Sequence[Callable[[DriverConnection], object]] = (),
    ) -> None:
        """Store a new code, that its session signed in to the client, and the audit row: all, or nothing.

        Args:
            key: the SHA-256 of the code.
            code: the code.
            event: the audit row.
            beside: writes that go first in the same transaction, such as `SessionStore.begin_beside`.

        Raises:
            StoreUnavailable: nothing was stored.
        """
        approval, row = code.approval, _row(key, code)

        def store(link: DriverConnection) -> None:
            for write in beside:
                write(link)
            link.run(_INSERT, row)
            if approval.session_id is not None:
                take_part_in(link, approval.session_id, code.client_id, approval.seen_sub)
            link.run(INSERT_AUDIT, event.fields())

        self._commits.run(store)

    def find(self, key: bytes) -> AuthorizationCode | None:
        """The code with this key, used and expired or not; None if there is none.

        Args:
            key: the SHA-256 of the code.

        Raises:
            StoreUnavailable: the database cannot say.
        """
        with DriverConnection(alone=True, engine=self._commits.engine) as link:
            row = link.first(_FIND, {"key": key})
        if row is None:
            return None
        return AuthorizationCode(**{**row, "approval": Approval.from_json(row["approval"])})

    @staticmethod
    def redeem(key: bytes) -> Redeem:
        """The use of a code, for `GrantStore.issue`.

        Args:
            key: the SHA-256 of the code.
        """
        return Redeem(_USE, key)


def _row(key: bytes, code: AuthorizationCode) -> dict[str, Any]:
    return {
        "id": key,
        "client_id": code.client_id,
        "redirect_uri": code.redirect_uri,
        "code_challenge": code.code_challenge,
        "approval": code.approval.as_json(),
        "session_id": code.approval.session_id,
        "issued_at": code.issued_at,
        "expires_at": code.expires_at,
        "used_at": None,
        "grant_id": None,
    }
