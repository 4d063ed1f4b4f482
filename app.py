"""The composition root: settings, keys, stores, directory, login, server and pages, joined in that order.

Owns: which implementation serves which contract. It is the only module that may know every package.
"""

import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TextIO

import click
from flask import Flask
from flask_migrate import Migrate
from werkzeug.middleware.proxy_fix import ProxyFix

import cli
import web
from app_audit import name_digest, open_refusals
from app_login import login_guard, login_names
from app_values import ldap_config, lifetimes, limits, restrictions
from directory import Directory
from directory.ldap import ConfigError, open_directory
from keys import KeyRing, KeyringError, load_or_create, make_instance_folder
from login import Login
from models import (
    MIGRATIONS,
    AbsenceStore,
    ClientStore,
    GrantCap,
    GrantStore,
    KeptSecrets,
    RefreshStore,
    ScopeStore,
    Sealer,
    SecretHasher,
    SigningKeyStore,
    StoreUnavailable,
    UrlRefused,
    check_url,
    db,
    engine_options,
    is_current,
    kept_secret_key_ids,
    make_private,
    prepare_engine,
    secret_key_ids,
    signing_key_ids,
)
from oauth import (
    Catalogue,
    Origins,
    PairwiseSubjects,
    Protector,
    Server,
    SigningKeys,
    oauth_endpoints,
    preflights,
    userinfo_endpoint,
)
from settings import Settings, SettingsError, instance_path, load_settings
from telemetry import Log, open_log, redact_access_log

PROJECT = Path(__file__).parent
_SECRETS = "client secret"


class CannotStart(click.ClickException):
    """The server cannot start as it is set up; the message is for the operator."""


def create_app(
    environ: Mapping[str, str] | None = None,
    *,
    clock: Callable[[], float] = time.time,
    directory: Directory | None = None,
    log_stream: TextIO | None = None,
) -> Flask:
    """Build one server from its settings.

    Args:
        environ: where the `NETID_…` variables are (the process's own by default).
        clock: seconds since the epoch.
        directory: one to use in place of the one that the settings name.
        log_stream: where log lines go (standard error by default).

    Raises:
        CannotStart: with every mistake in the settings, or what is wrong with the server's key or database.
    """
    try:
        return _build(os.environ if environ is None else environ, clock, directory, log_stream or sys.stderr)
    except (SettingsError, KeyringError, ConfigError, StoreUnavailable) as error:
        raise CannotStart(str(error)) from None


def _build(
    environ: Mapping[str, str], clock: Callable[[], float], directory: Directory | None, log_stream: TextIO
) -> Flask:
    instance = instance_path(environ, PROJECT / "instance").resolve()
    settings = load_settings(instance, environ)
    app = _new_flask(instance)
    _open_database(app, settings, instance)
    grants = GrantStore(clock, GrantCap(settings.grants_per_person))
    with app.app_context():
        ring = _open_keys(settings, instance, int(clock()))
        hasher = SecretHasher([(key.key_id, key.key) for key in ring.derive(_SECRETS)])
        clients = ClientStore(hasher, grants, clock)
    keys = _signing_keys(ring, clock)
    ldap = ldap_config(settings)
    directory = directory or open_directory(ldap, clock=clock)
    log = open_log(log_stream)
    login = Login(directory, login_guard(settings, ring, log, clock), places=max(1, settings.threads - 1))
    server = _new_server(
        app, settings, clock=clock, log=log, clients=clients, grants=grants, login=login, ring=ring, keys=keys
    )
    origins = Origins(clients.list, clock)
    _serve(app, settings, server, Protector(grants, clock, settings.issuer), log=log, origins=origins)
    commands = cli.Services(
        clients=clients,
        grants=grants,
        keys=keys,
        directory=directory,
        clock=clock,
        settings=settings,
        ldap=ldap,
        names=name_digest(ring),
        login_names=login_names(settings, ring),
        limits=limits(settings),
    )
    cli.register(app, commands)
    return app


