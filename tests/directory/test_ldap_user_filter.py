"""Filters that are derived from the user filter."""

import pytest

from directory.ldap.people.user_filter import any_name_filter, filter_with_names_of, name_attributes
from directory.ldap.protocol.entry import Entry

ENTRY = Entry(
    "uid=alice,dc=x",
    {"uid": (b"alice", b"a*b"), "mail": (b"Alice@Campus.example",), "cn": (b"Alice Baker",)},
)


@pytest.mark.parametrize(
    ("user_filter", "derived"),
    [
        ("(uid={username})", "(uid=*)"),
        ("(|(uid={username})(mail={username}))", "(|(uid=*)(mail=*))"),
        ("(&(uid={username})(!(employeeType=guest)))", "(&(uid=*)(!(employeeType=guest)))"),
        ("( & (objectClass=person) (uid={username}) )", "(&(objectClass=person)(uid=*))"),
        (
            "(&(objectCategory=person)(|(sAMAccountName={username})(&(mail={username})(a=\\28))))",
            "(&(objectCategory=person)(|(sAMAccountName=*)(&(mail=*)(a=\\28))))",
        ),
        ("(cn;lang-en={username})", "(cn;lang-en=*)"),
    ],
)
def test_name_becomes_a_presence_test(user_filter: str, derived: str) -> None:
    """A presence test matches if some login name matches (RFC 4511, 4.5.1.7.5)."""
    assert any_name_filter(user_filter) == derived


@pytest.mark.parametrize(
    "user_filter",
    [
        "(!(uid={username}))",
        "(&(uid={username})(!(mail={username})))",
        "(&(uid={username})(mail={username}))",
        "(mail={username}@campus.example)",
        "(cn=*{username}*)",
        "(uid~={username})",
        "(uid:caseExactMatch:={username})",
        "uid={username}",
        "(uid={username}",
        "(uid={username}))",
        "(&(uid={username})x)",
        "(!(uid={username})(uid=a))",
        "(uid=(a){username})",
        "",
    ],
)
def test_inexact_filters_have_no_filter_for_any_name(user_filter: str) -> None:
    """If a presence test would not be exact, the entry's own names must be tried."""
    assert any_name_filter(user_filter) is None


@pytest.mark.parametrize(
    ("user_filter", "filled"),
    [
        ("(!(uid={username}))", "(|(!(uid=alice))(!(uid=a\\2ab)))"),
        ("(mail={username}@campus.example)", "(|(mail=alice@campus.example)(mail=a\\2ab@campus.example)"),
        ("(cn=*{username}*)", "(cn=*Alice\\20Baker*))"),
        ("(cn:caseExactMatch:={username})", "(cn:caseExactMatch:=Alice\\20Baker))"),
        ("(cn~={username})", "(cn~=Alice\\20Baker))"),
        ("(mail={username})", "(mail=Alice@Campus.example))"),
    ],
)
def test_names_of_the_entry_fill_the_filter(user_filter: str, filled: str) -> None:
    """Login names, and values that the filter compares with names, are filled in, escaped (RFC 4515, 3)."""
    text = filter_with_names_of(user_filter, ENTRY, "uid")
    assert text is not None
    assert filled in text
    assert "{" not in text


def test_entry_without_a_usable_name_has_no_filter() -> None:
    """No login name leads to an entry without a usable name."""
    assert filter_with_names_of("(!(uid={username}))", Entry("dc=x", {"uid": (b"\x01", b"")}), "uid") is None


def test_attributes_compared_with_the_name_are_listed_once() -> None:
    """Each attribute of an assertion with the login name is listed once."""
    text = "(|(&(uid={username})(mail={username}@x)(a=b))(uid={username})(cn:caseExactMatch:=*{username}))"
    assert name_attributes(text) == ("uid", "mail", "cn")
