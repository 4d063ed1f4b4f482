"""Alembic's entry: runs migrations over the application's own engine."""

from alembic import context
from sqlalchemy import Engine

from models.base import Base, db
from models.database.bounded import BoundedConnection

_LIFT_GUARD = {
    # SQLite changes a table by copying and dropping it; dropping `client` would delete its secrets.
    "sqlite": "PRAGMA foreign_keys=OFF",
    # An index on millions of rows takes longer than a request's timeout.
    "postgresql": "SET statement_timeout = 0",
}


def migrate_online() -> None:
    """Run migrations on the engine of the current application, in one transaction if possible."""
    engine: Engine = db.engine
    with engine.connect() as connection:
        # This connection never returns to the pool: requests would get it without its timeouts.
        connection.detach()
        driver = connection.connection.dbapi_connection
        if isinstance(driver, BoundedConnection):
            driver.is_bounded = False
        connection.exec_driver_sql(_LIFT_GUARD[engine.dialect.name])
        connection.commit()
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            render_as_batch=engine.dialect.name == "sqlite",
        )
        with context.begin_transaction():
            context.run_migrations()


def migrate_offline() -> None:
    """Print the SQL of the migrations, for operators who run it by hand (`flask db upgrade --sql`)."""
    context.configure(dialect_name=db.engine.dialect.name, target_metadata=Base.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    migrate_offline()
else:
    migrate_online()
