"""The campus's look: its name, logo, colours and links, and the stylesheet that they become."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from web.pages.colors import readable, text_color_on

# Of the colours behind text in pages.css, those with the least contrast: the panel in light and in dark mode.
LIGHT_PANEL, DARK_PANEL = "#f4f5f7", "#262c36"


class Link(NamedTuple):
    """A link of the footer."""

    title: str
    url: str


class Theme(NamedTuple):
    """What an operator chose for the pages.

    - `campus_name`: shown in the header and in titles; None shows the name of this software.
    - `logo_file`: an image for the header.
    - `color`, `dark_color`: of buttons and links, as #rrggbb. Without a dark one, `color` is lightened.
    - `footer_links`: links below every page.
    - `password_help_url`, `password_help_text`: where and how a user changes an expired password.
    """

    campus_name: str | None = None
    logo_file: Path | None = None
    color: str = "#1f4e8c"
    dark_color: str | None = None
    footer_links: tuple[Link, ...] = ()
    password_help_url: str | None = None
    password_help_text: str | None = None

    @property
    def name(self) -> str:
        """The name in the header and in titles."""
        return self.campus_name or "NetID OAuth"


def stylesheet(theme: Theme) -> str:
    """Make the stylesheet with the colours, adjusted so that every text can be read.

    Args:
        theme: What the operator chose.
    """
    light = _variables(theme.color, readable(theme.color, LIGHT_PANEL))
    dark_link = readable(theme.dark_color or theme.color, DARK_PANEL)
    dark = _variables(theme.dark_color or dark_link, dark_link)
    return f":root {{ {light} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n"


def _variables(accent: str, link: str) -> str:
    values: Mapping[str, str] = {"accent": accent, "on-accent": text_color_on(accent), "link": link}
    return " ".join(f"--{name}: {value};" for name, value in values.items())
