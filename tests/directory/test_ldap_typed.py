"""What people type: names, passwords, and their escaping, for all text there is."""

from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ldap3.operation.search import compile_filter, parse_filter

from directory import InvalidCredentials, Refusal, encoded_password
from directory.ldap.connections.deadline import Deadline
from directory.ldap.embedded import Embedded
from directory.ldap.people.normalization import (
    escape_for_dn,
    escape_for_filter,
    normalized_name,
    unescape_from_dn,
)
from tests.generated import examples

T = TypeVar("T")

# No time limit an example: other work on the machine must not fail a test.
relaxed = settings(deadline=None, max_examples=examples(60))

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
NASTY = st.text('*()\\\0 ,+"<>;=#/&|!~:é\u0308', min_size=1, max_size=12)


@relaxed
@given(TEXT | NASTY)
def test_filter_escaping_survives_the_parser(value: str) -> None:
    """An escaped value is one assertion's value, to the byte (RFC 4515, 3)."""
    escaped = f"(uid={escape_for_filter(value)})"
    compiled = compile_filter(parse_filter(escaped, None, False, True, None, False).elements[0])  # noqa: FBT003
    assert compiled.getName() == "equalityMatch"
    assert bytes(compiled["equalityMatch"]["assertionValue"]) == value.encode()


@relaxed
@given(TEXT | NASTY)
def test_filter_escaping_leaves_nothing_to_interpret(value: str) -> None:
    """Escaped values are ASCII without parentheses, stars or spaces (RFC 4515, 3)."""
    assert not set(escape_for_filter(value)) & set("*() \0")
    assert escape_for_filter(value).isascii()


@relaxed
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40))
def test_dn_escaping_comes_back(value: str) -> None:
    """Escaping for a DN loses nothing, and leaves one attribute one attribute (RFC 4514, 2.4)."""
    escaped = escape_for_dn(value)
    assert unescape_from_dn(escaped) == value
    bare = escaped.replace("\\\\", "").replace("\\,", "").replace("\\+", "")
    assert "," not in bare
    assert "+" not in bare


@relaxed
@given(st.text('ab,+"<>;=#\\ ', min_size=1, max_size=12).map(str.strip).filter(bool))
def test_dn_escaping_names_that_one_entry(value: str) -> None:
    """An entry named by an escaped value is found by a bind as that DN, and by no other (RFC 4514, 3)."""
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
def test_every_form_of_dn_escaping_is_undone(escaped: str, value: str) -> None:
    """A server may escape by character or by octet (RFC 4514, 2.4)."""
    assert unescape_from_dn(escaped) == value


@relaxed
@given(st.text(max_size=300))
def test_any_name_is_asked_or_refused(typed: str) -> None:
    """A name either can be encoded and sent, or is refused: as too long, or as nobody's."""
    name, reason = outcome(normalized_name, typed)
    assert reason in ({Refusal.UNACCEPTABLE} if len(typed) > 256 else {None, Refusal.UNKNOWN_PERSON})
    assert name is None or (name.encode() and "\0" not in name)


@relaxed
@given(st.text(max_size=1100))
def test_any_password_is_sent_or_refused(password: str) -> None:
    """A password is sent as its UTF-8 or refused: never altered, never another error (RFC 4513, 5.1.3)."""
    sent, reason = outcome(encoded_password, password)
    assert reason in {None, Refusal.UNACCEPTABLE}
    assert sent is None or (sent.decode() == password and 0 < len(sent) <= 1024)


def outcome(check: Callable[[str], T], typed: str) -> tuple[T | None, Refusal | None]:
    """What a check made of a text, or why it refused it."""
    try:
        return check(typed), None
    except InvalidCredentials as refused:
        return None, refused.reason
