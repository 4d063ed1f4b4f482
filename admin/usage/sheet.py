"""The monthly sheet for the owner of programs: their use, its end, what to move to, and the code for it.

Owns: its text, in lines that any mail program shows. It names no user. Must not know: how mail is sent.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from textwrap import fill

from admin.operation import Services
from admin.usage.advice import Way
from admin.usage.facts import DAY, ClientFacts, counted
from admin.usage.program_code import code_of
from admin.usage.report import ReportedClient, UsageReport, usage_report
from core.moments import date_text
from models import APP_PASSWORDS_OFF, APP_PASSWORDS_ONLY, PasswordGrantPolicy

MONTH_DAYS = 30
_WIDTH = 72
_NEEDED = "tell the operators of this server now. They close programs that nobody uses."


@dataclass(frozen=True, slots=True)
class Sheet:
    """One mail to one owner."""

    owner: str
    subject: str
    text: str


def monthly_sheet(services: Services, owner: str) -> Sheet:
    """Write the sheet for an owner, about the last 30 days.

    Args:
        services: what the use case works on.
        owner: as registered with the clients.

    Raises:
        UnknownOwner: no client with the password grant has this owner.
        StoreUnavailable: the database did not answer.
    """
    today = services.now // DAY
    report = usage_report(services, since=(today - MONTH_DAYS) * DAY, owner=owner)
    return write_sheet(
        report,
        owner=report.clients[0].client.owner or owner if report.clients else owner,
        issuer=services.settings.issuer,
        campus=services.settings.campus_name,
        help_uri=services.settings.password_grant_help_uri,
    )


def write_sheet(
    report: UsageReport, *, owner: str, issuer: str, campus: str | None = None, help_uri: str | None = None
) -> Sheet:
    """Write the sheet from a report that has the owner's clients alone.

    Args:
        report: for the last month.
        owner: whom the sheet is for.
        issuer: the URL of the server.
        campus: how the campus calls itself.
        help_uri: the campus's page about the end of the password grant.
    """
    using = sum(each.uses_net_id_passwords for each in report.clients)
    subject = f"{campus or 'NetID OAuth'}: {_using(using)}, {date_text(report.made_at)[:7]}"
    parts = [
        _paragraph(
            f"You are registered as the owner of the programs below. In the last {MONTH_DAYS} days, "
            f"{_using(using)} (the password grant of OAuth). A program that does so sees the password of "
            "each user. So this way of logging in comes to an end."
        ),
        _end_of_all(report),
        *(_program(each, report) for each in report.clients),
        *_how(report.clients, issuer),
        _paragraph(f"More about the move: {help_uri}") if help_uri else "",
        _paragraph(f"This sheet counts users and names none. It is about {issuer}."),
    ]
    return Sheet(owner, subject, "\n\n".join(part for part in parts if part) + "\n")


def _using(programs: int) -> str:
    """How many of an owner's programs use Net ID passwords, as the subject and the first sentence say it."""
    if programs == 0:
        return "none of your programs sent Net ID passwords"
    return f"{programs} of your programs sent Net ID passwords"


def policy_dates(policy: PasswordGrantPolicy, now: int, server_ends_at: int | None = None) -> Sequence[str]:
    """What a client's policy says, one phrase for each date or rule that is not over.

    Args:
        policy: of the client.
        now: seconds since the epoch.
        server_ends_at: when Net ID passwords end for every client. The earlier end counts.
    """
    ends_at = min((at for at in (policy.ends_at, server_ends_at) if at is not None), default=None)
    phrases = []
    if policy.off_at is not None:
        phrases.append(f"the password grant has been off since {date_text(policy.off_at)}")
    phrases += [
        f"Net ID passwords are refused from {_time(start)} to {_time(end)} UTC, as a test"
        for start, end in policy.brown_outs
        if end > now
    ]
    if ends_at is not None:
        verb = "are refused from" if ends_at > now else "have been refused since"
        phrases.append(f"Net ID passwords {verb} {_time(ends_at)} UTC")
    if policy.closed_to_new_people_at is not None:
        phrases.append(f"it has been closed to new users since {date_text(policy.closed_to_new_people_at)}")
    if policy.app_passwords == APP_PASSWORDS_ONLY:
        phrases.append("only app passwords are accepted")
    elif policy.app_passwords == APP_PASSWORDS_OFF:
        phrases.append("app passwords are not accepted")
    return phrases


def _program(reported: ReportedClient, report: UsageReport) -> str:
    facts, advice = reported.facts, reported.advice
    heading = _paragraph(f"{facts.client.client_name} ({facts.client.client_id})")
    dates = policy_dates(facts.client.password_grant, report.made_at, report.server_ends_at)
    lines = [
        ("Use", _use(facts)),
        ("Dates", "; ".join(dates) if dates else "none yet"),
        ("It seems to be", f"{advice.program}{f', by {facts.main_agent}' if facts.main_agent else ''}"),
        ("Move to", advice.grant.label),
        ("Because", advice.why),
    ]
    if advice.grant is Way.CLOSE and facts.client.password_grant.off_at is None:
        lines.append(("If it is needed", _NEEDED))
    if facts.password_trouble:
        lines.append(("Password trouble", _trouble(facts)))
    if facts.service_accounts:
        lines.append(("Users", facts.service_accounts.value))
    return "\n".join([heading, "-" * max(map(len, heading.split("\n"))), *(_item(*line) for line in lines)])


def _use(facts: ClientFacts) -> str:
    share = f", {facts.app_password_logins:,} with app passwords" if facts.app_password_logins else ""
    last = f"; last used {date_text(facts.last_at)}" if facts.last_at is not None else ""
    use = f"{counted(facts.logins, 'login')} with Net ID passwords{share}"
    return f"{use}; {counted(facts.users, 'user')}; {facts.trend}{last}"


def _trouble(facts: ClientFacts) -> str:
    return (
        f"{counted(facts.password_trouble, 'refusal')}, because the user's password had expired or must be "
        "changed. The program cannot show that; a page of this server can."
    )


def _end_of_all(report: UsageReport) -> str:
    if report.server_ends_at is None:
        return ""
    verb = "From" if report.server_ends_at > report.made_at else "Since"
    return _paragraph(
        f"{verb} {_time(report.server_ends_at)} UTC this server accepts no Net ID password from any program. "
        "App passwords go on working."
    )


def _how(clients: Iterable[ReportedClient], issuer: str) -> Sequence[str]:
    """The code of each way and language, once."""
    wanted = dict.fromkeys((each.advice.grant, each.advice.language) for each in clients)
    parts = []
    for way, language in wanted:
        if (code := code_of(way, language, issuer)) is not None:
            heading = f"{way.label[0].upper()}{way.label[1:]}, in {code.language}"
            indented = "\n".join(f"    {line}".rstrip() for line in code.text.splitlines())
            parts.append(f"{heading}\n{'-' * len(heading)}\n\n{indented}")
    if parts and Way.APP_PASSWORD not in {way for way, _ in wanted}:
        parts.append(
            _paragraph(
                "A program that cannot be changed can use an app password in the place of the Net ID "
                f"password: its user makes one on {issuer}/me."
            )
        )
    return parts


def _paragraph(text: str) -> str:
    return fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False)


def _item(name: str, text: str) -> str:
    return fill(
        f"{name}: {text}", _WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )


def _time(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")
