"""The settings of the directory as plain values, and which of them cannot be meant.

Owns: what a directory needs to be told. Must not know: where settings come from, connections.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from ldap3.core.exceptions import LDAPExceptionError
from ldap3.operation.search import parse_filter

from directory.ldap.connections.uri import ServerUri
from directory.ldap.kinds.profiles import PROFILES, Profile

EMBEDDED = "embedded:"
USERNAME = "{username}"
GROUP_DN = "{dn}"
_OVER_PROFILE = ("user_filter", "id_attribute", "net_id_attribute", "password_changed_attribute", "privacy")


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
    `bind_password` holds until `bind_password_file`, if there is one, says otherwise: it is read anew for
    each connection. `profile` is a name from `PROFILES`; what is None of `user_filter`, `id_attribute`,
    `net_id_attribute` and `password_changed_attribute` is as the profile has it; `privacy` is as a profile
    would have it. `password_policy` is the DN of the policy of people whose entry names none. A
    `group_filter` needs a `group_base`.
    Without `codec` ldap3 writes and reads all that is said.

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
    bind_password_file: Path | None = None
    user_base: str | None = None
    profile: str = "openldap"
    user_filter: str | None = None
    user_dn_template: str | None = None
    id_attribute: str | None = None
    net_id_attribute: str | None = None
    password_changed_attribute: str | None = None
    privacy: str | None = None
    password_policy: str | None = None
    group_base: str | None = None
    group_filter: str | None = None
    realms: tuple[str, ...] = ()
    allow_must_change: bool = False
    connect_timeout: float = 2
    read_timeout: float = 3
    login_deadline: float = 5
    pool_size: int = 3
    connection_lifetime: float = 600
    codec: bool = True

    def __post_init__(self) -> None:
        problems = (
            *self._server_problems(),
            *self._person_problems(),
            *self._group_problems(),
            *self._limit_problems(),
        )
        if problems:
            raise ConfigError(problems)

    @property
    def embedded_path(self) -> Path | None:
        """The LDIF file of an embedded directory, or None."""
        first = self.uris[0]
        return Path(first.removeprefix(EMBEDDED)) if first.startswith(EMBEDDED) else None

    @property
    def sees_people(self) -> bool:
        """Whether searches of ours should see people: with a template alone, each sees only themself."""
        return self.user_dn_template is None or self.bind_dn is not None

    def effective_profile(self) -> Profile:
        """The profile with what was set in the place of its own."""
        return replace(
            PROFILES[self.profile],
            **{name: value for name in _OVER_PROFILE if (value := getattr(self, name)) is not None},
        )

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
        if self.profile not in PROFILES:
            yield f"NETID_LDAP_PROFILE is none of {', '.join(PROFILES)}."
        yield from self._filter_problems()
        template = self.user_dn_template
        if template is not None and USERNAME not in template.partition(",")[0]:
            yield f"NETID_LDAP_USER_DN_TEMPLATE lacks {USERNAME} in its first part."
        needs_base = template is None and not any(uri.startswith(EMBEDDED) for uri in self.uris)
        if not self.user_base and needs_base:
            yield "NETID_LDAP_USER_BASE is missing."
        if bool(self.bind_dn) != bool(self.bind_password):
            yield "NETID_LDAP_BIND_DN and NETID_LDAP_BIND_PASSWORD go together."
        for name in ("id_attribute", "net_id_attribute", "password_changed_attribute"):
            if getattr(self, name) == "":
                yield f"NETID_LDAP_{name.upper()} is empty."
        if any(not realm.strip() or "@" in realm or "\\" in realm for realm in self.realms):
            yield "NETID_LDAP_REALMS must be names, without the @ or backslash that stands beside them."

    def _filter_problems(self) -> Iterator[str]:
        for name, search_filter, places, harm in (
            ("USER", self.user_filter, (USERNAME,), "it would find the same person for every name"),
            ("GROUP", self.group_filter, (GROUP_DN, USERNAME), "everybody would have the same groups"),
        ):
            if search_filter is None:
                continue
            plain = search_filter
            for place in places:
                plain = plain.replace(place, "x")
            if plain == search_filter:
                yield f"NETID_LDAP_{name}_FILTER lacks {' or '.join(places)}, so {harm}."
            elif not _is_filter(plain):
                yield f"NETID_LDAP_{name}_FILTER is not a search filter (RFC 4515)."

    def _group_problems(self) -> Iterator[str]:
        if self.group_filter is not None and not self.group_base:
            yield "NETID_LDAP_GROUP_BASE is missing: NETID_LDAP_GROUP_FILTER searches groups there."
        by_token = self.profile in PROFILES and PROFILES[self.profile].token_groups
        if self.group_base is not None and self.group_filter is None and not by_token:
            yield "NETID_LDAP_GROUP_FILTER is missing: without it NETID_LDAP_GROUP_BASE says nothing."

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
