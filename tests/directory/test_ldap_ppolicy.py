"""The password policy response control, byte by byte (draft-behera-ldap-password-policy-10, 6.2)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from directory.ldap.protocol.password_policy import PolicyControlError, PolicyError, PolicyResponse, decode
from tests.directory.scripted import tlv
from tests.generated import examples

# No time limit for an example: other load on the machine must not fail a test.
relaxed = settings(deadline=None, max_examples=examples(200))

NUMBERS = st.integers(0, 2**31 - 1)
ERRORS = st.sampled_from(PolicyError)


@pytest.mark.parametrize(
    ("value", "response"),
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
def test_known_values_are_decoded(value: str, response: PolicyResponse) -> None:
    """A 0 differs from an absent number, and a grace login from an error."""
    assert decode(bytes.fromhex(value)) == response


@pytest.mark.parametrize(
    ("value", "case"),
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
def test_malformed_values_are_refused(value: str, case: str) -> None:
    """A value that violates the draft's grammar is refused as a whole."""
    with pytest.raises(PolicyControlError):
        decode(bytes.fromhex(value))


def encoded(response: PolicyResponse) -> bytes:
    """Return the control's value as a server encodes it."""
    warning = b""
    if response.seconds_to_expiry is not None:
        warning = tlv(0xA0, tlv(0x80, number(response.seconds_to_expiry)))
    elif response.grace_logins is not None:
        warning = tlv(0xA0, tlv(0x81, number(response.grace_logins)))
    return tlv(0x30, warning, b"" if response.error is None else tlv(0x81, number(response.error)))


def number(value: int) -> bytes:
    """Encode a non-negative number in as few octets as possible (X.690, 8.3)."""
    return value.to_bytes(value.bit_length() // 8 + 1, "big")


@relaxed
@given(
    st.builds(PolicyResponse, seconds_to_expiry=NUMBERS, error=st.none() | ERRORS)
    | st.builds(PolicyResponse, grace_logins=NUMBERS | st.none(), error=st.none() | ERRORS)
)
def test_every_valid_value_is_decoded(response: PolicyResponse) -> None:
    """Every combination of warning and error is decoded as it was encoded."""
    assert decode(encoded(response)) == response


@relaxed
@given(st.binary(max_size=40) | st.binary(max_size=20).map(lambda tail: b"\x30" + bytes([len(tail)]) + tail))
def test_any_bytes_are_decoded_or_refused(value: bytes) -> None:
    """Any bytes of a server are decoded or refused, with no other error."""
    try:
        response = decode(value)
    except PolicyControlError:
        return
    assert response.seconds_to_expiry is None or response.grace_logins is None
    assert all(
        part is None or part >= 0
        for part in (response.seconds_to_expiry, response.grace_logins, response.error)
    )


@relaxed
@given(
    st.builds(PolicyResponse, seconds_to_expiry=NUMBERS, error=ERRORS),
    st.integers(0, 11),
)
def test_truncated_value_is_refused(response: PolicyResponse, kept: int) -> None:
    """No prefix of a value is a valid value."""
    value = encoded(response)
    with pytest.raises(PolicyControlError):
        decode(value[: min(kept, len(value) - 1)])
