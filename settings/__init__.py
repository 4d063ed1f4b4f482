"""Every setting of the server, typed, with its default and the reason for it.

Owns: the settings and their defaults; those of the directory are in `settings_directory`, rules about people
in `settings_policy`, limits on guessing in `settings_limits`. What a value may be is in `settings_values`,
where values are found in `settings_sources`, which of them contradict each other and how mistakes read in
`settings_mistakes`. Must not know: any of our packages; they get plain values from here, never the object.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self
from urllib.parse import quote

from pydantic import BeforeValidator, Field, PrivateAttr, SecretStr, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import PydanticBaseSettingsSource, SettingsConfigDict

from settings import consistency as mistakes
from settings import fields as rules
from settings import sources
from settings.consistency import SettingsError
from settings.directory import DirectorySettings
from settings.limits import EMPTY_IS_OFF, LimitSettings
from settings.policy import PolicySettings

__all__ = ["Described", "Settings", "SettingsError", "instance_path", "load_settings"]

SECRETS = ("ldap_bind_password", "secret_key", "database_url")
SECRET_VARIABLES = tuple(map(sources.variable, SECRETS))
"""Environment variables that hold a secret themselves, and not the name of its file."""
DATABASE_FILE_NAME = "netid.sqlite3"


class Described(NamedTuple):
    """One setting, for example file and documentation; its variable is `NETID_` and `name` in capitals."""

    name: str
    default: object
    description: str


class Settings(DirectorySettings, PolicySettings, LimitSettings):
    """What the operator chose. `load_settings` makes it; one made by hand keeps the same rules."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True
    )

    issuer: Annotated[str, BeforeValidator(rules.issuer)] = "https://localhost:8443"
    """Public base URL in metadata and tokens; never taken from the Host header, which can be forged."""
    bind: Annotated[str, BeforeValidator(rules.bind_address)] = "127.0.0.1:8080"
    """Address and port to listen at; this machine alone, until a proxy or a certificate is in place."""
    workers: rules.Count = 2
    """Processes; two, so that one may die or restart while the other answers."""
    threads: rules.Count = 8
    """Threads of each process; a login holds one of them while the directory thinks."""
    max_connections: Annotated[int, Field(ge=32, le=1_000_000), rules.NUMBER] = 2048
    """Connections that all processes take at once. Near it, those idle longest are closed, so that others can
    connect."""
    cpu_affinity: bool = True
    """Whether each process keeps to one CPU, of its own as far as there are enough. Off where something else
    keeps CPUs busy for long."""
    tls_cert_file: rules.File | None = None
    """PEM certificate chain to serve HTTPS with; without one, a proxy in front must do it."""
    tls_key_file: rules.PrivateFile | None = None
    """PEM private key of that certificate."""

    secret_key: Annotated[SecretStr, rules.secret(rules.secret_ring)] | None = None
    """Root of all keys: one or several of 32 random characters or more, spaces between; the first makes, all
    verify. Else made once, into secret.key in this folder, and only while the database is empty."""
    database_url: Annotated[SecretStr, rules.secret(rules.database_url)] | None = None
    """SQLAlchemy URL, sqlite or postgresql; a secret, since it may hold a password. Else a SQLite file in
    this folder, where relative paths of sqlite:/// start. The file is closed to other users."""
    sqlite_synchronous: Literal["FULL", "NORMAL"] = "FULL"
    """FULL survives a power cut; NORMAL is faster, and survives no more than a crash of the process."""

    access_token_ttl: rules.Lifetime = 3600
    """Seconds that an access token lives, and so the longest harm of one that nobody knows is lost."""
    refresh_token_ttl: rules.Lifetime = 2_592_000
    """Seconds that a refresh token lives at most."""
    refresh_idle_ttl: rules.Lifetime = 1_209_600
    """Seconds without use after which a refresh token is dead."""
    grant_ttl: rules.Lifetime = 15_552_000
    """Seconds that a whole family of refresh tokens lives; then the person must log in again."""
    refresh_replay_window: Annotated[int, Field(ge=0, le=300), rules.NUMBER] = 10
    """Seconds in which a client whose answer was lost may present its refresh token again; 0 allows none."""
    grants_per_person: Annotated[int, Field(ge=1, le=100_000), rules.NUMBER] = 50
    """Live grants of one person with one client; beyond it, those idle longest end: some programs log in at
    every call."""
    default_scope: Annotated[str, BeforeValidator(rules.scope)] | None = None
    """What a program that asks for no scope is granted, as far as its list has it: names with spaces between.
    Its own default goes before, and where the two have nothing in common it is granted its whole list."""
    trusted_proxies: Annotated[int, Field(ge=0, le=16), rules.NUMBER] = 0
    """How many proxies in front may set proxy_header; one too many lets anyone forge their address."""
    proxy_header: Literal["X-Forwarded-For", "Forwarded"] = "X-Forwarded-For"
    """Header that those proxies set. X-Forwarded-For is safe only behind a proxy that drops X_Forwarded_For;
    Forwarded (RFC 7239) always is."""

    _files: dict[str, Path] = PrivateAttr(default_factory=dict)

    @classmethod
    def settings_customise_sources(cls, *_: Any, **usual: Any) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take only what is handed over: pydantic's own sources know no `…_FILE` and let slips pass."""
        return (usual["init_settings"],)

    @classmethod
    def described(cls) -> Iterator[Described]:
        """Tell every setting in order: its name, its default, and the reason."""
        for name, info in cls.model_fields.items():
            yield Described(name, info.default, " ".join((info.description or "").split()))

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
        """The file that the service account's password stands in, so that a change of it is noticed."""
        return self._files.get("ldap_bind_password")

    @property
    def pool_size(self) -> int:
        """Connections of each process to the directory: as set, or one fewer than threads."""
        return self.ldap_pool_size or max(1, self.threads - 1)

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

    @model_validator(mode="after")
    def _agree(self) -> Self:
        """Refuse settings that contradict each other."""
        mistakes.refuse_clashes(vars(self))
        return self


