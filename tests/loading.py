"""Loading settings as the server does, for the tests of settings."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from settings import Settings, SettingsError, load_settings

CANARY = "canary-Zq8-0123456789-0123456789-0123456789"
REAL = {"NETID_LDAP_URI": "ldaps://ldap.example.edu", "NETID_LDAP_USER_BASE": "ou=people,dc=example,dc=edu"}


def keep_secret(file: Path, content: str) -> Path:
    """Write a file that its owner alone may read."""
    file.touch(mode=0o600)
    file.chmod(0o600)
    file.write_text(content, encoding="utf-8")
    return file


def value_of(settings: Settings, name: str) -> object:
    """Read a setting by the name that operators know it by, in lower case."""
    ldap = name.removeprefix("ldap_")
    fields = {info.alias or field: field for field, info in type(settings.ldap).model_fields.items()}
    return getattr(settings, name) if ldap == name else getattr(settings.ldap, fields[ldap])


def load(instance: Path, environ: Mapping[str, str], config: str | None = None) -> Settings:
    """Load with a configuration file of this content, if any."""
    if config is not None:
        keep_secret(instance / "config.toml", config)
    return load_settings(instance, environ)


def mistakes(instance: Path, environ: Mapping[str, str], config: str | None = None) -> list[str]:
    """Load what must be refused: its mistakes."""
    with pytest.raises(SettingsError) as refused:
        load(instance, environ, config)
    assert str(refused.value) == "\n".join(refused.value.mistakes)
    return refused.value.mistakes
