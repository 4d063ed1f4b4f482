"""The report as one HTML file with plots. It loads nothing, runs no script, and can be mailed.

Owns: what the page says beside its template. Must not know: how the numbers come about.
"""

import re
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from admin.usage.advice import Way
from admin.usage.facts import ClientFacts, counted
from admin.usage.owners import Reaction
from admin.usage.program_code import code_of
from admin.usage.report import ReportedClient, UsageReport
from admin.usage.sheet import policy_dates
from cli.output import moment
from cli.password_grant import plots
from core.moments import date_text

_REACTIONS = {
    Reaction.NOT_TOLD: "no date of its own was announced",
    Reaction.JUST_TOLD: "its owner was told within the last two weeks",
    Reaction.NONE: "its owner has not reacted",
    Reaction.BEGUN: "its owner has begun to move",
    Reaction.DONE: "no Net ID password any more",
}
_MAX_AGENTS = 3
_DAY = re.compile(r"(\d{4}-\d\d-\d\d)")


def report_page(report: UsageReport, *, issuer: str, campus: str | None) -> str:
    """Write the page.

    Args:
        report: what it says.
        issuer: the URL of the server.
        campus: how the campus calls itself.
    """
    codes, anchors = _codes(report.clients, issuer)
    drawn = {
        "decline": plots.decline(report),
        "logins": plots.logins(report.curve),
        "sizes": plots.sizes(report.clients),
        "owners": plots.silent_owners(report.owners, report.made_at),
    }
    return (
        _environment()
        .get_template("report_page.html")
        .render(
            report=report,
            issuer=issuer,
            campus=campus or "NetID OAuth",
            made_on=date_text(report.made_at),
            made_at=moment(report.made_at),
            first_day=plots.day(report.first_day),
            last_day=plots.day(report.last_day),
            sums=_sums(report),
            projection=_projection(report),
            sizes=_sizes(report),
            plots=drawn,
            reactions=_REACTIONS,
            codes=codes,
            anchors=anchors,
            agents=_agents,
            counted=counted,
            date=date_text,
            used=any(each.facts.last_at is not None for each in report.clients),
            dates=partial(policy_dates, now=report.made_at, server_ends_at=report.server_ends_at),
        )
    )


def _environment() -> Environment:
    environment = Environment(
        autoescape=True,
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["unbroken"] = _unbroken
    return environment


def projected(report: UsageReport) -> str:
    """When the decline reaches its end, in a few words."""
    if report.projected_end is None:
        return "not in sight"
    return plots.day(report.projected_end).isoformat()


def _unbroken(phrase: str) -> Markup:
    """A phrase whose dates a browser does not break at their hyphens."""
    return Markup("").join(
        Markup('<span class="day">{}</span>').format(part) if _DAY.fullmatch(part) else escape(part)
        for part in _DAY.split(phrase)
    )


def _sums(report: UsageReport) -> Iterable[tuple[str, str]]:
    using = [each for each in report.clients if each.uses_net_id_passwords]
    logins = sum(each.facts.logins for each in using)
    with_app = sum(each.facts.app_password_logins for each in report.clients)
    total = logins + with_app
    waiting = sum(1 for owner in report.owners if owner.waiting)
    yield "clients with the password grant", f"{len(report.clients):,}"
    yield "of them with Net ID passwords", f"{len(using):,}"
    yield "logins with Net ID passwords", f"{logins:,}"
    yield "share of app passwords", f"{with_app / total:.0%}" if total else "no login"
    yield "projected end", projected(report)
    yield "announced end", "none" if report.announced_end is None else date_text(report.announced_end)
    yield "owners who have not reacted", f"{waiting:,}"


def _projection(report: UsageReport) -> str:
    """The sentence below the curve."""
    if not report.curve or report.curve[-1].clients == 0:
        leads = "The last week had none."
    elif report.projected_end is None:
        leads = "The last weeks show no decline that ends."
    else:
        leads = f"If it goes on, the last one stops on {projected(report)}."
    return f"Clients that send Net ID passwords, by week. {leads}"


def _sizes(report: UsageReport) -> str:
    """The sentence above the clients by size."""
    others = [each.facts.logins for each in report.clients if each.uses_net_id_passwords][plots.MAX_BARS :]
    rest = f" {counted(len(others), 'other')}: {sum(others):,}." if others else ""
    return f"Logins with Net ID passwords in the period.{rest}"


def _codes(
    clients: Iterable[ReportedClient], issuer: str
) -> tuple[Mapping[str, tuple[str, str]], Mapping[tuple[Way, str], str]]:
    """The code of each way and language that is advised, by its anchor; and the anchors."""
    codes: dict[str, tuple[str, str]] = {}
    anchors: dict[tuple[Way, str], str] = {}
    for wanted in sorted({(each.advice.grant, each.advice.language) for each in clients}):
        if (code := code_of(*wanted, issuer)) is None:
            continue
        way = wanted[0]
        anchor = f"{way.value}-{code.language}".lower().replace(" ", "-")
        codes[anchor] = f"{way.label[0].upper()}{way.label[1:]}, in {code.language}", code.text
        anchors[wanted] = anchor
    return codes, anchors


def _agents(facts: ClientFacts) -> str:
    """The families of user agents with the most logins."""
    names = sorted(facts.agents, key=lambda name: (-facts.agents[name], name))
    more = len(names) - _MAX_AGENTS
    return ", ".join(names[:_MAX_AGENTS]) + (f" and {more} more" if more > 0 else "")
