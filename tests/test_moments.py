"""Moments and durations that an operator writes."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from core.moments import read_duration, read_moment

JUNE = 1_814_313_600
HALF_PAST_NINE = JUNE + 9 * 3600 + 30 * 60


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2027-06-30", JUNE),
        ("2027-06-30T00:00", JUNE),
        ("2027-06-30T09:30", HALF_PAST_NINE),
        ("2027-06-30 09:30", HALF_PAST_NINE),
        ("2027-06-30T09:30:00Z", HALF_PAST_NINE),
        ("2027-06-30T09:30:07", HALF_PAST_NINE + 7),
        (date(2027, 6, 30), JUNE),
        (datetime(2027, 6, 30, 9, 30), HALF_PAST_NINE),  # noqa: DTZ001 - as TOML has a local time
        (datetime(2027, 6, 30, 9, 30, tzinfo=UTC), HALF_PAST_NINE),
    ],
)
def test_moment_without_an_offset_is_in_utc(written: object, moment: int) -> None:
    """A date means its first second, and a time is in UTC whatever the machine's time zone."""
    assert read_moment(written) == moment


@pytest.mark.parametrize(
    "written",
    [
        "",
        "tomorrow",
        "2027-06",
        "30.06.2027",
        "2027-06-31",
        "2027-13-01",
        "2027-06-30T24:30",
        "2027-06-30T09:30+02:00",
        "2027-06-30T09:30:00.5",
        " 2027-06-30",
        "2027-06-30\n",
        "\uff12\uff10\uff12\uff17-06-30",
        "0000-01-01",
        1_814_313_600,
        True,
        None,
        datetime(2027, 6, 30, 9, 30, tzinfo=timezone(timedelta(hours=2))),
    ],
)
def test_other_text_is_no_moment(written: object) -> None:
    """Another form, a day that does not exist, and an offset are refused by the rest of a sentence."""
    with pytest.raises(ValueError, match=r"^must be "):
        read_moment(written)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("2h", 7200), ("90m", 5400), ("1d12h", 129_600), ("1h30m", 5400), ("7d", 604_800)],
)
def test_duration_has_days_hours_and_minutes(written: str, seconds: int) -> None:
    """A duration is a number of days, hours and minutes, in this order."""
    assert read_duration(written) == seconds


@pytest.mark.parametrize(
    "written", ["", "0h", "2", "h", "2 h", "30m1h", "-2h", "1.5h", "2H", "99999d", "2h\n"]
)
def test_other_text_is_no_duration(written: str) -> None:
    """Another form, and no time at all, are refused by the rest of a sentence."""
    with pytest.raises(ValueError, match=r"^must be a duration"):
        read_duration(written)
