"""Every text of the pages can be read, whatever colour an operator chooses (WCAG 2.2, 1.4.3 and 1.4.11)."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.servers.netid import PROJECT
from web import Theme
from web.pages.colors import contrast, readable, text_color_on
from web.pages.theme import DARK_PANEL, LIGHT_PANEL, stylesheet

STYLES = (PROJECT / "web" / "static" / "pages.css").read_text("utf-8")
COLORS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")
LIGHT, DARK = (
    dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))
    for block in re.findall(r":root \{(.*?)\}", STYLES, re.DOTALL)
)
BACKGROUNDS = ("paper", "card", "panel")


def variables(styles: str) -> list[dict[str, str]]:
    """The variables of the light and of the dark mode."""
    return [
        dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))
        for block in re.findall(r":root \{(.*?)\}", styles)
    ]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("#000000", "#ffffff", 21),
        ("#ffffff", "#ffffff", 1),
        ("#777777", "#ffffff", 4.48),
        ("#767676", "#ffffff", 4.54),
    ],
)
def test_contrast_is_that_of_the_standard(one: str, other: str, expected: float) -> None:
    """The ratio is that of WCAG 2.2, in either order."""
    assert contrast(one, other) == contrast(other, one) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("mode", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("text", ["text", "muted", "error", "warning", "success"])
@pytest.mark.parametrize("background", BACKGROUNDS)
def test_our_own_texts_can_be_read(mode: dict[str, str], text: str, background: str) -> None:
    """Each of our colours of texts has a contrast of 4.5 with each background."""
    assert contrast(mode[text], mode[background]) >= 4.5


@pytest.mark.parametrize("mode", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("background", BACKGROUNDS)
def test_borders_of_fields_can_be_seen(mode: dict[str, str], background: str) -> None:
    """The border of a field has a contrast of 3 (WCAG 2.2, 1.4.11)."""
    assert contrast(mode["border"], mode[background]) >= 3


@pytest.mark.parametrize(("mode", "panel"), [(LIGHT, LIGHT_PANEL), (DARK, DARK_PANEL)], ids=["light", "dark"])
def test_links_are_adjusted_for_the_worst_background(mode: dict[str, str], panel: str) -> None:
    """The colour that `theme.py` adjusts for is that of the background with the least contrast."""
    assert min((contrast(mode["text"], mode[each]), mode[each]) for each in BACKGROUNDS)[1] == panel


@given(COLORS, COLORS)
def test_every_color_becomes_readable(color: str, dark: str) -> None:
    """Links and buttons can be read in both modes, whatever an operator sets."""
    for theme in (Theme(color=color), Theme(color=color, dark_color=dark)):
        for values, mode in zip(variables(stylesheet(theme)), (LIGHT, DARK), strict=True):
            assert contrast(values["on-accent"], values["accent"]) >= 4.5
            assert all(contrast(values["link"], mode[each]) >= 4.5 for each in BACKGROUNDS)


@given(COLORS)
def test_black_or_white_can_be_read_on_everything(color: str) -> None:
    """One of the two always has a contrast of 4.5."""
    assert contrast(text_color_on(color), color) >= 4.5


def test_readable_color_is_kept() -> None:
    """A colour that can be read already is not changed."""
    assert readable("#1f4e8c", "#ffffff") == "#1f4e8c"
    assert stylesheet(Theme(color="#1f4e8c")).startswith(":root { --accent: #1f4e8c; --on-accent: #ffffff;")
