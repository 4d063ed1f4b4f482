"""The description of the architecture names files that exist."""

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
DOCUMENT = (PROJECT / "docs" / "architecture.md").read_text("utf-8")
PATHS = sorted(set(re.findall(r"`([a-z_/]+(?:\.(?:py|toml))|[a-z_/]+/)`", DOCUMENT)))


def test_many_files_are_named() -> None:
    """The pattern finds the paths, so that the next test does not hold of nothing."""
    assert len(PATHS) > 40


@pytest.mark.parametrize("path", PATHS)
def test_named_file_exists(path: str) -> None:
    """A file that is moved or removed is moved or removed in the description too."""
    assert (PROJECT / path).exists()


def test_every_package_is_named() -> None:
    """No package is missing from the description."""
    packages = {each.parent.name for each in PROJECT.glob("*/__init__.py")} - {"tests"}
    assert {name for name in packages if f"{name}/" not in DOCUMENT} == set()
