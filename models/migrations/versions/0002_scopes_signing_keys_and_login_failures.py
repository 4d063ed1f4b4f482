"""Scopes, signing keys and login failures"""

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('absence',
    sa.Column('subject', sa.String(length=255), nullable=False),
    sa.Column('server', sa.String(length=255), nullable=True),
    sa.Column('first_missed_at', sa.BigInteger(), nullable=False),
    sa.Column('confirmed_at', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('subject', name=op.f('pk_absence'))
    )
    with op.batch_alter_table('absence', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_absence_confirmed_at'), ['confirmed_at'], unique=False)

    op.create_table('kept_secret',
    sa.Column('name', sa.String(length=64), nullable=False),
    sa.Column('key_id', sa.String(length=16), nullable=False),
    sa.Column('sealed', sa.LargeBinary(), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_kept_secret'))
    )
    op.create_table('login_failure',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('name', sa.LargeBinary(length=16), nullable=False),
    sa.Column('subject', sa.String(length=255), nullable=True),
    sa.Column('client_id', sa.String(length=255), nullable=False),
    sa.Column('address', sa.String(length=64), nullable=False),
    sa.Column('reason', sa.String(length=64), nullable=False),
    sa.Column('guess', sa.Boolean(), nullable=False),
    sa.Column('tried', sa.Boolean(), nullable=False),
    sa.Column('cleared', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_login_failure'))
    )
    with op.batch_alter_table('login_failure', schema=None) as batch_op:
        batch_op.create_index('ix_login_failure_address_at', ['address', 'at'], unique=False)
        batch_op.create_index(batch_op.f('ix_login_failure_at'), ['at'], unique=False)
        batch_op.create_index('ix_login_failure_client_id_at', ['client_id', 'at'], unique=False)
        batch_op.create_index('ix_login_failure_name_at', ['name', 'at'], unique=False)
        batch_op.create_index('ix_login_failure_subject_at', ['subject', 'at'], unique=False)

    op.create_table('refused_password',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('subject', sa.String(length=255), nullable=False),
    sa.Column('client_id', sa.String(length=255), nullable=False),
    sa.Column('tag', sa.LargeBinary(length=4), nullable=False),
    sa.Column('state', sa.LargeBinary(length=8), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_refused_password'))
    )
    with op.batch_alter_table('refused_password', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_refused_password_at'), ['at'], unique=False)
        batch_op.create_index('ix_refused_password_subject_at', ['subject', 'at'], unique=False)

    op.create_table('scope',
    sa.Column('name', sa.String(length=255), nullable=False),
    sa.Column('description', sa.Text(), nullable=False),
    sa.Column('needs', sa.JSON(), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_scope'))
    )
    op.create_table('signing_key',
    sa.Column('kid', sa.String(length=64), nullable=False),
    sa.Column('alg', sa.String(length=16), nullable=False),
    sa.Column('key_id', sa.String(length=16), nullable=False),
    sa.Column('private_key', sa.LargeBinary(), nullable=False),
    sa.Column('public_jwk', sa.JSON(), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('active_at', sa.BigInteger(), nullable=False),
    sa.Column('retired_at', sa.BigInteger(), nullable=True),
    sa.Column('ends_at', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('kid', name=op.f('pk_signing_key'))
    )
    with op.batch_alter_table('access_token', schema=None) as batch_op:
        batch_op.add_column(sa.Column('audience', sa.Text(), nullable=True))

    with op.batch_alter_table('refresh_token', schema=None) as batch_op:
        batch_op.add_column(sa.Column('access_scope', sa.Text(), nullable=True))
        batch_op.add_column(sa.Column('access_audience', sa.Text(), nullable=True))

    with op.batch_alter_table('audit_event', schema=None) as batch_op:
        batch_op.add_column(sa.Column('name_digest', sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column('hint', sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column('times', sa.Integer(), nullable=True))

    with op.batch_alter_table('client', schema=None) as batch_op:
        batch_op.add_column(sa.Column('access_token_format', sa.String(length=16), server_default='opaque', nullable=False))
        batch_op.add_column(sa.Column('audiences', sa.JSON(), server_default='[]', nullable=False))
        batch_op.add_column(sa.Column('released_claims', sa.JSON(none_as_null=True), nullable=True))
        batch_op.add_column(sa.Column('restrictions', sa.JSON(), server_default='{}', nullable=False))

    # Only the rows that are there need them.
    with op.batch_alter_table('client', schema=None) as batch_op:
        for column in ('access_token_format', 'audiences', 'restrictions'):
            batch_op.alter_column(column, server_default=None)

    with op.batch_alter_table('grant', schema=None) as batch_op:
        batch_op.add_column(sa.Column('sub', sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column('private', sa.Boolean(), nullable=True))
        batch_op.add_column(sa.Column('audience', sa.Text(), nullable=True))



def downgrade() -> None:
    with op.batch_alter_table('grant', schema=None) as batch_op:
        batch_op.drop_column('audience')
        batch_op.drop_column('private')
        batch_op.drop_column('sub')

    with op.batch_alter_table('client', schema=None) as batch_op:
        batch_op.drop_column('restrictions')
        batch_op.drop_column('released_claims')
        batch_op.drop_column('audiences')
        batch_op.drop_column('access_token_format')

    with op.batch_alter_table('audit_event', schema=None) as batch_op:
        batch_op.drop_column('times')
        batch_op.drop_column('hint')
        batch_op.drop_column('name_digest')

    with op.batch_alter_table('refresh_token', schema=None) as batch_op:
        batch_op.drop_column('access_audience')
        batch_op.drop_column('access_scope')

    with op.batch_alter_table('access_token', schema=None) as batch_op:
        batch_op.drop_column('audience')

    op.drop_table('signing_key')
    op.drop_table('scope')
    with op.batch_alter_table('refused_password', schema=None) as batch_op:
        batch_op.drop_index('ix_refused_password_subject_at')
        batch_op.drop_index(batch_op.f('ix_refused_password_at'))

    op.drop_table('refused_password')
    with op.batch_alter_table('login_failure', schema=None) as batch_op:
        batch_op.drop_index('ix_login_failure_subject_at')
        batch_op.drop_index('ix_login_failure_name_at')
        batch_op.drop_index('ix_login_failure_client_id_at')
        batch_op.drop_index(batch_op.f('ix_login_failure_at'))
        batch_op.drop_index('ix_login_failure_address_at')

    op.drop_table('login_failure')
    op.drop_table('kept_secret')
    with op.batch_alter_table('absence', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_absence_confirmed_at'))

    op.drop_table('absence')
