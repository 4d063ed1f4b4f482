"""The example configuration agrees with the code."""

import re
import tomllib
from pathlib import Path

import pytest

from settings import Described, Settings, load_settings

EXAMPLE = Path(__file__).resolve().parent.parent / "instance" / "config.example.toml"
_SETTING = re.compile(r"# ([a-z][a-z0-9_]*) = (.+)")


def _example_lines() -> list[str]:
    """Read the example."""
    return EXAMPLE.read_text(encoding="utf-8").splitlines()


def _uncommented() -> str:
    """Switch every setting of the example on."""
    return "\n".join(line.removeprefix("# ") for line in _example_lines() if _SETTING.fullmatch(line))


def _reason_above(name: str) -> str:
    """Join the comment directly above a setting into one line."""
    lines = _example_lines()
    place = next(number for number, line in enumerate(lines) if line.startswith(f"# {name} = "))
    first = place
    while lines[first - 1].startswith("# "):
        first -= 1
    return " ".join(line.removeprefix("# ") for line in lines[first:place])


def test_every_setting_stands_in_the_example_once() -> None:
    """The example has each setting of the code, each once, and nothing else."""
    named = [found[1] for line in _example_lines() if (found := _SETTING.fullmatch(line))]
    assert sorted(named) == sorted(setting.name for setting in Settings.described())


def test_the_example_changes_nothing_by_itself() -> None:
    """An unchanged copy of the example sets nothing."""
    assert tomllib.loads(EXAMPLE.read_text(encoding="utf-8")) == {}


def test_the_uncommented_example_is_without_mistakes_and_all_defaults(tmp_path: Path) -> None:
    """The example with every setting switched on loads, and gives the defaults."""
    tmp_path.joinpath("config.toml").write_text(_uncommented(), encoding="utf-8")
    assert load_settings(tmp_path, {}) == load_settings(tmp_path / "nothing-here", {})


@pytest.mark.parametrize("setting", list(Settings.described()), ids=lambda setting: setting.name)
def test_the_example_shows_the_default(setting: Described) -> None:
    """The value in the example is the default of the code; no default is an empty text."""
    shown = tomllib.loads(_uncommented())[setting.name]
    default = " ".join(setting.default) if isinstance(setting.default, tuple) else setting.default
    assert (type(shown), shown) == (type(default), default) if default is not None else shown == ""


@pytest.mark.parametrize("setting", list(Settings.described()), ids=lambda setting: setting.name)
def test_the_example_gives_the_reason(setting: Described) -> None:
    """The comment above a setting begins with the reason that the code gives."""
    assert setting.description
    assert _reason_above(setting.name).startswith(setting.description)
