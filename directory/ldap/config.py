"""The settings of the directory as plain values, and which of them cannot be meant.

Owns: what a directory needs to be told. Must not know: where settings come from, connections.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ldap3.core.exceptions import LDAPExceptionError
from ldap3.operation.search import parse_filter

from directory.ldap.typed import USERNAME
from directory.ldap.uri import ServerUri

EMBEDDED = "embedded:"


class ConfigError(ValueError):
    """Settings that cannot be meant. `problems` has a sentence for each, naming the setting."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


@dataclass(frozen=True, kw_only=True)
class LdapConfig:
    """How to reach a directory and how people are found in it. Times are in seconds.

    `uris` are tried in order, or the only one is `embedded:` and the path of an LDIF file. `user_base` may be
    left out for an embedded directory (its suffix) and with `user_dn_template` (the template's parent).

    Raises:
        ConfigError: with every problem at once.
    """

    uris: tuple[str, ...]
    start_tls: bool = True
    ca_file: Path | None = None
    client_cert_file: Path | None = None
    client_key_file: Path | None = None
    bind_dn: str | None = None
    bind_password: str | None = field(default=None, repr=False)
    user_base: str | None = None
    user_filter: str = "(uid={username})"
    user_dn_template: str | None = None
    id_attribute: str = "entryUUID"
    connect_timeout: float = 2
    read_timeout: float = 3
    login_deadline: float = 5
    pool_size: int = 3
    connection_lifetime: float = 600

    def __post_init__(self) -> None:
        problems = (*self._server_problems(), *self._person_problems(), *self._limit_problems())
        if problems:
            raise ConfigError(problems)

    @property
    def embedded_path(self) -> Path | None:
        """The LDIF file of an embedded directory, or None."""
        first = self.uris[0]
        return Path(first.removeprefix(EMBEDDED)) if first.startswith(EMBEDDED) else None

    def _server_problems(self) -> Iterator[str]:
        if not self.uris:
            yield "NETID_LDAP_URI is empty."
        elif len(self.uris) > 1 and any(uri.startswith(EMBEDDED) for uri in self.uris):
            yield "NETID_LDAP_URI: an embedded directory stands alone."
        elif (ldif := self.embedded_path) is not None:
            if not ldif.is_file():
                yield f"NETID_LDAP_URI: there is no file {ldif}."
        else:
            yield from self._address_problems()
        for name, path in (
            ("CA", self.ca_file),
            ("CLIENT_CERT", self.client_cert_file),
            ("CLIENT_KEY", self.client_key_file),
        ):
            if path is not None and not path.is_file():
                yield f"NETID_LDAP_{name}_FILE: there is no file {path}."
        if (self.client_cert_file is None) != (self.client_key_file is None):
            yield "NETID_LDAP_CLIENT_CERT_FILE and NETID_LDAP_CLIENT_KEY_FILE go together."

    def _address_problems(self) -> Iterator[str]:
        for text in self.uris:
            try:
                uri = ServerUri.parse(text)
            except ValueError as error:
                yield f"NETID_LDAP_URI: {error}."
                continue
            if uri.scheme == "ldap" and not self.start_tls and not uri.is_loopback:
                yield f"NETID_LDAP_START_TLS is off, and {text} is not this machine: passwords go in clear."

    def _person_problems(self) -> Iterator[str]:
        if USERNAME not in self.user_filter:
            yield f"NETID_LDAP_USER_FILTER lacks {USERNAME}, so it would find the same person for every name."
        elif not _is_filter(self.user_filter.replace(USERNAME, "x")):
            yield "NETID_LDAP_USER_FILTER is not a search filter (RFC 4515)."
        template = self.user_dn_template
        if template is not None and USERNAME not in template.partition(",")[0]:
            yield f"NETID_LDAP_USER_DN_TEMPLATE lacks {USERNAME} in its first part."
        needs_base = template is None and not any(uri.startswith(EMBEDDED) for uri in self.uris)
        if not self.user_base and needs_base:
            yield "NETID_LDAP_USER_BASE is missing."
        if bool(self.bind_dn) != bool(self.bind_password):
            yield "NETID_LDAP_BIND_DN and NETID_LDAP_BIND_PASSWORD go together."
        if not self.id_attribute:
            yield "NETID_LDAP_ID_ATTRIBUTE is empty."

    def _limit_problems(self) -> Iterator[str]:
        for name in ("connect_timeout", "read_timeout", "login_deadline", "pool_size", "connection_lifetime"):
            if getattr(self, name) <= 0:
                yield f"NETID_LDAP_{name.upper()} must be more than 0."


def _is_filter(text: str) -> bool:
    try:
        parse_filter(text, None, False, False, None, False)  # noqa: FBT003 - ldap3's signature
    except LDAPExceptionError:
        return False
    return True
