"""What all pages of an application share: theme, files, templates, languages. `add_look` installs it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from flask import Flask, current_app
from jinja2 import ChoiceLoader, FileSystemLoader, PrefixLoader, TemplateError

from telemetry import Log
from web.pages.assets import PATH, Asset, asset, read_assets, serve_assets
from web.pages.languages import add_languages, moment, page_language
from web.pages.policy import form_target
from web.pages.theme import Theme, stylesheet

_WEB = Path(__file__).parents[1]
_EXTENSION = "netid_look"
_LOGO, _THEME_STYLES, _CAMPUS_STYLES = "logo", "theme.css", "campus.css"


class TemplateRefused(Exception):
    """A template of the operator cannot be read. The message is for the operator."""


class KeptParts(NamedTuple):
    """A page without the texts that differ between users: what is between them, and their names in order."""

    between: Sequence[str]
    names: Sequence[str]


class Look(NamedTuple):
    """The look of an application's pages, as templates see it: the name `look`.

    - `theme`: what the operator chose.
    - `assets`: the files that pages load, by name.
    - `base`: the path of the issuer; every URL path begins with it.
    - `log`: gets a line for each page of an error.
    - `callback_origins`: where programs send browsers on to from their redirect URI.
    - `has_own_templates`: whether the operator has templates.
    - `kept_pages`: pages of ours as `web.pages.kept_pages` keeps them: by template, language and texts.
    """

    theme: Theme
    assets: Mapping[str, Asset]
    base: str
    log: Log
    callback_origins: tuple[str, ...]
    has_own_templates: bool
    kept_pages: dict[tuple[str, str, tuple[str, ...]], KeptParts]

    def client_targets(self, url: str) -> tuple[str, ...]:
        """Give the sources that let a form lead to a client, and on from there where the operator says so.

        Args:
            url: The redirect URI of the client.
        """
        return (form_target(url), *self.callback_origins)

    def url_of(self, name: str) -> str:
        """Give the URL path of a file, with its version. It works without a route, as errors need."""
        return f"{self.base}{PATH}{name}?v={self.assets[name].version}"

    @property
    def styles(self) -> list[str]:
        """The URL paths of the stylesheets, in order; `campus.css` is the operator's, if there is one."""
        names = ["pages.css", _THEME_STYLES, *([_CAMPUS_STYLES] if _CAMPUS_STYLES in self.assets else [])]
        return [self.url_of(name) for name in names]

    @property
    def logo(self) -> str | None:
        """The URL path of the logo, if there is one."""
        return self.url_of(_LOGO) if _LOGO in self.assets else None


def add_look(
    app: Flask, theme: Theme, issuer: str, log: Log, *, callback_origins: tuple[str, ...] = ()
) -> None:
    """Give an application's pages their look, and templates of the operator precedence over ours.

    Templates are first looked for in `templates/` of the instance folder. One of ours is there as
    `original/…` too, so that an operator's template may extend it.

    Args:
        app: The application.
        theme: What the operator chose.
        issuer: The public base URL.
        log: Gets a line for each page of an error.
        callback_origins: Where programs send browsers on to from their redirect URI.

    Raises:
        TemplateRefused: A template of the operator cannot be read.
    """
    instance = Path(app.instance_path)
    assets = read_assets(_WEB / "static", instance / "static")
    assets[_THEME_STYLES] = asset(stylesheet(theme).encode(), _THEME_STYLES)
    if theme.logo_file is not None:
        assets[_LOGO] = asset(theme.logo_file.read_bytes(), theme.logo_file.name)
    ours = FileSystemLoader(_WEB / "templates")
    theirs = FileSystemLoader(instance / "templates")
    app.jinja_loader = ChoiceLoader([theirs, ours, PrefixLoader({"original": ours})])
    add_languages(app)
    base, has_own = urlsplit(issuer).path.rstrip("/"), bool(theirs.list_templates())
    look = Look(theme, assets, base, log, callback_origins, has_own, {})
    app.extensions[_EXTENSION] = look
    app.jinja_env.globals.update(look=look, page_language=page_language, moment=moment)
    app.register_blueprint(serve_assets(assets))
    _check_templates(app, theirs)


def has_look() -> bool:
    """Tell whether the current application has pages."""
    return _EXTENSION in current_app.extensions


def current_look() -> Look:
    """Give the look of the current application."""
    look: Look = current_app.extensions[_EXTENSION]
    return look


def _check_templates(app: Flask, loader: FileSystemLoader) -> None:
    """Compile every template of the operator, so that a mistake is found at the start and not by a user."""
    for name in loader.list_templates():
        try:
            app.jinja_env.get_template(name)
        except (TemplateError, UnicodeDecodeError) as error:
            line = f", line {error.lineno}" if getattr(error, "lineno", None) else ""  # type: ignore[union-attr]
            raise TemplateRefused(f"templates/{name}{line} in the instance folder: {error}") from None
