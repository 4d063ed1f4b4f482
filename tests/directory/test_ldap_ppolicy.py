"""The password policy response control, byte by byte (draft-behera-ldap-password-policy-10, 6.2)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from directory.ldap.protocol.password_policy import PolicyControlError, PolicyError, PolicyResponse, decode
from tests.directory.scripted import tlv

# No time limit an example: other work on the machine must not fail a test.
relaxed = settings(deadline=None, max_examples=200)

NUMBERS = st.integers(0, 2**31 - 1)
ERRORS = st.sampled_from(PolicyError)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("3000", PolicyResponse()),
        ("3003810100", PolicyResponse(error=PolicyError.PASSWORD_EXPIRED)),
        ("3003810101", PolicyResponse(error=PolicyError.ACCOUNT_LOCKED)),
        ("3003810102", PolicyResponse(error=PolicyError.CHANGE_AFTER_RESET)),
        ("3003810108", PolicyResponse(error=PolicyError.PASSWORD_IN_HISTORY)),
        ("3005a003800100", PolicyResponse(seconds_to_expiry=0)),
        ("3006a00480020e10", PolicyResponse(seconds_to_expiry=3600)),
        ("3007a005800300ffff", PolicyResponse(seconds_to_expiry=65535)),
        ("3005a003810100", PolicyResponse(grace_logins=0)),
        ("3005a003810103", PolicyResponse(grace_logins=3)),
        # One tag, 0x81, twice: a grace login inside the warning, an error beside it.
        ("3008a003810102810100", PolicyResponse(grace_logins=2, error=PolicyError.PASSWORD_EXPIRED)),
        ("3008a00381010081 0102", PolicyResponse(grace_logins=0, error=PolicyError.CHANGE_AFTER_RESET)),
        ("308103810102", PolicyResponse(error=PolicyError.CHANGE_AFTER_RESET)),
        ("30840000000381 0102", PolicyResponse(error=PolicyError.CHANGE_AFTER_RESET)),
    ],
)
def test_vectors(value: str, said: PolicyResponse) -> None:
    """What servers send is read; 0 is not "nothing said", and a grace login is not an error."""
    assert decode(bytes.fromhex(value)) == said


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("", "nothing at all"),
        ("30", "no length"),
        ("3003", "a sequence cut short"),
        ("30038101", "an error cut short"),
        ("3003810109", "an error that the draft does not know"),
        ("30038101ff", "a negative error"),
        ("30028100", "an error without a number"),
        ("3005a0038001ff", "a negative time"),
        ("3004a0028000", "a time without a number"),
        ("3009a00780050100000000", "a time beyond maxInt"),
        ("3002a000", "a warning of nothing"),
        ("3008a006800101810101", "two warnings"),
        ("3005a003820101", "an unknown warning"),
        ("3003820101", "an unknown part"),
        ("3006810101810101", "two errors"),
        ("3008810101a003800101", "the error before the warning"),
        ("300a a003800101 a003810101", "two warnings, each for itself"),
        ("3000 00", "something behind the sequence"),
        ("3080810101 0000", "an indefinite length"),
        ("3085000000000381 0101", "a length of too many octets"),
        ("3084000000058181000000", "an error whose length has no number behind it"),
        ("0403810101", "no sequence"),
    ],
)
def test_what_is_not_known_is_refused(value: str, what: str) -> None:
    """A value that is not to the letter what the draft describes is not half believed."""
    with pytest.raises(PolicyControlError):
        decode(bytes.fromhex(value))


def encoded(said: PolicyResponse) -> bytes:
    """Write the control's value as a server does."""
    warning = b""
    if said.seconds_to_expiry is not None:
        warning = tlv(0xA0, tlv(0x80, number(said.seconds_to_expiry)))
    elif said.grace_logins is not None:
        warning = tlv(0xA0, tlv(0x81, number(said.grace_logins)))
    return tlv(0x30, warning, b"" if said.error is None else tlv(0x81, number(said.error)))


def number(value: int) -> bytes:
    """Encode a number that is not negative in as few octets as can be (X.690, 8.3)."""
    return value.to_bytes(value.bit_length() // 8 + 1, "big")


@relaxed
@given(
    st.builds(PolicyResponse, seconds_to_expiry=NUMBERS, error=st.none() | ERRORS)
    | st.builds(PolicyResponse, grace_logins=NUMBERS | st.none(), error=st.none() | ERRORS)
)
def test_whatever_can_be_said_is_understood(said: PolicyResponse) -> None:
    """Every warning with every error comes back as it was written."""
    assert decode(encoded(said)) == said


@relaxed
@given(st.binary(max_size=40) | st.binary(max_size=20).map(lambda tail: b"\x30" + bytes([len(tail)]) + tail))
def test_any_bytes_are_read_or_refused(value: bytes) -> None:
    """Whatever a server sends is decoded or refused: never another error, never more than was said."""
    try:
        said = decode(value)
    except PolicyControlError:
        return
    assert said.seconds_to_expiry is None or said.grace_logins is None
    assert all(part is None or part >= 0 for part in (said.seconds_to_expiry, said.grace_logins, said.error))


@relaxed
@given(
    st.builds(PolicyResponse, seconds_to_expiry=NUMBERS, error=ERRORS),
    st.integers(0, 11),
)
def test_a_value_cut_short_is_refused(said: PolicyResponse, kept: int) -> None:
    """No beginning of a value is a value."""
    value = encoded(said)
    with pytest.raises(PolicyControlError):
        decode(value[: min(kept, len(value) - 1)])
