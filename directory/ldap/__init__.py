"""The directory contract over LDAP, with ldap3.

Owns: connections, TLS to the directory, searches and binds, LDAP result codes and what they mean.
Must not know: anything outside `directory`; and nobody else imports ldap3.
"""

from directory.ldap.config import ConfigError, LdapConfig
from directory.ldap.doctor import Doctor
from directory.ldap.embedded import EmbeddedPerson, embedded_people
from directory.ldap.finding import Finding, Verdict
from directory.ldap.opening import open_directory
from directory.ldap.rules import LdapDirectory
from directory.ldap.servers import ServerState, ServerStatus

__all__ = [
    "ConfigError",
    "Doctor",
    "EmbeddedPerson",
    "Finding",
    "LdapConfig",
    "LdapDirectory",
    "ServerState",
    "ServerStatus",
    "Verdict",
    "embedded_people",
    "open_directory",
]
