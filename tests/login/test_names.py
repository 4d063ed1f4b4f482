"""All spellings of a name that a directory may equate have one form, and one digest."""

import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from login.names import Names, folded
from tests.generated import examples
from tests.servers.spellings import read_table

TABLES = Path(__file__).parents[1] / "directory" / "spellings"
NAMES = Names(b"k" * 32, ["campus.example", "CAMPUS"])
ALICE = NAMES.digest("alice")
# No time limit an example: other work on the machine must not fail a test.
relaxed = settings(deadline=None, max_examples=examples(200))


def characters() -> Iterator[str]:
    """Every assigned character, without surrogates."""
    for number in range(sys.maxunicode + 1):
        character = chr(number)
        if unicodedata.category(character) not in {"Cn", "Co", "Cs"}:
            yield character


@pytest.mark.parametrize("server", ["slapd", "ds389", "samba"])
def test_every_spelling_that_a_server_equates_has_one_digest(server: str) -> None:
    """Each line of the tables, which real servers answered: between other letters, before and behind."""
    for character, text in read_table(TABLES / f"{server}.txt"):
        for before, after in (("q", "q"), ("", "qq"), ("qq", "")):
            assert NAMES.digest(before + character + after) == NAMES.digest(before + text + after)


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        *(
            ("al\u0130ce", "alice"),
            ("al\u0131ce", "alice"),
            ("ali\u0307ce", "alice"),
            ("A\u0301lice", "alice"),
        ),
        *(
            ("ro\u017fe", "rose"),
            ("ros\u00e9", "rose"),
            ("stra\u00dfe", "strasse"),
            ("STRA\u1e9eE", "strasse"),
        ),
        *(("o\ufb03ce", "office"), ("\uff21\uff2c\uff29\uff23\uff25", "alice"), ("\u212aim", "kim")),
        *(("s\u00f8ren", "soren"), ("\u0142ukasz", "lukasz"), ("\u00feor", "thor"), ("\u00e6sop", "aesop")),
        *(
            ("al\u00adice", "alice"),
            ("ali\u200bce", "alice"),
            ("\ufeffalice", "alice"),
            ("alice\u3164", "alice"),
        ),
        *(("ali\U000e0061ce", "alice"), ("alice\ufe0f", "alice"), ("alice\U0001f600", "alice")),
        *(("al\u00a0ice", "alice"), ("\u3000alice", "alice"), ("al  ice", "alice"), ("alice\u0378", "alice")),
        *(("\u30bf\u30ed\u30a6", "\u305f\u308d\u3046"), ("\uff80\uff9b\uff73", "\u305f\u308d\u3046")),
    ],
)
def test_accents_width_and_invisible_characters_do_not_change_the_name(typed: str, name: str) -> None:
    """OpenLDAP decomposes these characters, Active Directory ignores them (RFC 4518, 2.2)."""
    assert folded(typed) == folded(name)


def test_case_and_normal_forms_of_every_character_fold_alike() -> None:
    """A directory may compare capitals, small letters, or any normal form (Unicode, 3.11 and 3.13)."""
    for character in characters():
        form = folded(f"q{character}q")
        assert folded(form) == form
        for change in (str.upper, str.lower, str.casefold):
            assert folded(f"q{change(character)}q") == form, hex(ord(character))
        for normal in ("NFC", "NFD", "NFKC", "NFKD"):
            assert folded(f"q{unicodedata.normalize(normal, character)}q") == form, hex(ord(character))


@relaxed
@given(st.text(max_size=40))
def test_a_realm_does_not_change_the_digest(name: str) -> None:
    """Any name has the same digest with and without the realm, in any spelling."""
    for typed in (
        f"{name}@campus.example",
        f"CAMPUS\\{name}",
        f"{name}\uff20C\u00c1MPUS.example",
        f"campus\uff3c{name}",
    ):
        assert NAMES.digest(typed) == NAMES.digest(name)


@pytest.mark.parametrize(
    "typed", ["bob", "al-ice", "al.ice", "alice2", "\u4e2d\u6587", "\u043f\u0451\u0442\u0440"]
)
def test_other_names_have_another_form(typed: str) -> None:
    """Other letters, digits and the signs of ASCII distinguish names."""
    assert folded(typed) not in {folded("alice"), ""}


@pytest.mark.parametrize("name", ["campus", "campus.example", "CAMPUS"])
def test_a_name_like_a_realm_is_a_name(name: str) -> None:
    """A name without `@` or a backslash has no realm to remove."""
    assert len({NAMES.digest(each) for each in (name, "", "@", f"x{name}")}) == 4


@pytest.mark.parametrize(
    "typed",
    [
        *("ALICE", " alice", "alice\t", "alice@campus.example", "Alice@Campus.Example ", "campus\\alice"),
        *("CAMPUS\\ALICE", "\uff41lice", "al\u00adice", "ali\u200bce", "al ice"),
    ],
)
def test_spellings_of_a_name_count_as_one(typed: str) -> None:
    """Case, spaces, realms and invisible characters make no second name to guess under."""
    assert NAMES.digest(typed) == ALICE


@pytest.mark.parametrize(
    "typed", ["alice2", "alice@elsewhere.example", "OTHER\\alice", "", "@campus.example"]
)
def test_other_names_have_another_digest(typed: str) -> None:
    """Another name, or a realm that is not the directory's, is not alice."""
    assert NAMES.digest(typed) != ALICE


def test_digest_is_keyed() -> None:
    """Without the key nobody can try names against a digest: users type passwords into that field."""
    assert Names(b"l" * 32).digest("alice") != Names(b"k" * 32).digest("alice")
    assert b"alice" not in ALICE
    assert len(ALICE) == 16


def test_any_text_has_a_digest() -> None:
    """A lone surrogate or a control character adds nothing to a name."""
    for nothing in ("\ud800", "\udfff", "\0"):
        assert NAMES.digest(nothing) == NAMES.digest("") != ALICE
        assert NAMES.digest(f"ali{nothing}ce") == ALICE


def test_names_that_are_too_long_have_one_digest() -> None:
    """A name over 256 characters is not folded: all such names share one digest."""
    assert NAMES.digest("a" * 257) == NAMES.digest("\u0301" * 16_000)
    assert NAMES.digest("a" * 257) not in {NAMES.digest(""), NAMES.digest("a" * 256), NAMES.digest("\0")}
