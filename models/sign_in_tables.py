"""The tables of sign-in: sessions, authorizations that await their token, consents and logout notices.

Times are seconds since the epoch. A key is the SHA-256 of a random value: no column holds a cookie, a code or
a handle in the clear. What a grant needs is in `tables.py`.
"""

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base

_Serial = BigInteger().with_variant(Integer, "sqlite")
USER_AGENT_LENGTH = 255
"""The most characters that are kept of a browser's name."""

DEVICE_CODE_SECONDS = 3600
"""Seconds for which an expired device code is kept, so that its device learns what became of it."""


class SignInSessionRow(Base):
    """A user's sign-in with one browser.

    `cookie_digest` changes at each sign-in; `id` stays if the same user signs in again, and grants refer to
    it. `person` is what the next steps need to know of the user; of a user who asked for privacy it holds no
    names. `auth_time`, `amr` and `acr` describe the login (OpenID Connect Core, 2). `checked_at` is when the
    directory was last asked about the user. `ended_at` stays until the purge, so that a code of an ended
    session gives no token.
    """

    __tablename__ = "sign_in_session"

    id: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    cookie_digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    directory: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(255), index=True)
    net_id: Mapped[str | None] = mapped_column(String(255))
    person: Mapped[dict[str, object]] = mapped_column(JSON)
    auth_time: Mapped[int] = mapped_column(BigInteger)
    amr: Mapped[list[str]] = mapped_column(JSON)
    acr: Mapped[str | None] = mapped_column(String(255))
    password_changed_at: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[int] = mapped_column(BigInteger)
    last_used_at: Mapped[int] = mapped_column(BigInteger)
    checked_at: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[int] = mapped_column(BigInteger, index=True)
    ended_at: Mapped[int | None] = mapped_column(BigInteger)
    address: Mapped[str] = mapped_column(String(64))
    user_agent: Mapped[str] = mapped_column(String(USER_AGENT_LENGTH))


class SessionClientRow(Base):
    """A client that a session signed in to, with the `sub` that the client saw."""

    __tablename__ = "session_client"

    session_id: Mapped[bytes] = mapped_column(
        ForeignKey("sign_in_session.id", ondelete="CASCADE"), primary_key=True
    )
    client_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    sub: Mapped[str] = mapped_column(String(255))


class LogoutNoticeRow(Base):
    """A logout token that is to be sent to a client's `uri` (OpenID Connect Back-Channel Logout, 2.5).

    It is tried at `due_at`, and given up at `expires_at`.
    """

    __tablename__ = "logout_notice"

    id: Mapped[int] = mapped_column(_Serial, primary_key=True)
    client_id: Mapped[str] = mapped_column(String(255))
    uri: Mapped[str] = mapped_column(Text)
    session_id: Mapped[bytes] = mapped_column(LargeBinary(16))
    sub: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[int] = mapped_column(BigInteger)
    due_at: Mapped[int] = mapped_column(BigInteger, index=True)
    attempts: Mapped[int] = mapped_column(Integer)
    expires_at: Mapped[int] = mapped_column(BigInteger)


class AuthorizationRequestRow(Base):
    """A validated request: `pushed` by a client (RFC 9126), at a user's `browser`, or for a `logout`.

    `client_id` is None where the browser came for a page of this server. `parameters` are as the client gave
    them.
    """

    __tablename__ = "authorization_request"

    id: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    client_id: Mapped[str | None] = mapped_column(String(255))
    parameters: Mapped[dict[str, object]] = mapped_column(JSON)
    created_at: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[int] = mapped_column(BigInteger, index=True)


class AuthorizationCodeRow(Base):
    """An authorization code (RFC 6749, 4.1.2), with the approval that it stands for.

    `grant_id` is the grant that the code gave when it was used: a second use ends it.
    """

    __tablename__ = "authorization_code"

    id: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    client_id: Mapped[str] = mapped_column(String(255))
    redirect_uri: Mapped[str | None] = mapped_column(Text)
    code_challenge: Mapped[str | None] = mapped_column(String(128))
    approval: Mapped[dict[str, object]] = mapped_column(JSON)
    session_id: Mapped[bytes | None] = mapped_column(LargeBinary(16))
    issued_at: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[int] = mapped_column(BigInteger, index=True)
    used_at: Mapped[int | None] = mapped_column(BigInteger)
    grant_id: Mapped[bytes | None] = mapped_column(LargeBinary(19))


class DeviceCodeRow(Base):
    """A device code with its user code (RFC 8628, 3.2), both as digests.

    `address` is the device's network. `interval` is how many seconds the device must wait between two polls.
    `decided_at` is when a user allowed or denied it; `approval` is None unless the user allowed it.
    """

    __tablename__ = "device_code"

    id: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    user_code_digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    client_id: Mapped[str] = mapped_column(String(255))
    scope: Mapped[str] = mapped_column(Text)
    audience: Mapped[str | None] = mapped_column(Text)
    address: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[int] = mapped_column(BigInteger, index=True)
    interval: Mapped[int] = mapped_column(Integer)
    polled_at: Mapped[int | None] = mapped_column(BigInteger)
    decided_at: Mapped[int | None] = mapped_column(BigInteger)
    approval: Mapped[dict[str, object] | None] = mapped_column(JSON(none_as_null=True))
    session_id: Mapped[bytes | None] = mapped_column(LargeBinary(16))
    used_at: Mapped[int | None] = mapped_column(BigInteger)
    grant_id: Mapped[bytes | None] = mapped_column(LargeBinary(19))


class DeviceGuessRow(Base):
    """A wrong user code that was typed (RFC 8628, 5.1), counted by session and by the network `address`."""

    __tablename__ = "device_guess"
    __table_args__ = (
        Index("ix_device_guess_session_id_at", "session_id", "at"),
        Index("ix_device_guess_address_at", "address", "at"),
    )

    id: Mapped[int] = mapped_column(_Serial, primary_key=True)
    at: Mapped[int] = mapped_column(BigInteger, index=True)
    session_id: Mapped[bytes | None] = mapped_column(LargeBinary(16))
    address: Mapped[str] = mapped_column(String(64))


class ConsentRow(Base):
    """A user's remembered consent to a client: the scopes that need no further question."""

    __tablename__ = "consent"

    subject: Mapped[str] = mapped_column(String(255), primary_key=True)
    directory: Mapped[str] = mapped_column(String(64), primary_key=True)
    client_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    scope: Mapped[str] = mapped_column(Text)
    granted_at: Mapped[int] = mapped_column(BigInteger)
