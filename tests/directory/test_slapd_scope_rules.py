"""Scope rules with a real OpenLDAP: nested groups, and users who leave them."""

from collections.abc import Callable

import pytest

from directory import Directory
from tests.conftest import Site
from tests.servers.administrator import SlapdAdministrator
from tests.servers.slapd import Slapd

pytestmark = pytest.mark.server

GROUPS = "ou=groups,dc=campus,dc=example"
NESTED = f"""
dn: cn=payroll,{GROUPS}
objectClass: groupOfNames
cn: payroll
member: cn=staff,{GROUPS}
"""

COMMA = f"""
dn: cn=admins\\, all,{GROUPS}
objectClass: groupOfNames
cn: admins, all
member: uid=alice,ou=people,dc=campus,dc=example
"""
SPELLINGS = (
    f"cn=admins\\, all,{GROUPS}",
    f"cn=admins\\2C all,{GROUPS}",
    f"commonName=ADMINS\\2c  ALL , {GROUPS}",
    f"2.5.4.3=admins\\, all,{GROUPS}",
    "cn=admins\\2C all,organizationalUnitName=groups,dc=campus,0.9.2342.19200300.100.1.25=EXAMPLE",
    "cn=admins\\2C all,ou=groups,domainComponent=campus,dc=example",
    f"cn=\\61dmins\\2c\\20all,{GROUPS}",
)


def test_scope_follows_membership_in_a_nested_group(
    make_site: Callable[..., Site],
    on_slapd: Callable[..., Directory],
    new_slapd: Callable[..., Slapd],
) -> None:
    """A member of a nested group gets the scope; after leaving it, not even at a refresh."""
    slapd = new_slapd(NESTED.encode())
    site = make_site(on_slapd(slapd, group_base=GROUPS, group_filter="(member={dn})"))
    site.run("scope", "create", "payroll", "--needs", f"group:CN=payroll, {GROUPS}")
    client = site.register("Pay office", "--grant", "refresh_token", "--scope", "payroll profile")
    assert site.ask_token(client, username="bob", password="bob-password").get_json()["scope"] == "profile"
    tokens = site.ask_token(client).get_json()
    assert tokens["scope"] == "payroll profile"
    SlapdAdministrator(slapd).change(
        f"cn=staff,{GROUPS}", {"member": "uid=frank,ou=people,dc=campus,dc=example"}
    )
    assert site.refresh(client, tokens["refresh_token"]).get_json()["scope"] == "profile"
    assert site.ask_token(client).get_json()["scope"] == "profile"


def test_group_is_refused_in_every_spelling_that_the_directory_equates(
    make_site: Callable[..., Site],
    on_slapd: Callable[..., Directory],
    new_slapd: Callable[..., Slapd],
) -> None:
    """A rule equates the DNs that slapd equates; claims keep slapd's own spelling (RFC 4514)."""
    directory = on_slapd(new_slapd(COMMA.encode()), group_base=GROUPS, group_filter="(member={dn})")
    site = make_site(directory)
    [written] = {directory.spelling(dn) for dn in SPELLINGS}
    assert written is not None
    assert directory.spelling(f"cn=admins\\, al,{GROUPS}") is None
    assert directory.spelling("admins") is None
    for dn in SPELLINGS:
        client = site.register("p", "--refuse-member", f"group:{dn}")
        assert site.ask_token(client).get_json()["error"] == "invalid_grant"
    groups = directory.find("alice", groups=True).verify("alice-password").groups
    assert written in groups
    other = site.register("p", "--refuse-member", f"group:cn=admins,{GROUPS}")
    assert site.ask_token(other).status_code == 200
