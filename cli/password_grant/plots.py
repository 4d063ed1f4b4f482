"""The plots of the report, each as SVG that stands in a page: no script, no font and no image from elsewhere.

Owns: how numbers are drawn, twice: for a desk, and for a phone, where shrunken letters could not be read.
Must not know: the page around the plots.
"""

import sys
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import pygal
from pygal.style import Style

from admin.usage.decline import Week
from admin.usage.facts import DAY
from admin.usage.owners import OwnerState
from admin.usage.report import ReportedClient, UsageReport

# pygal finds its plug-ins by a finder of an old interface, which every later import would warn of (PEP 451).
sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, pygal.PluginImportFixer)]

MAX_BARS = 12
"""Bars of one plot; the rest is left out."""
_EPOCH = date(1970, 1, 1)
_BLUE, _GREEN, _GREY, _RED = "#1f5fa8", "#3b8f5a", "#6b7280", "#b3261e"
# Behind the end of its bar, a number can be read; pygal would put it across.
_CSS = "inline:.text-overlay text.value {text-anchor: start; transform: translate(6px, 0)}"
_DESK, _PHONE = (560, 26), (320, 14)
"""The width of a plot in pixels, and the characters of a bar's name."""


class Plot(NamedTuple):
    """One plot, in SVG, for a desk and for a phone."""

    desk: str
    phone: str


def decline(report: UsageReport) -> Plot | None:
    """Clients that send Net ID passwords, by week, and where the last weeks lead; None without a week."""
    if not report.curve:
        return None
    return _plot("decline", lambda width, _: _decline(report, width))


def logins(curve: Sequence[Week]) -> Plot | None:
    """Logins by week, with Net ID passwords and with app passwords; None without a week."""
    if not curve:
        return None
    return _plot("logins", lambda width, _: _logins(curve, width))


def sizes(clients: Sequence[ReportedClient]) -> Plot | None:
    """The clients with the most logins by Net ID password; None without a login.

    All others together would be the longest bar by far, and hide the sizes. The page has their sum.
    """
    using = [each for each in clients if each.uses_net_id_passwords]
    if not using:
        return None
    bars = [(each.client.client_name, each.facts.logins) for each in using[:MAX_BARS]]
    return _plot("sizes", lambda width, room: _bars(bars, width, room, _BLUE))


