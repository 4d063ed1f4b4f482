"""What tests of the commands use beside the application."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Site

Run = Callable[..., Any]


@pytest.fixture
def as_json(site: Site) -> Run:
    """Run a command with `--json` and read what it printed."""
    return lambda *arguments, **how: json.loads(site.run(*arguments, "--json", **how))


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
