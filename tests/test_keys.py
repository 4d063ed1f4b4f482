"""The keys that are derived from the root keys, and their order."""

import hmac

import pytest

from settings.keyring import KeyRing

OLD = "first-kept-key-q7Zt2LxV9mPw4RbN8sHc"
NEW = "other-kept-key-D3yKf6UjX1aGz5TeQo0v"
PINNED_ID = "e32e288324c4b857"
PINNED_KEY = "9a8ca1c78ceec0bbd5b290a0d2d9188ebf0e89226ffa7fcb42ecf77766e74f53"


def test_derived_key_is_hkdf_sha256_of_root_and_label() -> None:
    """RFC 5869 done by hand (no salt, one block) derives the same key."""
    extracted = hmac.digest(bytes(32), OLD.encode(), "sha256")
    expanded = hmac.digest(extracted, b"access token\x01", "sha256")
    assert KeyRing([OLD]).derive("access token")[0].key == expanded


def test_derivation_is_pinned() -> None:
    """Tokens and secrets of an older release still verify: the derivation never changes."""
    derived = KeyRing([OLD]).derive("pinned")[0]
    assert (derived.key_id, derived.key.hex()) == (PINNED_ID, PINNED_KEY)


def test_each_label_has_its_own_key() -> None:
    """Two uses never share a key."""
    ring = KeyRing([OLD])
    assert ring.derive("one")[0].key != ring.derive("two")[0].key


def test_first_key_makes_and_all_verify() -> None:
    """The derived keys stand in the order of the ring."""
    derived = KeyRing([NEW, OLD]).derive("use")
    assert derived == (*KeyRing([NEW]).derive("use"), *KeyRing([OLD]).derive("use"))


def test_key_id_is_the_same_for_every_label() -> None:
    """A key id identifies the root key, for every use."""
    ring = KeyRing([NEW, OLD])
    assert [key.key_id for key in ring.derive("one")] == [key.key_id for key in ring.derive("two")]


def test_a_key_that_stands_twice_counts_once() -> None:
    """Every key of a ring has an id of its own."""
    assert len(KeyRing([NEW, OLD, NEW]).derive("use")) == 2


@pytest.mark.parametrize("label", ["", "key id"])
def test_a_label_that_is_public_or_empty_is_refused(label: str) -> None:
    """No secret key is ever derived as public fingerprints are."""
    with pytest.raises(ValueError, match="label"):
        KeyRing([OLD]).derive(label)


def test_no_key_text_is_shown() -> None:
    """Neither a ring nor a derived key shows itself in a log line."""
    ring = KeyRing([NEW, OLD])
    derived = ring.derive("use")[0]
    shown = repr(ring) + str(ring) + repr(derived)
    assert NEW not in shown
    assert OLD not in shown
    assert repr(derived.key) not in shown
    assert derived.key_id in shown
