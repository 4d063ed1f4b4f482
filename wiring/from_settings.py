"""What the composition root tells packages of the settings: plain values, since neither knows the other."""

from directory.ldap import LdapConfig
from login import ClientLimits, GuardRules, Limits, parse_limits
from oauth import Lifetimes, Restrictions, is_rule
from settings import Settings, SettingsError


def ldap_config(settings: Settings) -> LdapConfig:
    """The directory's own configuration.

    Args:
        settings: what the operator chose.
    """
    password = settings.ldap_bind_password
    return LdapConfig(
        uris=settings.ldap_uri if settings.embedded_ldif is None else (f"embedded:{settings.embedded_ldif}",),
        start_tls=settings.ldap_start_tls,
        ca_file=settings.ldap_ca_file,
        client_cert_file=settings.ldap_client_cert_file,
        client_key_file=settings.ldap_client_key_file,
        bind_dn=settings.ldap_bind_dn,
        bind_password=None if password is None else password.get_secret_value(),
        bind_password_file=settings.ldap_bind_password_file,
        user_base=settings.ldap_user_base,
        profile=settings.ldap_profile,
        user_filter=settings.ldap_user_filter,
        user_dn_template=settings.ldap_user_dn_template,
        id_attribute=settings.ldap_id_attribute,
        net_id_attribute=settings.ldap_net_id_attribute,
        password_changed_attribute=settings.ldap_password_changed_attribute,
        password_policy=settings.ldap_password_policy,
        privacy=settings.ldap_privacy_attribute,
        group_base=settings.ldap_group_base,
        group_filter=settings.ldap_group_filter,
        realms=settings.ldap_realms,
        allow_must_change=settings.ldap_allow_must_change,
        connect_timeout=settings.ldap_connect_timeout,
        read_timeout=settings.ldap_read_timeout,
        login_deadline=settings.ldap_login_deadline,
        pool_size=settings.pool_size,
        connection_lifetime=settings.ldap_connection_lifetime,
        codec=settings.ldap_codec,
    )


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


def guard_rules(settings: Settings) -> GuardRules:
    """What stands between logins and the directory.

    Args:
        settings: what the operator chose.
    """
    return GuardRules(
        limits=limits(settings),
        client_rate=parse_limits(settings.client_rate),
        shield_budget=settings.shield_budget,
        shield_window=settings.shield_window,
        sees_accounts=ldap_config(settings).sees_people,
        workers=settings.workers,
        realms=settings.ldap_realms,
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
