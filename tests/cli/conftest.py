"""What tests of the commands use beside the application."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Registered, Site

Run = Callable[..., Any]


@pytest.fixture
def as_json(site: Site) -> Run:
    """Run a command with `--json`: the object that it printed, or the items of a complete list."""

    def run(*arguments: str, **how: Any) -> Any:
        printed = json.loads(site.run(*arguments, "--json", **how))
        assert isinstance(printed, dict)
        return printed["items"] if printed == {"items": printed.get("items"), "more": False} else printed

    return run


@pytest.fixture
def on_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands ask questions, as on a terminal. The answer is what standard input has."""
    monkeypatch.setattr("cli.output.has_terminal", lambda: True)


@pytest.fixture
def refusal(site: Site) -> Callable[..., str]:
    """Run a command that is refused: the one sentence that it says, on standard error and nowhere else."""

    def run(*arguments: str, stdin: str = "", status: int = 1) -> str:
        result = site.app.test_cli_runner().invoke(args=list(arguments), input=stdin)
        assert result.exit_code == status, result.output
        assert result.stdout == ""
        lines: list[str] = result.stderr.splitlines()
        assert len(lines) == 1, lines
        assert lines[0].startswith("Error: ")
        assert lines[0].endswith(".")
        return lines[0].removeprefix("Error: ")

    return run


@pytest.fixture
def limited(make_site: Callable[..., Site]) -> Site:
    """A server that allows three failures of a user in 15 minutes, and five a day."""
    return make_site(NETID_LIMIT_PERSON="3/15minutes;5/day")


@pytest.fixture
def script(limited: Site) -> Registered:
    """A program that uses an old password."""
    return limited.register("old script", "--scope", "profile")
