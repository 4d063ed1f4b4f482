"""What examples/way-out/ and the page for owners say is true: ten lines, the differences, the pins."""

import json
import re
import subprocess

import pytest

from tests.clients.way_out import KIT, LANGUAGES, README, WAYS, path
from tests.servers.netid import PROJECT

PAGE = (PROJECT / "docs" / "leaving-the-password-grant.md").read_text("utf-8")
SHOWN = re.compile(r"^As `([^`]+)`:\n\n```diff\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MOST_LINES = 10


def changed(language: str, way: str) -> int:
    """Count the lines that `diff` marks as removed or added."""
    compare = ["diff", str(path(language, "password")), str(path(language, way))]
    shown = subprocess.run(compare, capture_output=True, text=True, check=False).stdout
    return sum(line.startswith(("<", ">")) for line in shown.splitlines())


@pytest.mark.parametrize("way", WAYS)
def test_each_way_out_changes_ten_lines_or_fewer(way: str) -> None:
    """`diff` marks ten lines or fewer in each language, and the README has the true numbers."""
    counted = [changed(language, way) for language in LANGUAGES]
    assert all(0 < each <= MOST_LINES for each in counted)
    (row,) = (line for line in README.splitlines() if f"({path('shell', way).relative_to(KIT)})" in line)
    assert f"| {', '.join(map(str, counted))} |" in row


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("way", WAYS)
def test_page_for_owners_shows_the_true_differences(language: str, way: str) -> None:
    """The page has what `diff` prints today, without its header and line numbers."""
    after = path(language, way)
    compare = ["diff", "--unified=2", str(path(language, "password")), str(after)]
    printed = subprocess.run(compare, capture_output=True, text=True, check=False).stdout
    hunks = re.sub(r"^@@ .*$", "@@", printed.split("\n", 2)[2], flags=re.MULTILINE)
    assert dict(SHOWN.findall(PAGE))[str(after.relative_to(KIT))] == hunks


def test_python_programs_are_tested_with_their_pins() -> None:
    """The Python programs run with the versions that their own requirements name."""
    texts = [(PROJECT / name).read_text("utf-8") for name in ("requirements.txt", "requirements-dev.txt")]
    pinned = (KIT / "python" / "requirements.txt").read_text("utf-8").splitlines()
    assert {line for line in pinned if not line.startswith("#")} <= set("\n".join(texts).splitlines())


def test_javascript_programs_are_tested_with_their_pin() -> None:
    """The JavaScript programs run with the version of openid-client that their own package names."""
    tested = json.loads((PROJECT / "tests" / "clients" / "node" / "package.json").read_text("utf-8"))
    pinned = json.loads((KIT / "javascript" / "package.json").read_text("utf-8"))
    assert pinned["dependencies"].items() <= tested["dependencies"].items()
