"""The settings of the end of the password grant."""

from pathlib import Path

import pytest

from settings import SettingsError, load_settings

JUNE = 1_814_313_600


@pytest.mark.parametrize("written", ["2027-06-30", "2027-06-30T00:00Z", "2027-06-30 00:00:00"])
def test_end_is_a_date_or_a_time_in_utc(tmp_path: Path, written: str) -> None:
    """The environment has text; a date means its first second."""
    assert load_settings(tmp_path, {"NETID_PASSWORD_GRANT_ENDS": written}).password_grant_ends == JUNE


@pytest.mark.parametrize(
    "written", ['"2027-06-30"', "2027-06-30", "2027-06-30T00:00:00Z", "2027-06-30T00:00:00"]
)
def test_file_may_hold_a_toml_date(tmp_path: Path, written: str) -> None:
    """TOML has dates and times of its own; one without an offset is in UTC."""
    tmp_path.joinpath("config.toml").write_text(f"password_grant_ends = {written}\n", "utf-8")
    assert load_settings(tmp_path, {}).password_grant_ends == JUNE


def test_end_in_the_past_is_accepted(tmp_path: Path) -> None:
    """After the end, the server starts as before."""
    assert load_settings(tmp_path, {"NETID_PASSWORD_GRANT_ENDS": "2020-01-01"}).password_grant_ends


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("NETID_PASSWORD_GRANT_ENDS", "soon", "must be a date or a time in UTC"),
        ("NETID_PASSWORD_GRANT_ENDS", "2027-06-31", "must be a day and a time that exist"),
        ("NETID_PASSWORD_GRANT_ENDS", "2027-06-30T00:00+02:00", "must be a date or a time in UTC"),
        ("NETID_PASSWORD_GRANT_HELP_URI", "www.example.edu", "must be the URL of a page"),
        ("NETID_PASSWORD_GRANT_HELP_URI", "https://www.example.edu/a\\b", "without a backslash"),
        ("NETID_PASSWORD_GRANT_HELP_URI", 'https://www.example.edu/>;rel="x', "must be the URL of a page"),
        ("NETID_PASSWORD_GRANT_HELP_URI", "https://u:p@www.example.edu/", "must be the URL of a page"),
    ],
)
def test_mistake_is_named(tmp_path: Path, name: str, value: str, sentence: str) -> None:
    """A page that could break out of a header or an error is refused at the start."""
    with pytest.raises(SettingsError) as refused:
        load_settings(tmp_path, {name: value})
    (problem,) = refused.value.mistakes
    assert problem.startswith(name)
    assert sentence in problem


def test_file_with_another_offset_is_refused(tmp_path: Path) -> None:
    """Every other moment of the server is in UTC."""
    tmp_path.joinpath("config.toml").write_text("password_grant_ends = 2027-06-30T00:00:00+02:00\n", "utf-8")
    with pytest.raises(SettingsError, match="must be in UTC"):
        load_settings(tmp_path, {})
