"""Sign-in sessions, authorizations, consents and logout notices

Adds the tables of sign-in, where clients say goodbye, and when a grant was last used.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_TABLES = (
    "consent",
    "device_guess",
    "device_code",
    "authorization_code",
    "authorization_request",
    "logout_notice",
    "session_client",
    "sign_in_session",
)
_SIGN_IN_ORIGINS = ("authorization_code", "urn:ietf:params:oauth:grant-type:device_code")


def upgrade() -> None:
    op.add_column("grant", sa.Column("last_used_at", sa.BigInteger(), nullable=True))
    op.add_column("client", sa.Column("backchannel_logout_uri", sa.Text(), nullable=True))
    op.add_column(
        "client", sa.Column("post_logout_redirect_uris", sa.JSON(), server_default="[]", nullable=False)
    )
    with op.batch_alter_table("client") as batch_op:
        batch_op.alter_column("post_logout_redirect_uris", existing_type=sa.JSON(), server_default=None)
    _create_sessions()
    _create_authorizations()
    _create_device_codes()
    op.create_table(
        "consent",
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("directory", sa.String(length=64), nullable=False),
        sa.Column("client_id", sa.String(length=255), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("granted_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("subject", "directory", "client_id", name=op.f("pk_consent")),
    )


def downgrade() -> None:
    # Nothing of the release before could end these grants with their session.
    grant = sa.table("grant", sa.column("origin", sa.String))
    op.execute(grant.delete().where(grant.c.origin.in_(_SIGN_IN_ORIGINS)))
    for table in _TABLES:
        op.drop_table(table)
    with op.batch_alter_table("client") as batch_op:
        batch_op.drop_column("post_logout_redirect_uris")
        batch_op.drop_column("backchannel_logout_uri")
    with op.batch_alter_table("grant", table_kwargs={"sqlite_with_rowid": False}) as batch_op:
        batch_op.drop_column("last_used_at")


def _create_sessions() -> None:
    op.create_table(
        "sign_in_session",
        sa.Column("id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("cookie_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("directory", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("net_id", sa.String(length=255), nullable=True),
        sa.Column("person", sa.JSON(), nullable=False),
        sa.Column("auth_time", sa.BigInteger(), nullable=False),
        sa.Column("amr", sa.JSON(), nullable=False),
        sa.Column("acr", sa.String(length=255), nullable=True),
        sa.Column("password_changed_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_used_at", sa.BigInteger(), nullable=False),
        sa.Column("checked_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("user_agent", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_session")),
        sa.UniqueConstraint("cookie_digest", name=op.f("uq_sign_in_session_cookie_digest")),
    )
    op.create_index(op.f("ix_sign_in_session_subject"), "sign_in_session", ["subject"])
    op.create_index(op.f("ix_sign_in_session_expires_at"), "sign_in_session", ["expires_at"])
    op.create_table(
        "session_client",
        sa.Column("session_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("client_id", sa.String(length=255), nullable=False),
        sa.Column("sub", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["sign_in_session.id"],
            name=op.f("fk_session_client_session_id_sign_in_session"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("session_id", "client_id", name=op.f("pk_session_client")),
    )
    op.create_table(
        "logout_notice",
        _serial(),
        sa.Column("client_id", sa.String(length=255), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("session_id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("sub", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_logout_notice")),
    )
    op.create_index(op.f("ix_logout_notice_due_at"), "logout_notice", ["due_at"])


def _create_authorizations() -> None:
    op.create_table(
        "authorization_request",
        sa.Column("id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("client_id", sa.String(length=255), nullable=True),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_authorization_request")),
    )
    op.create_index(op.f("ix_authorization_request_expires_at"), "authorization_request", ["expires_at"])
    op.create_table(
        "authorization_code",
        sa.Column("id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("client_id", sa.String(length=255), nullable=False),
        sa.Column("redirect_uri", sa.Text(), nullable=True),
        sa.Column("code_challenge", sa.String(length=128), nullable=True),
        sa.Column("approval", sa.JSON(), nullable=False),
        sa.Column("session_id", sa.LargeBinary(length=16), nullable=True),
        sa.Column("issued_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.Column("grant_id", sa.LargeBinary(length=19), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_authorization_code")),
    )
    op.create_index(op.f("ix_authorization_code_expires_at"), "authorization_code", ["expires_at"])


def _create_device_codes() -> None:
    op.create_table(
        "device_code",
        sa.Column("id", sa.LargeBinary(length=32), nullable=False),
        sa.Column("user_code_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("client_id", sa.String(length=255), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=True),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("interval", sa.Integer(), nullable=False),
        sa.Column("polled_at", sa.BigInteger(), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("approval", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("session_id", sa.LargeBinary(length=16), nullable=True),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.Column("grant_id", sa.LargeBinary(length=19), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device_code")),
        sa.UniqueConstraint("user_code_digest", name=op.f("uq_device_code_user_code_digest")),
    )
    op.create_index(op.f("ix_device_code_expires_at"), "device_code", ["expires_at"])
    op.create_table(
        "device_guess",
        _serial(),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("session_id", sa.LargeBinary(length=16), nullable=True),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device_guess")),
    )
    op.create_index(op.f("ix_device_guess_at"), "device_guess", ["at"])
    op.create_index("ix_device_guess_session_id_at", "device_guess", ["session_id", "at"])
    op.create_index("ix_device_guess_address_at", "device_guess", ["address", "at"])


def _serial() -> sa.Column:
    return sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False)
