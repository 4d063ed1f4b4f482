"""The settings of the directory, typed, with their defaults and the reason for each.

Owns: those of `Settings` whose names begin with `ldap_`. Must not know: any of our packages, and the other
settings.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from settings import directory_fields as rules
from settings.fields import Count, File, Lifetime, PrivateFile, Seconds, Text, secret, text

_Attribute = Annotated[str, BeforeValidator(rules.attribute)]


class DirectorySettings(BaseSettings):
    """What the operator chose of the directory."""

    model_config = SettingsConfigDict(use_attribute_docstrings=True)

    ldap_profile: Literal["openldap", "389ds", "active-directory", "freeipa"] = "openldap"
    """Kind of directory: what its filters, attributes and answers are."""
    ldap_uri: Annotated[tuple[str, ...], BeforeValidator(rules.ldap_uris)] = (
        "embedded:directory/campus.ldif",
    )
    """Directory servers in order of preference, ldap://, ldaps:// or ldapi://, spaces between; or embedded:
    and an LDIF file, so that a first try needs no directory."""
    ldap_start_tls: bool = True
    """StartTLS on ldap:// before any password travels; off is accepted towards this machine alone."""
    ldap_ca_file: File | None = None
    """PEM bundle that the directory's certificate must lead to; else the store of the system."""
    ldap_bind_dn: Text | None = None
    """Service account that searches for people; without one the search is anonymous."""
    ldap_bind_password: Annotated[SecretStr, secret(text)] | None = None
    """Its password; a name without a password would bind as nobody, so both or neither."""
    ldap_user_base: Text | None = None
    """DN below which people are searched; a real directory needs it, unless a template spares the search."""
    ldap_user_filter: Annotated[str, BeforeValidator(rules.search_filter)] | None = None
    """Filter that finds exactly one person; the login name is put in for {username}, escaped. Else the
    profile's."""
    ldap_user_dn_template: Annotated[str, BeforeValidator(rules.dn_template)] | None = None
    """Spares the search, and a service account with it, where every DN follows one pattern."""
    ldap_id_attribute: _Attribute | None = None
    """Attribute that becomes sub; it must outlive a change of name, as entryUUID does. Else the profile's."""
    ldap_net_id_attribute: _Attribute | None = None
    """Attribute that holds the login name as the directory has it. Else the profile's."""
    ldap_password_changed_attribute: _Attribute | None = None
    """Attribute that tells when the password was changed: older tokens are refreshed no more. Else the
    profile's."""
    ldap_password_policy: Text | None = None
    """DN of the password policy of people whose entry names none, so that it is known how many failures lock
    them out. Else the profile's."""
    ldap_privacy_attribute: Annotated[str, BeforeValidator(rules.attribute_or_value)] | None = None
    """Attribute, or attribute=value, by which a person asks that nothing be told of them (FERPA, for one):
    programs are told their sub alone. Else nobody asks."""
    ldap_group_base: Text | None = None
    """DN below which groups are searched."""
    ldap_group_filter: Annotated[str, BeforeValidator(rules.group_filter)] | None = None
    """Filter that finds the groups of a person, {dn} or {username}, and with {dn} those that they are in;
    else memberOf of the person's entry."""
    ldap_realms: Annotated[tuple[str, ...], BeforeValidator(rules.realms)] = ()
    """Realms that are taken off a login name, behind @ or before a backslash; any other stays part of it."""
    ldap_allow_must_change: bool = False
    """Whether a person may log in who must change their password first, where the directory lets them."""
    ldap_client_cert_file: File | None = None
    """PEM certificate to show to a directory that asks for one."""
    ldap_client_key_file: PrivateFile | None = None
    """PEM private key of that client certificate."""
    ldap_connect_timeout: Seconds = 2.0
    """Seconds to reach a server, few enough that the next one can still be tried."""
    ldap_read_timeout: Seconds = 3.0
    """Seconds to wait for one answer of the directory."""
    ldap_login_deadline: Seconds = 5.0
    """Seconds for a whole request, directory and database together; after them the answer is 503."""
    ldap_pool_size: Count | None = None
    """Connections of each process; else one fewer than threads: a hung directory leaves a thread free."""
    ldap_connection_lifetime: Lifetime = 600
    """Seconds until a connection is made anew, so that load spreads again after a server was away."""
    ldap_codec: bool = True
    """Whether binds and searches are written and read by our own codec; off leaves all of it to ldap3, which
    takes three times the CPU of a login."""

    @property
    def embedded_ldif(self) -> Path | None:
        """The LDIF file of the embedded directory, or None for a real one."""
        uri = self.ldap_uri[0]
        return rules.embedded_file(uri) if uri.startswith(rules.EMBEDDED) else None
