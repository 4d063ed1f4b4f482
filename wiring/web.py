"""Builds the Flask application: its sessions and URLs, its pages, and the middlewares around it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from flask import Flask

import web
from admin import Services
from core.request_deadline import UnderDeadline
from login import Sessions
from models import AppPasswordStore, ConsentStore, ScopeStore, SessionStore, SignInSession
from models.tables import DEFAULT_DIRECTORY
from oauth import (
    Authorization,
    DeviceVerification,
    Origins,
    Protector,
    Server,
    ServerMetadata,
    note_missing_person,
    oauth_endpoints,
)
from settings import Settings, SettingsError
from settings.keyring import KeyRing
from telemetry import AuditEvent, Log, redact_access_log
from web.device import device_page
from web.logout import logout_pages
from web.me import Account, OwnAppPasswords, own_page
from web.signin import Flows, SignInDesk, sign_in_pages
from wiring.database import database_answers
from wiring.directory_check import DirectoryCheck
from wiring.from_settings import metadata_links, session_rules
from wiring.keys import session_keys


def new_application(settings: Settings, instance: Path) -> Flask:
    """Make an application without pages. Flask builds its URLs from the issuer, not from the Host header.

    Args:
        settings: the operator's settings.
        instance: the instance folder.
    """
    app = web.Application("app", instance_path=str(instance), static_folder=None)
    issuer = urlsplit(settings.issuer)
    app.config.update(
        # Flask's own answer to OPTIONS is an empty HTML page.
        PROVIDE_AUTOMATIC_OPTIONS=False,
        SERVER_NAME=issuer.netloc,
        PREFERRED_URL_SCHEME=issuer.scheme,
        APPLICATION_ROOT=issuer.path or "/",
        # A browser takes a cookie with this prefix from this host alone, over https (RFC 6265bis).
        SESSION_COOKIE_NAME="__Host-session",
        SESSION_COOKIE_PATH="/",
        SESSION_COOKIE_SECURE=True,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
    )
    app.json.sort_keys = False  # type: ignore[attr-defined]
    return app


def sign_sessions(app: Flask, ring: KeyRing) -> None:
    """Enable sessions. Without this a session is empty, and a view that writes to it answers 503.

    Args:
        app: the application.
        ring: the server's keys.
    """
    first, *others = session_keys(ring)
    app.config.update(SECRET_KEY=first, SECRET_KEY_FALLBACKS=others)


def add_pages(app: Flask, settings: Settings, server: Server, services: Services, log: Log) -> None:
    """Register every endpoint, page and middleware, and the answers to errors.

    Args:
        app: the application.
        settings: the operator's settings.
        server: the authorization server.
        services: the stores that access tokens and clients are in, and the clock.
        log: receives errors.

    Raises:
        SettingsError: A template of the operator cannot be read.
    """
    app.extensions[Server.NAME] = server
    _add_look(app, settings, log)
    protector = Protector(services.grants, services.clock, settings.issuer)
    origins = Origins(services.clients.list, services.clock)
    metadata = ServerMetadata(
        settings.issuer, server.declared, server.policy.scope_registry, metadata_links(settings)
    )
    app.register_blueprint(oauth_endpoints(server, protector, origins))
    _add_sign_in(app, settings, server, services)
    _add_own_page(app, settings, services, log)
    app.register_blueprint(device_page(DeviceVerification(server)))
    app.register_blueprint(logout_pages(server))
    app.register_blueprint(metadata.blueprint())
    app.register_blueprint(web.resources(protector))
    app.register_blueprint(web.front_page(settings.issuer, metadata, settings.contact))
    check = app.extensions[DirectoryCheck.NAME] = DirectoryCheck(services.directory, log)

    def directory_answers() -> None:
        check.require_good()
        server.login.ping()

    app.register_blueprint(
        web.health(required={"database": database_answers}, degrading={"directory": directory_answers})
    )
    web.answer_every_error(app, log)
    redact_access_log()
    _add_middlewares(app, settings)


def _add_sign_in(app: Flask, settings: Settings, server: Server, services: Services) -> None:
    """Register the authorization endpoint and the pages of a sign-in.

    Args:
        app: the application.
        settings: the operator's settings.
        server: the authorization server.
        services: the clock, and the secret of pairwise subjects.
    """
    authorization = Authorization(server)
    server.declared.add(authorization)
    restrictions, clock = server.policy.restrictions, services.clock
    app.extensions[SignInDesk.NAME] = SignInDesk(
        login=server.login,
        sessions=Sessions(
            SessionStore(clock, services.grants.commits),
            SignInSession,
            server.login,
            session_rules(settings),
            directory=DEFAULT_DIRECTORY,
            log=server.log,
            note_missing=_note_missing(server),
            clock=clock,
        ),
        flows=Flows(server.stores.requests, clock),
        consents=ConsentStore(clock),
        authorization=authorization,
        approvals=server.approvals,
        refuse_excluded=restrictions.check_of_server,
        wants_groups=restrictions.of_server_want_groups,
        audit=server.audit,
        issuer=settings.issuer,
        scope_descriptions=_scope_descriptions,
        clock=clock,
    )
    app.register_blueprint(sign_in_pages())


def _note_missing(server: Server) -> Callable[[AuditEvent, Sequence[str]], None]:
    """Count a miss of a session's user as a refresh counts it."""

    def note(event: AuditEvent, servers: Sequence[str]) -> None:
        revoked = replace(event, event="grant.revoked")
        fields = {"request_id": event.request_id, "address": event.address}
        note_missing_person(server.stores.missing_people, server.log, revoked, servers, fields)

    return note


