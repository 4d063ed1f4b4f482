"""Settings that find no user: the check names the setting to change, and raises an alarm."""

from collections.abc import Callable
from typing import Any

import pytest

from directory import Directory, DirectoryUnavailable
from tests.directory.conftest import CAMPUS, SERVICE
from tests.directory.scripted import SEARCH, Scripted, friendly, result
from tests.servers.slapd import SUFFIX, Slapd

PEOPLE = f"ou=people,{SUFFIX}"
TEMPLATE = f"uid={{username}},{PEOPLE}"
# Settings, and the first setting that the alarm names.
FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"user_base": f"ou=nowhere,{SUFFIX}"}, "NETID_LDAP_USER_BASE"),
    ({"user_base": f"ou=groups,{SUFFIX}"}, "NETID_LDAP_USER_BASE"),
    ({"user_base": f"cn=staff,ou=groups,{SUFFIX}"}, "NETID_LDAP_USER_BASE"),
    ({"profile": "active-directory"}, "NETID_LDAP_PROFILE"),
    ({"profile": "389ds"}, "NETID_LDAP_PROFILE"),
    (
        {"profile": "389ds", "id_attribute": "entryUUID", "user_filter": "(krb={username})"},
        "NETID_LDAP_USER_FILTER",
    ),
    ({"id_attribute": "employeeNumber"}, "NETID_LDAP_ID_ATTRIBUTE"),
    ({"net_id_attribute": "sAMAccountName"}, "NETID_LDAP_NET_ID_ATTRIBUTE"),
    ({"user_filter": "(sAMAccountName={username})"}, "NETID_LDAP_USER_FILTER"),
    ({"bind_password": "wrong"}, "NETID_LDAP_BIND_DN"),
]


def alarm_of(directory: Directory) -> str:
    """Check the settings, which must raise an alarm. Returns the first setting that it names."""
    with pytest.raises(DirectoryUnavailable) as caught:
        directory.check_settings()
    assert caught.value.alarm
    return next(
        word for word in caught.value.cause.replace("(", " ").split() if word.startswith("NETID_")
    ).strip(",:;)")


@pytest.mark.parametrize(("changes", "setting"), FAULTS)
def test_wrong_setting_is_named_over_openldap(
    on_slapd: Callable[..., Directory], slapd: Slapd, changes: dict[str, Any], setting: str
) -> None:
    """The alarm distinguishes base, kind of directory, attributes, filter and account."""
    assert alarm_of(on_slapd(slapd, **changes)) == setting


@pytest.mark.parametrize(("changes", "setting"), FAULTS[:-1])
def test_wrong_setting_is_named_over_the_embedded_directory(
    opened: Callable[..., Directory], changes: dict[str, Any], setting: str
) -> None:
    """The embedded directory has the same faults, except that anybody may read it."""
    assert alarm_of(opened(uris=(f"embedded:{CAMPUS}",), **changes)) == setting


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"user_filter": "(|(uid={username})(mail={username}))"},
        {"user_filter": "(!(uid={username}))"},
        {"user_dn_template": TEMPLATE},
        {"user_dn_template": TEMPLATE, "user_base": None, "bind_dn": None, "bind_password": None},
    ],
)
def test_good_settings_raise_nothing(
    on_slapd: Callable[..., Directory], slapd: Slapd, changes: dict[str, Any]
) -> None:
    """By search, by template, and by a filter from which no search for any user can be derived."""
    on_slapd(slapd, **changes).check_settings()


def test_hidden_users_are_a_matter_of_the_account(
    on_slapd: Callable[..., Directory], new_slapd: Callable[..., Slapd]
) -> None:
    """If the base has entries that the account does not see, its rights are at fault, and not the base."""
    hidden = f'access to dn.children="{PEOPLE}" by anonymous auth by * none\n'
    assert alarm_of(on_slapd(new_slapd(access=hidden))) == "NETID_LDAP_BIND_DN"


def test_hidden_ids_are_a_matter_of_the_account(
    on_slapd: Callable[..., Directory], new_slapd: Callable[..., Slapd]
) -> None:
    """If users are visible and their stable ids are not, the account needs the right to read them."""
    hidden = f'access to attrs=entryUUID by dn.exact="{SERVICE}" none by * read\n'
    assert alarm_of(on_slapd(new_slapd(access=hidden))) == "NETID_LDAP_BIND_DN"


def test_server_without_users_is_no_fault_if_another_has_them(opened: Callable[..., Directory]) -> None:
    """A replica that is still empty does not make the settings wrong."""

    def empty(operation: int, message_id: int, request: bytes) -> bytes | None:
        return result(SEARCH, message_id) if operation == SEARCH else friendly(operation, message_id, request)

    with Scripted(empty) as one, Scripted() as two:
        settings: dict[str, Any] = {"start_tls": False, "user_base": "dc=x"}
        opened(uris=(one.uri, two.uri), **settings).check_settings()
        assert alarm_of(opened(uris=(one.uri,), **settings)) == "NETID_LDAP_USER_BASE"


def test_directory_that_is_away_is_no_fault_of_the_settings(opened: Callable[..., Directory]) -> None:
    """A server that refuses connections may come back, so nothing is at fault yet."""
    with pytest.raises(DirectoryUnavailable) as caught:
        opened(uris=("ldap://127.0.0.1:9",), start_tls=False, user_base="dc=x").check_settings()
    assert not caught.value.alarm


def test_wrong_port_is_an_alarm_until_the_server_has_answered(
    on_slapd: Callable[..., Directory], slapd: Slapd
) -> None:
    """A port that closes every new connection speaks another protocol; the alarm names NETID_LDAP_URI."""
    plain, tls = slapd.ldap.replace("ldap:", "ldaps:"), slapd.ldaps.replace("ldaps:", "ldap:")
    assert alarm_of(on_slapd(slapd, uris=(plain,))) == "NETID_LDAP_URI"
    assert alarm_of(on_slapd(slapd, uris=(tls,))) == "NETID_LDAP_URI"
    with pytest.raises(DirectoryUnavailable, match="ldaps:// on a plain port"):
        on_slapd(slapd, uris=(plain,)).ping()


def test_lost_connection_is_no_alarm_once_the_server_has_answered(opened: Callable[..., Directory]) -> None:
    """The port was right then, so the network or the server has failed."""
    with Scripted() as server:
        directory = opened(uris=(server.uri,), start_tls=False, user_base="dc=x", connection_lifetime=1e-6)
        directory.ping()
        server.script = lambda *_: None
        with pytest.raises(DirectoryUnavailable) as caught:
            directory.ping()
        assert not caught.value.alarm