def load_settings(instance: Path, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings from the environment and from `config.toml`.

    Args:
        instance: The instance folder, where `config.toml` may be.
        environ: The environment; it wins over the file.

    Returns:
        Settings that keep every rule.

    Raises:
        SettingsError: There are mistakes; it tells all of them.
    """
    found = sources.gather(instance, environ, Settings.model_fields, SECRETS, EMPTY_IS_OFF)
    if not found.mistakes:
        with contextlib.suppress(ValidationError):
            return Settings(**found.values).with_files(found.files)
    raise SettingsError(found.mistakes + _refusals(found))


def instance_path(environ: Mapping[str, str], default: Path) -> Path:
    """Find the instance folder, which must be known before any setting can be.

    Args:
        environ: The environment; `NETID_INSTANCE_PATH` in it is relative to the working folder.
        default: The folder when it is not set.

    Returns:
        The absolute path, which need not exist.
    """
    return Path(environ.get(sources.INSTANCE_PATH) or default).absolute()


def _refusals(found: sources.Found) -> list[str]:
    """Say what is wrong with values, and between those values that are not wrong by themselves."""
    by_value = [error for error in _errors(found.values) if error["loc"]]
    broken = found.broken | {str(error["loc"][0]) for error in by_value}
    usable = {name: value for name, value in found.values.items() if name not in broken}
    clashes = [error for error in _errors(usable) if not error["loc"]]
    return mistakes.sentences([*by_value, *clashes], found.origins, broken)


def _errors(values: Mapping[str, Any]) -> list[ErrorDetails]:
    """List all that pydantic has against some values, without the values."""
    try:
        Settings(**values)
    except ValidationError as error:
        return error.errors(include_url=False, include_input=False)
    return []