def _scope_descriptions() -> Mapping[str, str]:
    return {scope.name: scope.description for scope in ScopeStore().list() if scope.description}


def _add_own_page(app: Flask, settings: Settings, services: Services, log: Log) -> None:
    """Register the pages of users about their own: `/me` and what is below it."""
    clock = services.clock
    account = Account(
        sessions=SessionStore(clock),
        consents=ConsentStore(clock),
        app_passwords=OwnAppPasswords(
            store=AppPasswordStore(clock),
            rules=services.app_password_rules,
            find_client=services.clients.recent.get,
            clock=clock,
            log=log,
        ),
        scopes=ScopeStore(),
        idle=settings.session_idle_ttl,
        clock=clock,
        log=log,
    )
    app.register_blueprint(own_page(account))


def _add_look(app: Flask, settings: Settings, log: Log) -> None:
    """Install what all pages share. Raises SettingsError where a template of the operator cannot be read."""
    try:
        web.add_look(app, _theme(settings), settings.issuer, log, callback_origins=settings.callback_origins)
    except web.TemplateRefused as refused:
        raise SettingsError([str(refused)]) from None


def _theme(settings: Settings) -> web.Theme:
    """The look of the pages."""
    links = (each.rpartition(" ") for each in settings.theme_footer_links)
    return web.Theme(
        campus_name=settings.campus_name,
        logo_file=settings.theme_logo_file,
        color=settings.theme_color,
        dark_color=settings.theme_color_dark,
        footer_links=tuple(web.Link(title.strip(), url) for title, _, url in links),
        password_help_url=settings.password_help_uri,
        password_help_text=settings.password_help_text,
    )


def _add_middlewares(app: Flask, settings: Settings) -> None:
    """Wrap the application in its WSGI middlewares; the last one added sees a request first."""
    app.wsgi_app = UnderDeadline(app.wsgi_app, settings.ldap.login_deadline)  # type: ignore[method-assign]
    hops = settings.trusted_proxies
    app.wsgi_app = web.AnswerHeaders(  # type: ignore[method-assign]
        app.wsgi_app, settings.issuer, takes_request_ids=hops > 0
    )
    if hops:
        # The Host header is not taken from the proxy: every URL of ours is built from the issuer.
        header = settings.proxy_header
        app.wsgi_app = web.behind_proxies(app.wsgi_app, hops, header)  # type: ignore[method-assign,assignment]
