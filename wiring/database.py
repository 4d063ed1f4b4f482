"""Opens the database, and makes its clock the clock of the application."""

from collections.abc import Callable
from pathlib import Path

from flask import Flask
from flask_migrate import Migrate

from models import (
    MIGRATIONS,
    ServerClock,
    StoreUnavailable,
    db,
    engine_options,
    is_current,
    prepare_engine,
    private_database,
)
from settings import Settings
from settings.keyring import make_instance_folder
from telemetry import Log
from wiring.audit import ClockAlarms, open_ledger


def open_database(
    app: Flask,
    settings: Settings,
    instance: Path,
    clock: Callable[[], float],
    log: Log,
    *,
    must_exist: bool,
) -> None:
    """Give an application its database. The first query connects.

    Args:
        app: the application.
        settings: the operator's settings.
        instance: the instance folder.
        clock: seconds since the epoch; a `ServerClock` follows the database's from now on.
        log: reports a wrong clock.
        must_exist: whether another process has already made the instance folder and SQLite's file.

    Raises:
        UrlRefused: the URL of the database cannot be used.
    """
    if not must_exist:
        make_instance_folder(instance)
    open_ledger(app, clock)
    url = private_database(settings.database_url_or_default(instance), instance, must_exist=must_exist)
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(url, threads=settings.threads)
    db.init_app(app)
    # Flask-SQLAlchemy ends a session with each request; `models.base.session` ends it with its work.
    app.teardown_appcontext_funcs.clear()
    Migrate(app, db, directory=str(MIGRATIONS))
    watch = clock if isinstance(clock, ServerClock) else None
    if watch is not None:
        watch.tell = ClockAlarms(app, log).tell
    with app.app_context():
        prepare_engine(db.engine, sqlite_synchronous=settings.sqlite_synchronous, watch=watch)


def database_answers() -> None:
    """Probe: the database answers, and has the schema of this code.

    Raises:
        StoreUnavailable: it does not answer, or has the schema of another release.
    """
    if not is_current():
        raise StoreUnavailable("the schema is that of another release: flask db upgrade")
