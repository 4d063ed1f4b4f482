"""The language of a page: by the client's `ui_locales`, then by the browser's `Accept-Language`."""

from datetime import UTC, datetime
from pathlib import Path

from flask import Flask, g, has_request_context, request
from flask_babel import Babel, format_date, format_time, refresh
from flask_babel import gettext as translate
from markupsafe import Markup

from web.pages.sentences import current_sentences, forget_sentences, template_gettext

TRANSLATIONS = Path(__file__).parents[1] / "translations"
SOURCE_LANGUAGE = "en"
_CATALOGUES = TRANSLATIONS.glob("*/LC_MESSAGES/messages.mo")
LANGUAGES = (SOURCE_LANGUAGE, *sorted(each.parts[-3] for each in _CATALOGUES))
"""The languages of the pages; the texts in code and templates are English."""

_WISHES = "netid_ui_locales"


def add_languages(app: Flask) -> None:
    """Give an application its translations.

    Args:
        app: The application.
    """
    app.config.update(BABEL_DEFAULT_LOCALE=SOURCE_LANGUAGE, BABEL_TRANSLATION_DIRECTORIES=str(TRANSLATIONS))
    Babel(app, locale_selector=_choose)
    gettext = template_gettext(SOURCE_LANGUAGE)
    app.jinja_env.globals.update(_=gettext, gettext=gettext)


def prefer_languages(ui_locales: str | None) -> None:
    """Let the current page have a language that the client asks for (OpenID Connect Core, 3.1.2.1).

    Call it before any text is translated: a view knows the client's wishes first.

    Args:
        ui_locales: Language tags, spaces between, the preferred one first (RFC 5646). Unknown ones are
            ignored.
    """
    setattr(g, _WISHES, ui_locales)
    forget_sentences()
    refresh()


def page_language() -> str:
    """Give the language tag of the current page, for its attribute `lang`."""
    return current_sentences(SOURCE_LANGUAGE).language


def translated(sentence: object) -> str:
    """Translate a sentence that was marked with `N_`; a translated one stays as it is."""
    return str(translate(str(sentence)))


def N_(sentence: str) -> str:  # noqa: N802 - the usual name of this mark
    """Mark a sentence for the catalogue, and leave it in English: it is translated when a page shows it."""
    return sentence


def moment(seconds: float) -> Markup:
    """Write a time to the minute in the page's language, as an element that programs can read too.

    Args:
        seconds: Seconds since the epoch.
    """
    instant = datetime.fromtimestamp(int(seconds), UTC)
    text = f"{format_date(instant, 'medium')}, {format_time(instant, 'short')} UTC"
    return Markup('<time datetime="{}">{}</time>').format(instant.strftime("%Y-%m-%dT%H:%M:%SZ"), text)


def _choose() -> str:
    if not has_request_context():
        return SOURCE_LANGUAGE
    # Werkzeug's own choice would prefer "de;q=0.5" to "en-GB", which is no language of ours by its letters.
    accepted = (tag for tag, quality in request.accept_languages if quality > 0)
    wishes = (*(g.get(_WISHES) or "").split(), *accepted)
    primary = (tag.partition("-")[0].lower() for tag in wishes)
    return next((each for each in primary if each in LANGUAGES), SOURCE_LANGUAGE)
