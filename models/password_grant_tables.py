"""The tables of app passwords, and of the way out of the password grant: steps of operators, and usage.

Times are seconds since the epoch. A day is the number of days since the epoch, in UTC. No column holds an app
password in the clear. What a grant needs is in `tables.py`.
"""

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base
from telemetry import ACTOR_LENGTH

LABEL_LENGTH = 100
"""The most characters of an app password's label."""
ADDRESS_BITS = 1024
"""The bits of `client_usage.address_bits`."""

_Serial = BigInteger().with_variant(Integer, "sqlite")


class AppPasswordRow(Base):
    """A password that a user has for one client. `digest` is the SHA-256 of its 256 random bits.

    `id` is its public name. `net_id` is None for a user who asked for privacy. Without `networks` it may be
    used from any network. `created_by` is the operator who made it, None if the user did.
    `password_changed_at` is the time of the user's last password change, as known when it was made.
    `noticed_at` is when a notice said that it falls into disuse.
    """

    __tablename__ = "app_password"
    __table_args__ = (Index("ix_app_password_directory_subject", "directory", "subject"),)

    id: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    client_id: Mapped[str] = mapped_column(String(255), index=True)
    directory: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(255))
    net_id: Mapped[str | None] = mapped_column(String(255))
    label: Mapped[str] = mapped_column(String(LABEL_LENGTH))
    scope: Mapped[str] = mapped_column(Text)
    networks: Mapped[list[str]] = mapped_column(JSON)
    created_at: Mapped[int] = mapped_column(BigInteger)
    created_by: Mapped[str | None] = mapped_column(String(ACTOR_LENGTH))
    password_changed_at: Mapped[int | None] = mapped_column(BigInteger)
    expires_at: Mapped[int] = mapped_column(BigInteger, index=True)
    last_used_at: Mapped[int | None] = mapped_column(BigInteger)
    noticed_at: Mapped[int | None] = mapped_column(BigInteger)
    ended_at: Mapped[int | None] = mapped_column(BigInteger)
    end_reason: Mapped[str | None] = mapped_column(String(64))


class PasswordGrantStepRow(Base):
    """One change of a client's policy of the password grant, with the policy before and after it.

    None stands for the default policy. Steps that one command made for many clients share a `batch`.
    """

    __tablename__ = "password_grant_step"

    id: Mapped[int] = mapped_column(_Serial, primary_key=True)
    client_id: Mapped[str] = mapped_column(ForeignKey("client.client_id", ondelete="CASCADE"), index=True)
    batch: Mapped[bytes] = mapped_column(LargeBinary(16), index=True)
    at: Mapped[int] = mapped_column(BigInteger)
    actor: Mapped[str] = mapped_column(String(ACTOR_LENGTH))
    actor_reason: Mapped[str | None] = mapped_column(String(ACTOR_LENGTH))
    before: Mapped[dict[str, object] | None] = mapped_column(JSON(none_as_null=True))
    after: Mapped[dict[str, object] | None] = mapped_column(JSON(none_as_null=True))
    undone_at: Mapped[int | None] = mapped_column(BigInteger)


class ClientUsageRow(Base):
    """How a client used the password grant on one day, as the audit told it.

    `logins` are those with a Net ID password. `refreshes` are of tokens that began with a password of either
    kind. `failures` are refused logins, but for `refusals`: those that the policy of the password grant
    refused. `users` are the people who logged in or refreshed. `addresses` is exact for ten addresses or
    fewer, and beyond them an estimate from `address_bits`, which only the newest days have.
    """

    __tablename__ = "client_usage"

    day: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    client_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    logins: Mapped[int] = mapped_column(Integer)
    app_password_logins: Mapped[int] = mapped_column(Integer)
    refreshes: Mapped[int] = mapped_column(Integer)
    failures: Mapped[int] = mapped_column(Integer)
    refusals: Mapped[int] = mapped_column(Integer)
    users: Mapped[int] = mapped_column(Integer)
    addresses: Mapped[int] = mapped_column(Integer)
    last_at: Mapped[int | None] = mapped_column(BigInteger)
    detail: Mapped[dict[str, dict[str, int]]] = mapped_column(JSON)
    address_bits: Mapped[bytes | None] = mapped_column(LargeBinary(ADDRESS_BITS // 8))


class ClientUserRow(Base):
    """A person who has logged in to a client with a password of either kind, and when.

    `last_at` is the last use of any kind. `counted_day` is the last day whose `users` the person is one of.
    """

    __tablename__ = "client_user"

    client_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    directory: Mapped[str] = mapped_column(String(64), primary_key=True)
    subject: Mapped[str] = mapped_column(String(255), primary_key=True)
    first_at: Mapped[int] = mapped_column(BigInteger)
    last_at: Mapped[int] = mapped_column(BigInteger)
    last_password_at: Mapped[int | None] = mapped_column(BigInteger)
    last_app_password_at: Mapped[int | None] = mapped_column(BigInteger)
    counted_day: Mapped[int | None] = mapped_column(Integer)


class UsageProgressRow(Base):
    """How far the audit table is rolled up: the key of a row, and when that was noted."""

    __tablename__ = "usage_progress"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    audit_id: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[int] = mapped_column(BigInteger)
