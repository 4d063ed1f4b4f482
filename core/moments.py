"""Reads moments and durations that an operator writes, in a setting or in an option of a command.

Owns: the two forms of a moment (a date, or a date and a time), and that every moment is in UTC, read or
written. Must not know: any setting or command, and what the current time is.
"""

import re
from datetime import UTC, date, datetime

_MOMENT = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?)Z?)?", re.ASCII)
_DURATION = re.compile(r"(?:(\d{1,4})d)?(?:(\d{1,4})h)?(?:(\d{1,4})m)?", re.ASCII)
_UNITS = (86_400, 3600, 60)


def read_moment(value: object) -> int:
    """Read a moment in UTC, as seconds since the epoch.

    Args:
        value: A text such as 2027-06-30 (the day's first second), 2027-06-30T09:00 or 2027-06-30T09:00:00Z;
            or the date or the time that a TOML file holds. A time without an offset is in UTC.

    Raises:
        ValueError: It is none of these, its offset is not that of UTC, or no such day exists. The message is
            the rest of a sentence that begins with the value's name.
    """
    if isinstance(value, datetime):
        # An operator who writes an offset means it, but every other moment of the server is in UTC.
        if value.utcoffset():
            raise ValueError("must be in UTC: leave the offset out, or write Z")
        return _seconds(value.replace(tzinfo=UTC))
    if isinstance(value, date):
        return _seconds(datetime(value.year, value.month, value.day, tzinfo=UTC))
    found = _MOMENT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("must be a date or a time in UTC, such as 2027-06-30 or 2027-06-30T09:00")
    try:
        return _seconds(datetime.fromisoformat(f"{found[1]}T{found[2] or '00:00'}").replace(tzinfo=UTC))
    except ValueError:
        raise ValueError("must be a day and a time that exist") from None


def read_duration(text: str) -> int:
    """Read a duration, in seconds.

    Args:
        text: Days, hours and minutes in this order, such as 2h, 90m or 1d12h.

    Raises:
        ValueError: It has another form, or is zero.
    """
    found = _DURATION.fullmatch(text)
    amounts = found.groups(default="0") if found else ("0",)
    seconds = sum(int(amount) * unit for amount, unit in zip(amounts, _UNITS, strict=False))
    if not seconds:
        raise ValueError("must be a duration such as 2h, 90m or 1d12h")
    return seconds


def date_text(at: int) -> str:
    """The day of a moment in UTC, such as 2027-06-30.

    Args:
        at: Seconds since the epoch.
    """
    return datetime.fromtimestamp(at, UTC).date().isoformat()


def moment_text(at: int) -> str:
    """A moment for people, such as 2027-06-30 09:00Z. It has seconds only if they are not zero.

    Args:
        at: Seconds since the epoch.
    """
    moment = datetime.fromtimestamp(at, UTC)
    return moment.strftime("%Y-%m-%d %H:%M:%SZ" if moment.second else "%Y-%m-%d %H:%MZ")


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
