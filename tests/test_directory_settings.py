"""The directory gets its settings from the environment."""

from pathlib import Path

import pytest

from directory.ldap.config import LdapConfig, LdapSettings
from settings import Settings, load_settings
from wiring.from_settings import ldap_config

REAL = {"NETID_LDAP_URI": "ldaps://ldap.example.edu", "NETID_LDAP_USER_BASE": "ou=people,dc=example,dc=edu"}


@pytest.mark.parametrize(
    ("setting", "given", "kept"),
    [
        ("profile", "freeipa", "freeipa"),
        ("user_filter", "(cn={username})", "(cn={username})"),
        ("id_attribute", "employeeNumber", "employeeNumber"),
        ("net_id_attribute", "cn", "cn"),
        ("password_changed_attribute", "shadowLastChange", "shadowLastChange"),
        ("realms", "campus.example CAMPUS", ("campus.example", "CAMPUS")),
        ("allow_must_change", "on", True),
    ],
)
def test_each_setting_reaches_the_directory_configuration(
    tmp_path: Path, setting: str, given: str, kept: object
) -> None:
    """The directory gets the value that is set, and else the default of its profile."""
    config = ldap_config(load_settings(tmp_path, {**REAL, f"NETID_LDAP_{setting.upper()}": given}))
    assert getattr(config, setting) == kept
    assert getattr(ldap_config(load_settings(tmp_path, REAL)), setting) != kept


def test_group_settings_arrive(tmp_path: Path) -> None:
    """Base and filter go together."""
    groups = {"NETID_LDAP_GROUP_BASE": "ou=g,dc=x", "NETID_LDAP_GROUP_FILTER": "(member={dn})"}
    config = ldap_config(load_settings(tmp_path, {**REAL, **groups}))
    assert (config.group_base, config.group_filter) == ("ou=g,dc=x", "(member={dn})")


def test_defaults_are_openldaps(tmp_path: Path) -> None:
    """With no profile named, people are found by uid, and are known by entryUUID."""
    profile = ldap_config(load_settings(tmp_path, REAL)).effective_profile()
    assert (profile.user_filter, profile.id_attribute) == ("(uid={username})", "entryUUID")


def test_each_setting_is_declared_in_one_place() -> None:
    """A setting of the directory is declared in `LdapSettings` alone, every other one in `Settings` alone."""
    assert not [name for name in Settings.model_fields if name.startswith("ldap_")]
    own = [name for name in LdapConfig.__annotations__ if name in LdapSettings.model_fields]
    assert own == []
    names = [setting.name for setting in Settings.described()]
    assert len(names) == len(set(names))
    assert [name for name in names if name.startswith("ldap_")] == [
        f"ldap_{info.alias or name}" for name, info in LdapSettings.model_fields.items()
    ]


def test_no_other_file_names_a_setting_in_a_check() -> None:
    """The sentence that refuses an LDAP setting is only beside its declaration."""
    root = Path(__file__).resolve().parent.parent
    names = [f"{setting.name} =" for setting in Settings.described() if setting.name.startswith("ldap_")]
    assert len(names) > 20
    sources = [*root.glob("settings/*.py"), root / "wiring" / "from_settings.py"]
    found = [
        f"{path.name}: {name}"
        for path in sources
        for name in names
        if name in path.read_text(encoding="utf-8")
    ]
    assert found == []


def test_every_setting_reaches_the_directory(tmp_path: Path) -> None:
    """The directory gets the value of each of its settings, without a list of them in between."""
    settings = load_settings(
        tmp_path, {**REAL, "NETID_LDAP_PRIVACY_ATTRIBUTE": "hidden", "NETID_THREADS": "5"}
    )
    config = ldap_config(settings)
    given = {**dict(settings.ldap), "pool_size": 4}
    assert {name: getattr(config, name) for name in LdapSettings.model_fields} == given
