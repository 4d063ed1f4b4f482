"""Plots the comparison: a bar for each server and kind of work, and a dot for each round."""

import statistics
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.load import BEARER, INTROSPECTION, TOKEN
from bench.report import FULL, LIMIT, NAIVE, NORMAL, POSTGRESQL, Results, median_ratio

_TITLES = {
    TOKEN: "Password grants a second",
    BEARER: "Resource checks a second",
    INTROSPECTION: "Introspections a second",
}
_NAMES = {
    LIMIT: "the directory alone\n(search and bind)",
    NAIVE: "Flask + Authlib + ldap3,\nas in their examples",
    NORMAL: "NetID OAuth\nSQLite, NORMAL",
    FULL: "NetID OAuth\nSQLite, FULL",
    POSTGRESQL: "NetID OAuth\nPostgreSQL",
}
_GREY, _BLUE, _PALE = "#8a8f98", "#1f5fa8", "#c9ccd1"
_COLOURS = {LIMIT: _PALE, NAIVE: _GREY}


def plot(results: Results, path: Path) -> None:
    """Draw the rates.

    Args:
        results: the measured rates.
        path: the file of the plot, whose suffix names the format.
    """
    kinds = {kind: [name for name in _NAMES if results.get((name, kind))] for kind in _TITLES}
    with mpl.rc_context({"font.size": 9, "svg.hashsalt": "bench", "svg.fonttype": "none"}):
        figure = Figure(figsize=(8, 6.4), layout="constrained")
        heights = [len(names) for names in kinds.values()]
        for axes, (kind, names) in zip(
            figure.subplots(len(kinds), 1, height_ratios=heights), kinds.items(), strict=True
        ):
            _bars(axes, {name: results[name, kind] for name in names})
            axes.set_title(_TITLES[kind], loc="left", fontweight="bold")
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def _bars(axes: Axes, rates: dict[str, list[float]]) -> None:
    most = max(max(values) for values in rates.values())
    for place, (name, values) in enumerate(rates.items()):
        rate = statistics.median(values)
        axes.barh(place, rate, color=_COLOURS.get(name, _BLUE), height=0.66)
        axes.plot(values, [place] * len(values), "o", color="black", markersize=2.5, alpha=0.6)
        times = "" if name in {NAIVE, LIMIT} else f"  ({median_ratio(values, rates[NAIVE]):.1f} x)"
        axes.text(max(rate, *values) + most * 0.012, place, f"{rate:,.0f}{times}", va="center")
    axes.set_yticks(range(len(rates)), [_NAMES[name] for name in rates])
    axes.invert_yaxis()
    axes.set_xlim(0, most * 1.22)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(length=0)
