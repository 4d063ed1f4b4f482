"""Refreshes over a real OpenLDAP: a user who becomes a guest, and an account that sees nobody any more."""

from collections.abc import Callable

import pytest

from directory import Directory, InvalidCredentials, Person, Refusal
from tests.conftest import Site
from tests.directory.conformance import PEOPLE
from tests.faults import rows
from tests.oauth.answers import INVALID_GRANT, OK, UNAVAILABLE, said
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
    """How many grants have not been ended."""
    return sum(row["revoked_at"] is None for row in rows(site, "grant"))


@pytest.mark.parametrize("template", [None, "uid={username}," + PEOPLE])
def test_guest_is_refused_and_comes_back(
    make_site: Callable[..., Site],
    on_slapd: Callable[..., Directory],
    new_slapd: Callable[..., Slapd],
    template: str | None,
) -> None:
    """A user who becomes a guest gets no new token; one who stays a guest for a day loses all grants."""
    slapd = new_slapd()
    site = make_site(on_slapd(slapd, user_filter=NO_GUESTS, user_dn_template=template))
    client = site.register("p", "--grant", "refresh_token")
    first = site.ask_token(client).get_json()["refresh_token"]
    people = SlapdAdministrator(slapd)
    people.change(ALICE_DN, {"employeeType": "guest"})
    assert said(site.refresh(client, first)) == INVALID_GRANT
    refused = [line for line in site.log_lines() if line["event"] == "grant.refused"]
    assert refused[-1]["reason"] == "unknown_person"
    assert "NETID_LDAP_USER_FILTER" in refused[-1]["detail"]
    assert live_grants(site) == 1
    people.change(ALICE_DN, {"employeeType": "staff"})
    answer = site.refresh(client, first)
    assert said(answer) == OK
    people.change(ALICE_DN, {"employeeType": "guest"})
    second = answer.get_json()["refresh_token"]
    for _ in range(2):
        assert said(site.refresh(client, second)) == INVALID_GRANT
        site.clock.now += DAY
    assert live_grants(site) == 0


@pytest.mark.parametrize("base", [PEOPLE, "dc=campus,dc=example"])
def test_who_was_moved_from_where_the_template_names_people_is_refused(
    on_slapd: Callable[..., Directory], new_slapd: Callable[..., Slapd], base: str
) -> None:
    """A user whose entry is below another one cannot log in by the template, and so cannot refresh."""
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


def test_people_who_are_searched_for_elsewhere_are_not_held_to_the_template(
    on_slapd: Callable[..., Directory], slapd: Slapd
) -> None:
    """A directory may show people under a second name; which one a search gives is its own affair."""
    alice = on_slapd(slapd).find("alice").verify("alice-password")
    directory = on_slapd(slapd, user_dn_template="uid={username},ou=people,dc=other")
    assert directory.read(alice.id) == alice


class Changed:
    """A directory in whose place another one can be put."""

    def __init__(self, now: Directory) -> None:
        self.now = now

    def __getattr__(self, name: str) -> object:
        """Whatever the directory of now has."""
        return getattr(self.now, name)

    def read(self, person_id: str, *, groups: bool = False) -> Person:
        """Ask the directory of now."""
        return self.now.read(person_id, groups=groups)


def test_blind_account_ends_no_grant(
    make_site: Callable[..., Site],
    on_slapd: Callable[..., Directory],
    slapd: Slapd,
    new_slapd: Callable[..., Slapd],
) -> None:
    """Two servers that hide people for two days: every refresh is 503, and all works once they show them."""
    seeing, servers = on_slapd(slapd), [new_slapd(access=BLIND) for _ in range(2)]
    directory = Changed(seeing)
    site = make_site(directory)
    client = site.register("p", "--grant", "refresh_token")
    token = site.ask_token(client).get_json()["refresh_token"]
    directory.now = on_slapd(servers[0], uris=tuple(each.ldap for each in servers))
    for _ in range(3):
        assert said(site.refresh(client, token)) == UNAVAILABLE
        site.clock.now += DAY
    assert live_grants(site) == 1
    assert rows(site, "missing_person") == []
    directory.now = seeing
    assert said(site.refresh(client, token)) == OK
