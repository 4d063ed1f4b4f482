"""What a client that is registered for detailed errors learns of its user's password, beside the tokens."""

from collections.abc import Mapping

from login import Person


def password_warnings(person: Person, now: int) -> Mapping[str, object]:
    """The seconds until the password expires, and the grace logins that remain, as far as they are known.

    Args:
        person: as the directory has them now.
        now: seconds since the epoch.
    """
    expires_at, grace = person.password_expires_at, person.grace_logins_remaining
    warnings: dict[str, object] = {}
    if expires_at is not None:
        warnings["password_expires_in"] = max(0, expires_at - now)
    if grace is not None:
        warnings["grace_logins_remaining"] = grace
    return warnings
