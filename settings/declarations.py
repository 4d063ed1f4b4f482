"""Every setting of the server but the directory's: its name, type, default, reason and check, each once.

Owns: the declarations, and what follows from them. The settings of the directory are declared in
`directory.ldap.config`. Here they are `Settings.ldap`; operators know each as `NETID_LDAP_` and its name.
Must not know: where a value was found.
"""

import ast
import inspect
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self
from urllib.parse import quote

from pydantic import BaseModel, BeforeValidator, Field, PrivateAttr, SecretStr, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from core.setting_mistakes import refuse_contradictions
from core.setting_rules import NUMBER, Count, File, Lifetime, Moment, PrivateFile, Seconds, Text, secret
from directory.ldap.config import LdapSettings
from settings import rules
from settings.consistency import contradictions

_DIRECTORY = "ldap"
DATABASE_FILE_NAME = "netid.sqlite3"


class Described(NamedTuple):
    """One setting, for example file and documentation; its variable is `NETID_` and `name` in capitals."""

    name: str
    default: object
    description: str


class _LimitText:
    """Marks a setting that is a limit: an empty value switches it off."""


# The check imports a library, so the defaults, which are right, are not checked at each start.
_Limits = Annotated[str, Field(validate_default=False), BeforeValidator(rules.limits), _LimitText()]
_Members = Annotated[tuple[str, ...], BeforeValidator(rules.members)]


