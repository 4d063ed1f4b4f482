"""Groups: the number of searches, the limit of nesting, and that incomplete groups are an outage."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from directory import Directory, DirectoryUnavailable
from directory.ldap.kinds.profiles import PROFILES
from directory.ldap.people.groups import GroupLookup
from directory.ldap.protocol.entry import Answer, Entry, SearchResult
from tests.directory.conftest import CAMPUS

PERSON = Entry("cn=p\\2C q,OU=people,DC=ad,DC=example", {"memberof": (b"cn=direct,dc=x",)})
OPENLDAP, ACTIVE_DIRECTORY = PROFILES["openldap"], PROFILES["active-directory"]


class FakeLink:
    """A connection that finds groups by the member in the filter, and records the searches."""

    def __init__(self, parents: Mapping[str, Sequence[str]], tokens: Sequence[bytes] = ()) -> None:
        self.searches: list[tuple[str, str]] = []
        self.code = 0
        self._parents = parents
        self._tokens = tokens

    def search(self, base: str, search_filter: str, **_: Any) -> SearchResult:
        """Find the groups that have a member whose name is in the filter."""
        self.searches.append((base, search_filter))
        dns = [dn for member, dns in self._parents.items() if f"={member})" in search_filter for dn in dns]
        return SearchResult(Answer(self.code, ""), [Entry(dn, {}) for dn in dns])

    def read(self, dn: str, **_: Any) -> SearchResult:
        """Return the token of the user, and of no other entry."""
        assert dn == PERSON.dn
        return SearchResult(Answer(self.code, ""), [Entry(dn, {"tokengroups": tuple(self._tokens)})])

    def ask(self, question: Callable[[Any], SearchResult]) -> SearchResult:
        """Run a query."""
        return question(self)


def test_groups_in_the_entry_cost_no_search() -> None:
    """Groups that the entry holds are not searched."""
    link = FakeLink({})
    lookup = GroupLookup(OPENLDAP, None, None)
    assert lookup.attributes == ("memberOf",)
    assert lookup.groups_of(PERSON, "p", link.ask) == ("cn=direct,dc=x",)
    assert link.searches == []


def test_group_that_is_not_utf8_is_kept() -> None:
    """A value that is not UTF-8 stays as a group that is no DN, so that rules that refuse see it."""
    person = Entry("cn=p", {"memberof": (b"cn=\xff,dc=x", b"cn=direct,dc=x")})
    assert GroupLookup(OPENLDAP, None, None).groups_of(person, "p", FakeLink({}).ask) == (
        "cn=\\xff,dc=x",
        "cn=direct,dc=x",
    )


def test_spellings_of_one_group_are_one_group() -> None:
    """A group in another spelling is neither listed nor searched again."""
    parents = {"cn\\3da\\5c2c\\20b": ["CN=A\\, b"], "cn\\3dp": ["cn=a\\2C b", "commonName=a\\, B"]}
    link = FakeLink(parents)
    lookup = GroupLookup(OPENLDAP, "ou=groups", "(member={dn})")
    groups = lookup.groups_of(Entry("cn=p", {}), "p", link.ask)
    assert len(groups) == 1
    assert len(link.searches) == 2


def test_group_that_resembles_another_does_not_hide_it() -> None:
    """An attacker who may create groups must not remove a user from a group, nor from its parent groups."""
    parents = {"cn\\3dp": ["cn=guests", "cn=gue\u200bsts"], "cn\\3dguests": ["cn=all"]}
    lookup = GroupLookup(OPENLDAP, "ou=groups", "(member={dn})")
    groups = lookup.groups_of(Entry("cn=p", {}), "p", FakeLink(parents).ask)
    assert set(groups) == {"cn=guests", "cn=gue\u200bsts", "cn=all"}


def test_each_level_costs_one_search() -> None:
    """Each level costs one search, however many groups it has; the last search finds none."""
    link = FakeLink({"p": ["cn=a", "cn=b", "cn=c"], "cn\\3da": ["cn=d"], "cn\\3dc": ["cn=D", "cn=e"]})
    lookup = GroupLookup(OPENLDAP, "ou=groups", "(|(uid={username})(member={dn}))")
    assert lookup.attributes == ()
    link.searches.clear()
    groups = lookup.groups_of(Entry("cn=p", {}), "p", link.ask)
    assert groups[:3] == ("cn=a", "cn=b", "cn=c")
    assert [dn.lower() for dn in groups[3:]] == ["cn=d", "cn=e"]
    assert len(link.searches) == 3


def test_groups_by_login_name_are_not_nested() -> None:
    """Groups that list login names contain no groups, so one search is enough."""
    link = FakeLink({"p": ["cn=a"]})
    assert GroupLookup(OPENLDAP, "ou=groups", "(memberUid={username})").groups_of(PERSON, "p", link.ask) == (
        "cn=a",
    )
    assert link.searches == [("ou=groups", "(|(memberUid=p))")]


def test_rule_in_chain_costs_one_search() -> None:
    """The server has already followed every level."""
    link = FakeLink({"cn\\3dp\\5c2C\\20q\\2cOU\\3dpeople\\2cDC\\3dad\\2cDC\\3dexample": ["cn=a"]})
    search_filter = "(member:1.2.840.113556.1.4.1941:={dn})"
    assert GroupLookup(ACTIVE_DIRECTORY, "dc=x", search_filter).groups_of(PERSON, "p", link.ask) == ("cn=a",)
    assert len(link.searches) == 1


def test_nesting_stops_at_ten_levels() -> None:
    """An endless chain of groups costs ten searches."""
    chain = {f"cn\\3d{number}": [f"cn={number + 1}"] for number in range(100)}
    link = FakeLink(chain)
    groups = GroupLookup(OPENLDAP, "dc=x", "(member={dn})").groups_of(Entry("cn=0", {}), "0", link.ask)
    assert len(groups) == len(link.searches) == 10


def test_groups_in_a_loop_are_searched_once() -> None:
    """Groups that are members of each other, or of themselves, are searched once."""
    link = FakeLink({"cn\\3dp": ["cn=a"], "cn\\3da": ["cn=b", "cn=A"], "cn\\3db": ["cn=a", "cn=p"]})
    groups = GroupLookup(OPENLDAP, "dc=x", "(member={dn})").groups_of(Entry("cn=p", {}), "p", link.ask)
    assert groups == ("cn=a", "cn=b")
    assert len(link.searches) == 3


@pytest.mark.parametrize(("base", "searched"), [(None, "DC=ad,DC=example"), ("ou=groups", "ou=groups")])
def test_identifiers_of_the_token_are_searched_in_the_domain(base: str | None, searched: str) -> None:
    """Identifiers are searched in batches, in the domain that the user's DN ends in."""
    sids = [b"\x01\x05" + number.to_bytes(2, "big") for number in range(450)]
    link = FakeLink({"\\01\\05\\01\\02": ["cn=a"], "\\01\\05\\00\\02": ["cn=b"]}, sids)
    lookup = GroupLookup(ACTIVE_DIRECTORY, base, None)
    assert lookup.attributes == ()
    assert lookup.groups_of(PERSON, "p", link.ask) == ("cn=b", "cn=a")
    assert [where for where, _ in link.searches] == [searched] * 3


