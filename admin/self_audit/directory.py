"""Checks of the connection to the directory, as the settings describe it. No server is asked."""

from collections.abc import Iterator

from admin.self_audit.finding import Check, Trouble, Weight, of_setting
from admin.self_audit.snapshot import Snapshot


def _without_tls(snapshot: Snapshot) -> Iterator[Trouble]:
    """Passwords go to a directory on this machine without TLS."""
    ldap = snapshot.settings.ldap
    if not ldap.start_tls and any(uri.startswith("ldap://") for uri in ldap.uris):
        yield of_setting(
            "ldap_start_tls",
            "{setting} is off: a process of this machine that takes the directory's port reads passwords.",
            "true",
        )


def _without_authorities(snapshot: Snapshot) -> Iterator[Trouble]:
    """Any authority of the system's store may vouch for a directory server."""
    ldap = snapshot.settings.ldap
    schemes = ("ldaps://", "ldap://") if ldap.start_tls else ("ldaps://",)
    uses_tls = any(uri.startswith(schemes) for uri in ldap.uris)
    if uses_tls and ldap.ca_file is None:
        yield of_setting(
            "ldap_ca_file",
            "{setting} is not set: any authority of the system's store may vouch for a directory server.",
            "/etc/netid/directory-ca.pem",
        )


def _anonymous(snapshot: Snapshot) -> Iterator[Trouble]:
    """Users are searched anonymously, so anybody may search them."""
    ldap = snapshot.settings.ldap
    if ldap.embedded_path is None and ldap.bind_dn is None and ldap.user_dn_template is None:
        yield of_setting(
            "ldap_bind_dn",
            "{setting} is not set: the directory lets anybody search its users.",
            "cn=netid-oauth,ou=services,dc=example,dc=edu",
        )


def _blind(snapshot: Snapshot) -> Iterator[Trouble]:
    """The server cannot look up a user, so a refresh and an app password cannot tell who is still there."""
    if not snapshot.settings.ldap.sees_people:
        yield of_setting(
            "ldap_bind_dn",
            "{setting} is not set: no refresh sees that an account ended, and app passwords are refused.",
            "cn=netid-oauth,ou=services,dc=example,dc=edu",
        )


def _must_change(snapshot: Snapshot) -> Iterator[Trouble]:
    """Users may log in with a password that they had to change."""
    if snapshot.settings.ldap.allow_must_change:
        yield of_setting(
            "ldap_allow_must_change",
            "{setting} lets users log in with a password that somebody else chose or knows.",
            "false",
        )


def _no_privacy(snapshot: Snapshot) -> Iterator[Trouble]:
    """No user is marked as private, so clients get the claims of each."""
    ldap = snapshot.settings.ldap
    if ldap.embedded_path is None and ldap.effective_profile().privacy is None:
        yield of_setting(
            "ldap_privacy_attribute",
            "{setting} is not set: clients get the claims of users who asked for privacy too.",
            "suppressPublic=TRUE",
        )


CHECKS = (
    Check("directory-without-tls", Weight.NOTE, _without_tls),
    Check("directory-ca-absent", Weight.NOTE, _without_authorities),
    Check("directory-anonymous", Weight.NOTE, _anonymous),
    Check("directory-blind", Weight.LOW, _blind, ("RFC 9700, 4.14.2",)),
    Check("must-change-allowed", Weight.LOW, _must_change),
    Check("privacy-unmarked", Weight.NOTE, _no_privacy),
)
"""The checks of this subject, in the order of their findings."""
