"""The directory contract over LDAP, with ldap3.

Owns: connections, TLS to the directory, searches and binds, LDAP result codes and what they mean.
Must not know: anything outside `directory`; and nobody else imports ldap3.
"""

from directory.ldap.config import ConfigError, LdapConfig
from directory.ldap.embedded import EmbeddedPerson, embedded_people
from directory.ldap.opening import open_directory

__all__ = ["ConfigError", "EmbeddedPerson", "LdapConfig", "embedded_people", "open_directory"]
