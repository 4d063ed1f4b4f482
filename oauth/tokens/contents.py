"""What a token says: the contents of an access token, and of the ID token beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from models import Approval, NewGrant, RefreshToken


class SignIn(NamedTuple):
    """What an ID token says about a sign-in at this server's pages (OpenID Connect Core 1.0, 2).

    `claims` are those about the user that were requested for the ID token, under their standard names.
    """

    acr: str | None
    amr: Sequence[str]
    session_id: bytes | None
    nonce: str | None = None
    claims: Mapping[str, object] = {}

    @classmethod
    def of_approval(cls, approval: Approval, claims: Mapping[str, object]) -> "SignIn":
        """The sign-in of the user who approved.

        Args:
            approval: what the user approved.
            claims: those that were requested for the ID token, and that the client may get now.
        """
        return cls(approval.acr, approval.amr, approval.session_id, approval.nonce, claims)

    @classmethod
    def of_refresh(cls, token: RefreshToken, claims: Mapping[str, object]) -> "SignIn | None":
        """The sign-in of a refreshed grant, without a nonce (12.2); None if a password was sent for it.

        Args:
            token: the refresh token.
            claims: those that were requested for the ID token, as they are now.
        """
        if token.amr is None:
            return None
        return cls(token.acr, token.amr, token.session_id, claims=claims)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenContents:
    """The contents of an access token, as stored and as a JWT has them. Times are seconds since the epoch.

    `sub` is None for a client's own token. `sign_in` is None unless the user signed in at a page: then a
    client that is registered for it gets an ID token beside the password grant. `by_app_password` means that
    the user did not log in at all, so nothing is said of the time and the methods of a login.
    """

    sub: str | None
    scope: str
    audience: str | None
    auth_time: int
    issued_at: int
    expires_at: int
    sign_in: SignIn | None = field(default=None, repr=False)
    by_app_password: bool = False

    @classmethod
    def of(
        cls,
        grant: NewGrant,
        audience: str | None,
        issued_at: int,
        expires_at: int,
        sign_in: SignIn | None = None,
    ) -> "TokenContents":
        """The contents of a grant's first access token.

        Args:
            grant: the grant.
            audience: the grant's, or the part of it that was requested for this token (RFC 8707, 2.2).
            issued_at: now, in seconds since the epoch.
            expires_at: when the token ends, in seconds since the epoch.
            sign_in: the sign-in at a page.
        """
        return cls(
            sub=grant.sub or grant.subject,
            scope=grant.scope,
            audience=audience,
            auth_time=grant.auth_time,
            issued_at=issued_at,
            expires_at=expires_at,
            sign_in=sign_in,
            by_app_password=grant.app_password_id is not None,
        )
