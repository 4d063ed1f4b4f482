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
from directory import Directory
from directory.ldap import ConfigError, LdapConfig, open_directory
from keys import KeyringError, load_or_create, make_instance_folder
from login import Login
from models import (
    MIGRATIONS,
    ClientStore,
    GrantStore,
    SecretHasher,
    StoreUnavailable,
    db,
    engine_options,
    is_current,
    prepare_engine,
    secret_key_ids,
)
from oauth import Lifetimes, Protector, Server, token_endpoints
from settings import Settings, SettingsError, instance_path, load_settings
from telemetry import Log, open_log

PROJECT = Path(__file__).parent


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
    app = Flask(__name__, instance_path=str(instance), static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    _open_database(app, settings, instance)
    grants = GrantStore(clock)
    with app.app_context():
        clients = ClientStore(_open_hasher(settings, instance), grants, clock)
    directory = directory or open_directory(_ldap_config(settings), clock=clock)
    login = Login(directory, places=max(1, settings.threads - 1))
    log = open_log(log_stream)
    server = Server(
        issuer=settings.issuer,
        clients=clients,
        grants=grants,
        login=login,
        lifetimes=_lifetimes(settings),
        log=log,
        clock=clock,
    )
    _serve(app, settings, server, Protector(grants, clock), log)
    app.register_blueprint(
        web.health(required={"database": _database_answers}, degrading={"directory": login.ping})
    )
    cli.register(app, cli.Services(clients=clients, grants=grants, clock=clock, settings=settings))
    return app


def _open_database(app: Flask, settings: Settings, instance: Path) -> None:
    make_instance_folder(instance)
    url = settings.database_url_or_default(instance)
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(url, threads=settings.threads)
    db.init_app(app)
    Migrate(app, db, directory=str(MIGRATIONS))
    with app.app_context():
        prepare_engine(db.engine, sqlite_synchronous=settings.sqlite_synchronous)


def _open_hasher(settings: Settings, instance: Path) -> SecretHasher:
    """The digests of client secrets; refused where the database holds some that no key of ours made."""
    ring = load_or_create(instance, settings.secret_keys, may_create=lambda: not secret_key_ids())
    hasher = SecretHasher([(key.key_id, key.key) for key in ring.derive("client secret")])
    if unknown := secret_key_ids() - {key_id for key_id, _ in hasher.keys}:
        raise KeyringError(
            f"The database holds client secrets made under other server keys ({', '.join(sorted(unknown))}): "
            "add those keys to NETID_SECRET_KEY, behind the first."
        )
    return hasher


def _ldap_config(settings: Settings) -> LdapConfig:
    password = settings.ldap_bind_password
    return LdapConfig(
        uris=settings.ldap_uri if settings.embedded_ldif is None else (f"embedded:{settings.embedded_ldif}",),
        start_tls=settings.ldap_start_tls,
        ca_file=settings.ldap_ca_file,
        client_cert_file=settings.ldap_client_cert_file,
        client_key_file=settings.ldap_client_key_file,
        bind_dn=settings.ldap_bind_dn,
        bind_password=None if password is None else password.get_secret_value(),
        user_base=settings.ldap_user_base,
        user_filter=settings.ldap_user_filter,
        user_dn_template=settings.ldap_user_dn_template,
        id_attribute=settings.ldap_id_attribute,
        connect_timeout=settings.ldap_connect_timeout,
        read_timeout=settings.ldap_read_timeout,
        login_deadline=settings.ldap_login_deadline,
        pool_size=settings.pool_size,
        connection_lifetime=settings.ldap_connection_lifetime,
    )


def _lifetimes(settings: Settings) -> Lifetimes:
    return Lifetimes(
        access_token=settings.access_token_ttl,
        refresh_token=settings.refresh_token_ttl,
        refresh_idle=settings.refresh_idle_ttl,
        grant=settings.grant_ttl,
    )


def _serve(app: Flask, settings: Settings, server: Server, protector: Protector, log: Log) -> None:
    app.register_blueprint(token_endpoints(server))
    app.register_blueprint(web.resources(protector))
    app.register_blueprint(web.front_page(settings.issuer))
    web.answer_every_error(app, log)
    if hops := settings.trusted_proxies:
        # The host of a request is never looked at: every URL of ours is built from the issuer.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops)  # type: ignore[method-assign]


def _database_answers() -> None:
    """Probe: the database answers, and its schema is ours."""
    if not is_current():
        raise StoreUnavailable("the schema is that of another release: flask db upgrade")
