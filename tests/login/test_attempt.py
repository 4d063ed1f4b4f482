"""What an attempt is counted by: one digest of all ways to write a name, and a network of an address."""

import pytest

from login.attempt_key import Names

NAMES = Names(b"k" * 32, ["campus.example", "CAMPUS"])
ALICE = NAMES.digest("alice")


@pytest.mark.parametrize(
    "typed",
    [
        *("ALICE", " alice", "alice\t", "alice@campus.example", "Alice@Campus.Example ", "campus\\alice"),
        *("CAMPUS\\ALICE", "\uff41lice", "al\u00adice", "ali\u200bce", "al ice"),
    ],
)
def test_spellings_of_a_name_count_as_one(typed: str) -> None:
    """Case, spaces, realms and what nobody sees make no second name to guess under."""
    assert NAMES.digest(typed) == ALICE


@pytest.mark.parametrize(
    "typed", ["alice2", "alice@elsewhere.example", "OTHER\\alice", "", "@campus.example"]
)
def test_other_names_count_for_themselves(typed: str) -> None:
    """Another name, or a realm that is not the directory's, is not alice."""
    assert NAMES.digest(typed) != ALICE


def test_digest_is_keyed() -> None:
    """Who has the digest and not the key cannot try names against it: people type passwords there."""
    assert Names(b"l" * 32).digest("alice") != Names(b"k" * 32).digest("alice")
    assert b"alice" not in ALICE
    assert len(ALICE) == 16


def test_any_text_has_a_digest() -> None:
    """A lone surrogate or a control character adds nothing to a name, and alone is the name of nobody."""
    for nothing in ("\ud800", "\udfff", "\0"):
        assert NAMES.digest(nothing) == NAMES.digest("") != ALICE
        assert NAMES.digest(f"ali{nothing}ce") == ALICE


def test_names_that_are_too_long_have_one_digest() -> None:
    """Over 256 characters no name is folded: all of them count as one, which is nobody's."""
    assert NAMES.digest("a" * 257) == NAMES.digest("\u0301" * 16_000)
    assert NAMES.digest("a" * 257) not in {NAMES.digest(""), NAMES.digest("a" * 256), NAMES.digest("\0")}
