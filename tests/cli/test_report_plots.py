"""The plots of the HTML report say what their colours, legends and bars mean."""

import re
from dataclasses import replace

import pytest

from admin.usage.decline import Week
from admin.usage.facts import DAY
from admin.usage.report import UsageReport
from cli.password_grant import plots
from cli.password_grant.report_page import report_page
from models import PasswordGrantPolicy
from tests.admin.sample_report import sample_report

RED = "#b3261e"
BOX = 10
"""The height of a box of the legend."""
ISSUER = "https://netid.campus.example"


def ended() -> UsageReport:
    """A report after the end: it projects nothing."""
    made = sample_report()
    curve = tuple(
        week._replace(clients=0, logins=0) if number > 40 else week for number, week in enumerate(made.curve)
    )
    return replace(
        made, curve=curve, projected_end=made.curve[41].first_day, server_ends_at=made.made_at - DAY
    )


def colours(svg: str) -> dict[str, str]:
    """The colour of each line by its name in the legend."""
    names = re.findall(r'class="legend [^>]*>.*?<text[^>]*>(.*?)</text>', svg)
    shown = dict(re.findall(r"[} ]\.color-(\d+) a:visited{stroke:(#\w+)", svg))
    return {name: shown[str(number)] for number, name in enumerate(names)}


@pytest.mark.parametrize("report", [sample_report(), ended()], ids=["before the end", "after the end"])
def test_announced_end_is_red(report: UsageReport) -> None:
    """The line of the end has its colour, also where nothing is projected."""
    drawn = plots.decline(report)
    assert drawn is not None
    assert [colours(each)["announced end"] for each in drawn] == [RED, RED]


@pytest.mark.parametrize("report", [sample_report(), ended()], ids=["before the end", "after the end"])
def test_legend_is_within_the_picture(report: UsageReport) -> None:
    """The legend is not cut off, however many lines there are."""
    drawn = plots.decline(report)
    assert drawn is not None
    for svg in drawn:
        (height,) = re.findall(r'viewBox="0 0 \d+ (\d+)"', svg)
        ((top, legend),) = re.findall(
            r'<g transform="translate\([\d.]+, ([\d.]+)\)" class="legends">(.*)', svg
        )
        boxes = [float(y) for y in re.findall(r'<rect [^>]*y="([\d.]+)"', legend)]
        assert boxes
        assert float(top) + max(boxes) + BOX < int(height)


def test_small_clients_are_a_sum_and_no_bar() -> None:
    """The page counts the clients that have no bar, which would be the longest."""
    report = sample_report()
    using = [each.facts.logins for each in report.clients if each.uses_net_id_passwords]
    rest = using[plots.MAX_BARS :]
    page = report_page(report, issuer=ISSUER, campus=None)
    assert rest
    assert f"in the period. {len(rest)} others: {sum(rest):,}." in page
    assert f"{len(rest)} others<" not in page


def test_announced_end_is_that_of_the_last_client() -> None:
    """The dates of clients count, and not only that of the server."""
    report = replace(sample_report(), server_ends_at=None)
    assert report.announced_end is None  # some clients have no date
    dated = [
        replace(each, facts=replace(each.facts, client=replace(each.client, password_grant=policy)))
        for each, policy in zip(
            report.clients,
            [
                PasswordGrantPolicy(ends_at=report.made_at + number * DAY)
                for number in range(1, 1 + len(report.clients))
            ],
            strict=True,
        )
    ]
    using = [number for number, each in enumerate(dated, 1) if each.uses_net_id_passwords]
    assert replace(report, clients=dated).announced_end == report.made_at + max(using) * DAY


def test_week_has_the_members_that_are_drawn() -> None:
    """A week without clients is drawn as nothing, not left out."""
    report = replace(sample_report(), curve=(Week(20_000, 0, 0, 0, 0),), projected_end=None)
    assert plots.decline(report) is not None
