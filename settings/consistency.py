"""Finds settings that contradict each other.

Owns: the rules between settings of several subjects. `directory.ldap.config` has those between settings of
the directory. Must not know: where values come from, and which values a single setting accepts.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from core.setting_mistakes import CERTIFICATE_NEEDS_KEY, Contradiction, unpaired
from directory.ldap.config import LdapSettings


def contradictions(values: Mapping[str, Any], ldap: LdapSettings) -> Iterator[Contradiction]:
    """Find every contradiction.

    Args:
        values: All settings by name, each valid by itself.
        ldap: The settings of the directory.

    Yields:
        Each contradiction, the server's own ones first.
    """
    yield from unpaired(values, "tls_cert_file", "tls_key_file", CERTIFICATE_NEEDS_KEY)
    yield from ldap.contradictions()
    if values["threads"] == 1 and ldap.embedded_path is None:
        yield Contradiction(
            ("threads", "ldap_uri"),
            "must be at least 2 with a real directory: a login that waits for it would hold the only thread, "
            "and tokens could not be checked meanwhile",
        )
    for name in ("connect_timeout", "read_timeout"):
        timeout = getattr(ldap, name)
        if timeout > ldap.login_deadline:
            yield Contradiction(
                (f"ldap_{name}", "ldap_login_deadline"),
                f"({timeout:g} s) must not be longer than NETID_LDAP_LOGIN_DEADLINE "
                f"({ldap.login_deadline:g} s)",
            )
