"""What the composition root tells packages of the settings: plain values, since neither knows the other."""

from directory.ldap import LdapConfig
from login import ClientLimits, Limits, LoginRules, parse_limits
from oauth import Lifetimes, Restrictions, is_rule
from settings import Settings, SettingsError


def ldap_config(settings: Settings) -> LdapConfig:
    """The directory's own configuration.

    Args:
        settings: what the operator chose.
    """
    values = {**dict(settings.ldap), "pool_size": settings.pool_size}
    return LdapConfig(bind_password_file=settings.ldap_bind_password_file, **values)


def lifetimes(settings: Settings) -> Lifetimes:
    """How long what we issue lives.

    Args:
        settings: what the operator chose.
    """
    return Lifetimes(
        access_token=settings.access_token_ttl,
        refresh_token=settings.refresh_token_ttl,
        refresh_idle=settings.refresh_idle_ttl,
        grant=settings.grant_ttl,
    )


def limits(settings: Settings) -> Limits:
    """How many failures are allowed.

    Args:
        settings: what the operator chose.
    """
    return Limits(
        person=parse_limits(settings.limit_person),
        client=parse_limits(settings.limit_client),
        address=parse_limits(settings.limit_address),
        server=parse_limits(settings.limit_server),
    )


def client_limits(settings: Settings) -> ClientLimits:
    """How many failed authentications of clients are allowed.

    Args:
        settings: what the operator chose.
    """
    return ClientLimits(
        address=parse_limits(settings.limit_authentication_address),
        client=parse_limits(settings.limit_authentication_client),
    )


def login_rules(settings: Settings) -> LoginRules:
    """The rules for logins.

    Args:
        settings: what the operator chose.
    """
    return LoginRules(
        limits=limits(settings),
        client_rate=parse_limits(settings.client_rate),
        shield_budget=settings.shield_budget,
        shield_window=settings.shield_window,
        sees_accounts=settings.ldap.sees_people,
        workers=settings.workers,
        realms=settings.ldap.realms,
        # One thread is left for all other requests.
        slots=max(1, settings.threads - 1),
    )


def restrictions(settings: Settings) -> Restrictions:
    """Who may log in with any client.

    Args:
        settings: what the operator chose.

    Raises:
        SettingsError: a rule names a group by what is not a DN: it would mean nobody, or, where it refuses,
            everybody.
    """
    rules = {"NETID_ALLOW_MEMBERS": settings.allow_members, "NETID_REFUSE_MEMBERS": settings.refuse_members}
    mistakes = [
        f"{name}: in the rule {rule!r}, what stands behind group: is not a DN (RFC 4514)."
        for name, each in rules.items()
        for rule in each
        if not is_rule(rule)
    ]
    if mistakes:
        raise SettingsError(mistakes)
    return Restrictions(allow_members=settings.allow_members, refuse_members=settings.refuse_members)