def _new_server(
    app: Flask,
    settings: Settings,
    *,
    clock: Callable[[], float],
    log: Log,
    clients: ClientStore,
    grants: GrantStore,
    login: Login,
    ring: KeyRing,
    keys: SigningKeys,
) -> Server:
    return Server(
        issuer=settings.issuer,
        clients=clients,
        grants=grants,
        login=login,
        restrictions=restrictions(settings),
        catalogue=Catalogue(ScopeStore().list, clock),
        default_scope=settings.default_scope or "",
        subjects=PairwiseSubjects(_kept_secrets(ring, clock).get),
        refreshes=RefreshStore(clock),
        absences=AbsenceStore(),
        lifetimes=lifetimes(settings),
        successor_keys=[key.key for key in ring.derive("refresh token successor")],
        keys=keys,
        replay_window=settings.refresh_replay_window,
        refusals=open_refusals(app, name_digest(ring), clock),
        log=log,
        clock=clock,
    )


def _new_flask(instance: Path) -> Flask:
    app = web.Application(__name__, instance_path=str(instance), static_folder=None)
    # Flask's own answer to OPTIONS is an empty HTML page.
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.json.sort_keys = False  # type: ignore[attr-defined]
    return app


def _open_database(app: Flask, settings: Settings, instance: Path) -> None:
    make_instance_folder(instance)
    url = settings.database_url_or_default(instance)
    try:
        check_url(url)
    except UrlRefused as refused:
        raise CannotStart(f"NETID_DATABASE_URL {refused}.") from None
    make_private(url)
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(url, threads=settings.threads)
    db.init_app(app)
    Migrate(app, db, directory=str(MIGRATIONS))
    with app.app_context():
        prepare_engine(db.engine, sqlite_synchronous=settings.sqlite_synchronous)


def _open_keys(settings: Settings, instance: Path, now: int) -> KeyRing:
    """The server's keys; refused where the database holds what none of them made and somebody still needs."""

    def made() -> dict[str, frozenset[str]]:
        return {
            "client secrets": secret_key_ids(),
            "kept secrets": kept_secret_key_ids(),
            "signing keys": signing_key_ids(now),
        }

    ring = load_or_create(instance, settings.secret_keys, may_create=lambda: not any(made().values()))
    known = {key.key_id for key in ring.derive(_SECRETS)}
    for what, key_ids in made().items():
        if unknown := key_ids - known:
            raise KeyringError(
                f"The database holds {what} made under other server keys ({', '.join(sorted(unknown))}): "
                "add those keys to NETID_SECRET_KEY, behind the first."
            )
    return ring


def _signing_keys(ring: KeyRing, clock: Callable[[], float]) -> SigningKeys:
    sealer = Sealer([(key.key_id, key.key) for key in ring.derive("signing key")])
    return SigningKeys(SigningKeyStore(sealer), clock)


def _kept_secrets(ring: KeyRing, clock: Callable[[], float]) -> KeptSecrets:
    return KeptSecrets(Sealer([(key.key_id, key.key) for key in ring.derive("kept secret")]), clock)


def _serve(
    app: Flask, settings: Settings, server: Server, protector: Protector, *, log: Log, origins: Origins
) -> None:
    app.register_blueprint(oauth_endpoints(server, origins))
    app.register_blueprint(userinfo_endpoint(protector, origins))
    app.register_blueprint(preflights(origins))
    app.register_blueprint(web.resources(protector))
    app.register_blueprint(web.front_page(settings.issuer))
    app.register_blueprint(
        web.health(required={"database": _database_answers}, degrading={"directory": server.login.ping})
    )
    web.answer_every_error(app, log)
    redact_access_log()
    app.wsgi_app = web.SafeHeaders(app.wsgi_app, settings.issuer)  # type: ignore[method-assign]
    if hops := settings.trusted_proxies:
        # The host of a request is never looked at: every URL of ours is built from the issuer.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops)  # type: ignore[method-assign]


def _database_answers() -> None:
    """Probe: the database answers, and its schema is ours."""
    if not is_current():
        raise StoreUnavailable("the schema is that of another release: flask db upgrade")
