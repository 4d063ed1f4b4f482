"""The format of app passwords, and which texts count as one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from login import app_passwords
from login.app_passwords import PREFIX, digest_of, is_app_password, new_app_password

LENGTH = 54
DIGEST_OCTETS = 32


def test_new_values_differ_and_have_one_form() -> None:
    """A value is `nidp_`, 43 random characters and 6 of checksum, in base64url (RFC 4648, 5)."""
    values = {new_app_password() for _ in range(200)}
    assert len(values) == 200
    assert {len(value) for value in values} == {LENGTH}
    assert all(value.startswith(PREFIX) and is_app_password(value) for value in values)
    assert len({digest_of(value) for value in values}) == 200


def test_digest_is_not_the_value() -> None:
    """A digest has 32 octets and holds nothing of the value, so that a stolen table gives no password."""
    value = new_app_password()
    digest = digest_of(value)
    assert digest is not None
    assert len(digest) == DIGEST_OCTETS
    assert value.encode()[5:15] not in digest
    assert digest == digest_of(value)


@pytest.mark.parametrize("place", range(len(PREFIX), LENGTH))
def test_one_wrong_character_is_malformed(place: int) -> None:
    """The checksum finds one mistyped character wherever it stands, without a query."""
    value = new_app_password()
    wrong = "A" if value[place] != "A" else "B"
    mistyped = value[:place] + wrong + value[place + 1 :]
    assert digest_of(mistyped) is None
    assert is_app_password(mistyped)


def test_swapped_characters_are_malformed() -> None:
    """The checksum finds two swapped characters."""
    value = new_app_password()
    place = next(place for place in range(10, 40) if value[place] != value[place + 1])
    swapped = value[:place] + value[place + 1] + value[place] + value[place + 2 :]
    assert digest_of(swapped) is None


@pytest.mark.parametrize(
    "spelled",
    [
        "{}\n",
        " {}",
        "{} ",
        "\t{}",
        "{}=",
        "{}\0",
        '"{}"',
        "'{}'",
        "<{}>",
        "\ufeff{}",
        "\u200b{}",
        "\u00a0{}",
        "_{}",
        "  \r\n {}",
    ],
)
def test_copied_with_something_around_it_looks_like_one_but_is_none(spelled: str) -> None:
    """What was copied around a value does not hide it, and does not make it valid."""
    value = spelled.format(new_app_password())
    assert is_app_password(value)
    assert digest_of(value) is None


@pytest.mark.parametrize(
    "text",
    [
        "NIDP_",
        "nidp_",
        "Nidp_x",
        "nIdP_short",
        "NIDP_" + "A" * 49,
        " " * 16_000 + "nidp_x",
        "\uff4e\uff49\uff44\uff50\uff3fabc",
        "\u3000\uff2e\uff29\uff24\uff30\uff3fabc",
        "nidp_\u00e9",
        "nidp_" + "x" * 16_000,
    ],
)
def test_mistyped_looks_like_one(text: str) -> None:
    """Case, length and width do not hide the prefix: such a text may be a real value, mistyped."""
    assert is_app_password(text)
    assert digest_of(text) is None


@pytest.mark.parametrize(
    "text", ["", "nid", "nidp", "nidp-x", "xnidp_x", "alice-password", "zoë-pässwörd", "1nidp_"]
)
def test_other_passwords_look_like_none(text: str) -> None:
    """A password without the prefix goes its usual way."""
    assert not is_app_password(text)
    assert digest_of(text) is None


@given(st.text())
def test_any_text_has_an_answer(text: str) -> None:
    """No text raises an error, and what has a digest looks like an app password."""
    assert digest_of(text) is None or is_app_password(text)
    assert is_app_password(PREFIX + text)


def test_names_are_exported() -> None:
    """Other packages import the functions from the package."""
    assert {"PREFIX", "digest_of", "is_app_password", "new_app_password"} <= set(app_passwords.__all__)
