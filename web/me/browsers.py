"""A browser's User-Agent in words, so that a user recognises the session. It proves nothing."""

from collections.abc import Sequence

from flask_babel import gettext as _

# The first name that matches wins: most browsers also name those that they resemble.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chromium/", "Chromium"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
)


def browser_words(user_agent: str) -> str:
    """Name a browser and its system in the page's language.

    Args:
        user_agent: The header User-Agent of the sign-in.
    """
    browser, system = _first(_BROWSERS, user_agent), _first(_SYSTEMS, user_agent)
    if browser and system:
        return str(_("%(browser)s on %(system)s", browser=browser, system=system))
    return browser or system or str(_("An unknown browser"))


def _first(names: Sequence[tuple[str, str]], user_agent: str) -> str | None:
    return next((name for part, name in names if part in user_agent), None)
