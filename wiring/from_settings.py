"""Passes settings to the packages as plain values, so that no package knows the settings object."""

from __future__ import annotations

import login
import oauth
from directory.ldap import LdapConfig
from settings import Settings, SettingsError


def ldap_config(settings: Settings) -> LdapConfig:
    """Make the configuration of the directory.

    Args:
        settings: The operator's settings.
    """
    values = {**dict(settings.ldap), "pool_size": settings.pool_size}
    return LdapConfig(bind_password_file=settings.ldap_bind_password_file, **values)


def metadata_links(settings: Settings) -> dict[str, str]:
    """Make the members of the metadata that link the operator's pages (RFC 8414, 2).

    Args:
        settings: The operator's settings.
    """
    links = {
        "service_documentation": settings.docs_uri,
        "op_policy_uri": settings.policy_uri,
        "op_tos_uri": settings.terms_uri,
    }
    return {name: uri for name, uri in links.items() if uri is not None}


def lifetimes(settings: Settings) -> oauth.Lifetimes:
    """Make the lifetimes of tokens and grants.

    Args:
        settings: The operator's settings.
    """
    return oauth.Lifetimes(
        access_token=settings.access_token_ttl,
        refresh_token=settings.refresh_token_ttl,
        refresh_idle=settings.refresh_idle_ttl,
        grant=settings.grant_ttl,
    )


def limits(settings: Settings) -> login.Limits:
    """Make the limits on failed logins.

    Args:
        settings: The operator's settings.
    """
    return login.Limits(
        person=login.parse_limits(settings.limit_person),
        client=login.parse_limits(settings.limit_client),
        address=login.parse_limits(settings.limit_address),
        server=login.parse_limits(settings.limit_server),
    )


def client_limits(settings: Settings) -> login.ClientLimits:
    """Make the limits on failed authentications of clients.

    Args:
        settings: The operator's settings.
    """
    return login.ClientLimits(
        address=login.parse_limits(settings.limit_authentication_address),
        client=login.parse_limits(settings.limit_authentication_client),
    )


def login_rules(settings: Settings) -> login.LoginRules:
    """Make the rules for logins.

    Args:
        settings: The operator's settings.
    """
    return login.LoginRules(
        limits=limits(settings),
        client_rate=login.parse_limits(settings.client_rate),
        shield_budget=settings.shield_budget,
        shield_window=settings.shield_window,
        sees_accounts=settings.ldap.sees_people,
        workers=settings.workers,
        realms=settings.ldap.realms,
        # One thread stays free for all other requests.
        slots=max(1, settings.threads - 1),
        app_passwords_survive=settings.app_password_survives_password_change,
    )


def session_rules(settings: Settings) -> login.SessionRules:
    """Make the rules for sign-in sessions.

    Args:
        settings: The operator's settings.
    """
    return login.SessionRules(
        lifetime=settings.session_ttl,
        idle=settings.session_idle_ttl,
        can_read=settings.ldap.sees_people,
    )


def password_grant_rules(settings: Settings) -> oauth.PasswordGrantRules:
    """Make the rules for the end of the password grant.

    Args:
        settings: The operator's settings.
    """
    return oauth.PasswordGrantRules(
        settings.password_grant_ends,
        settings.password_grant_help_uri,
        oauth.ServerMetadata.url(settings.issuer),
    )


def restrictions(settings: Settings) -> oauth.Restrictions:
    """Make the rules about users that hold for every client.

    Args:
        settings: The operator's settings.

    Raises:
        SettingsError: The group in a rule is not a DN. Such a rule would match no user, so that a refuse rule
            would protect nothing.
    """
    rules = {
        "NETID_ALLOW_MEMBERS": settings.allow_members,
        "NETID_REFUSE_MEMBERS": settings.refuse_members,
        "NETID_SERVICE_ACCOUNTS": settings.service_accounts,
    }
    mistakes = [
        f"{name}: in the rule {rule!r}, what stands behind group: is not a DN (RFC 4514)."
        for name, each in rules.items()
        for rule in each
        if not oauth.is_rule(rule)
    ]
    if mistakes:
        raise SettingsError(mistakes)
    return oauth.Restrictions(allow_members=settings.allow_members, refuse_members=settings.refuse_members)
