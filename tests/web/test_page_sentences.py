"""Sentences of templates are in the language of their page, and escape their variables."""

import pytest
from flask import render_template_string
from flask_babel import Babel

from tests.conftest import Site
from web.pages import prefer_languages
from web.pages.languages import page_language

TEMPLATES = [
    "{{ _('Sign in') }}",
    "{{ gettext('Sign in') }}",
    "{% trans %}Sign in{% endtrans %}",
    "{% trans program='<b>&' %}<b>{{ program }}</b> wants to act for you on a device.{% endtrans %}",
    "{{ _('Continue as %(account)s', account='<i>') }}",
    "{{ _('<i>100 %% of it</i>') }}",
    "{% trans %}100 % of it{% endtrans %}",
    "{% autoescape false %}{{ _('<i>%(a)s</i> 1 %%', a='<b>') }}{{ _('a & b') }}{% endautoescape %}",
    "{{ 'Sign in' if _('Sign in') == 'Sign in' else '' }}{{ _('Sign in')|upper }}{{ _('<i>')|escape }}",
]


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("template", TEMPLATES)
def test_sentence_is_translated_as_flask_babel_does_it(site: Site, template: str, language: str) -> None:
    """The text and its escaping are those of Flask-Babel's own functions in templates."""
    with site.app.test_request_context(headers={"Accept-Language": language}):
        ours = [render_template_string(template) for _ in range(2)]
        Babel(site.app, locale_selector=lambda: language)
        theirs = render_template_string(template)
    assert ours == [theirs, theirs]


def test_language_changes_within_a_request(site: Site) -> None:
    """A sentence that was shown before a client's wish was known does not keep the language."""
    with site.app.test_request_context(headers={"Accept-Language": "en"}):
        assert (page_language(), render_template_string("{{ _('Sign in') }}")) == ("en", "Sign in")
        prefer_languages("de")
        assert (page_language(), render_template_string("{{ _('Sign in') }}")) == ("de", "Anmelden")


def test_sentence_of_one_language_is_never_shown_in_another(site: Site) -> None:
    """What a process keeps of one request's language does not reach the next one."""
    shown = []
    for language in ("de", "en", "de", "en"):
        with site.app.test_request_context(headers={"Accept-Language": language}):
            shown.append(render_template_string("{{ _('Sign in') }}"))
    assert shown == ["Anmelden", "Sign in"] * 2
