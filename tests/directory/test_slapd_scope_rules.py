"""Rules of scopes over a real OpenLDAP: nested groups, and who left them."""

from collections.abc import Callable

from directory import Directory
from tests.conftest import Site
from tests.servers.administrator import OfSlapd
from tests.servers.slapd import Slapd

GROUPS = "ou=groups,dc=campus,dc=example"
NESTED = f"""
dn: cn=payroll,{GROUPS}
objectClass: groupOfNames
cn: payroll
member: cn=staff,{GROUPS}
"""


def test_scope_comes_and_goes_with_a_nested_group(
    make_site: Callable[..., Site],
    on_slapd: Callable[..., Directory],
    new_slapd: Callable[..., Slapd],
) -> None:
    """Alice, of staff, has what members of a group of staff may; taken from staff, not after a refresh."""
    slapd = new_slapd(NESTED.encode())
    site = make_site(on_slapd(slapd, group_base=GROUPS, group_filter="(member={dn})"))
    site.run("scope", "create", "payroll", "--needs", f"group:CN=payroll, {GROUPS}")
    client = site.register("Pay office", "--grant", "refresh_token", "--scope", "payroll profile")
    assert site.ask_token(client, username="bob", password="bob-password").get_json()["scope"] == "profile"
    tokens = site.ask_token(client).get_json()
    assert tokens["scope"] == "payroll profile"
    OfSlapd(slapd).change(f"cn=staff,{GROUPS}", {"member": "uid=frank,ou=people,dc=campus,dc=example"})
    assert site.refresh(client, tokens["refresh_token"]).get_json()["scope"] == "profile"
    assert site.ask_token(client).get_json()["scope"] == "profile"
