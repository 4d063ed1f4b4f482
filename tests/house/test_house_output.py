"""Commands print through `cli.output` alone, so that no value reaches a terminal as it came."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
MODULES = sorted(each for each in (PROJECT / "cli").rglob("*.py") if each.name != "output.py")
# What declares and finds a command. All else of click may print, ask or raise what is printed.
CLICK = {"Choice", "DateTime", "File", "FloatRange", "IntRange", "argument", "command", "group", "option"} | {
    "Command",
    "Context",
    "get_current_context",
}
STREAMS = {"stdout", "stderr", "__stdout__", "__stderr__"}
PRINTERS = {"print", "pprint", "input", "breakpoint"}


def breaches(source: str) -> Iterator[str]:
    """What a module uses to reach a terminal by itself."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id == "click" and node.attr not in CLICK:
                yield f"{node.lineno}: click.{node.attr}"
            if node.value.id == "sys" and node.attr in STREAMS:
                yield f"{node.lineno}: sys.{node.attr}"
        elif isinstance(node, ast.Name) and node.id in PRINTERS:
            yield f"{node.lineno}: {node.id}"
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in {"click", "rich"}:
            yield f"{node.lineno}: from {node.module}"
        elif isinstance(node, ast.ImportFrom) and node.module == "sys":
            yield f"{node.lineno}: from sys"
        elif isinstance(node, ast.Import):
            names = [each for each in node.names if each.name.split(".")[0] == "rich" or each.asname]
            yield from (f"{node.lineno}: import {each.name}" for each in names)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_commands_print_through_one_module(module: Path) -> None:
    """No command has a way of its own to a terminal."""
    assert list(breaches(module.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    "wrong",
    [
        "click.echo(x)",
        "click.secho(x)",
        "raise click.ClickException(x)",
        "raise click.UsageError(x)",
        "click.confirm(x)",
        "print(x)",
        "sys.stderr.write(x)",
        "from click import echo",
        "from rich.console import Console",
        "import rich",
        "import click as c",
    ],
)
def test_breach_is_seen(wrong: str) -> None:
    """The rule sees each way to print."""
    assert list(breaches(wrong))
