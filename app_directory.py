"""What the composition root tells the directory of the settings: neither knows the other."""

from directory.ldap import LdapConfig
from settings import Settings


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
