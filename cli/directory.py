"""`flask directory check`: the doctor, for whoever connects the server to a directory."""

import sys
from collections.abc import Iterator
from dataclasses import asdict

import click
from flask.cli import with_appcontext

from cli.output import Misused, as_json, ask_hidden, print_json, print_line, print_marked
from cli.services import services
from directory import DirectoryUnavailable, InvalidCredentials
from directory.ldap import Diagnostics, Finding, StepStatus
from models import StoreUnavailable
from oauth import doubts

_MARKS = {
    StepStatus.OK: ("ok", "green"),
    StepStatus.WARNING: ("warning", "yellow"),
    StepStatus.FAILED: ("FAILED", "red"),
}


@click.group()
def directory() -> None:
    """Look at the directory."""


@directory.command()
@click.argument("net_id", required=False)
@click.option(
    "--password", "ask_password", is_flag=True, help="Ask for the person's password, and bind with it."
)
@as_json
@with_appcontext
def check(net_id: str | None, ask_password: bool, as_json: bool) -> None:  # noqa: FBT001 - click passes by keyword
    """Examine the directory step by step; with NET_ID, that person too. Exit status 1 if a step failed."""
    if ask_password and net_id is None:
        raise Misused("--password needs a NET_ID.")
    password = _ask_password(net_id) if ask_password else None
    findings = []
    for finding in _examine(net_id, password):
        findings.append(finding)
        if not as_json:
            _print(finding)
    worst_failed = any(finding.verdict is StepStatus.FAILED for finding in findings)
    if as_json:
        print_json({"ok": not worst_failed, "findings": [asdict(finding) for finding in findings]})
    elif worst_failed:
        print_line("", err=True)
        print_line("Something failed: see above, and which setting to look at.", err=True)
    sys.exit(int(worst_failed))


def _examine(net_id: str | None, password: str | None) -> Iterator[Finding]:
    yield from Diagnostics(services().ldap).examine(net_id, password)
    yield from _look_for_rule_groups()
    if net_id is not None:
        yield from _compare_with_shield(net_id)


def _look_for_rule_groups() -> Iterator[Finding]:
    """Whether the directory has the groups that rules name."""
    step = "groups of rules"
    if not services().ldap.sees_people:
        return
    try:
        named = services().named_groups()
        found = list(doubts(named, services().directory.spelling))
    except (DirectoryUnavailable, StoreUnavailable) as error:
        text = f"could not be looked at: {getattr(error, 'cause', error)}"
        yield Finding(step=step, verdict=StepStatus.WARNING, text=text)
        return
    for doubt in found:
        text = f"{doubt.dn}: {doubt.why} ({', '.join(doubt.places)})"
        yield Finding(step=step, verdict=StepStatus.WARNING, text=text, setting=", ".join(doubt.places))
    if named and not found:
        yield Finding(step=step, verdict=StepStatus.OK, text=f"{len(named)} groups of rules are there")


def _compare_with_shield(net_id: str) -> Iterator[Finding]:
    """Whether guesses through us stay below what locks, with what each worker has under way at first."""
    try:
        limit = services().directory.examine(net_id).lockout_status.limit
    except (InvalidCredentials, DirectoryUnavailable):
        return
    if not limit:
        return
    budget, workers = services().settings.shield_budget, services().settings.workers
    most = budget + workers - 1
    if not budget:
        text = f"off: nothing of ours keeps guesses below the {limit} failures that lock"
        yield Finding(step="shield", verdict=StepStatus.WARNING, text=text, setting="NETID_SHIELD_BUDGET")
    elif most >= limit:
        text = f"guesses at once may add {most} failures with {workers} workers, and {limit} lock"
        settings_to_see = "NETID_WORKERS, NETID_SHIELD_BUDGET"
        yield Finding(step="shield", verdict=StepStatus.WARNING, text=text, setting=settings_to_see)
    else:
        text = f"guesses add at most {most} failures with {workers} workers of one node, and {limit} lock"
        yield Finding(step="shield", verdict=StepStatus.OK, text=text)


def _ask_password(net_id: str | None) -> str:
    """From a terminal without an echo, else the first line of standard input."""
    if sys.stdin.isatty():
        return ask_hidden(f"Password of {net_id}")
    return sys.stdin.readline().rstrip("\n")


def _print(finding: Finding) -> None:
    mark, colour = _MARKS[finding.verdict]
    where = f"{finding.server}  " if finding.server else ""
    took = f"({finding.milliseconds:.1f} ms)"
    print_marked(f"{mark:<8}", colour, f"{where}{finding.step}: {finding.text} {took}")
    if finding.setting is not None:
        print_line(f"{'':<8}   look at {finding.setting}")
