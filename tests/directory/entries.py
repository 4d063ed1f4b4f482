"""Entries for tests, times in the forms of directories, and the refusal of a rule."""

from collections.abc import Callable

from directory import InvalidCredentials, Refusal
from directory.ldap.protocol.entry import Entry
from tests.conftest import NOON


def filetime(seconds: int) -> str:
    """Write a time as Active Directory does (MS-DTYP, 2.3.3)."""
    return str((seconds + 11_644_473_600) * 10_000_000)


def generalized(seconds: int) -> str:
    """Write a time near NOON as a GeneralizedTime (RFC 4517, 3.3.13); NOON is 2027-01-15, 08:00:00 UTC."""
    hours, rest = divmod(seconds - NOON + 8 * 3600, 3600)
    return f"20270115{hours:02}{rest // 60:02}{rest % 60:02}Z"


def entry(**attributes: str | bytes) -> Entry:
    """Make an entry; an underscore in an attribute's name becomes a hyphen."""
    return Entry(
        "cn=somebody,dc=x",
        {
            name.replace("_", "-").lower(): (value if isinstance(value, bytes) else value.encode(),)
            for name, value in attributes.items()
        },
    )


def refused(judge: Callable[[], None]) -> Refusal | None:
    """Return the reason of the refusal, or None if there is none."""
    try:
        judge()
    except InvalidCredentials as refusal:
        return refusal.reason
    return None
