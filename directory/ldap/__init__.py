"""The directory contract over LDAP, with ldap3.

Owns: connections, TLS to the directory, searches and binds, LDAP result codes and what they mean.
Must not know: anything outside `directory`; and nobody else imports ldap3.
"""

from typing import TYPE_CHECKING

from core.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from directory.ldap.config import ConfigError, LdapConfig
    from directory.ldap.connections.servers import ServerState, ServerStatus
    from directory.ldap.diagnostics.directory_check import Diagnostics
    from directory.ldap.diagnostics.report import Finding, StepStatus
    from directory.ldap.embedded import EmbeddedPerson, embedded_people
    from directory.ldap.factory import open_directory
    from directory.ldap.ldap_directory import LdapDirectory

__all__ = [
    "ConfigError",
    "Diagnostics",
    "EmbeddedPerson",
    "Finding",
    "LdapConfig",
    "LdapDirectory",
    "ServerState",
    "ServerStatus",
    "StepStatus",
    "embedded_people",
    "open_directory",
]

if not TYPE_CHECKING:
    __getattr__ = lazy_exports(
        __name__,
        {
            "config": ("ConfigError", "LdapConfig"),
            "connections.servers": ("ServerState", "ServerStatus"),
            "diagnostics.directory_check": ("Diagnostics",),
            "diagnostics.report": ("Finding", "StepStatus"),
            "embedded": ("EmbeddedPerson", "embedded_people"),
            "factory": ("open_directory",),
            "ldap_directory": ("LdapDirectory",),
        },
    )
