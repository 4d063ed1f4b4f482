"""The format of a token; every other text is refused."""

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
def test_token_is_a_prefix_and_56_characters(kind: str) -> None:
    """A token is its prefix and 56 characters of the b64token alphabet (RFC 6750, 2.1)."""
    assert re.fullmatch(rf"{kind}[A-Za-z0-9_-]{{56}}", mint(kind, NOON))


def test_key_begins_with_the_time_at_which_the_token_ends() -> None:
    """Key and token carry the time at which the token ends. The key has no other part of the token."""
    token = mint(ACCESS, NOON + 0.75)
    key = key_of(ACCESS, token)
    assert key is not None
    assert len(key) == 38
    assert key[:6] == moment_prefix(NOON + 0.75) == urlsafe_b64decode(token[len(ACCESS) :])[:6]
    assert key[:3] == hour_prefix(NOON)
    assert urlsafe_b64decode(token[len(ACCESS) :])[6:38] not in key


@pytest.mark.parametrize("kind", [ACCESS, REFRESH])
def test_keys_are_ordered_by_the_ends_of_their_tokens(kind: str) -> None:
    """Keys are in the order in which tokens end, also within one second."""
    tokens = [mint(kind, NOON + place / 100) for place in (0, 1, 2, 99, 100, 360_000)]
    keys = [stored_key(kind, token) for token in tokens]
    assert keys == sorted(keys)


@pytest.mark.parametrize(("kind", "other"), [(ACCESS, REFRESH), (REFRESH, ACCESS)])
def test_token_of_another_kind_is_refused(kind: str, other: str) -> None:
    """A token with the prefix of the other kind is refused (RFC 6749, 1.5)."""
    token = mint(kind, NOON)
    assert key_of(kind, token) is not None
    assert key_of(other, token) is None
    assert key_of(other, other + token[len(kind) :]) is None


def test_tokens_of_one_moment_differ() -> None:
    """Tokens of the same moment differ, because 256 bits are random (RFC 6749, 10.10)."""
    assert len({mint(ACCESS, NOON) for _ in range(1000)}) == 1000


@settings(deadline=None)
@given(at=st.integers(0, 2**33))
def test_every_minted_token_is_read(at: int) -> None:
    """A token that ends at any time can be read."""
    key = key_of(ACCESS, mint(ACCESS, at))
    assert key is not None
    assert key[:3] == hour_prefix(at)


@settings(deadline=None)
@given(place=PLACES, character=st.sampled_from(ALPHABET) | st.characters())
def test_one_changed_character_is_refused(place: int, character: str) -> None:
    """Each token has one spelling: any changed character makes it invalid (RFC 4648, 3.5)."""
    token = mint(ACCESS, NOON)
    changed = token[:place] + character + token[place + 1 :]
    assert changed == token or key_of(ACCESS, changed) is None


@pytest.mark.parametrize(("ours", "theirs"), [("-", "+"), ("_", "/")])
def test_other_base64_alphabet_is_refused(ours: str, theirs: str) -> None:
    """The plain Base64 alphabet would be a second spelling of the same token (RFC 4648, 5)."""
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
    """Text with brackets, spaces or padding, cut text and other alphabets are no token."""
    assert key_of(ACCESS, spoil(mint(ACCESS, NOON))) is None


@settings(deadline=None)
@given(kind=st.sampled_from([ACCESS, REFRESH]), at=st.integers(0, 2**33))
def test_token_is_found_under_its_stored_key(kind: str, at: int) -> None:
    """The key that is stored with a token is the key that a look-up computes."""
    token = mint(kind, at)
    assert stored_key(kind, token) == key_of(kind, token)


@pytest.mark.parametrize("kind", [ACCESS, REFRESH])
def test_shorter_form_is_no_token(kind: str) -> None:
    """A token that carries only the hour is refused, also with a right checksum."""
    body = hour_prefix(NOON) + b"1" * 32
    checksum = crc32(kind.encode("ascii") + body).to_bytes(4, "big")
    assert key_of(kind, kind + urlsafe_b64encode(body + checksum).decode("ascii")) is None


def test_text_of_another_format_cannot_be_stored() -> None:
    """Text that no look-up could find is refused."""
    with pytest.raises(ValueError, match="does not read as one"):
        stored_key(ACCESS, mint(REFRESH, NOON))
