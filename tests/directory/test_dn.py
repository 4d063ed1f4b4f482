"""Distinguished names: all spellings of one DN have the same key, and different DNs do not."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from directory.dn import NotADn, dn_key

# No time limit for an example: other load on the machine must not fail a test.
relaxed = settings(deadline=None)

SPELLINGS = [
    ("cn=admins\\, all,ou=groups,dc=x", "cn=admins\\2C all,ou=groups,dc=x"),
    ("cn=admins\\, all,ou=groups,dc=x", 'CN="admins, all" , OU=groups , DC=X'),
    ("cn=admins,dc=x", "commonName=admins,domainComponent=x"),
    ("cn=admins,dc=x", "2.5.4.3=admins,0.9.2342.19200300.100.1.25=x"),
    ("cn=admins,dc=x", "OID.2.5.4.3=admins,oid.0.9.2342.19200300.100.1.25=x"),
    (
        "uid=a,o=b,l=d,st=e,c=f,street=g",
        "userid=a,organizationName=b,localityName=d,stateOrProvinceName=e,countryName=f,streetAddress=g",
    ),
    ("cn=Müller,dc=x", "cn=M\\C3\\BCller,dc=x"),
    ("cn=Müller,dc=x", "cn=M\\c3\\bcLLER,dc=x"),
    ("cn=Müller,dc=x", "cn=Mu\u0308ller,dc=x"),
    ("cn=ﬁnance,dc=x", "cn=finance,dc=x"),
    ("cn=straße,dc=x", "cn=STRASSE,dc=x"),
    ("cn=a  b,dc=x", " cn = a b , dc = x "),
    ("cn=a\u00a0b,dc=x", "cn=A b,dc=x"),
    ("cn=a,dc=x", "cn=\\20a\\ ,dc=x"),
    ("cn=a\u00ad\u200bb,dc=x", "cn=ab,dc=x"),
    ("cn=a\\0Ab,dc=x", "cn=a b,dc=x"),
    ("cn=a+uid=b,dc=x", "UID=b + CN=a,dc=x"),
    ("cn=Hi,dc=x", "cn=#04024869,dc=x"),
    ("cn=Hi,dc=x", "2.5.4.3=#0C024869,dc=x"),
    ("cn=Hi,dc=x", "cn=#1e0400480069,dc=x"),
    ("cn=Hi,dc=x", "cn=#1C080000004800000069,dc=x"),
    ("cn=Hi,dc=x", "cn=#0c81024869,dc=x"),
    ("cn=\\#a,dc=x", "cn=\\23a,dc=x"),
    ("x-campus=A,dc=x", "X-Campus=a,dc=x"),
    ("userCertificate=#0304,dc=x".replace("#0304", "#030200FF"), "usercertificate=#030200ff,dc=x"),
    ("cn=a=b,dc=x", "cn=a\\=b,dc=x"),
    ("", "  "),
]
DIFFERENT = [
    ("cn=admins,dc=x", "cn=admin,dc=x"),
    ("cn=admins,dc=x", "ou=admins,dc=x"),
    ("cn=a,cn=b", "cn=b,cn=a"),
    ("cn=a+cn=b,dc=x", "cn=a,cn=b,dc=x"),
    ("cn=a\\,dc=y,dc=x", "cn=a,dc=y,dc=x"),
    ("cn=ab,dc=x", "cn=a b,dc=x"),
    ("cn=\\#0402,dc=x", "cn=#030200FF,dc=x"),
    ("cn=\\23030200ff,dc=x", "cn=#030200ff,dc=x"),
    ("cn=\\FF,dc=x", "cn=\\FE,dc=x"),
    ("cn=Muller,dc=x", "cn=Müller,dc=x"),
    ("cn=a,dc=x", "dc=x"),
    ("cn=,dc=x", "dc=x"),
]
UNREADABLE = [
    "admins",
    "cn=a,",
    ",cn=a",
    "cn=a,,dc=x",
    "cn=a;dc=x",
    "cn=a+",
    "=a",
    "cn",
    "1.=a",
    "c n=a",
    "_cn=a",
    "cn=a\\",
    "cn=a\\x",
    "cn=a\\4",
    'cn="a',
    'cn="a"b',
    'cn=a"b',
    "cn=#",
    "cn=#0",
    "cn=#04",
    "cn=#0403486 9",
    "cn=#04014869",
    "cn=#0480",
    "cn=#zz",
    "cn=a\0b",
    "cn=\ud800",
    "*",
]


@pytest.mark.parametrize(("one", "other"), SPELLINGS)
def test_spellings_of_one_name_are_equal(one: str, other: str) -> None:
    """Names of types, escapes, quotes, BER, case and spaces do not matter (RFC 4514, RFC 4518)."""
    assert dn_key(one) == dn_key(other)
    assert hash(dn_key(one)) == hash(dn_key(other))


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_different_names_differ(one: str, other: str) -> None:
    """The order, the number and the values of the parts matter (RFC 4517, 4.2.15)."""
    assert dn_key(one) != dn_key(other)


@pytest.mark.parametrize("text", UNREADABLE)
def test_text_that_is_no_dn_is_refused(text: str) -> None:
    """A text outside of the grammar raises NotADn (RFC 4514, 3)."""
    with pytest.raises(NotADn):
        dn_key(text)


@relaxed
@given(st.text())
def test_any_text_is_parsed_or_refused(text: str) -> None:
    """No text causes another error than NotADn."""
    try:
        key = dn_key(text)
    except NotADn:
        return
    assert dn_key(text) == key


TYPES = [
    ("cn", "commonName", "2.5.4.3"),
    ("ou", "organizationalUnitName", "OID.2.5.4.11"),
    ("dc", "DC", "domainComponent"),
]
# Characters that no step of the preparation removes or combines with another one.
PLAIN = 'abcxyz0189,+"\\<>;=#*()_-äöüéßжλ語'
NAMES = st.lists(
    st.lists(st.tuples(st.integers(0, 2), st.text(PLAIN, min_size=1, max_size=6)), min_size=1, max_size=2),
    min_size=1,
    max_size=4,
)
Name = Sequence[Sequence[tuple[int, str]]]


def canonical(name: Name) -> tuple[frozenset[tuple[int, str]], ...]:
    """Return what a DN means, without its spelling."""
    return tuple(frozenset((kind, value.casefold()) for kind, value in part) for part in name)


def spelled(name: Name, choose: st.DataObject) -> str:
    """Write a DN in a spelling that hypothesis chooses."""
    space = st.sampled_from(["", " ", "  "])

    def written(value: str) -> str:
        return "".join(character_of(character, first=not at) for at, character in enumerate(value))

    def character_of(character: str, *, first: bool) -> str:
        character = choose.draw(st.sampled_from([character, character.swapcase()]))
        hexed = "".join(f"\\{octet:02x}" for octet in character.encode())
        if character in ',+"\\<>;' or (first and character == "#"):
            return choose.draw(st.sampled_from([f"\\{character}", hexed]))
        return choose.draw(st.sampled_from([character, character, hexed, hexed.upper()]))

    parts = []
    for part in name:
        pairs = choose.draw(st.permutations(list(part)))
        parts.append(
            "+".join(
                f"{choose.draw(space)}{choose.draw(st.sampled_from(TYPES[kind]))}{choose.draw(space)}="
                f"{choose.draw(space)}{written(value)}{choose.draw(space)}"
                for kind, value in pairs
            )
        )
    return ",".join(parts)


@relaxed
@given(NAMES, st.data())
def test_every_spelling_of_a_name_is_equal(name: Name, data: st.DataObject) -> None:
    """Two random spellings of one DN have the same key (RFC 4514, 2)."""
    assert dn_key(spelled(name, data)) == dn_key(spelled(name, data))


@relaxed
@given(NAMES, NAMES, st.data())
def test_names_are_equal_only_if_they_mean_the_same(one: Name, other: Name, data: st.DataObject) -> None:
    """Two random DNs have the same key exactly if their parts are equal."""
    are_equal = dn_key(spelled(one, data)) == dn_key(spelled(other, data))
    assert are_equal == (canonical(one) == canonical(other))
