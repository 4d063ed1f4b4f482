"""Refreshes with a real OpenLDAP: a user who becomes a guest, and an account that sees no users any more."""

from collections.abc import Callable

import pytest

from directory import Directory, InvalidCredentials, Person, Refusal
from tests.conftest import Site
from tests.directory.conformance import PEOPLE
from tests.faults import rows
from tests.oauth.answers import INVALID_GRANT, OK, UNAVAILABLE, status_and_error
from tests.servers.administrator import SlapdAdministrator
from tests.servers.slapd import SUFFIX, Slapd

ALICE_DN = f"uid=alice,{PEOPLE}"
NO_GUESTS = "(&(uid={username})(!(employeeType=guest)))"
BLIND = f"""\
access to dn.children="{PEOPLE}" by self read by anonymous auth by * none
access to dn.base="{PEOPLE}" by * read
"""
DAY = 86_400


def live_grants(site: Site) -> int:
    """Count the grants that were not revoked."""
    return sum(row["revoked_at"] is None for row in rows(site, "grant"))


@pytest.mark.parametrize("template", [None, "uid={username}," + PEOPLE])
def test_guest_is_refused_and_loses_all_grants_after_a_day(
    make_site: Callable[..., Site],
    on_slapd: Callable[..., Directory],
    new_slapd: Callable[..., Slapd],
    template: str | None,
) -> None:
    """A user who becomes a guest gets no new token; a guest for a day loses all grants."""
    slapd = new_slapd()
    site = make_site(on_slapd(slapd, user_filter=NO_GUESTS, user_dn_template=template))
    client = site.register("p", "--grant", "refresh_token")
    first = site.ask_token(client).get_json()["refresh_token"]
    people = SlapdAdministrator(slapd)
    people.change(ALICE_DN, {"employeeType": "guest"})
    assert status_and_error(site.refresh(client, first)) == INVALID_GRANT
    refused = [line for line in site.log_lines() if line["event"] == "grant.refused"]
    assert refused[-1]["reason"] == "unknown_person"
    assert "NETID_LDAP_USER_FILTER" in refused[-1]["detail"]
    assert live_grants(site) == 1
    people.change(ALICE_DN, {"employeeType": "staff"})
    answer = site.refresh(client, first)
    assert status_and_error(answer) == OK
    people.change(ALICE_DN, {"employeeType": "guest"})
    second = answer.get_json()["refresh_token"]
    for _ in range(2):
        assert status_and_error(site.refresh(client, second)) == INVALID_GRANT
        site.clock.now += DAY
    assert live_grants(site) == 0


@pytest.mark.parametrize("base", [PEOPLE, "dc=campus,dc=example"])
def test_user_moved_out_of_the_template_is_refused_at_a_refresh(
    on_slapd: Callable[..., Directory], new_slapd: Callable[..., Slapd], base: str
) -> None:
    """A user below another entry cannot log in by the template, and so cannot refresh."""
    left = f"ou=left,{PEOPLE}"
    slapd = new_slapd(
        f"\ndn: {left}\nobjectClass: organizationalUnit\nou: left\n"
        f"\ndn: uid=mover,{left}\nobjectClass: inetOrgPerson\nuid: mover\ncn: x\nsn: x\n"
        "userPassword: mover-password\n".encode()
    )
    moved = on_slapd(slapd).find("mover").verify("mover-password").id
    by_template = on_slapd(slapd, user_base=base, user_dn_template=f"uid={{username}}, OU=People,{SUFFIX}")
    with pytest.raises(InvalidCredentials):
        by_template.find("mover").verify("mover-password")
    with pytest.raises(InvalidCredentials) as refused:
        by_template.read(moved)
    assert refused.value.reason is Refusal.UNKNOWN_PERSON
    assert "NETID_LDAP_USER_DN_TEMPLATE" in refused.value.detail
    alice = by_template.find("alice").verify("alice-password")
    assert by_template.read(alice.id) == alice


def test_template_outside_of_the_user_base_is_not_applied_to_a_refresh(
    on_slapd: Callable[..., Directory], slapd: Slapd
) -> None:
    """A directory may show users under a second DN, and a search may return either DN."""
    alice = on_slapd(slapd).find("alice").verify("alice-password")
    directory = on_slapd(slapd, user_dn_template="uid={username},ou=people,dc=other")
    assert directory.read(alice.id) == alice


class Exchangeable:
    """A directory that can be exchanged for another one."""

    def __init__(self, current: Directory) -> None:
        self.current = current

    def __getattr__(self, name: str) -> object:
        """Return the attribute of the current directory."""
        return getattr(self.current, name)

    def read(self, person_id: str, *, groups: bool = False) -> Person:
        """Forward to the current directory."""
        return self.current.read(person_id, groups=groups)


def test_blind_account_ends_no_grant(
    make_site: Callable[..., Site],
    on_slapd: Callable[..., Directory],
    slapd: Slapd,
    new_slapd: Callable[..., Slapd],
) -> None:
    """If two servers hide all users for two days, each refresh is 503, and no grant ends."""
    seeing, servers = on_slapd(slapd), [new_slapd(access=BLIND) for _ in range(2)]
    directory = Exchangeable(seeing)
    site = make_site(directory)
    client = site.register("p", "--grant", "refresh_token")
    token = site.ask_token(client).get_json()["refresh_token"]
    directory.current = on_slapd(servers[0], uris=tuple(each.ldap for each in servers))
    for _ in range(3):
        assert status_and_error(site.refresh(client, token)) == UNAVAILABLE
        site.clock.now += DAY
    assert live_grants(site) == 1
    assert rows(site, "missing_person") == []
    directory.current = seeing
    assert status_and_error(site.refresh(client, token)) == OK
