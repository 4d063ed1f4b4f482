"""Groups: how many questions they cost, where nesting ends, and that some groups are not taken for all."""

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
    """A connection on which groups are found by what their filter holds; it counts the searches."""

    def __init__(self, parents: Mapping[str, Sequence[str]], tokens: Sequence[bytes] = ()) -> None:
        self.searches: list[tuple[str, str]] = []
        self.code = 0
        self._parents = parents
        self._tokens = tokens

    def search(self, base: str, search_filter: str, **_: Any) -> SearchResult:
        """Find the groups that have a member whose name stands in the filter."""
        self.searches.append((base, search_filter))
        dns = [dn for member, dns in self._parents.items() if f"={member})" in search_filter for dn in dns]
        return SearchResult(Answer(self.code, ""), [Entry(dn, {}) for dn in dns])

    def read(self, dn: str, **_: Any) -> SearchResult:
        """Return the token of the person, and of nobody else."""
        assert dn == PERSON.dn
        return SearchResult(Answer(self.code, ""), [Entry(dn, {"tokengroups": tuple(self._tokens)})])

    def ask(self, question: Callable[[Any], SearchResult]) -> SearchResult:
        """Put a question to it."""
        return question(self)


def test_memberof_costs_nothing() -> None:
    """What stands in the entry is not searched."""
    link = FakeLink({})
    rules = GroupLookup(OPENLDAP, None, None)
    assert rules.attributes == ("memberOf",)
    assert rules.groups_of(PERSON, "p", link.ask) == ("cn=direct,dc=x",)
    assert link.searches == []


def test_group_that_is_no_text_is_not_passed_over() -> None:
    """Octets that are no UTF-8 stay as a group that is no DN, which rules that refuse heed."""
    person = Entry("cn=p", {"memberof": (b"cn=\xff,dc=x", b"cn=direct,dc=x")})
    assert GroupLookup(OPENLDAP, None, None).groups_of(person, "p", FakeLink({}).ask) == (
        "cn=\\xff,dc=x",
        "cn=direct,dc=x",
    )


def test_spellings_of_one_group_are_one_level() -> None:
    """A group that comes back in another spelling is neither listed twice nor asked about again."""
    parents = {"cn\\3da\\5c2c\\20b": ["CN=A\\, b"], "cn\\3dp": ["cn=a\\2C b", "commonName=a\\, B"]}
    link = FakeLink(parents)
    rules = GroupLookup(OPENLDAP, "ou=groups", "(member={dn})")
    groups = rules.groups_of(Entry("cn=p", {}), "p", link.ask)
    assert len(groups) == 1
    assert len(link.searches) == 2


def test_a_group_that_looks_like_another_hides_nothing() -> None:
    """Who may create groups must not take a person out of one, nor out of the groups that it is in."""
    parents = {"cn\\3dp": ["cn=guests", "cn=gue\u200bsts"], "cn\\3dguests": ["cn=all"]}
    rules = GroupLookup(OPENLDAP, "ou=groups", "(member={dn})")
    groups = rules.groups_of(Entry("cn=p", {}), "p", FakeLink(parents).ask)
    assert set(groups) == {"cn=guests", "cn=gue\u200bsts", "cn=all"}


def test_a_level_is_one_search() -> None:
    """However many groups a level has, the next one costs one search more; the last finds nothing."""
    link = FakeLink({"p": ["cn=a", "cn=b", "cn=c"], "cn\\3da": ["cn=d"], "cn\\3dc": ["cn=D", "cn=e"]})
    rules = GroupLookup(OPENLDAP, "ou=groups", "(|(uid={username})(member={dn}))")
    assert rules.attributes == ()
    link.searches.clear()
    groups = rules.groups_of(Entry("cn=p", {}), "p", link.ask)
    assert groups[:3] == ("cn=a", "cn=b", "cn=c")
    assert [dn.lower() for dn in groups[3:]] == ["cn=d", "cn=e"]
    assert len(link.searches) == 3


