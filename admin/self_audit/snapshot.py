"""What the checks look at: the settings, and the rows that matter, read once."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from admin.operation import Services
from core.setting_rules import is_loopback
from models import (
    AppPassword,
    AppPasswordStore,
    Client,
    SigningKey,
    people_at_cap,
    persistent_secret_key_ids,
)
from settings import Settings

DAY = 86_400
MAX_APP_PASSWORDS_READ = 100_000
"""The newest live app passwords that are looked at."""
_LIBPQ = {"host": "PGHOST", "hostaddr": "PGHOSTADDR", "service": "PGSERVICE", "sslmode": "PGSSLMODE"}
"""Parameters of a connection, and the variable of the environment that replaces each (libpq, 34.15)."""


# As SQLAlchemy reads it: a password may hold a slash, but no @.
_URL = re.compile(
    r"(?P<scheme>[^:]*)://(?:[^:/?@]*(?P<password>:[^@]*)?@)?(?P<network>[^/?]*)[^?]*(?:\?(?P<query>.*))?"
)


class DatabaseFacts:
    """Where the database is, and how the connection to it is protected. No password is kept.

    `hosts` are other hosts than this one; `sslmode` is PostgreSQL's, `prefer` unless something sets it.
    `has_password` says that the URL holds one. `service` is an entry of libpq's service file.
    """

    __slots__ = ("has_password", "hosts", "is_sqlite", "service", "sslmode")

    def __init__(self, url: str | None, environ: Mapping[str, str]) -> None:
        """Read the URL.

        Args:
            url: `NETID_DATABASE_URL`, or None for the default.
            environ: the environment, which libpq reads too.
        """
        parts = _URL.fullmatch(url or "sqlite://")
        self.is_sqlite = parts is None or parts["scheme"] == "sqlite"
        network, query = (parts["network"], parts["query"] or "") if parts else ("", "")
        named = {name: values[-1] for name, values in parse_qs(query).items()}
        self.has_password = "password" in named or bool(parts and parts["password"])
        given = {name: named.get(name) or environ.get(also) or "" for name, also in _LIBPQ.items()}
        places = [_without_port(each) for each in (network or given["host"]).split(",")]
        places = given["hostaddr"].split(",") if given["hostaddr"] else places
        self.hosts = () if self.is_sqlite else tuple(filter(_is_elsewhere, map(unquote, places)))
        self.sslmode = given["sslmode"] or "prefer"
        self.service = "" if self.is_sqlite else given["service"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The settings and rows of one moment. Times are seconds since the epoch.

    - `clients`: every client. `app_passwords`: the live ones, and whether there are more.
    - `signing_keys`: every stored key, whose private part stays encrypted.
    - `server_keys`: the fingerprints of the keys of `NETID_SECRET_KEY`, the one that makes new ones first.
    - `sealed_under`: the fingerprints of the server keys that other stored secrets are encrypted under.
    - `server_key_changed_at`: when the file with the server key was last written; None without a file.
    - `people_at_cap`: by client, how many people have as many grants as the cap allows.
    """

    now: int
    settings: Settings
    database: DatabaseFacts
    clients: Sequence[Client]
    app_passwords: Sequence[AppPassword]
    more_app_passwords: bool
    signing_keys: Sequence[SigningKey]
    server_keys: Sequence[str]
    sealed_under: Collection[str]
    server_key_changed_at: int | None
    people_at_cap: Mapping[str, int]

    @property
    def enabled(self) -> Sequence[Client]:
        """The clients that are not disabled."""
        return [each for each in self.clients if each.disabled_at is None]

    @property
    def is_local(self) -> bool:
        """Whether the issuer is this machine, as in a trial."""
        return is_loopback(self.issuer_host)

    @property
    def issuer_host(self) -> str:
        """The host of the issuer."""
        return urlsplit(self.settings.issuer).hostname or ""

    def age(self, at: int) -> int:
        """How many whole days ago a time was."""
        return (self.now - at) // DAY


def take_snapshot(services: Services, *, key_file: Path, environ: Mapping[str, str]) -> Snapshot:
    """Read what the checks look at. The number of statements does not depend on the number of rows.

    Args:
        services: what the use case works on.
        key_file: where the server key is, unless a setting names it.
        environ: the environment of the process.

    Raises:
        StoreUnavailable: the database did not answer.
    """
    now, settings = services.now, services.settings
    named = settings.secret_files.get("secret_key")
    app_passwords, more = AppPasswordStore(services.clock).list_all(None, MAX_APP_PASSWORDS_READ)
    url = settings.database_url
    return Snapshot(
        now=now,
        settings=settings,
        database=DatabaseFacts(url.get_secret_value() if url else None, environ),
        clients=services.clients.list(),
        app_passwords=app_passwords,
        more_app_passwords=more,
        signing_keys=services.signing_keys.store.list(),
        server_keys=[key_id for key_id, _ in services.clients.hasher.keys],
        sealed_under=persistent_secret_key_ids(),
        server_key_changed_at=_changed_at(named or key_file) if named or not settings.secret_key else None,
        people_at_cap=people_at_cap(settings.grants_per_person, now),
    )


def _changed_at(file: Path) -> int | None:
    try:
        return int(file.stat().st_mtime)
    except OSError:
        return None


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _is_elsewhere(host: str) -> bool:
    # An empty host and a path are a socket of this machine.
    return bool(host) and not host.startswith(("/", "@")) and not is_loopback(host)
