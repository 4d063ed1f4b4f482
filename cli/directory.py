"""`flask directory check`: tells the operator who connects a directory which setting is wrong."""

import sys
from dataclasses import asdict

import click
from flask.cli import with_appcontext

from admin.directory_checks import check_directory
from cli.output import (
    DiscreetGroup,
    Misused,
    ask_hidden,
    json_list_option,
    print_items,
    print_line,
    print_marked,
    refuses_plainly,
)
from cli.services import services
from directory.ldap import Finding, StepStatus

_MARKS = {
    StepStatus.OK: ("ok", "green"),
    StepStatus.WARNING: ("warning", "yellow"),
    StepStatus.FAILED: ("FAILED", "red"),
}


@click.group(cls=DiscreetGroup)
def directory() -> None:
    """Check the connection to the LDAP directory."""


@directory.command()
@click.argument("net_id", required=False)
@click.option(
    "--password", "ask_password", is_flag=True, help="Ask for the user's password, and try to log in with it."
)
@json_list_option(
    '{"server": text, "step": text, "verdict": text, "text": text, "setting": text or null, ...}',
    beside='"ok": true or false, ',
)
@with_appcontext
@refuses_plainly
def check(net_id: str | None, ask_password: bool, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Check the directory step by step, and the user NET_ID if given.

    Each failed step names the setting to look at. The exit status is 1 if a step failed.
    """
    if ask_password and net_id is None:
        raise Misused("--password needs a NET_ID.")
    password = _ask_password(net_id) if ask_password else None
    findings = []
    for finding in check_directory(services(), net_id, password):
        findings.append(finding)
        if not as_json:
            _print(finding)
    has_failed = any(finding.verdict is StepStatus.FAILED for finding in findings)
    if as_json:
        print_items([asdict(finding) for finding in findings], ok=not has_failed)
    elif has_failed:
        print_line("", err=True)
        print_line("Something failed: see above, and which setting to look at.", err=True)
    sys.exit(int(has_failed))


def _ask_password(net_id: str | None) -> str:
    """Read the password from a terminal without echo, or else from the first line of standard input."""
    if sys.stdin.isatty():
        return ask_hidden(f"Password of {net_id}")
    return sys.stdin.readline().rstrip("\n")


def _print(finding: Finding) -> None:
    mark, colour = _MARKS[finding.verdict]
    server = f"{finding.server}  " if finding.server else ""
    duration = f"({finding.milliseconds:.1f} ms)"
    print_marked(f"{mark:<8}", colour, f"{server}{finding.step}: {finding.text} {duration}")
    if finding.setting is not None:
        print_line(f"{'':<8}   look at {finding.setting}")
