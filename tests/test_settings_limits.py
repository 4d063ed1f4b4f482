"""Limits as an operator writes them."""

from pathlib import Path

import pytest

from tests.loading import load, mistakes

NAMES = (
    "limit_person",
    "limit_client",
    "limit_address",
    "limit_server",
    "limit_authentication_address",
    "limit_authentication_client",
    "client_rate",
)


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_limit_is_off(tmp_path: Path, name: str) -> None:
    """Unlike for other settings, an empty value switches a limit off, from each source."""
    variable = f"NETID_{name.upper()}"
    assert getattr(load(tmp_path, {variable: ""}, f'{name} = "5/minute"'), name) == ""
    assert getattr(load(tmp_path, {}, f'{name} = ""'), name) == ""
    assert getattr(load(tmp_path, {variable: "7/day"}, f'{name} = ""'), name) == "7/day"


@pytest.mark.parametrize("text", ["10/15minutes", "10/15minutes;100/day", "1/second", "5 per 2 hours"])
def test_limits_are_kept_as_written(tmp_path: Path, text: str) -> None:
    """One limit or several, in the notation of the library that reads them."""
    assert load(tmp_path, {"NETID_LIMIT_PERSON": text}).limit_person == text


@pytest.mark.parametrize("text", ["ten", "10", "0/day", "-1/day", "1/2months", "10/15minutes 5/day"])
def test_a_mistaken_limit_is_refused(tmp_path: Path, text: str) -> None:
    """A mistyped limit is refused, because it could have no effect or a window that is too short."""
    (sentence,) = mistakes(tmp_path, {"NETID_LIMIT_PERSON": text})
    assert sentence.startswith("NETID_LIMIT_PERSON must be such as 10/15minutes")


def test_number_is_refused_as_a_limit(tmp_path: Path) -> None:
    """A bare number in the file has no time span."""
    assert mistakes(tmp_path, {}, "limit_person = 10")[0].endswith("must be text, in quotes.")
