"""What a token looks like, and that nothing but a token of ours reads as one."""

import re
import string
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import hour_prefix, moment_prefix
from oauth import ACCESS, REFRESH, key_of
from oauth.tokens.format import mint, stored_key
from tests.conftest import NOON

ALPHABET = string.ascii_letters + string.digits + "-_"
PLACES = st.integers(0, len(ACCESS) + 55)


@pytest.mark.parametrize("kind", [ACCESS, REFRESH])
def test_shape(kind: str) -> None:
    """A token is its prefix and 56 characters of the b64token alphabet (RFC 6750, 2.1)."""
    assert re.fullmatch(rf"{kind}[A-Za-z0-9_-]{{56}}", mint(kind, NOON))


def test_key_begins_with_the_end() -> None:
    """Key and token carry the moment in which the token ends, and the key no more of the token."""
    token = mint(ACCESS, NOON + 0.75)
    key = key_of(ACCESS, token)
    assert key is not None
    assert len(key) == 38
    assert key[:6] == moment_prefix(NOON + 0.75) == urlsafe_b64decode(token[len(ACCESS) :])[:6]
    assert key[:3] == hour_prefix(NOON)
    assert urlsafe_b64decode(token[len(ACCESS) :])[6:38] not in key


@pytest.mark.parametrize("kind", [ACCESS, REFRESH])
def test_keys_follow_the_ends(kind: str) -> None:
    """Tokens that end one after the other, be it in one second, stand so in their table."""
    tokens = [mint(kind, NOON + place / 100) for place in (0, 1, 2, 99, 100, 360_000)]
    keys = [stored_key(kind, token) for token in tokens]
    assert keys == sorted(keys)


@pytest.mark.parametrize(("kind", "other"), [(ACCESS, REFRESH), (REFRESH, ACCESS)])
def test_kinds_do_not_mix(kind: str, other: str) -> None:
    """A refresh token is no access token, not even under the other's prefix (RFC 6749, 1.5)."""
    token = mint(kind, NOON)
    assert key_of(kind, token) is not None
    assert key_of(other, token) is None
    assert key_of(other, other + token[len(kind) :]) is None


def test_two_are_never_equal() -> None:
    """Tokens of the same moment differ: 256 bits of each are random (RFC 6749, 10.10)."""
    assert len({mint(ACCESS, NOON) for _ in range(1000)}) == 1000


@settings(deadline=None)
@given(at=st.integers(0, 2**33))
def test_every_minted_token_reads(at: int) -> None:
    """Whatever the time, what is minted is read again."""
    key = key_of(ACCESS, mint(ACCESS, at))
    assert key is not None
    assert key[:3] == hour_prefix(at)


@settings(deadline=None)
@given(place=PLACES, character=st.sampled_from(ALPHABET) | st.characters())
def test_one_changed_character_is_refused(place: int, character: str) -> None:
    """There is one way to write a token: any other character in any place is none (RFC 4648, 3.5)."""
    token = mint(ACCESS, NOON)
    changed = token[:place] + character + token[place + 1 :]
    assert changed == token or key_of(ACCESS, changed) is None


@pytest.mark.parametrize(("ours", "theirs"), [("-", "+"), ("_", "/")])
def test_other_base64_alphabet_is_refused(ours: str, theirs: str) -> None:
    """The plain Base64 alphabet would be a second way to write the same token (RFC 4648, 5)."""
    token = next(token for token in iter(lambda: mint(ACCESS, NOON), "") if ours in token[len(ACCESS) :])
    assert key_of(ACCESS, ACCESS + token[len(ACCESS) :].replace(ours, theirs)) is None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: f"<{token}>",
        lambda token: token + "=",
        lambda token: token + "\n",
        lambda token: " " + token,
        lambda token: token[:-1],
        lambda token: token + "A" * 4,
        lambda token: token.upper(),
        lambda token: token[:-4],
        lambda token: token[:30] + "!!!!" + token[34:],
        lambda token: token[len(ACCESS) :],
        lambda token: "",
        lambda token: ACCESS,
        lambda token: ACCESS + "A" * 52,
        lambda token: ACCESS + "A" * 56,
        lambda token: ACCESS + "\u00e9" * 56,
        lambda token: ACCESS + "\uff21" * 56,
    ],
)
def test_junk_is_no_token(spoil: Callable[[str], str]) -> None:
    """Brackets, spaces, padding, cuts and other alphabets read as no token at all."""
    assert key_of(ACCESS, spoil(mint(ACCESS, NOON))) is None


@settings(deadline=None)
@given(kind=st.sampled_from([ACCESS, REFRESH]), at=st.integers(0, 2**33))
def test_a_token_is_found_under_the_key_it_was_stored_under(kind: str, at: int) -> None:
    """What is stored of a token when it is made is what is looked for when it is presented."""
    token = mint(kind, at)
    assert stored_key(kind, token) == key_of(kind, token)


@pytest.mark.parametrize("kind", [ACCESS, REFRESH])
def test_shorter_form_is_no_token(kind: str) -> None:
    """A token has one form. One that carries only the hour, with a right checksum, is refused."""
    body = hour_prefix(NOON) + b"1" * 32
    checksum = crc32(kind.encode("ascii") + body).to_bytes(4, "big")
    assert key_of(kind, kind + urlsafe_b64encode(body + checksum).decode("ascii")) is None


def test_what_is_no_token_has_no_key_to_be_stored_under() -> None:
    """Nothing that could never be found again is stored."""
    with pytest.raises(ValueError, match="does not read as one"):
        stored_key(ACCESS, mint(REFRESH, NOON))
