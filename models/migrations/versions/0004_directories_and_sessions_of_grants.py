"""Directories, sessions and origins of grants

Prepares later features: several directories, sign-in sessions, sender-constrained tokens. Adds to the audit
who made a change, and why. Also gives tables and columns the names that the code uses.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# The only directory until there are several.
_DIRECTORY = "default"
_AUDIT_ACTOR = ("actor", "actor_reason")
_SUBJECT_TABLES = ("grant", "login_failure", "refused_password")
_MISSING_PERSON = ("subject", "server", "first_missed_at", "confirmed_at")
_PERSISTENT_SECRET = ("name", "key_id", "sealed", "created_at")


def upgrade() -> None:
    for table in _SUBJECT_TABLES:
        op.add_column(
            table, sa.Column("directory", sa.String(length=64), server_default=_DIRECTORY, nullable=False)
        )
    _prepare_grant()
    with op.batch_alter_table("login_failure") as batch_op:
        batch_op.alter_column("directory", existing_type=sa.String(length=64), server_default=None)
        batch_op.alter_column("guess", new_column_name="is_new_password", existing_type=sa.Boolean())
    with op.batch_alter_table("refused_password") as batch_op:
        batch_op.alter_column("directory", existing_type=sa.String(length=64), server_default=None)
        batch_op.alter_column("state", new_column_name="fingerprint", existing_type=sa.LargeBinary(length=8))
    op.add_column("access_token", sa.Column("cnf", sa.JSON(none_as_null=True), nullable=True))
    for name in _AUDIT_ACTOR:
        op.add_column("audit_event", sa.Column(name, sa.String(length=255), nullable=True))

    # A stable id is unique within its directory only.
    _create_missing_person()
    _copy("absence", "missing_person", _MISSING_PERSON, directory=_DIRECTORY)
    with op.batch_alter_table("absence") as batch_op:
        batch_op.drop_index("ix_absence_confirmed_at")
    op.drop_table("absence")

    _create_persistent_secret("persistent_secret")
    _copy("kept_secret", "persistent_secret", _PERSISTENT_SECRET)
    op.drop_table("kept_secret")


def downgrade() -> None:
    with op.batch_alter_table("audit_event") as batch_op:
        for name in _AUDIT_ACTOR:
            batch_op.drop_column(name)
    _create_persistent_secret("kept_secret")
    _copy("persistent_secret", "kept_secret", _PERSISTENT_SECRET)
    op.drop_table("persistent_secret")

    op.create_table(
        "absence",
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("server", sa.String(length=255), nullable=True),
        sa.Column("first_missed_at", sa.BigInteger(), nullable=False),
        sa.Column("confirmed_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_absence")),
    )
    op.create_index(op.f("ix_absence_confirmed_at"), "absence", ["confirmed_at"])
    _copy("missing_person", "absence", _MISSING_PERSON, only_of=_DIRECTORY)
    with op.batch_alter_table("missing_person") as batch_op:
        batch_op.drop_index("ix_missing_person_confirmed_at")
    op.drop_table("missing_person")

    with op.batch_alter_table("access_token", table_kwargs={"sqlite_with_rowid": False}) as batch_op:
        batch_op.drop_column("cnf")
    with op.batch_alter_table("refused_password") as batch_op:
        batch_op.alter_column("fingerprint", new_column_name="state", existing_type=sa.LargeBinary(length=8))
        batch_op.drop_column("directory")
    with op.batch_alter_table("login_failure") as batch_op:
        batch_op.alter_column("is_new_password", new_column_name="guess", existing_type=sa.Boolean())
        batch_op.drop_column("directory")
    with op.batch_alter_table("grant", table_kwargs={"sqlite_with_rowid": False}) as batch_op:
        batch_op.alter_column("private", existing_type=sa.Boolean(), nullable=True)
        for name in ("origin", "session_id", "amr", "acr", "cnf", "directory"):
            batch_op.drop_column(name)


def _prepare_grant() -> None:
    """Add what a grant is to keep, and say of each grant which grant type it came from."""
    for column in (
        sa.Column("cnf", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("acr", sa.String(length=255), nullable=True),
        sa.Column("amr", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("session_id", sa.LargeBinary(length=32), nullable=True),
        sa.Column("origin", sa.String(length=255), nullable=True),
    ):
        op.add_column("grant", column)
    grant = sa.table(
        "grant", sa.column("origin", sa.String), sa.column("subject", sa.String), sa.column("private", sa.Boolean)
    )
    of_nobody = grant.c.subject.is_(None)
    # There were no other grant types that make a grant.
    op.execute(
        grant.update().values(
            origin=sa.case((of_nobody, "client_credentials"), else_="password"),
            private=sa.func.coalesce(grant.c.private, sa.false()),
        )
    )
    with op.batch_alter_table("grant", table_kwargs={"sqlite_with_rowid": False}) as batch_op:
        batch_op.alter_column("directory", existing_type=sa.String(length=64), server_default=None)
        batch_op.alter_column("origin", existing_type=sa.String(length=255), nullable=False)
        batch_op.alter_column("private", existing_type=sa.Boolean(), nullable=False)


def _create_missing_person() -> None:
    op.create_table(
        "missing_person",
        sa.Column("directory", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("server", sa.String(length=255), nullable=True),
        sa.Column("first_missed_at", sa.BigInteger(), nullable=False),
        sa.Column("confirmed_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("subject", "directory", name=op.f("pk_missing_person")),
    )
    op.create_index(op.f("ix_missing_person_confirmed_at"), "missing_person", ["confirmed_at"])


def _create_persistent_secret(name: str) -> None:
    op.create_table(
        name,
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f(f"pk_{name}")),
    )


def _copy(
    source: str, target: str, names: tuple[str, ...], *, directory: str | None = None, only_of: str | None = None
) -> None:
    """Copy the columns `names` of all rows, or of one directory's; write `directory` into each copy."""
    rows = sa.table(source, *(sa.column(name) for name in (*names, "directory")))
    copies = sa.table(target, *(sa.column(name) for name in (*names, "directory")))
    select = sa.select(*(rows.c[name] for name in names))
    if only_of is not None:
        select = select.where(rows.c.directory == only_of)
    written = list(names)
    if directory is not None:
        select, written = select.add_columns(sa.literal(directory)), [*names, "directory"]
    op.execute(copies.insert().from_select(written, select))
