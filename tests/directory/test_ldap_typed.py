"""Login names, passwords and their escaping, for any text."""

from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ldap3.operation.search import compile_filter, parse_filter

from directory import InvalidCredentials, Refusal, encoded_password
from directory.dn import escape_for_dn, unescape_from_dn
from directory.ldap.connections.deadline import Deadline
from directory.ldap.embedded import Embedded
from directory.ldap.people.user_filter import escape_for_filter, normalized_name
from tests.generated import examples

T = TypeVar("T")

# No time limit for an example: other load on the machine must not fail a test.
relaxed = settings(deadline=None, max_examples=examples(60))

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
NASTY = st.text('*()\\\0 ,+"<>;=#/&|!~:é\u0308', min_size=1, max_size=12)


@relaxed
@given(TEXT | NASTY)
def test_escaped_value_is_parsed_back_to_the_same_bytes(value: str) -> None:
    """An escaped value is the value of one assertion, byte for byte (RFC 4515, 3)."""
    escaped = f"(uid={escape_for_filter(value)})"
    compiled = compile_filter(parse_filter(escaped, None, False, True, None, False).elements[0])  # noqa: FBT003
    assert compiled.getName() == "equalityMatch"
    assert bytes(compiled["equalityMatch"]["assertionValue"]) == value.encode()


@relaxed
@given(TEXT | NASTY)
def test_escaped_filter_value_has_no_special_characters(value: str) -> None:
    """Escaped values are ASCII without parentheses, stars or spaces (RFC 4515, 3)."""
    assert not set(escape_for_filter(value)) & set("*() \0")
    assert escape_for_filter(value).isascii()


@relaxed
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40))
def test_escaped_dn_value_is_unescaped_to_the_same_text(value: str) -> None:
    """Escaping for a DN is reversible, and cannot start another attribute (RFC 4514, 2.4)."""
    escaped = escape_for_dn(value)
    assert unescape_from_dn(escaped) == value
    bare = escaped.replace("\\\\", "").replace("\\,", "").replace("\\+", "")
    assert "," not in bare
    assert "+" not in bare


@relaxed
@given(st.text('ab,+"<>;=#\\ ', min_size=1, max_size=12).map(str.strip).filter(bool))
def test_escaped_dn_value_names_exactly_its_entry(value: str) -> None:
    """A bind as the escaped DN reaches that entry, and no other (RFC 4514, 3)."""
    dn = f"uid={escape_for_dn(value)},dc=x"
    entries = {
        "dc=x": {"dc": [b"x"]},
        dn: {"uid": [value.encode()], "userPassword": [b"right"]},
        "uid=other,dc=x": {"uid": [b"other"], "userPassword": [b"wrong"]},
    }
    link = Embedded(entries).connect(Deadline(1, lambda: 0.0), lambda _link: None)
    assert link.bind(dn, b"right").code == 0
    found = link.search("dc=x", f"(uid={escape_for_filter(value)})", attributes=["uid"], size_limit=2)
    assert [entry.texts("uid") for entry in found.entries] == [(value,)]


@pytest.mark.parametrize(
    ("escaped", "value"),
    [("a\\2Cb", "a,b"), ("a\\,b", "a,b"), ("\\c3\\bc", "ü"), ("\\ a\\ ", " a "), ("\\5C\\\\", "\\\\")],
)
def test_every_form_of_dn_escaping_is_unescaped(escaped: str, value: str) -> None:
    """A server may escape characters or octets (RFC 4514, 2.4)."""
    assert unescape_from_dn(escaped) == value


@relaxed
@given(st.text(max_size=300))
def test_any_name_is_sent_or_refused(typed: str) -> None:
    """Any login name is encodable, or is refused as too long or unknown."""
    name, reason = outcome(normalized_name, typed)
    assert reason in ({Refusal.UNACCEPTABLE} if len(typed) > 256 else {None, Refusal.UNKNOWN_PERSON})
    assert name is None or (name.encode() and "\0" not in name)


@relaxed
@given(st.text(max_size=1100))
def test_any_password_is_sent_or_refused(password: str) -> None:
    """A password is sent unchanged as UTF-8, or refused; no other error occurs (RFC 4513, 5.1.3)."""
    sent, reason = outcome(encoded_password, password)
    assert reason in {None, Refusal.UNACCEPTABLE}
    assert sent is None or (sent.decode() == password and 0 < len(sent) <= 1024)


def outcome(check: Callable[[str], T], typed: str) -> tuple[T | None, Refusal | None]:
    """Return the result of a check, or the reason of its refusal."""
    try:
        return check(typed), None
    except InvalidCredentials as refused:
        return None, refused.reason
