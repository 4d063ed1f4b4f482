"""The password policy response control, which a server may send with the result of a bind.

Owns: decoding the control's value (draft-behera-ldap-password-policy-10, section 6.2). Must not know:
connections, and how a login uses the control (`results`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

CONTROL: Final = "1.3.6.1.4.1.42.2.27.8.5.1"

_SEQUENCE: Final = 0x30
_WARNING: Final = 0xA0
_SECONDS: Final = 0x80  # inside the warning
_GRACE: Final = 0x81  # inside the warning
_ERROR: Final = 0x81  # beside the warning
_MAX_INT: Final = 2**31 - 1  # maxInt (RFC 4511, section 4.1.1)
_LONG_FORM: Final = 0x80
_MAX_LENGTH_OCTETS: Final = 4


class PolicyError(IntEnum):
    """Why the policy refused the bind, or what it requires of the user."""

    PASSWORD_EXPIRED = 0
    ACCOUNT_LOCKED = 1
    CHANGE_AFTER_RESET = 2
    PASSWORD_MOD_NOT_ALLOWED = 3
    MUST_SUPPLY_OLD_PASSWORD = 4
    INSUFFICIENT_PASSWORD_QUALITY = 5
    PASSWORD_TOO_SHORT = 6
    PASSWORD_TOO_YOUNG = 7
    PASSWORD_IN_HISTORY = 8


@dataclass(frozen=True, slots=True)
class PolicyResponse:
    """The decoded control. None means that the server said nothing; 0 is a value."""

    seconds_to_expiry: int | None = None
    grace_logins: int | None = None
    error: PolicyError | None = None


# The value of nearly every response to a bind.
NOTHING_SAID: Final = PolicyResponse()
_EMPTY: Final = bytes((_SEQUENCE, 0))


class PolicyControlError(ValueError):
    """The control's value does not follow the draft, so no part of it is used."""


def decode(value: bytes) -> PolicyResponse:
    """Decode the value of the response control.

    Args:
        value: BER of a `PasswordPolicyResponseValue`.

    Raises:
        PolicyControlError: the value does not follow the draft, or holds an undefined error code.
    """
    if value == _EMPTY:
        return NOTHING_SAID
    tag, content = _single_element(value)
    if tag != _SEQUENCE:
        raise PolicyControlError("not a sequence")
    seconds = grace = error = None
    parts = list(_elements(content))
    if parts and parts[0][0] == _WARNING:
        tag, number = _single_element(parts.pop(0)[1])
        if tag == _SECONDS:
            seconds = _number(number)
        elif tag == _GRACE:
            grace = _number(number)
        else:
            raise PolicyControlError(f"an unknown warning {tag:#04x}")
    if parts and parts[0][0] == _ERROR:
        error = _error(_number(parts.pop(0)[1]))
    if parts:
        raise PolicyControlError(f"an unknown part {parts[0][0]:#04x}")
    return PolicyResponse(seconds_to_expiry=seconds, grace_logins=grace, error=error)


def _single_element(data: bytes) -> tuple[int, bytes]:
    elements = list(_elements(data))
    if len(elements) != 1:
        raise PolicyControlError(f"{len(elements)} elements instead of one")
    return elements[0]


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Split BER of definite lengths (RFC 4511, section 5.1) into tags and contents."""
    while data:
        tag, data = data[0], data[1:]
        size, data = _length(data)
        if size > len(data):
            raise PolicyControlError("cut short")
        yield tag, data[:size]
        data = data[size:]


def _length(data: bytes) -> tuple[int, bytes]:
    """Read a length; return it and the bytes after it."""
    if not data:
        raise PolicyControlError("cut short")
    first, data = data[0], data[1:]
    if first < _LONG_FORM:
        return first, data
    octets = first - _LONG_FORM
    if not 0 < octets <= min(len(data), _MAX_LENGTH_OCTETS):
        raise PolicyControlError("no length that could be")
    return int.from_bytes(data[:octets], "big"), data[octets:]


def _number(content: bytes) -> int:
    number = int.from_bytes(content, "big", signed=True)
    if not content or not 0 <= number <= _MAX_INT:
        raise PolicyControlError("no number from 0 to maxInt")
    return number


def _error(code: int) -> PolicyError:
    try:
        return PolicyError(code)
    except ValueError:
        raise PolicyControlError(f"an unknown error code {code}") from None
