"""The tables. Times are seconds since the epoch. No column holds a secret or a token in the clear.

Tokens and grants have no foreign keys: they are deleted by time and by key, in batches. A constraint would
cost a look-up at each insert and a scan at each delete.
"""

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base
from telemetry import ACTOR_LENGTH, FAMILY_LENGTH, REASON_LENGTH

DEFAULT_DIRECTORY = "default"
"""The name of the only directory, until there are several. A subject is unique within its directory."""

_Serial = BigInteger().with_variant(Integer, "sqlite")


class ClientRow(Base):
    """A registered client (RFC 6749, 2; metadata under the names of RFC 7591).

    `password_grant` is its policy of the password grant; None stands for the default policy.
    """

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
    access_token_format: Mapped[str] = mapped_column(String(16))
    audiences: Mapped[list[str]] = mapped_column(JSON)
    released_claims: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    restrictions: Mapped[dict[str, list[str]]] = mapped_column(JSON)
    post_logout_redirect_uris: Mapped[list[str]] = mapped_column(JSON)
    backchannel_logout_uri: Mapped[str | None] = mapped_column(Text)
    password_grant: Mapped[dict[str, object] | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[int] = mapped_column(BigInteger)
    disabled_at: Mapped[int | None] = mapped_column(BigInteger)


class ClientSecretRow(Base):
    """One of a client's secrets, as an HMAC under the server key `key_id`. A client may have several."""

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
    """One grant: a family of tokens for one client and one user, or for the client alone.

    `subject` is the user's stable id in `directory`. `sub` replaces it towards clients with pairwise
    subjects. `audience` holds the requested resources (RFC 8707), separated by spaces. `claims` are those of
    the scope, so that no resource check asks the directory; of a `private` user neither these nor the
    `net_id` are stored. `cnf` is the key that a refresh token is bound to (RFC 7800; RFC 9449, 5). `acr`,
    `amr` and `auth_time` describe the login (OpenID Connect Core, 2), and `session_id` is its sign-in
    session. `origin` is the grant type that made the grant. `expires_at` bounds the whole family;
    `live_until` is the end of its last token; the purge uses it. `last_used_at` is its last refresh, if any.
    `app_password_id` is the app password that gave it, if one did.
    """

    __tablename__ = "grant"
    __table_args__ = (
        Index("ix_grant_subject_client_id", "subject", "client_id"),
        {"sqlite_with_rowid": False},
    )

    id: Mapped[bytes] = mapped_column(LargeBinary(19), primary_key=True)
    client_id: Mapped[str] = mapped_column(String(255))
    directory: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str | None] = mapped_column(String(255))
    sub: Mapped[str | None] = mapped_column(String(64))
    net_id: Mapped[str | None] = mapped_column(String(255))
    scope: Mapped[str] = mapped_column(Text)
    audience: Mapped[str | None] = mapped_column(Text)
    claims: Mapped[dict[str, object]] = mapped_column(JSON)
    private: Mapped[bool]
    password_changed_at: Mapped[int | None] = mapped_column(BigInteger)
    auth_time: Mapped[int] = mapped_column(BigInteger)
    acr: Mapped[str | None] = mapped_column(String(255))
    amr: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    session_id: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    cnf: Mapped[dict[str, str] | None] = mapped_column(JSON(none_as_null=True))
    origin: Mapped[str] = mapped_column(String(255))
    expires_at: Mapped[int] = mapped_column(BigInteger)
    live_until: Mapped[int] = mapped_column(BigInteger, index=True)
    revoked_at: Mapped[int | None] = mapped_column(BigInteger)
    last_used_at: Mapped[int | None] = mapped_column(BigInteger)
    app_password_id: Mapped[bytes | None] = mapped_column(LargeBinary(16))


class AccessTokenRow(Base):
    """An access token: its key (its end and its SHA-256), its grant, its scope and audience.

    `cnf` is the key that its presenter must prove (RFC 7800; RFC 8705, 3; RFC 9449, 6): a refresh may bind
    the next access token to another key than the grant's.
    """

    __tablename__ = "access_token"
    __table_args__ = ({"sqlite_with_rowid": False},)

    id: Mapped[bytes] = mapped_column(LargeBinary(38), primary_key=True)
    grant_id: Mapped[bytes] = mapped_column(LargeBinary(19))
    scope: Mapped[str] = mapped_column(Text)
    audience: Mapped[str | None] = mapped_column(Text)
    cnf: Mapped[dict[str, str] | None] = mapped_column(JSON(none_as_null=True))
    issued_at: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[int] = mapped_column(BigInteger)


class RefreshTokenRow(Base):
    """A refresh token: its key, its grant, its generation, and when it was used.

    `access_scope` and `access_audience` belong to the access token that was issued with it, if they differ
    from the grant's. Without them, an answer that the client lost could not be repeated.
    """

    __tablename__ = "refresh_token"
    __table_args__ = ({"sqlite_with_rowid": False},)

    id: Mapped[bytes] = mapped_column(LargeBinary(38), primary_key=True)
    grant_id: Mapped[bytes] = mapped_column(LargeBinary(19))
    generation: Mapped[int] = mapped_column(Integer)
    issued_at: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[int] = mapped_column(BigInteger)
    used_at: Mapped[int | None] = mapped_column(BigInteger)
    access_scope: Mapped[str | None] = mapped_column(Text)
    access_audience: Mapped[str | None] = mapped_column(Text)


