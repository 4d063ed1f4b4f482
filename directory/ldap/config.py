"""The settings of a directory, each declared once: its name, type, default, reason and check.

Owns: the settings that a directory needs, and which of them contradict each other. Operators know each
setting as `NETID_LDAP_` and its name. Must not know: where values come from, connections.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from core.setting_mistakes import (
    CERTIFICATE_NEEDS_KEY,
    Contradiction,
    find_mistakes,
    refuse_contradictions,
    unpaired,
)
from core.setting_rules import Count, File, Lifetime, PrivateFile, Seconds, Text, secret, text
from directory.ldap import setting_rules as rules
from directory.ldap.kinds.claim_attributes import ADDRESS, ADDRESS_CLAIMS, CLAIMS, EMAIL, NAME, replaced
from directory.ldap.kinds.profile import Profile
from directory.ldap.kinds.profiles import PROFILES
from directory.ldap.setting_rules import EMBEDDED, GROUP_DN, USERNAME

__all__ = ["EMBEDDED", "GROUP_DN", "USERNAME", "ConfigError", "LdapConfig", "LdapSettings"]

_PREFIX = "ldap_"
_OVER_PROFILE = ("user_filter", "id_attribute", "net_id_attribute", "password_changed_attribute", "privacy")
_Attribute = Annotated[str, BeforeValidator(rules.attribute)]


class ConfigError(ValueError):
    """The settings are wrong. `problems` has a sentence for each mistake, which names the setting."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


