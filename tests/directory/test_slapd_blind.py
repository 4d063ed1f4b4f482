"""An account that sees the base and not the entries: an empty search of its is no proof."""

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
    """A slapd that shows the base of people to everybody, and each person to themself alone."""
    return new_slapd(access=HIDDEN)


@pytest.mark.parametrize("way", WAYS)
def test_refresh_on_a_blind_account_is_no_refusal(
    on_slapd: Callable[..., Directory], blind: Slapd, way: str
) -> None:
    """An empty search of an account that sees nobody says nothing about a person."""
    with pytest.raises(DirectoryUnavailable, match="NETID_LDAP_BIND_DN") as caught:
        on_slapd(blind, **WAYS[way]).read(ALICE)
    assert caught.value.alarm


@pytest.mark.parametrize("way", ["search", "anonymous search", "template"])
def test_login_on_a_blind_account_is_no_refusal(
    on_slapd: Callable[..., Directory], blind: Slapd, way: str
) -> None:
    """A login name that such an account does not find is not unknown."""
    directory = on_slapd(blind, **WAYS[way])
    with pytest.raises(DirectoryUnavailable, match="NETID_LDAP_BIND_DN") as caught:
        log_in(directory, "alice", "alice-password", look=_look_at)
    assert caught.value.alarm


def test_login_by_template_alone_needs_no_other_eyes(
    on_slapd: Callable[..., Directory], blind: Slapd
) -> None:
    """With a template alone, people read their own entries: logins go on."""
    directory = on_slapd(blind, **WAYS["template alone"])
    assert directory.find("alice").verify("alice-password").id == ALICE
    assert refusal(directory, "alice", "wrong") is Refusal.WRONG_PASSWORD


@pytest.mark.parametrize("way", WAYS)
def test_check_names_the_setting(blind: Slapd, way: str) -> None:
    """`directory check` warns of an account that sees nobody, and names the setting."""
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


def test_hidden_person_is_unknown_where_others_are_seen(
    on_slapd: Callable[..., Directory], new_slapd: Callable[..., Slapd]
) -> None:
    """An account that sees other people is believed: one hidden entry cannot be told from none."""
    hidden = new_slapd(access=f'access to dn.exact="uid=alice,{PEOPLE}" by anonymous auth by * none')
    with pytest.raises(InvalidCredentials) as caught:
        on_slapd(hidden).read(ALICE)
    assert caught.value.reason is Refusal.UNKNOWN_PERSON


def test_hidden_stable_id_is_no_refusal(
    on_slapd: Callable[..., Directory], new_slapd: Callable[..., Slapd]
) -> None:
    """An account that sees people and not their stable ids cannot say that an id is nobody's."""
    server = new_slapd(access=ID_HIDDEN)
    with pytest.raises(DirectoryUnavailable, match="NETID_LDAP_BIND_DN"):
        on_slapd(server).read(ALICE)


def test_second_server_that_sees_answers_for_a_blind_one(
    on_slapd: Callable[..., Directory], blind: Slapd, slapd: Slapd
) -> None:
    """Where one server hides people, another one is asked."""
    directory = on_slapd(blind, uris=(blind.ldap, slapd.ldap))
    assert directory.read(ALICE).net_id == "alice"


def test_proof_of_a_login_is_looked_for_once_a_minute(
    on_slapd: Callable[..., Directory], slapd: Slapd, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unknown names cost a second search once a minute, and right ones never do."""
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


def test_own_eyes_read_groups_after_the_bind(on_slapd: Callable[..., Directory], slapd: Slapd) -> None:
    """With a template alone only a person may read their groups, so a failure tells that they were bound.

    `docs/threats.md` names it: with NETID_LDAP_BIND_DN set, groups are settled before the bind.
    """
    groups = {"group_base": f"ou=nowhere,{PEOPLE}", "group_filter": "(member={dn})"}
    directory = on_slapd(slapd, **WAYS["template alone"], **groups)
    with pytest.raises(DirectoryUnavailable, match="NETID_LDAP_GROUP_BASE"):
        directory.find("alice", groups=True).verify("alice-password")
    with pytest.raises(InvalidCredentials):
        directory.find("alice", groups=True).verify("wrong")
