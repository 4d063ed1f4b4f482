"""The directory's settings on their way from the environment to the directory."""

from pathlib import Path

import pytest

from settings import load_settings
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
def test_each_setting_arrives(tmp_path: Path, setting: str, given: str, kept: object) -> None:
    """What is set is what the directory is told, and without it the profile's own holds."""
    told = ldap_config(load_settings(tmp_path, {**REAL, f"NETID_LDAP_{setting.upper()}": given}))
    assert getattr(told, setting) == kept
    assert getattr(ldap_config(load_settings(tmp_path, REAL)), setting) != kept


def test_group_settings_arrive(tmp_path: Path) -> None:
    """Base and filter go together."""
    groups = {"NETID_LDAP_GROUP_BASE": "ou=g,dc=x", "NETID_LDAP_GROUP_FILTER": "(member={dn})"}
    told = ldap_config(load_settings(tmp_path, {**REAL, **groups}))
    assert (told.group_base, told.group_filter) == ("ou=g,dc=x", "(member={dn})")


def test_defaults_are_openldaps(tmp_path: Path) -> None:
    """With no profile named, people are found by uid, and are known by entryUUID."""
    profile = ldap_config(load_settings(tmp_path, REAL)).effective_profile()
    assert (profile.user_filter, profile.id_attribute) == ("(uid={username})", "entryUUID")
