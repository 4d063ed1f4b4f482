"""`flask password-grant report`: who still sends Net ID passwords, and what to move to."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import click
from flask.cli import with_appcontext

from admin.usage.facts import DAY
from admin.usage.program_code import ProgramCode, code_of
from admin.usage.report import ReportedClient, UsageReport, usage_report
from admin.usage.sheet import Sheet, monthly_sheet, policy_dates
from cli.output import (
    DiscreetCommand,
    Misused,
    counted,
    json_list_option,
    moment,
    print_csv,
    print_items,
    print_json,
    print_line,
    print_lines,
    print_record,
    print_table,
)
from cli.schema import speaks_plainly
from cli.services import services

_DATE = click.DateTime(["%Y-%m-%d"])
_CLIENT = (
    '{"client_id": text, "client_name": text, "owner": text or null, "logins": number, "users": number, '
    '"move_to": text, "why": text, "code": text or null, ...}'
)
_HEADINGS = (
    "CLIENT",
    "OWNER",
    "LOGINS",
    "TREND",
    "USERS",
    "APP PASSWORDS",
    "SERVICE ACCOUNTS",
    "LAST USE",
    "PROGRAM",
    "REACTION",
    "MOVE TO",
)
_TABLE, _CSV, _JSON, _HTML = "table", "csv", "json", "html"


@click.command(cls=DiscreetCommand)
@click.option(
    "--since", type=_DATE, metavar="DATE", help="Count from this day on, in UTC (default: 90 days)."
)
@click.option("--client", "client_name", metavar="CLIENT", help="Only this client: its id or name.")
@click.option("--owner", metavar="TEXT", help="Only clients of this owner.")
@click.option(
    "--format",
    "output",
    type=click.Choice([_TABLE, _CSV, _JSON, _HTML]),
    default=_TABLE,
    show_default=True,
    help="A table, CSV for a spreadsheet, JSON, or one HTML file with plots.",
)
@click.option(
    "--mail", metavar="OWNER", help="Print the monthly sheet for this owner: a mail, ready to send."
)
@json_list_option(_CLIENT, beside='"since": time, "projected_end": time or null, ')
@with_appcontext
@speaks_plainly
def report(  # noqa: PLR0917 - click passes by keyword
    since: datetime | None,
    client_name: str | None,
    owner: str | None,
    output: str,
    mail: str | None,
    as_json: bool,  # noqa: FBT001 - click passes by keyword
) -> None:
    """Report which clients send Net ID passwords, how much, and what each should move to and why.

    Clients come in the order of their logins. The report counts users and names none. It may lack logins
    of the last two minutes. The table of one client (--client) has everything that is known of it, and the
    code.

    With --mail: print the monthly sheet for an owner, such as for `sendmail -t`. With --json, its parts.
    """
    if as_json and output != _TABLE:
        raise Misused("--json and --format exclude each other.")
    if mail is not None:
        if since or client_name or owner or output != _TABLE:
            raise Misused("--mail excludes every option but --json.")
        _print_sheet(monthly_sheet(services(), mail), as_json=as_json)
        return
    start = None if since is None else int(since.replace(tzinfo=UTC).timestamp())
    made = usage_report(services(), since=start, client_name=client_name, owner=owner)
    if client_name is not None and output == _TABLE and not as_json and made.clients:
        _print_client(made.clients[0], made)
    else:
        _PRINTERS[_JSON if as_json else output](made)


def _print_table(made: UsageReport) -> None:
    print_table(_HEADINGS, [_row(each) for each in made.clients])
    using = sum(each.uses_net_id_passwords for each in made.clients)
    end = "not in sight" if made.projected_end is None else moment(made.projected_end * DAY)[:10]
    print_line(f"{using} of {counted(len(made.clients), 'client')} sent Net ID passwords.", err=True)
    print_line(f"Projected end: {end}.", err=True)


def _print_client(each: ReportedClient, made: UsageReport) -> None:
    """Print all that is known of one client, and the code of what it should move to."""
    members = _members(each, made)
    record = {name.replace("_", " "): _text(name, members[name]) for name in _COLUMNS}
    print_record({**record, "move to": each.advice.grant.label})
    if (code := _code(each)) is not None:
        print_line("")
        print_line(f"In {code.language}:")
        print_lines(code.text.rstrip("\n"))


def _code(each: ReportedClient) -> ProgramCode | None:
    return code_of(each.advice.grant, each.advice.language, services().settings.issuer)


def _row(each: ReportedClient) -> tuple[str, ...]:
    facts = each.facts
    return (
        each.client.client_name,
        each.client.owner or "",
        f"{facts.logins:,}",
        facts.trend,
        f"{facts.users:,}",
        "" if facts.app_password_share is None else f"{facts.app_password_share:.0%}",
        facts.service_accounts.value,
        moment(facts.last_at)[:10],
        each.advice.program,
        each.reaction.value,
        each.advice.grant.label,
    )


def _print_csv(made: UsageReport) -> None:
    rows = [_members(each, made) for each in made.clients]
    print_csv(_COLUMNS, [[_text(name, row[name]) for name in _COLUMNS] for row in rows])


def _print_json(made: UsageReport) -> None:
    print_items(
        [{**_members(each, made), "code": _code_text(each)} for each in made.clients],
        since=made.first_day * DAY,
        projected_end=None if made.projected_end is None else made.projected_end * DAY,
        announced_end=made.announced_end,
        weeks=[{"from": week.first_day * DAY, **_without_day(week._asdict())} for week in made.curve],
        owners=[each._asdict() for each in made.owners],
    )


def _code_text(each: ReportedClient) -> str | None:
    code = _code(each)
    return None if code is None else code.text


def _without_day(week: Mapping[str, int]) -> Mapping[str, int]:
    return {name: value for name, value in week.items() if name != "first_day"}


def _print_html(made: UsageReport) -> None:
    # The page's libraries are imported for the page alone, so that other formats start quickly.
    from cli.password_grant.report_page import report_page

    settings = services().settings
    print_lines(report_page(made, issuer=settings.issuer, campus=settings.campus_name).rstrip("\n"))


_PRINTERS: Mapping[str, Callable[[UsageReport], None]] = {
    _TABLE: _print_table,
    _CSV: _print_csv,
    _JSON: _print_json,
    _HTML: _print_html,
}


def _members(each: ReportedClient, made: UsageReport) -> Mapping[str, Any]:
    """A client as JSON has it beside its code. CSV has the same members as columns."""
    facts, client = each.facts, each.client
    return {
        "client_id": client.client_id,
        "client_name": client.client_name,
        "owner": client.owner,
        "logins": facts.logins,
        "trend": facts.trend,
        "users": facts.users,
        "app_password_logins": facts.app_password_logins,
        "app_password_share": facts.app_password_share,
        "refreshes": facts.refreshes,
        "failures": facts.failures,
        "refusals": facts.refusals,
        "password_trouble": facts.password_trouble,
        "agents": dict(facts.agents),
        "addresses": facts.addresses,
        "named_addresses": list(facts.named_addresses),
        "last_at": facts.last_at,
        "service_accounts": facts.service_accounts.value or None,
        "dates": list(policy_dates(client.password_grant, made.made_at, made.server_ends_at)),
        "announced_at": client.password_grant.announced_at,
        "ends_at": client.password_grant.ends_at,
        "reaction": each.reaction.value,
        "program": each.advice.program,
        "move_to": each.advice.grant.value,
        "why": each.advice.why,
        "language": each.advice.language,
    }


_COLUMNS = (
    "client_id",
    "client_name",
    "owner",
    "logins",
    "trend",
    "users",
    "app_password_logins",
    "refreshes",
    "failures",
    "refusals",
    "password_trouble",
    "agents",
    "addresses",
    "named_addresses",
    "last_at",
    "service_accounts",
    "dates",
    "announced_at",
    "ends_at",
    "reaction",
    "program",
    "move_to",
    "why",
    "language",
)
_TIMES = frozenset({"last_at", "announced_at", "ends_at"})


def _text(name: str, value: Any) -> str:
    """A member as a cell has it."""
    if name in _TIMES:
        return moment(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {number}" for name, number in value.items())
    if isinstance(value, list):
        return "; ".join(map(str, value))
    return "" if value is None else str(value)


def _print_sheet(sheet: Sheet, *, as_json: bool) -> None:
    if as_json:
        print_json({"owner": sheet.owner, "subject": sheet.subject, "text": sheet.text})
        return
    from cli.password_grant.mail import message_text

    print_lines(message_text(sheet.owner, sheet.subject, sheet.text))
