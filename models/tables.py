"""The tables. Times are seconds since the epoch; no column can show a secret or a token.

Tokens and grants carry no foreign keys among themselves: they end by time and by key, in batches, and a
constraint would cost a look-up at each insert and a scan at each delete.
"""

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base

_Serial = BigInteger().with_variant(Integer, "sqlite")


class ClientRow(Base):
    """A registered client (RFC 6749, 2; metadata under the names of RFC 7591)."""

    __tablename__ = "client"

    client_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    client_name: Mapped[str] = mapped_column(String(255))
    owner: Mapped[str | None] = mapped_column(String(255))
    grant_types: Mapped[list[str]] = mapped_column(JSON)
    scope: Mapped[str] = mapped_column(Text)
    default_scope: Mapped[str | None] = mapped_column(Text)
    redirect_uris: Mapped[list[str]] = mapped_column(JSON)
    token_endpoint_auth_method: Mapped[str] = mapped_column(String(64))
    resource_server: Mapped[bool]
    flags: Mapped[dict[str, bool]] = mapped_column(JSON)
    created_at: Mapped[int] = mapped_column(BigInteger)
    disabled_at: Mapped[int | None] = mapped_column(BigInteger)


class ClientSecretRow(Base):
    """One of a client's secrets, as an HMAC under the server key `key_id`; several live at once."""

    __tablename__ = "client_secret"

    client_id: Mapped[str] = mapped_column(
        ForeignKey("client.client_id", ondelete="CASCADE"), primary_key=True
    )
    serial: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    key_id: Mapped[str] = mapped_column(String(16))
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    created_at: Mapped[int] = mapped_column(BigInteger)
    not_after: Mapped[int | None] = mapped_column(BigInteger)
    last_used_at: Mapped[int | None] = mapped_column(BigInteger)
    weak: Mapped[bool]


class GrantRow(Base):
    """One grant: a family of tokens for one person (or none) and one client.

    `claims` are those of its scope, so that no resource ever asks the directory. `expires_at` bounds the
    whole family; `live_until` is when its last token ends, and what the purge goes by.
    """

    __tablename__ = "grant"
    __table_args__ = (
        Index("ix_grant_subject_client_id", "subject", "client_id"),
        {"sqlite_with_rowid": False},
    )

    id: Mapped[bytes] = mapped_column(LargeBinary(19), primary_key=True)
    client_id: Mapped[str] = mapped_column(String(255))
    subject: Mapped[str | None] = mapped_column(String(255))
    net_id: Mapped[str | None] = mapped_column(String(255))
    scope: Mapped[str] = mapped_column(Text)
    claims: Mapped[dict[str, object]] = mapped_column(JSON)
    password_changed_at: Mapped[int | None] = mapped_column(BigInteger)
    auth_time: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[int] = mapped_column(BigInteger)
    live_until: Mapped[int] = mapped_column(BigInteger, index=True)
    revoked_at: Mapped[int | None] = mapped_column(BigInteger)


class AccessTokenRow(Base):
    """An access token: its key (the hour it ends in, and its SHA-256), its grant, its own scope."""

    __tablename__ = "access_token"
    __table_args__ = ({"sqlite_with_rowid": False},)

    id: Mapped[bytes] = mapped_column(LargeBinary(35), primary_key=True)
    grant_id: Mapped[bytes] = mapped_column(LargeBinary(19))
    scope: Mapped[str] = mapped_column(Text)
    issued_at: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[int] = mapped_column(BigInteger)


class RefreshTokenRow(Base):
    """A refresh token: its key, its grant, its generation, and whether it has been used."""

    __tablename__ = "refresh_token"
    __table_args__ = ({"sqlite_with_rowid": False},)

    id: Mapped[bytes] = mapped_column(LargeBinary(35), primary_key=True)
    grant_id: Mapped[bytes] = mapped_column(LargeBinary(19))
    generation: Mapped[int] = mapped_column(Integer)
    issued_at: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[int] = mapped_column(BigInteger)
    used_at: Mapped[int | None] = mapped_column(BigInteger)


class AuditEventRow(Base):
    """One audit event. A token's row is written in the token's own transaction."""

    __tablename__ = "audit_event"

    id: Mapped[int] = mapped_column(_Serial, primary_key=True)
    at: Mapped[int] = mapped_column(BigInteger)
    event: Mapped[str] = mapped_column(String(64))
    request_id: Mapped[str | None] = mapped_column(String(64))
    client_id: Mapped[str | None] = mapped_column(String(255))
    subject: Mapped[str | None] = mapped_column(String(255))
    grant_id: Mapped[str | None] = mapped_column(String(64))
    address: Mapped[str | None] = mapped_column(String(64))
    scope: Mapped[str | None] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(String(64))
    duration_ms: Mapped[int | None] = mapped_column(Integer)