class AuditEventRow(Base):
    """One audit event. A token's row is stored in the token's transaction.

    `name_digest` is a keyed digest of a login name that no entry matched. `times` is the number of refusals
    that the row stands for, if there are several. `hint` names a fault of the client program.
    `actor` is the operator who made a change, and `actor_reason` is why, in the operator's own words.
    `user_agent` is the family of the client program, and `app_password_id` the hex id of an app password.
    """

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
    reason: Mapped[str | None] = mapped_column(String(REASON_LENGTH))
    duration_ms: Mapped[int | None] = mapped_column(Integer)
    name_digest: Mapped[str | None] = mapped_column(String(64))
    times: Mapped[int | None] = mapped_column(Integer)
    hint: Mapped[str | None] = mapped_column(String(64))
    actor: Mapped[str | None] = mapped_column(String(ACTOR_LENGTH))
    actor_reason: Mapped[str | None] = mapped_column(String(ACTOR_LENGTH))
    grant_type: Mapped[str | None] = mapped_column(String(64))
    user_agent: Mapped[str | None] = mapped_column(String(FAMILY_LENGTH))
    app_password_id: Mapped[str | None] = mapped_column(String(32))


class ScopeRow(Base):
    """A registered scope. A user must have one of its `needs` (`group:DN`, `affiliation:NAME`), if any."""

    __tablename__ = "scope"

    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    description: Mapped[str] = mapped_column(Text)
    needs: Mapped[list[str]] = mapped_column(JSON)


class SigningKeyRow(Base):
    """A key that signs tokens. Its private part is encrypted under the server key `key_id`.

    The key is published from `created_at` until `ends_at`, when the last token that it signed has ended. It
    signs from `active_at` until `retired_at`.
    """

    __tablename__ = "signing_key"

    kid: Mapped[str] = mapped_column(String(64), primary_key=True)
    alg: Mapped[str] = mapped_column(String(16))
    key_id: Mapped[str] = mapped_column(String(16))
    private_key: Mapped[bytes] = mapped_column(LargeBinary)
    public_jwk: Mapped[dict[str, object]] = mapped_column(JSON)
    created_at: Mapped[int] = mapped_column(BigInteger)
    active_at: Mapped[int] = mapped_column(BigInteger)
    retired_at: Mapped[int | None] = mapped_column(BigInteger)
    ends_at: Mapped[int | None] = mapped_column(BigInteger)


class PersistentSecretRow(Base):
    """A secret that stays the same when server keys change, encrypted under the server key `key_id`."""

    __tablename__ = "persistent_secret"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    key_id: Mapped[str] = mapped_column(String(16))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[int] = mapped_column(BigInteger)


class MissingPersonRow(Base):
    """A person whom a directory server did not find at a refresh; `server` is that server's name.

    Times are seconds since the epoch. `confirmed_at` is when the person's grants ended for it.
    """

    __tablename__ = "missing_person"

    subject: Mapped[str] = mapped_column(String(255), primary_key=True)
    directory: Mapped[str] = mapped_column(String(64), primary_key=True)
    server: Mapped[str | None] = mapped_column(String(255))
    first_missed_at: Mapped[int] = mapped_column(BigInteger)
    confirmed_at: Mapped[int | None] = mapped_column(BigInteger, index=True)


class LoginFailureRow(Base):
    """One refused login. The limits count these rows, and the help desk reads them.

    `name` is a keyed digest of the normalised login name, and `directory` the directory of the login.
    `subject` is the person's stable id if an entry was found; else it stands for the name exactly as typed
    (`spelling:` and a keyed digest). `address` is a network: one IPv4 address, or the /64 of an IPv6 address.
    `is_new_password` is false if the same password was refused before. `tried` is false if no bind followed.
    `cleared` is true once the person has logged in since. An attempt under way has the reason `pending`.
    """

    __tablename__ = "login_failure"
    __table_args__ = (
        Index("ix_login_failure_name_at", "name", "at"),
        Index("ix_login_failure_subject_at", "subject", "at"),
        Index("ix_login_failure_client_id_at", "client_id", "at"),
        Index("ix_login_failure_address_at", "address", "at"),
    )

    id: Mapped[int] = mapped_column(_Serial, primary_key=True)
    at: Mapped[int] = mapped_column(BigInteger, index=True)
    name: Mapped[bytes] = mapped_column(LargeBinary(16))
    directory: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str | None] = mapped_column(String(255))
    client_id: Mapped[str] = mapped_column(String(255))
    address: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(String(64))
    is_new_password: Mapped[bool]
    tried: Mapped[bool]
    cleared: Mapped[bool]


class RefusedPasswordRow(Base):
    """A password that was certainly wrong, as 32 bits of a keyed digest. Its repetition needs no bind.

    `fingerprint` is a digest of the account's password-changed time and lockout status at the refusal.
    """

    __tablename__ = "refused_password"
    __table_args__ = (Index("ix_refused_password_subject_at", "subject", "at"),)

    id: Mapped[int] = mapped_column(_Serial, primary_key=True)
    at: Mapped[int] = mapped_column(BigInteger, index=True)
    directory: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(255))
    client_id: Mapped[str] = mapped_column(String(255))
    tag: Mapped[bytes] = mapped_column(LargeBinary(4))
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary(8))
