"""Settings show no secret; values that are derived from them."""

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from settings import Settings, load_settings
from tests.loading import CANARY, REAL, mistakes


@pytest.mark.parametrize(
    "environ",
    [
        {"NETID_LDAP_BIND_PASSWORD_FILE": CANARY},
        {"NETID_LDAP_BIND_PASSWORD_FILE": f"/{CANARY}"},
        {"NETID_LDAP_BIND_PASSWORD_FILE": f"/{CANARY}/{CANARY}"},
        {"NETID_LDAP_BIND_PASSWORD_FILE": CANARY * 30},
        {"NETID_LDAP_BIND_PASSWORD_FILE": f"{CANARY}\0"},
        {"NETID_DATABASE_URL_FILE": f"postgresql://me:{CANARY}@db.example.edu/netid"},
        {"NETID_TLS_KEY_FILE": f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----\n"},
        {"NETID_LDAP_URI": f"ldap://{CANARY}@ldap.example.edu", "NETID_LDAP_START_TLS": "off"},
        {"NETID_WORKERS": CANARY},
    ],
)
def test_secret_in_the_wrong_place_is_not_repeated(tmp_path: Path, environ: dict[str, str]) -> None:
    """People put the secret where its file's name belongs: no sentence repeats it."""
    assert CANARY not in "\n".join(mistakes(tmp_path, environ))


def test_secret_in_a_broken_configuration_is_not_repeated(tmp_path: Path) -> None:
    """The sentence about config.toml names a line, and not its content."""
    assert CANARY not in "\n".join(mistakes(tmp_path, {}, f"ldap_bind_password = {CANARY}\n"))


def test_settings_show_no_secret(tmp_path: Path) -> None:
    """Neither repr nor str nor a dump of the settings holds a secret."""
    environ = {
        "NETID_SECRET_KEY": f"{CANARY} {CANARY}2",
        "NETID_DATABASE_URL": f"postgresql://me:{CANARY}@db.example.edu/netid",
        "NETID_LDAP_BIND_DN": "cn=svc",
        "NETID_LDAP_BIND_PASSWORD": CANARY,
    }
    settings = load_settings(tmp_path, environ)
    assert CANARY not in repr(settings) + str(settings) + settings.model_dump_json()
    assert settings.secret_keys == (CANARY, f"{CANARY}2")


def test_settings_made_in_code_are_checked_too() -> None:
    """A wrong value is refused without being shown, wherever it comes from."""
    with pytest.raises(ValidationError) as refused:
        Settings(secret_key=SecretStr("short-canary"), issuer="http://login.example.edu/canary")
    assert "canary" not in str(refused.value)
    with pytest.raises(ValidationError, match="NETID_LDAP_BIND_PASSWORD is missing"):
        Settings.model_validate({"ldap_bind_dn": "cn=svc"})


def test_settings_are_frozen() -> None:
    """Nobody changes a setting while the server runs."""
    with pytest.raises(ValidationError):
        Settings().workers = 3


@pytest.mark.parametrize(
    ("bind", "host", "port"),
    [("127.0.0.1:8080", "127.0.0.1", 8080), ("[::1]:443", "::1", 443), ("localhost:1", "localhost", 1)],
)
def test_bind_is_host_and_port(bind: str, host: str, port: int) -> None:
    """The server gets the host without brackets, and the port as a number."""
    settings = Settings(bind=bind)
    assert (settings.bind_host, settings.bind_port) == (host, port)


@pytest.mark.parametrize(
    ("given", "size"), [({}, 7), ({"threads": 1}, 1), ({"threads": 9}, 8), ({"ldap_pool_size": 20}, 20)]
)
def test_pool_has_one_connection_fewer_than_threads(given: dict[str, int], size: int) -> None:
    """Unless set, one thread is always free of the directory, where there are two or more."""
    assert Settings.model_validate(given).pool_size == size


@pytest.mark.parametrize(
    ("given", "url"),
    [
        (None, "sqlite:////srv/netid/netid.sqlite3"),
        ("sqlite:///some/where.db", "sqlite:///some/where.db"),
        ("sqlite://", "sqlite://"),
        ("postgresql://me:p@db/netid", "postgresql+psycopg://me:p@db/netid"),
        (
            "postgresql+psycopg://me:p@db/netid?sslmode=require",
            "postgresql+psycopg://me:p@db/netid?sslmode=require",
        ),
    ],
)
def test_default_database_is_in_the_instance_folder(given: str | None, url: str) -> None:
    """Unless set, it is a SQLite file in the instance folder; PostgreSQL gets the driver that we ship."""
    settings = Settings(database_url=SecretStr(given) if given else None)
    assert settings.database_url_or_default(Path("/srv/netid")) == url


def test_a_real_directory_has_no_ldif(tmp_path: Path) -> None:
    """Only the embedded directory is loaded from a file."""
    assert load_settings(tmp_path, REAL).ldap.embedded_path is None
