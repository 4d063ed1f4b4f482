"""Net IDs of users who asked for privacy

Grants kept the Net ID of users who asked for privacy. Of these, only the stable id may be stored.

Revision ID: 0003
Revises: 0002
"""
import sqlalchemy as sa
from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade():
    grant = sa.table('grant', sa.column('net_id', sa.String), sa.column('private', sa.Boolean))
    op.execute(grant.update().where(grant.c.private.is_(True), grant.c.net_id.is_not(None)).values(net_id=None))


def downgrade():
    # The cleared Net IDs are stored nowhere else.
    pass