class Settings(BaseSettings):
    """What the operator chose. `load_settings` makes it; one made by hand keeps the same rules."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    ldap: LdapSettings = Field(default_factory=LdapSettings)
    """The directory."""

    # ---- The server

    issuer: Annotated[str, BeforeValidator(rules.issuer)] = "https://localhost:8443"
    """Public base URL in metadata and tokens. It never comes from the Host header, which a client can
    forge."""
    bind: Annotated[str, BeforeValidator(rules.bind_address)] = "127.0.0.1:8080"
    """Address and port where the server listens. By default only this machine can connect."""
    workers: Count = 2
    """Worker processes. With two, one answers while the other restarts."""
    threads: Count = 8
    """Threads of each worker process. A login holds one of them while it waits for the directory."""
    max_connections: Annotated[int, Field(ge=32, le=1_000_000), NUMBER] = 2048
    """Connections that all processes accept together. Near this limit, the longest idle ones are closed, so
    that others can connect."""
    cpu_affinity: Annotated[Literal["auto", "on", "off"], BeforeValidator(rules.switch_or_auto)] = "auto"
    """Whether each worker process is pinned to one CPU: auto, on or off. auto pins unless Kubernetes, or a
    limit of systemd or a container, already controls CPUs."""
    tls_cert_file: File | None = None
    """PEM certificate chain for HTTPS. Without one, a proxy in front must serve HTTPS."""
    tls_key_file: PrivateFile | None = None
    """PEM private key of that certificate."""
    allow_plain_http: bool = False
    """Whether the server may serve plain HTTP at an address that other hosts can reach. Only for a proxy on
    another host or outside the container, over a network that nobody else can read."""
    allow_embedded_directory: bool = False
    """Whether users of the embedded directory may log in from other hosts. Its passwords are published, so
    anybody can log in: only for a trial."""

    trusted_proxies: Annotated[int, Field(ge=0, le=16), NUMBER] = 0
    """How many proxies in front may set proxy_header. With a number too high, any client can forge its
    address."""
    proxy_header: Literal["X-Forwarded-For", "Forwarded"] = "X-Forwarded-For"
    """Header that those proxies set. X-Forwarded-For is safe only behind a proxy that drops X_Forwarded_For;
    Forwarded (RFC 7239) always is."""

    # ---- Requests that the server sends

    outgoing_ca_file: Annotated[Path, BeforeValidator(rules.authorities)] | None = None
    """PEM bundle of the authorities that are trusted to sign the certificates of programs which this server
    calls, as at a back-channel logout. Default: the system's store."""
    outgoing_allow_private: bool = False
    """Whether this server may call loopback and private addresses (RFC 1918, RFC 4193, RFC 6598). Only if
    your programs have such addresses: their registered URLs then reach your internal network."""
    outgoing_deadline: Seconds = 5.0
    """Deadline in seconds for one such request, from the resolution of the name to the end of the answer."""

    # ---- Links of the front page and of the metadata

    contact: Annotated[str, BeforeValidator(rules.contact)] | None = None
    """Where developers ask to register a program: an email address, or the URL of a page."""
    docs_uri: Annotated[str, BeforeValidator(rules.page)] | None = None
    """URL of your documentation for developers (RFC 8414: service_documentation)."""
    policy_uri: Annotated[str, BeforeValidator(rules.page)] | None = None
    """URL of the rules for what clients may do with the data of users (RFC 8414: op_policy_uri)."""
    terms_uri: Annotated[str, BeforeValidator(rules.page)] | None = None
    """URL of the terms of service (RFC 8414: op_tos_uri)."""

    # ---- The pages that users see

    campus_name: Text | None = None
    """Name in the header and the title of every page, such as that of the university. Without one, pages show
    NetID OAuth."""
    theme_logo_file: Annotated[Path, BeforeValidator(rules.image)] | None = None
    """Image for the header of every page: SVG, PNG, JPEG, GIF or WebP, at most 1 MB."""
    theme_color: Annotated[str, BeforeValidator(rules.color)] = "#1f4e8c"
    """Colour of buttons and links. Texts in it are darkened or lightened until they can be read."""
    theme_color_dark: Annotated[str, BeforeValidator(rules.color)] | None = None
    """Colour of buttons and links in dark mode. Without one, theme_color is lightened."""
    theme_footer_links: Annotated[tuple[str, ...], BeforeValidator(rules.footer_links)] = ()
    """Links below every page: a title, a space and a URL each, semicolons between."""
    password_help_uri: Annotated[str, BeforeValidator(rules.page)] | None = None
    """Page where users change an expired password. The sign-in page links it once the password was proved."""
    password_help_text: Text | None = None
    """What the sign-in page says to a user whose password has expired or must be changed. Without a text, it
    says so in its own words."""
    callback_origins: Annotated[tuple[str, ...], BeforeValidator(rules.origins)] = ()
    """Origins to which programs send the browser on from their redirect URI, spaces between. A star stands
    for every host below a domain. Browsers that use Chromium stop a sign-in that leads to another one."""

    # ---- Keys and database

    secret_key: Annotated[SecretStr, secret(rules.secret_ring)] | None = None
    """Root keys of all other keys: one or several of 32 random characters or more, spaces between. The first
    signs, all verify. By default a key is made once, in secret.key in this folder, while the database is
    empty."""
    database_url: Annotated[SecretStr, secret(rules.database_url)] | None = None
    """SQLAlchemy URL, sqlite or postgresql; secret, since it may hold a password. The default is a SQLite
    file in this folder, where relative paths of sqlite:/// start. Other users cannot read the file."""
    sqlite_synchronous: Literal["FULL", "NORMAL"] = "FULL"
    """FULL survives a power cut. NORMAL is faster, and survives only a crash of the process."""

    # ---- Tokens

    access_token_ttl: Lifetime = 3600
    """Seconds that an access token lives. A stolen token can be used for this long if nobody revokes it."""
    refresh_token_ttl: Lifetime = 2_592_000
    """Seconds that a refresh token lives at most."""
    refresh_idle_ttl: Lifetime = 1_209_600
    """Seconds without use after which a refresh token expires."""
    grant_ttl: Lifetime = 15_552_000
    """Seconds that a grant with all its refresh tokens lives. After that, the user must log in again."""
    refresh_replay_window: Annotated[int, Field(ge=0, le=300), NUMBER] = 10
    """Seconds in which a client that did not receive an answer may send its refresh token again. 0 allows no
    repetition."""
    grants_per_person: Annotated[int, Field(ge=1, le=100_000), NUMBER] = 50
    """Live grants of one user with one client. Beyond this number, the longest idle ones end: some programs
    log in at every call."""
    default_scope: Annotated[str, BeforeValidator(rules.scope)] | None = None
    """Scopes of a token whose request names none, as far as the client may have them: names with spaces
    between. A client's own default comes first. If no scope of the default is allowed, the client gets all
    its scopes."""

    # ---- App passwords

    app_password_max_days: Annotated[int, Field(ge=1, le=3650), NUMBER] = 180
    """Most days that an app password may live. Each has an end; no token that it gives lives longer."""
    app_password_survives_password_change: bool = True
    """Whether an app password stays good when its user changes the password of the directory. With false, it
    ends then, with every token that it gave."""

    # ---- The end of the password grant

    password_grant_ends: Moment | None = None
    """When Net ID passwords are refused at the token endpoint for every client: a date or a time in UTC, such
    as 2027-06-30 (from the first second of that day) or 2027-06-30T09:00. App passwords go on working.
    flask password-grant set gives single clients an earlier date."""
    password_grant_help_uri: Annotated[str, BeforeValidator(rules.page_in_errors)] | None = None
    """Page about the end of the password grant, for the owners of programs. Refusals name it (error_uri), and
    so does the header Link of each answer to a program whose end has a date."""

    # ---- Sign-in sessions

    session_ttl: Lifetime = 43_200
    """Seconds that a sign-in in a browser lives at most. With a DN template and no service account it lives
    15 minutes at most, because the directory cannot be asked again about the user."""
    session_idle_ttl: Lifetime = 7200
    """Seconds without use after which a sign-in in a browser ends."""

    # ---- People

    refuse_members: _Members = ()
    """Users who get no token by password, with any client: rules group:DN or affiliation:NAME, semicolons
    between. Name administrators, and users with a second factor, which the password grant would bypass."""
    allow_members: _Members = ()
    """The only users who get a token by password: rules as above. Without a rule, every user of the directory
    does."""
    service_accounts: _Members = ()
    """Users who are service accounts: rules as above. flask password-grant report proposes client credentials
    to a client that has no other users. Without a rule, a client's group counts whose name says so."""
    audit_retention: Annotated[int, Field(ge=1, le=36_500), NUMBER] = 400
    """Days that an audit event is kept. flask token purge deletes older events."""

    # ---- Limits

    limit_person: _Limits = "10/15minutes;100/day"
    """Wrong guesses at one user, and failures of one user with one client. Beyond the limit, the answer is
    429. A success clears counts over an hour or less."""
    limit_client: _Limits = "500/15minutes"
    """Failed logins with one client, by any user."""
    limit_address: _Limits = "300/15minutes"
    """Failed logins from one IPv4 address or one IPv6 /64. For most requests that is the program's address,
    not the user's."""
    limit_server: _Limits = "5000/15minutes"
    """Failed logins with all clients together."""
    limit_authentication_address: _Limits = "100/15minutes"
    """Failed authentications of clients from one IPv4 address or one IPv6 /64, in each process. Beyond the
    limit, the answer is 429, except to a right secret that this server has made."""
    limit_authentication_client: _Limits = "300/15minutes"
    """Failed authentications under one client's id, in each process. Beyond the limit, the answer is 429,
    except to a right secret that this server has made, and at addresses that the client used within a day."""
    shield_budget: Annotated[int, Field(ge=0, le=1000), NUMBER] = 3
    """Failures that this server may add to a user's count in the directory, so that guesses here lock nobody
    out. Keep it below the directory's own threshold. 0 leaves this to the limits."""
    shield_window: Lifetime = 3600
    """Seconds over which those failures are counted if the directory's own count cannot be read. It must be
    at least the time after which the directory forgets a failure."""
    client_rate: _Limits = ""
    """Logins with one client, successful ones too, in each process. It limits load, not guessing."""

    _files: dict[str, Path] = PrivateAttr(default_factory=dict)

    @classmethod
    def settings_customise_sources(cls, *_: Any, **usual: Any) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take only the values that are passed: pydantic's own sources know no `…_FILE`."""
        return (usual["init_settings"],)

    @classmethod
    def described(cls) -> Iterator[Described]:
        """Describe every setting in order: its name, its default, and the reason."""
        reasons = {
            **_reasons(cls),
            **{f"{_DIRECTORY}_{name}": text for name, text in _reasons(LdapSettings).items()},
        }
        for name, info in _declared(cls):
            yield Described(name, info.default, reasons[name])

    @property
    def bind_host(self) -> str:
        """The host to listen at, without brackets."""
        return rules.split_address(self.bind)[0]

    @property
    def bind_port(self) -> int:
        """The port to listen at."""
        return rules.split_address(self.bind)[1]

    @property
    def secret_keys(self) -> tuple[str, ...] | None:
        """The ring of server keys in clear, or None when none was given."""
        return tuple(self.secret_key.get_secret_value().split()) if self.secret_key else None

    @property
    def ldap_bind_password_file(self) -> Path | None:
        """The file with the service account's password, so that a change of it is noticed."""
        return self._files.get("ldap_bind_password")

    @property
    def secret_files(self) -> Mapping[str, Path]:
        """The file of each secret that has one of its own, by the setting's name."""
        return self._files

    @property
    def pool_size(self) -> int:
        """Connections of each process to the directory: as set, or one fewer than threads."""
        return self.ldap.pool_size or max(1, self.threads - 1)

    def database_url_or_default(self, instance: Path) -> str:
        """Give the database's URL in clear; it may hold a password.

        Args:
            instance: The instance folder, where the SQLite file is unless another database was set.

        Returns:
            The URL for SQLAlchemy.
        """
        if self.database_url:
            return self.database_url.get_secret_value()
        return f"sqlite:///{quote(str(instance.absolute() / DATABASE_FILE_NAME))}"

    def with_files(self, files: Mapping[str, Path]) -> Self:
        """Note where secrets stand that have a file of their own.

        Args:
            files: Their paths, by field name.

        Returns:
            These settings.
        """
        self._files.update(files)
        return self

    @model_validator(mode="before")
    @classmethod
    def _gather_directory(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        """Put the settings of the directory together."""
        prefix = f"{_DIRECTORY}_"
        values = {name: value for name, value in given.items() if not name.startswith(prefix)}
        directory = {
            name.removeprefix(prefix): value for name, value in given.items() if name.startswith(prefix)
        }
        return {**values, _DIRECTORY: directory} if directory else values

    @model_validator(mode="after")
    def _are_consistent(self) -> Self:
        """Refuse settings that contradict each other."""
        refuse_contradictions(contradictions(vars(self), self.ldap))
        return self


def _reasons(model: type[BaseModel]) -> Mapping[str, str]:
    """The text below each declaration of a model, by the setting's name.

    Pydantic would read the source at each start; only documentation and tests need the texts.
    """
    (declared,) = ast.parse(inspect.getsource(model)).body
    reasons = {}
    for declaration, text in pairwise(declared.body if isinstance(declared, ast.ClassDef) else ()):
        if isinstance(declaration, ast.AnnAssign) and isinstance(declaration.target, ast.Name):
            field = declaration.target.id
            if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
                reasons[model.model_fields[field].alias or field] = " ".join(str(text.value.value).split())
    return reasons


def _declared(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """List each setting's name and declaration; those of the directory have its prefix."""
    for name, info in model.model_fields.items():
        if info.annotation is LdapSettings:
            yield from _declared(LdapSettings, f"{name}_")
        else:
            yield f"{prefix}{info.alias or name}", info


NAMES = tuple(name for name, _ in _declared(Settings))
"""The names of all settings."""
SECRETS = tuple(name for name, info in _declared(Settings) if "SecretStr" in str(info.annotation))
"""Settings that are secret; each may be given in a file of its own."""
EMPTY_IS_OFF = tuple(
    name for name, info in _declared(Settings) if any(isinstance(each, _LimitText) for each in info.metadata)
)
"""Settings that an empty value switches off, where an empty value otherwise counts as none given."""
