"""Writes docs/commands.md from the commands' own help: `make docs-commands`."""

import inspect
import re
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import click

from app import create_app

PAGE = Path(__file__).parents[1] / "commands.md"

INTRODUCTION = """\
# Commands

<!-- Written by `make docs-commands` from the commands' own help. Do not edit. -->

An operator runs these commands on the server's machine, with the server's settings:
`.venv/bin/flask COMMAND`. Each command prints its help with `--help`. A command that succeeds exits with
status 0. A refused command exits with status 1 and writes one sentence to standard error. A wrong option
exits with status 2.

Commands read secrets from standard input or a prompt, never from arguments.

## JSON

With `--json` a command prints one JSON object. The option's description shows its form. Lists have the form
`{"items": [...], "more": true or false}`. `more` says whether `--limit` left out further items. A user is
always `sub`, and a time is in seconds since the epoch.
"""


def commands(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    """Yield every command below a group with its full name, the groups themselves included.

    Args:
        group: the group.
        path: the full name of the group.
    """
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        full_name = f"{path} {name}"
        yield full_name, command
        if isinstance(command, click.Group):
            yield from commands(command, full_name)


def section(name: str, command: click.Command) -> str:
    """Describe one command in Markdown.

    Args:
        name: its full name.
        command: the command.
    """
    context = click.Context(command, info_name=name)
    depth = "##" if name.count(" ") == 1 else "###"
    parts = [f"{depth} {name}", *_paragraphs(command.help or "")]
    if isinstance(command, click.Group):
        return "\n\n".join(parts)
    parts.append("```text\n" + " ".join([name, *command.collect_usage_pieces(context)]) + "\n```")
    rows = [
        f"| {_cell(option, code=True)} | {_cell(text)} |"
        for parameter in command.get_params(context)
        if (record := parameter.get_help_record(context)) is not None
        for option, text in [record]
        if text and option != "--help"
    ]
    if rows:
        parts.append("\n".join(["| option | meaning |", "|---|---|", *rows]))
    parts += _paragraphs(command.epilog or "")
    return "\n\n".join(parts)


def _paragraphs(text: str) -> list[str]:
    """Join the lines of each paragraph; keep the lines of those that click must not wrap."""
    paragraphs = re.split(r"\n\s*\n", inspect.cleandoc(text.split("\f", maxsplit=1)[0]))
    return [
        f"```text\n{textwrap.dedent(each.removeprefix(chr(8)).strip(chr(10)))}\n```"
        if each.startswith("\b")
        else _escape(" ".join(each.split()))
        for each in paragraphs
        if each
    ]


def _cell(text: str, *, code: bool = False) -> str:
    """Write a text into a cell of a table; the form of printed JSON is code."""
    text = " ".join(text.split()).replace("|", "\\|")
    return f"`{text}`" if code else _escape(re.sub(r"(\{.*\})", r"`\1`", text))


def _escape(text: str) -> str:
    """Keep Markdown and HTML from reading the text as markup; what stands in backquotes stays code."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(each if each.startswith("`") else re.sub(r"([*_<\[])", r"\\\1", each) for each in parts)


def page() -> str:
    """Build the text of docs/commands.md."""
    with tempfile.TemporaryDirectory() as instance:
        application = create_app({"NETID_INSTANCE_PATH": instance})
    sections = [section(name, command) for name, command in commands(application.cli, "flask")]
    return "\n".join([INTRODUCTION, *(f"{each}\n" for each in sections)])


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
    sys.stdout.write(f"Wrote {PAGE}.\n")
