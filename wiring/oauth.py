"""Builds the authorization server, and registers its grants.

Owns: which grants are served, and with which extensions.
"""

from collections.abc import Callable, Mapping, Sequence

from flask import Flask

from admin import Services
from models import (
    AppPasswordStore,
    CodeStore,
    DeviceStore,
    MissingPersonStore,
    RefreshStore,
    RequestStore,
    ScopeStore,
    is_known_user,
)
from models.tables import DEFAULT_DIRECTORY
from oauth import (
    KnownPeople,
    PairwiseSubjects,
    Policy,
    RotatedTokens,
    ScopeRegistry,
    Server,
    Stores,
    TokenIssuer,
    UserCodes,
)
from oauth.grants.authorization_code import AuthorizationCodeGrant
from oauth.grants.client_credentials import ClientCredentialsGrant
from oauth.grants.device_code import DeviceCodeGrant
from oauth.grants.password import PasswordGrant
from oauth.grants.pipeline import Grant
from oauth.grants.pkce import S256Challenge
from oauth.grants.refresh_token import RefreshTokenGrant
from settings import Settings
from telemetry import Log
from wiring.audit import open_audit
from wiring.from_settings import lifetimes, password_grant_rules, restrictions
from wiring.login import open_login

GRANTS: Mapping[type[Grant], Sequence[Callable[..., object]]] = {
    PasswordGrant: (),
    RefreshTokenGrant: (),
    ClientCredentialsGrant: (),
    AuthorizationCodeGrant: (S256Challenge(),),
    DeviceCodeGrant: (),
}
"""The grants that are served, each with its extensions."""


def open_server(app: Flask, settings: Settings, services: Services, log: Log) -> Server:
    """Build the authorization server, with its grants.

    Args:
        app: the application.
        settings: the operator's settings.
        services: the stores and keys.
        log: receives a line for each event.
    """
    audit = open_audit(app, services.audit_names, log, services.clock)
    rotation_keys = [key.key for key in services.ring.derive("refresh token successor")]
    times = lifetimes(settings)
    server = Server(
        policy=_policy(settings, services),
        token_issuer=TokenIssuer(
            issuer=settings.issuer,
            lifetimes=times,
            keys=services.signing_keys,
            subjects=PairwiseSubjects(services.persistent_secrets.get),
            grants=services.grants,
            audit=audit,
            clock=services.clock,
        ),
        rotated_tokens=RotatedTokens(rotation_keys, times, settings.refresh_replay_window),
        audit=audit,
        stores=_stores(services),
        login=open_login(settings, services.ring, services.directory, log, services.clock),
        client_auth=services.client_auth,
        user_codes=UserCodes([key.key for key in services.ring.derive("user code of a device")]),
        clock=services.clock,
    )
    for grant, extensions in GRANTS.items():
        server.register_grant(grant, extensions)
    return server


def _policy(settings: Settings, services: Services) -> Policy:
    return Policy(
        issuer=settings.issuer,
        restrictions=restrictions(settings),
        scope_registry=ScopeRegistry(ScopeStore().list, services.clock),
        password_grant=password_grant_rules(settings),
        known_people=KnownPeople(is_known_user, DEFAULT_DIRECTORY),
        default_scope=settings.default_scope or "",
        directory_claims=settings.ldap.claim_names,
        app_passwords_survive=settings.app_password_survives_password_change,
    )


def _stores(services: Services) -> Stores:
    commits = services.grants.commits
    return Stores(
        clients=services.clients,
        grants=services.grants,
        refreshes=RefreshStore(commits),
        missing_people=MissingPersonStore(),
        codes=CodeStore(commits),
        requests=RequestStore(services.clock, commits=commits),
        devices=DeviceStore(services.clock),
        app_passwords=AppPasswordStore(services.clock),
    )
