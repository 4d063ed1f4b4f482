"""Wrong settings of the directory are refused, all at once and by name."""

from pathlib import Path
from typing import Any

import pytest

from directory.ldap import ConfigError, LdapConfig
from directory.ldap.connections.uri import ServerUri
from tests.directory.conftest import CAMPUS

GOOD: dict[str, Any] = {"uris": ("ldaps://ldap.campus.example",), "user_base": "dc=campus,dc=example"}


@pytest.mark.parametrize(
    ("changes", "setting"),
    [
        ({"uris": ()}, "NETID_LDAP_URI must name at least one server"),
        ({"uris": ("http://x",)}, "NETID_LDAP_URI"),
        ({"uris": ("ldap://",)}, "NETID_LDAP_URI"),
        ({"uris": ("ldap://x:99999",)}, "NETID_LDAP_URI"),
        ({"uris": ("ldap://user@x",)}, "NETID_LDAP_URI"),
        ({"uris": ("ldap://x/dc=x",)}, "NETID_LDAP_URI"),
        ({"uris": ("ldap://x?uid",)}, "NETID_LDAP_URI"),
        ({"uris": ("ldapi://",)}, "NETID_LDAP_URI"),
        ({"uris": ("embedded:/nowhere.ldif",)}, "names a file that does not exist"),
        ({"uris": (f"embedded:{CAMPUS}", "ldaps://x")}, "must be one embedded: directory alone"),
        ({"uris": ("ldap://ldap.campus.example",), "start_tls": False}, "NETID_LDAP_START_TLS"),
        ({"uris": ("ldap://10.0.0.1",), "start_tls": False}, "NETID_LDAP_START_TLS"),
        ({"ca_file": Path("/nowhere.pem")}, "NETID_LDAP_CA_FILE"),
        ({"client_cert_file": CAMPUS}, "NETID_LDAP_CLIENT_KEY_FILE"),
        ({"user_filter": "(uid=*)"}, "NETID_LDAP_USER_FILTER must hold {username}"),
        ({"user_filter": "uid={username}"}, "must be one filter with balanced parentheses"),
        ({"user_filter": "(&(uid={username})"}, "must be one filter with balanced parentheses"),
        ({"user_dn_template": "uid=alice,dc=x"}, "NETID_LDAP_USER_DN_TEMPLATE"),
        ({"user_dn_template": "uid=alice,ou={username},dc=x"}, "NETID_LDAP_USER_DN_TEMPLATE"),
        ({"user_base": None}, "NETID_LDAP_USER_BASE"),
        ({"bind_dn": "cn=svc"}, "NETID_LDAP_BIND_PASSWORD"),
        ({"bind_password": "x"}, "NETID_LDAP_BIND_DN"),
        ({"bind_dn": "cn=svc", "bind_password": ""}, "NETID_LDAP_BIND_PASSWORD"),
        ({"id_attribute": ""}, "NETID_LDAP_ID_ATTRIBUTE"),
        ({"net_id_attribute": ""}, "NETID_LDAP_NET_ID_ATTRIBUTE"),
        ({"password_changed_attribute": ""}, "NETID_LDAP_PASSWORD_CHANGED_ATTRIBUTE"),
        ({"profile": "ldap"}, "NETID_LDAP_PROFILE"),
        ({"realms": ("@campus.example",)}, "NETID_LDAP_REALMS"),
        ({"realms": ("CAMPUS\\",)}, "NETID_LDAP_REALMS"),
        ({"realms": (" ",)}, "NETID_LDAP_REALMS"),
        ({"group_filter": "(member={dn})"}, "NETID_LDAP_GROUP_BASE"),
        ({"group_base": "dc=x"}, "NETID_LDAP_GROUP_FILTER"),
        ({"group_base": "dc=x", "group_filter": "(member=*)"}, "NETID_LDAP_GROUP_FILTER must hold {dn}"),
        (
            {"group_base": "dc=x", "group_filter": "member={dn}"},
            "must be one filter with balanced parentheses",
        ),
        ({"login_deadline": 0}, "NETID_LDAP_LOGIN_DEADLINE"),
        ({"pool_size": 0}, "NETID_LDAP_POOL_SIZE"),
    ],
)
def test_each_wrong_setting_is_one_problem_that_names_it(changes: dict[str, Any], setting: str) -> None:
    """One wrong setting causes one problem, and its sentence names the setting."""
    with pytest.raises(ConfigError) as caught:
        LdapConfig(**{**GOOD, **changes})
    assert len(caught.value.problems) == 1
    assert setting in caught.value.problems[0]


@pytest.mark.parametrize(
    "groups",
    [
        {"group_base": "dc=x", "group_filter": "(member={dn})"},
        {"group_base": "dc=x", "group_filter": "(|(member={dn})(memberUid={username}))"},
        {"group_base": "dc=x", "profile": "active-directory"},
        {"realms": ("campus.example", "CAMPUS")},
    ],
)
def test_valid_settings_are_accepted(groups: dict[str, Any]) -> None:
    """Groups are searched by DN or by name; Active Directory needs no filter for them."""
    LdapConfig(**GOOD, **groups)


def test_all_problems_are_reported_at_once() -> None:
    """An operator with five mistakes starts the server once, not five times."""
    with pytest.raises(ConfigError) as caught:
        LdapConfig(uris=("http://x",), user_filter="x", bind_dn="cn=svc", read_timeout=0, id_attribute="")
    assert len(caught.value.problems) == 5


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "[::1]"])
def test_clear_text_on_this_machine_is_allowed(host: str) -> None:
    """A setting may switch off StartTLS for loopback addresses."""
    assert not LdapConfig(uris=(f"ldap://{host}",), start_tls=False, user_base="dc=x").start_tls


@pytest.mark.parametrize("host", ["localhost.example", "128.0.0.1", "[::2]", "127.0.0.1.example"])
def test_clear_text_to_hosts_that_resemble_loopback_is_refused(host: str) -> None:
    """Hosts and addresses that only resemble loopback are remote."""
    with pytest.raises(ConfigError, match="NETID_LDAP_START_TLS"):
        LdapConfig(uris=(f"ldap://{host}",), start_tls=False, user_base="dc=x")


@pytest.mark.parametrize(
    ("text", "scheme", "host", "port"),
    [
        ("ldap://x", "ldap", "x", 389),
        ("ldaps://X/", "ldaps", "x", 636),
        ("ldap://[::1]:1389", "ldap", "::1", 1389),
        ("ldapi://%2Frun%2Fslapd%2Fldapi", "ldapi", "/run/slapd/ldapi", 0),
        ("ldapi:///run/slapd/ldapi", "ldapi", "/run/slapd/ldapi", 0),
    ],
)
def test_ldap_uri_is_split_into_scheme_host_and_port(text: str, scheme: str, host: str, port: int) -> None:
    """An LDAP URI names a scheme, a host and a port (RFC 4516, 2)."""
    uri = ServerUri.parse(text)
    assert (uri.scheme, uri.host, uri.port) == (scheme, host, port)


def test_repr_of_a_configuration_hides_the_password() -> None:
    """A configuration can be printed."""
    config = LdapConfig(**GOOD, bind_dn="cn=svc", bind_password="svc-password")
    assert "svc-password" not in repr(config)
