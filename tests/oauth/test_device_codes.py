"""User codes: what is drawn, what is read of typed text, and what is stored (RFC 8628, 6.1)."""

from hashlib import sha256
from math import log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oauth.tokens.device_codes import (
    ALPHABET,
    LENGTH,
    UserCodes,
    new_user_code,
    read_user_code,
    shown_user_code,
)

CODE = "WDJBMJHT"
OLD, NEW = b"an old key of the server's ring.", b"a new key of the server's ring. "


def test_code_has_34_bits_of_an_unambiguous_alphabet() -> None:
    """No vowel, no digit and no letter that looks like another (section 6.1)."""
    assert LENGTH * log2(len(set(ALPHABET))) > 34
    assert set(ALPHABET).isdisjoint("AEIOUY0123456789")
    codes = {new_user_code() for _ in range(200)}
    assert len(codes) == 200
    assert all(len(code) == LENGTH and set(code) <= set(ALPHABET) for code in codes)
    assert set("".join(codes)) == set(ALPHABET)


@pytest.mark.parametrize(
    "typed",
    [
        "WDJB-MJHT",
        "wdjb-mjht",
        "WDJBMJHT",
        " wdjb mjht \n",
        "W-D-J-B-M-J-H-T",
        "WDJB–MJHT",  # noqa: RUF001 - a dash that a phone types
        "WDJB\N{NO-BREAK SPACE}MJHT",
        "\N{ZERO WIDTH SPACE}WDJB-MJHT\N{RIGHT-TO-LEFT MARK}",
        "ＷＤＪＢ－ＭＪＨＴ",  # noqa: RUF001 - full-width letters
        "“WDJB-MJHT”.",
    ],
)
def test_code_is_read_however_it_is_typed(typed: str) -> None:
    """Case, spaces, dashes and the marks around copied text do not matter (section 6.1)."""
    assert read_user_code(typed) == CODE


@pytest.mark.parametrize(
    "typed",
    ["", "WDJB-MJH", "WDJB-MJHTT", "WDJB-MJH0", "WDJB-MJHA", "ẞDJB-MJHT", "WDJB-MJHТ", "-" * 8, "W" * 65],  # noqa: RUF001 - the last letter of one is Cyrillic
)
def test_text_that_cannot_be_a_code_is_none(typed: str) -> None:
    """A wrong length, and characters outside of the alphabet: also those that only look like one of it."""
    assert read_user_code(typed) is None


@given(st.text())
def test_read_code_is_always_well_formed(typed: str) -> None:
    """Whatever is typed, the result is a code or None."""
    code = read_user_code(typed)
    assert code is None or (len(code) == LENGTH and set(code) <= set(ALPHABET))


def test_shown_code_is_read_again() -> None:
    """People see a dash in the middle."""
    assert shown_user_code(CODE) == "WDJB-MJHT"
    assert read_user_code(shown_user_code(CODE)) == CODE


def test_digest_of_a_user_code_needs_the_key() -> None:
    """Without the key nobody can search a dump for the 34 bits of a code."""
    digest = UserCodes([NEW]).digest(CODE)
    assert digest != UserCodes([OLD]).digest(CODE)
    assert digest != sha256(CODE.encode()).digest()


def test_code_of_the_previous_key_is_found() -> None:
    """When the server gets a new key, the codes on people's screens stay valid."""
    stored = UserCodes([OLD]).digest(CODE)
    assert UserCodes([NEW, OLD]).digests(CODE) == [UserCodes([NEW]).digest(CODE), stored]
    assert UserCodes([NEW, OLD]).digest(CODE) != stored