class LdapSettings(BaseModel):
    """The settings of a directory. Times are in seconds.

    If a setting's name differs from the field's, it is in `alias`.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        validate_by_alias=True,
        validate_by_name=True,
    )

    profile: Annotated[str, BeforeValidator(rules.profile)] = "openldap"
    """Kind of directory, which sets the default filters and attributes, and how results are read."""
    uris: Annotated[tuple[str, ...], BeforeValidator(rules.ldap_uris)] = Field(
        default=("embedded:directory/campus.ldif",), alias="uri"
    )
    """Directory servers in order of preference (ldap://, ldaps:// or ldapi://), separated by spaces. For a
    trial, embedded: and an LDIF file."""
    start_tls: bool = True
    """Whether ldap:// uses StartTLS before any password is sent. It may be off only for servers on this
    machine."""
    ca_file: File | None = None
    """PEM bundle of the authorities that are trusted to sign the directory's certificate. Default: the
    system's store."""
    bind_dn: Text | None = None
    """DN of the service account that searches for users. Without one, searches are anonymous."""
    bind_password: Annotated[SecretStr, secret(text)] | None = None
    """Password of the service account. Set both or neither: a DN without a password would be an anonymous
    bind."""
    user_base: Text | None = None
    """DN below which users are searched. Required for a real directory, unless a DN template is set."""
    user_filter: Annotated[str, BeforeValidator(rules.search_filter)] | None = None
    """Filter that finds exactly one user. The escaped login name replaces {username}. Default: the
    profile's."""
    user_dn_template: Annotated[str, BeforeValidator(rules.dn_template)] | None = None
    """Pattern of every user's DN. With it, a login needs no search and no service account."""
    id_attribute: _Attribute | None = None
    """Attribute that becomes sub. It must stay the same after a change of name. Default: the profile's."""
    net_id_attribute: _Attribute | None = None
    """Attribute that holds the login name as the directory stores it. Default: the profile's."""
    password_changed_attribute: _Attribute | None = None
    """Attribute with the time of the last change of password. Older tokens are not refreshed. Default: the
    profile's."""
    claim_attributes: Annotated[tuple[str, ...], BeforeValidator(rules.claim_attributes)] = ()
    """Attributes that hold standard claims of OpenID Connect, such as phone_number=mobile, with spaces
    between. They are added to the profile's. An empty one removes a claim; TRUE stands for every user."""
    password_policy: Text | None = None
    """DN of the password policy of users whose entry names none. It says how many failures lock an account.
    Default: the profile's."""
    privacy: Annotated[str, BeforeValidator(rules.attribute_or_value)] | None = Field(
        default=None, alias="privacy_attribute"
    )
    """Attribute, or attribute=value, that marks a user who asked for privacy (FERPA, for one). Clients get
    only the sub of such a user. Without this setting, no user is marked."""
    group_base: Text | None = None
    """DN below which groups are searched."""
    group_filter: Annotated[str, BeforeValidator(rules.group_filter)] | None = None
    """Filter that finds the groups of a user, by {dn} or {username}. With {dn}, nested groups are found too.
    Default: memberOf of the user's entry."""
    realms: Annotated[tuple[str, ...], BeforeValidator(rules.realms)] = ()
    """Realms that are removed from a login name, after @ or before a backslash. Other realms stay part of the
    name."""
    allow_must_change: bool = False
    """Whether users may log in who must change their password first, if the directory accepts their bind."""
    client_cert_file: File | None = None
    """PEM client certificate, for a directory that requires one."""
    client_key_file: PrivateFile | None = None
    """PEM private key of the client certificate."""
    connect_timeout: Seconds = 2.0
    """Timeout in seconds for connecting to a server. It must leave time to try the next server."""
    read_timeout: Seconds = 3.0
    """Timeout in seconds for one answer of a directory server."""
    login_deadline: Seconds = 5.0
    """Deadline in seconds for a whole request, including directory and database. After it, the answer is
    503."""
    pool_size: Count | None = None
    """Connections of each pool in each process. Default: one fewer than threads, so that a hung directory
    leaves a thread free."""
    connection_lifetime: Lifetime = 600
    """Seconds after which a connection is replaced, so that load returns to a server that has recovered."""
    codec: bool = True
    """Whether our own codec encodes binds and searches and decodes their responses. With off, ldap3 does,
    with three times the CPU."""

    @property
    def embedded_path(self) -> Path | None:
        """The LDIF file of an embedded directory, or None for a real one."""
        return rules.embedded_file(self.uris[0]) if self.uris[0].startswith(EMBEDDED) else None

    @property
    def sees_people(self) -> bool:
        """Whether our account can see users. With a template and no account, users see only themselves."""
        return self.user_dn_template is None or self.bind_dn is not None

    def effective_profile(self) -> Profile:
        """The profile, with the members that settings override."""
        profile = PROFILES[self.profile]
        mapped = dict(pair.split("=", 1) for pair in self.claim_attributes)
        over = {name: value for name in _OVER_PROFILE if (value := getattr(self, name)) is not None}
        if name := mapped.pop(NAME, None):
            over["name_attributes"] = (name,)
        if mail := mapped.pop(EMAIL, None):
            over["mail_attribute"] = mail
        return replace(profile, **over, claim_attributes=replaced(profile.claim_attributes, mapped))

    @property
    def claim_names(self) -> tuple[str, ...]:
        """The standard claims about users that this directory may have, beside the Net ID and groups."""
        mapped = dict(self.effective_profile().claim_attributes)
        names = [ADDRESS if claim in ADDRESS_CLAIMS else claim for claim in CLAIMS if claim in mapped]
        return tuple(dict.fromkeys([NAME, EMAIL, *names]))

    def contradictions(self) -> Iterator[Contradiction]:
        """Find which of these settings contradict each other."""
        values = {f"{_PREFIX}{name}": value for name, value in self}
        account = "a service account with an empty password would be an anonymous bind"
        yield from unpaired(values, "ldap_client_cert_file", "ldap_client_key_file", CERTIFICATE_NEEDS_KEY)
        yield from unpaired(values, "ldap_bind_dn", "ldap_bind_password", account)
        is_embedded = self.embedded_path is not None
        if not is_embedded and not self.start_tls and (hosts := rules.clear_text_hosts(self.uris)):
            yield Contradiction(
                ("ldap_start_tls", "ldap_uri"),
                f"must not be off while NETID_LDAP_URI names ldap:// at {', '.join(hosts)}: "
                "passwords would cross the network in clear text",
            )
        if self.user_base is None and self.user_dn_template is None and not is_embedded:
            yield Contradiction(
                ("ldap_user_base", "ldap_user_dn_template", "ldap_uri"),
                "is missing: a directory is searched from there on "
                "(unless NETID_LDAP_USER_DN_TEMPLATE is given)",
            )
        if self.group_filter is not None and self.group_base is None:
            yield Contradiction(
                ("ldap_group_base", "ldap_group_filter"),
                "is missing: NETID_LDAP_GROUP_FILTER searches groups there",
            )
        if (
            self.group_base is not None
            and self.group_filter is None
            and not PROFILES[self.profile].token_groups
        ):
            yield Contradiction(
                ("ldap_group_filter", "ldap_group_base", "ldap_profile"),
                "is missing: without it NETID_LDAP_GROUP_BASE says nothing",
            )


def _refuse_contradictions(settings: LdapSettings) -> LdapSettings:
    refuse_contradictions(settings.contradictions())
    return settings


class _Checked(BaseModel):
    """Settings without a contradiction; errors name each as `ldap` and the setting."""

    model_config = ConfigDict(hide_input_in_errors=True)

    ldap: Annotated[LdapSettings, AfterValidator(_refuse_contradictions)]


def _check(values: Mapping[str, Any]) -> _Checked:
    return _Checked.model_validate({"ldap": {name.removeprefix(_PREFIX): values[name] for name in values}})


_SETTING_NAMES = {name: _PREFIX + (info.alias or name) for name, info in LdapSettings.model_fields.items()}


class LdapConfig(LdapSettings):
    """The settings that a directory is opened with.

    If `bind_password_file` is set, it is read for each new connection, and its password replaces
    `bind_password`.
    """

    bind_password_file: Path | None = None

    def __init__(self, *, bind_password_file: Path | None = None, **settings: Any) -> None:
        """Check the settings.

        Args:
            bind_password_file: Where the service account's password is read again.
            settings: As `LdapSettings` declares them, by field name or by setting name.

        Raises:
            ConfigError: With every problem at once.
        """
        by_setting = {_SETTING_NAMES.get(name, _PREFIX + name): value for name, value in settings.items()}
        problems = find_mistakes(_check, by_setting)
        if problems:
            raise ConfigError(tuple(problems))
        settings["bind_password_file"] = bind_password_file
        super().__init__(**settings)

    @property
    def service_password(self) -> str | None:
        """The service account's password in clear, as it was set."""
        return None if self.bind_password is None else self.bind_password.get_secret_value()