@pytest.mark.parametrize("code", [1, 4, 10, 32, 50, 51, 53])
@pytest.mark.parametrize(
    "lookup",
    [GroupLookup(OPENLDAP, "dc=x", "(member={dn})"), GroupLookup(ACTIVE_DIRECTORY, None, None)],
)
def test_failed_search_is_an_outage(lookup: GroupLookup, code: int) -> None:
    """An incomplete list of groups would be as wrong as an empty one, and is no refusal."""
    link = FakeLink({}, [b"\x01"])
    link.code = code
    with pytest.raises(DirectoryUnavailable):
        lookup.groups_of(PERSON, "p", link.ask)


def test_groups_are_searched_in_the_embedded_directory(opened: Callable[..., Directory]) -> None:
    """The settings for groups work in the embedded directory too."""
    directory = opened(
        uris=(f"embedded:{CAMPUS}",),
        group_base="ou=groups,dc=campus,dc=example",
        group_filter="(member={dn})",
    )
    person = directory.find("alice", groups=True).verify("alice-password")
    assert list(person.groups) == ["cn=staff,ou=groups,dc=campus,dc=example"]


def test_empty_token_is_an_alarm() -> None:
    """Every user has a primary group, so an account that sees no group may not read the token."""
    lookup = GroupLookup(ACTIVE_DIRECTORY, None, None)
    with pytest.raises(DirectoryUnavailable) as failed:
        lookup.groups_of(PERSON, "p", FakeLink({}).ask)
    assert failed.value.alarm
