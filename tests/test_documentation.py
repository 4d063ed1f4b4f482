"""The documentation leads to every page, and agrees with the commands."""

import re
from pathlib import Path

import pytest
from flask.cli import cli as flask_command

from docs.site.commands import PAGE, page
from tests.conftest import Site
from tests.servers.netid import PROJECT

LINK = re.compile(r"\]\(([^)#\s]+\.md)(?:#[^)]*)?\)")
README = PROJECT / "README.md"
INDEX = PROJECT / "docs" / "index.md"
PAGES = sorted([*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md")])
DECISIONS = sorted((PROJECT / "docs" / "decisions").glob("0*.md"))


def linked(document: Path) -> set[Path]:
    """Resolve the pages that a page links."""
    return {(document.parent / link).resolve() for link in LINK.findall(document.read_text("utf-8"))}


def test_commands_page_is_current() -> None:
    """docs/commands.md has the help of today's commands."""
    assert PAGE.read_text("utf-8") == page(), "A command's help has changed: run `make docs-commands`."


def test_help_keeps_the_lines_of_examples() -> None:
    """No help shows click's mark for an unwrapped paragraph: a raw docstring would turn it into text."""
    assert "\\b" not in page()


def test_help_of_all_commands_says_what_this_is(site: Site) -> None:
    """Flask's own words do not say what the program is, or where to begin."""
    printed = site.app.test_cli_runner().invoke(flask_command, ["--help"], prog_name="flask").output
    assert "OAuth 2.0 authorization server" in printed
    command = re.findall(r"`flask ([^`]+) --help`", " ".join(printed.split()))
    assert command == ["client create"]
    assert "Register a client" in site.run(*command[0].split(), "--help")
    assert "docs/commands.md" in printed


def test_each_page_has_a_title() -> None:
    """Each page starts with its title, which navigation and search show."""
    assert [each.name for each in PAGES if not each.read_text("utf-8").startswith("# ")] == []


def test_readme_links_each_page() -> None:
    """README links each page, or the index of its folder, which links the page."""
    direct = linked(README)
    indexes = {each for each in direct if each.parent != PROJECT and each != INDEX}
    reached = direct.union({README}, *(linked(each) & set(each.parent.rglob("*.md")) for each in indexes))
    assert [str(each.relative_to(PROJECT)) for each in PAGES if each not in reached] == []


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda decision: decision.stem)
def test_index_lists_each_decision(decision: Path) -> None:
    """The index of decisions links the decision under its number."""
    index = (PROJECT / "docs" / "decisions" / "index.md").read_text("utf-8")
    assert f"| [{int(decision.stem[:4])}]({decision.name}) |" in index


@pytest.mark.parametrize(
    "reader",
    [
        "Developer of a program",
        "Owner of an API",
        "Operator",
        "Help desk",
        "Security officer",
        "Developer of the server",
    ],
)
def test_start_page_has_tasks_for_each_reader(reader: str) -> None:
    """The start page has a table of tasks for the reader, and each task links a page."""
    table = INDEX.read_text("utf-8").split(f"## {reader}\n\n| task | page |\n|---|---|\n")[1].split("\n\n")[0]
    rows = table.strip().split("\n")
    assert len(rows) >= 3
    assert all(LINK.search(row) for row in rows)
