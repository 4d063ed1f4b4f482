"""App passwords, policies of the password grant, and usage

Adds the tables of app passwords, of the steps out of the password grant, and of usage. Clients, grants and the
audit gain columns that may be empty, so that workers of the release before go on meanwhile.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_TABLES = ("usage_progress", "client_user", "client_usage", "password_grant_step", "app_password")
_AUDIT_COLUMNS = ("grant_type", "user_agent", "app_password_id")


def upgrade() -> None:
    op.add_column("client", sa.Column("password_grant", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("grant", sa.Column("app_password_id", sa.LargeBinary(length=16), nullable=True))
    op.add_column("audit_event", sa.Column("grant_type", sa.String(length=64), nullable=True))
    op.add_column("audit_event", sa.Column("user_agent", sa.String(length=32), nullable=True))
    op.add_column("audit_event", sa.Column("app_password_id", sa.String(length=32), nullable=True))
    _create_app_password()
    _create_password_grant_step()
    _create_usage()


def downgrade() -> None:
    # Nothing of the release before could end these grants with their app password.
    grant = sa.table("grant", sa.column("app_password_id", sa.LargeBinary))
    op.execute(grant.delete().where(grant.c.app_password_id.is_not(None)))
    for table in _TABLES:
        op.drop_table(table)
    with op.batch_alter_table("audit_event") as batch_op:
        for name in _AUDIT_COLUMNS:
            batch_op.drop_column(name)
    with op.batch_alter_table("client") as batch_op:
        batch_op.drop_column("password_grant")
    with op.batch_alter_table("grant", table_kwargs={"sqlite_with_rowid": False}) as batch_op:
        batch_op.drop_column("app_password_id")


def _create_app_password() -> None:
    op.create_table(
        "app_password",
        sa.Column("id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("client_id", sa.String(length=255), nullable=False),
        sa.Column("directory", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("net_id", sa.String(length=255), nullable=True),
        sa.Column("label", sa.String(length=100), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("networks", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(length=255), nullable=True),
        sa.Column("password_changed_at", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("last_used_at", sa.BigInteger(), nullable=True),
        sa.Column("noticed_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("end_reason", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_app_password")),
        sa.UniqueConstraint("digest", name=op.f("uq_app_password_digest")),
    )
    op.create_index("ix_app_password_directory_subject", "app_password", ["directory", "subject"])
    op.create_index(op.f("ix_app_password_client_id"), "app_password", ["client_id"])
    op.create_index(op.f("ix_app_password_expires_at"), "app_password", ["expires_at"])


def _create_password_grant_step() -> None:
    op.create_table(
        "password_grant_step",
        _serial(),
        sa.Column("client_id", sa.String(length=255), nullable=False),
        sa.Column("batch", sa.LargeBinary(length=16), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(length=255), nullable=False),
        sa.Column("actor_reason", sa.String(length=255), nullable=True),
        sa.Column("before", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("after", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("undone_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["client_id"],
            ["client.client_id"],
            name=op.f("fk_password_grant_step_client_id_client"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_password_grant_step")),
    )
    op.create_index(op.f("ix_password_grant_step_client_id"), "password_grant_step", ["client_id"])
    op.create_index(op.f("ix_password_grant_step_batch"), "password_grant_step", ["batch"])


def _create_usage() -> None:
    op.create_table(
        "client_usage",
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("client_id", sa.String(length=255), nullable=False),
        sa.Column("logins", sa.Integer(), nullable=False),
        sa.Column("app_password_logins", sa.Integer(), nullable=False),
        sa.Column("refreshes", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("refusals", sa.Integer(), nullable=False),
        sa.Column("users", sa.Integer(), nullable=False),
        sa.Column("addresses", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=True),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("address_bits", sa.LargeBinary(length=128), nullable=True),
        sa.PrimaryKeyConstraint("day", "client_id", name=op.f("pk_client_usage")),
    )
    op.create_table(
        "client_user",
        sa.Column("client_id", sa.String(length=255), nullable=False),
        sa.Column("directory", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.Column("last_password_at", sa.BigInteger(), nullable=True),
        sa.Column("last_app_password_at", sa.BigInteger(), nullable=True),
        sa.Column("counted_day", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("client_id", "directory", "subject", name=op.f("pk_client_user")),
    )
    progress = op.create_table(
        "usage_progress",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("audit_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_usage_progress")),
    )
    # Rows of earlier releases do not say which grant they are of: there is nothing to count in them.
    audit = sa.table("audit_event", sa.column("id", sa.BigInteger))
    newest = sa.select(
        sa.literal("counted"), sa.func.coalesce(sa.func.max(audit.c.id), 0), sa.literal(0)
    ).select_from(audit)
    op.execute(progress.insert().from_select(["name", "audit_id", "at"], newest))


def _serial() -> sa.Column:
    return sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False)
