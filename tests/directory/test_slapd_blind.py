"""An account that sees the base but no entries: its empty search proves nothing."""

from collections.abc import Callable
from typing import Any

import pytest

from directory import Account, Directory, DirectoryUnavailable, InvalidCredentials, Refusal
from directory.ldap import Diagnostics, LdapConfig, StepStatus
from directory.ldap.connections.connection import LdapConnection
from directory.ldap.protocol.entry import SearchResult
from tests.directory.conformance import ALICE, PEOPLE, TEMPLATE, log_in, refusal
from tests.directory.conftest import SERVICE, MovedClock
from tests.servers.slapd import Slapd

NOBODY: dict[str, Any] = {"bind_dn": None, "bind_password": None}
WAYS: dict[str, dict[str, Any]] = {
    "search": {},
    "anonymous search": NOBODY,
    "template": {"user_dn_template": TEMPLATE},
    "template alone": {"user_dn_template": TEMPLATE, **NOBODY},
}
HIDDEN = f"""\
access to dn.children="{PEOPLE}" by self read by anonymous auth by * none
access to dn.base="{PEOPLE}" by * read
"""
ID_HIDDEN = f'access to attrs=entryUUID by dn.exact="{SERVICE}" none by self read by * none\n'


def _look_at(account: Account) -> None:
    """Look at an account, as the guard does."""
    assert account.person_id


@pytest.fixture
def blind(new_slapd: Callable[..., Slapd]) -> Slapd:
    """A slapd that shows everyone the base, and each user only the user's own entry."""
    return new_slapd(access=HIDDEN)


@pytest.mark.parametrize("way", WAYS)
def test_refresh_is_an_outage_if_the_account_sees_no_users(
    on_slapd: Callable[..., Directory], blind: Slapd, way: str
) -> None:
    """An empty search of an account that sees no users proves nothing."""
    with pytest.raises(DirectoryUnavailable, match="NETID_LDAP_BIND_DN") as caught:
        on_slapd(blind, **WAYS[way]).read(ALICE)
    assert caught.value.alarm


@pytest.mark.parametrize("way", ["search", "anonymous search", "template"])
def test_login_is_an_outage_if_the_account_sees_no_users(
    on_slapd: Callable[..., Directory], blind: Slapd, way: str
) -> None:
    """A login name that such an account does not find is not unknown."""
    directory = on_slapd(blind, **WAYS[way])
    with pytest.raises(DirectoryUnavailable, match="NETID_LDAP_BIND_DN") as caught:
        log_in(directory, "alice", "alice-password", look=_look_at)
    assert caught.value.alarm


def test_login_by_template_alone_works_if_users_see_only_themselves(
    on_slapd: Callable[..., Directory], blind: Slapd
) -> None:
    """With a template alone, users read their own entries, so logins work."""
    directory = on_slapd(blind, **WAYS["template alone"])
    assert directory.find("alice").verify("alice-password").id == ALICE
    assert refusal(directory, "alice", "wrong") is Refusal.WRONG_PASSWORD


@pytest.mark.parametrize("way", WAYS)
def test_check_names_the_setting_if_the_account_sees_no_users(blind: Slapd, way: str) -> None:
    """`flask directory check` reports such an account, and names the setting."""
    settings: dict[str, Any] = {
        "uris": (blind.ldap,),
        "ca_file": blind.ca_file,
        "bind_dn": SERVICE,
        "bind_password": "svc-password",
        "user_base": PEOPLE,
        **WAYS[way],
    }
    found = {finding.step: finding for finding in Diagnostics(LdapConfig(**settings)).examine()}["people"]
    assert found.setting == "NETID_LDAP_BIND_DN"
    assert found.verdict is (StepStatus.WARNING if way == "template alone" else StepStatus.FAILED)


def test_hidden_user_is_unknown_if_others_are_visible(
    on_slapd: Callable[..., Directory], new_slapd: Callable[..., Slapd]
) -> None:
    """If the account sees other users, a hidden entry is the same as a missing one."""
    hidden = new_slapd(access=f'access to dn.exact="uid=alice,{PEOPLE}" by anonymous auth by * none')
    with pytest.raises(InvalidCredentials) as caught:
        on_slapd(hidden).read(ALICE)
    assert caught.value.reason is Refusal.UNKNOWN_PERSON


def test_refresh_is_an_outage_if_stable_ids_are_hidden(
    on_slapd: Callable[..., Directory], new_slapd: Callable[..., Slapd]
) -> None:
    """An account that sees users but not their stable ids cannot say that an id is unknown."""
    server = new_slapd(access=ID_HIDDEN)
    with pytest.raises(DirectoryUnavailable, match="NETID_LDAP_BIND_DN"):
        on_slapd(server).read(ALICE)


def test_second_server_is_asked_if_the_first_hides_users(
    on_slapd: Callable[..., Directory], blind: Slapd, slapd: Slapd
) -> None:
    """If one server hides users, another one is asked."""
    directory = on_slapd(blind, uris=(blind.ldap, slapd.ldap))
    assert directory.read(ALICE).net_id == "alice"


def test_visibility_is_checked_once_a_minute_for_unknown_names(
    on_slapd: Callable[..., Directory], slapd: Slapd, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unknown names cost a second search at most once a minute; known names never do."""
    checks: list[str] = []
    search = LdapConnection.search

    def counted(link: LdapConnection, base: str, search_filter: str, **options: Any) -> SearchResult:
        if options["size_limit"] == 1:
            checks.append(search_filter)
        return search(link, base, search_filter, **options)

    monkeypatch.setattr(LdapConnection, "search", counted)
    clock = MovedClock()
    directory = on_slapd(slapd, monotonic=clock)
    assert directory.find("alice").verify("alice-password").id == ALICE
    assert checks == []
    for _ in range(3):
        assert refusal(directory, "nobody", "x") is Refusal.UNKNOWN_PERSON
    assert checks == ["(uid=*)"]
    clock.move(61)
    assert refusal(directory, "nobody", "x") is Refusal.UNKNOWN_PERSON
    assert len(checks) == 2


def test_groups_are_read_after_the_bind_if_only_the_user_may_read_them(
    on_slapd: Callable[..., Directory], slapd: Slapd
) -> None:
    """With a template alone, a failure of the group search reveals that the password was right.

    `docs/threats.md` mentions it: with NETID_LDAP_BIND_DN set, groups are read before the bind.
    """
    groups = {"group_base": f"ou=nowhere,{PEOPLE}", "group_filter": "(member={dn})"}
    directory = on_slapd(slapd, **WAYS["template alone"], **groups)
    with pytest.raises(DirectoryUnavailable, match="NETID_LDAP_GROUP_BASE"):
        directory.find("alice", groups=True).verify("alice-password")
    with pytest.raises(InvalidCredentials):
        directory.find("alice", groups=True).verify("wrong")