def test_a_name_is_not_followed() -> None:
    """Groups that list login names hold no groups: one search is all."""
    link = FakeLink({"p": ["cn=a"]})
    assert GroupLookup(OPENLDAP, "ou=groups", "(memberUid={username})").groups_of(PERSON, "p", link.ask) == (
        "cn=a",
    )
    assert link.searches == [("ou=groups", "(|(memberUid=p))")]


def test_a_search_in_chain_is_not_followed() -> None:
    """The rule in chain has followed every level already."""
    link = FakeLink({"cn\\3dp\\5c2C\\20q\\2cOU\\3dpeople\\2cDC\\3dad\\2cDC\\3dexample": ["cn=a"]})
    search_filter = "(member:1.2.840.113556.1.4.1941:={dn})"
    assert GroupLookup(ACTIVE_DIRECTORY, "dc=x", search_filter).groups_of(PERSON, "p", link.ask) == ("cn=a",)
    assert len(link.searches) == 1


def test_depth_is_bounded() -> None:
    """A chain of groups that never ends does."""
    chain = {f"cn\\3d{number}": [f"cn={number + 1}"] for number in range(100)}
    link = FakeLink(chain)
    groups = GroupLookup(OPENLDAP, "dc=x", "(member={dn})").groups_of(Entry("cn=0", {}), "0", link.ask)
    assert len(groups) == len(link.searches) == 10


def test_loops_end() -> None:
    """Groups that are members of each other, or of themselves, are asked about once."""
    link = FakeLink({"cn\\3dp": ["cn=a"], "cn\\3da": ["cn=b", "cn=A"], "cn\\3db": ["cn=a", "cn=p"]})
    groups = GroupLookup(OPENLDAP, "dc=x", "(member={dn})").groups_of(Entry("cn=p", {}), "p", link.ask)
    assert groups == ("cn=a", "cn=b")
    assert len(link.searches) == 3


@pytest.mark.parametrize(("base", "searched"), [(None, "DC=ad,DC=example"), ("ou=groups", "ou=groups")])
def test_token_is_looked_up_in_the_domain(base: str | None, searched: str) -> None:
    """Identifiers become names by searches of bounded size, in the domain that the person's DN ends in."""
    sids = [b"\x01\x05" + number.to_bytes(2, "big") for number in range(450)]
    link = FakeLink({"\\01\\05\\01\\02": ["cn=a"], "\\01\\05\\00\\02": ["cn=b"]}, sids)
    rules = GroupLookup(ACTIVE_DIRECTORY, base, None)
    assert rules.attributes == ()
    assert rules.groups_of(PERSON, "p", link.ask) == ("cn=b", "cn=a")
    assert [where for where, _ in link.searches] == [searched] * 3


@pytest.mark.parametrize("code", [1, 4, 10, 32, 50, 51, 53])
@pytest.mark.parametrize(
    "rules",
    [GroupLookup(OPENLDAP, "dc=x", "(member={dn})"), GroupLookup(ACTIVE_DIRECTORY, None, None)],
)
def test_a_search_that_failed_is_not_no_groups(rules: GroupLookup, code: int) -> None:
    """Some of the groups would be as wrong as none; and it is no refusal of the person."""
    link = FakeLink({}, [b"\x01"])
    link.code = code
    with pytest.raises(DirectoryUnavailable):
        rules.groups_of(PERSON, "p", link.ask)


def test_group_search_on_the_embedded_directory(opened: Callable[..., Directory]) -> None:
    """The settings for groups work on a first try too."""
    directory = opened(
        uris=(f"embedded:{CAMPUS}",),
        group_base="ou=groups,dc=campus,dc=example",
        group_filter="(member={dn})",
    )
    person = directory.find("alice", groups=True).verify("alice-password")
    assert list(person.groups) == ["cn=staff,ou=groups,dc=campus,dc=example"]


def test_an_empty_token_is_no_token() -> None:
    """Active Directory lists a primary group at least: an account that sees none may not read the token."""
    rules = GroupLookup(ACTIVE_DIRECTORY, None, None)
    with pytest.raises(DirectoryUnavailable) as failed:
        rules.groups_of(PERSON, "p", FakeLink({}).ask)
    assert failed.value.alarm