def silent_owners(owners: Sequence[OwnerState], now: int) -> Plot | None:
    """The owners who have not reacted, by the days since they were told; None if there are none."""
    bars = [
        (each.owner or "no owner", (now - each.told_at) // DAY)
        for each in owners
        if each.waiting and each.told_at is not None
    ]
    if not bars:
        return None
    return _plot("owners", lambda width, room: _bars(bars[:MAX_BARS], width, room, _RED))


def day(number: int) -> date:
    """The date of a day since the epoch."""
    return _EPOCH + timedelta(days=number)


def _plot(name: str, draw: Callable[[int, int], Any]) -> Plot:
    return Plot(*(_svg(draw(width, room), f"{name}-{width}") for width, room in (_DESK, _PHONE)))


def _svg(chart: Any, name: str) -> str:
    # By default pygal makes a random name, so that no two files are equal.
    chart.uuid = name
    chart.add_xml_filter(_without_scripts)
    svg: str = chart.render(is_unicode=True)
    return svg


def _without_scripts(root: Any) -> Any:
    """Remove the scripts that pygal adds, and its comments, which have the date of the machine."""
    for parent in [*root.iter()]:
        for child in [*parent]:
            if child.tag == "script" or not isinstance(child.tag, str):
                parent.remove(child)
    return root


def _decline(report: UsageReport, width: int) -> Any:
    most = max(week.clients for week in report.curve) or 1
    points = [(day(week.first_day + 6), week.clients) for week in report.curve]
    last, until = points[-1], points[-1][0]
    lines: list[tuple[str, str, list[tuple[date, int]], dict[str, Any]]] = [
        ("clients", _BLUE, points, {"fill": True, "stroke_style": {"width": 2}})
    ]
    end = None if report.projected_end is None else day(report.projected_end)
    if end is not None and end > until:
        until = end
        dashes = {"stroke_style": {"width": 2, "dasharray": "4, 4"}}
        lines.append(("if it goes on", _GREY, [last, (end, 0)], dashes))
    if report.announced_end is not None:
        announced = datetime.fromtimestamp(report.announced_end, UTC).date()
        until = max(until, announced)
        upright = [(announced, 0), (announced, most)]
        lines.append(("announced end", _RED, upright, {"stroke_style": {"width": 2}}))
    chart = pygal.DateLine(
        # With more columns than lines, pygal puts the legend below the picture.
        **_options(width, 300, len(lines)),
        style=_style(*(colour for _, colour, _, _ in lines)),
        x_value_formatter=lambda moment: moment.strftime("%Y-%m"),
        range=(0, most),
    )
    for name, _, line, options in lines:
        chart.add(name, line, **options)
    chart.x_labels = _month_starts(points[0][0], until, width)
    return chart


def _logins(curve: Sequence[Week], width: int) -> Any:
    chart = pygal.StackedLine(**_options(width, 280, 2), style=_style(_BLUE, _GREEN), fill=True)
    dates = [day(week.first_day + 6).isoformat() for week in curve]
    chart.x_labels = dates
    step = max(1, len(dates) * 110 // width)
    chart.x_labels_major = dates[::-1][::step][::-1]
    chart.show_minor_x_labels = False
    chart.range = (0, max(week.logins + week.app_password_logins for week in curve) or 1)
    chart.add("Net ID passwords", [week.logins for week in curve])
    chart.add("app passwords", [week.app_password_logins for week in curve])
    return chart


def _bars(bars: Sequence[tuple[str, int]], width: int, room: int, colour: str) -> Any:
    options = {**_options(width, 60 + 26 * len(bars), 1), "show_legend": False}
    chart = pygal.HorizontalBar(
        **options,
        style=_style(colour),
        print_values=True,
        print_values_position="top",
        show_x_labels=False,
        show_x_guides=False,
        show_y_guides=False,
        # Room for the number behind the longest bar.
        range=(0, (1.15 if width == _DESK[0] else 1.4) * max(value for _, value in bars) or 1),
    )
    # Bars are drawn from below.
    drawn = bars[::-1]
    chart.x_labels = [name if len(name) <= room else f"{name[: room - 1]}…" for name, _ in drawn]
    chart.add("", [value for _, value in drawn])
    return chart


def _month_starts(first: date, last: date, width: int) -> Sequence[date]:
    """The beginnings of months between two dates, as few as have room."""
    months = [
        date(number // 12, number % 12 + 1, 1)
        for number in range(first.year * 12 + first.month, last.year * 12 + last.month)
    ] or [first]
    return months[:: max(1, -(-len(months) * 70 // width))]


def _options(width: int, height: int, series: int) -> dict[str, Any]:
    return {
        "width": width,
        "height": height,
        "js": [],
        "disable_xml_declaration": True,
        "show_dots": False,
        "legend_at_bottom": True,
        "legend_at_bottom_columns": 1 if width < _DESK[0] else series,
        "legend_box_size": 10,
        "margin": 8,
        "margin_right": 32,
        "truncate_legend": -1,
        "truncate_label": -1,
        "min_scale": 3,
        "max_scale": 6,
        "css": ["file://style.css", "file://graph.css", _CSS],
        "value_formatter": lambda value: f"{value:,.0f}",
        "no_data_text": "",
    }


def _style(*colours: str) -> Style:
    return Style(
        background="transparent",
        plot_background="transparent",
        foreground="#1b1f24",
        foreground_strong="#1b1f24",
        foreground_subtle="#c9ced6",
        colors=colours,
        opacity=".35",
        opacity_hover=".5",
        font_family='system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif',
        label_font_size=12,
        major_label_font_size=12,
        value_font_size=12,
        value_label_font_size=12,
        legend_font_size=13,
        value_colors=("#1b1f24",) * 3,
        guide_stroke_color="#c9ced6",
        major_guide_stroke_color="#c9ced6",
        guide_stroke_dasharray="0",
        major_guide_stroke_dasharray="0",
        transition="0s",
    )
