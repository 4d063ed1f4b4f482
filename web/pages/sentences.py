"""Sentences of templates in the page's language: what Flask-Babel's `gettext` gives, without its look-ups.

Flask-Babel finds the language and its catalogue anew for each sentence (figures:
docs/decisions/0044-cost-of-a-page.md). Here a page finds them once, and a process translates a sentence
without variables once.
"""

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, NamedTuple

from flask import g
from flask_babel import get_locale, get_translations
from jinja2 import pass_eval_context
from jinja2.nodes import EvalContext
from markupsafe import Markup

_FOUND = "netid_sentences"
_KEPT_SENTENCES = 1024


class Sentences(NamedTuple):
    """The sentences of one language.

    - `language`: its tag, for the attribute `lang`.
    - `text`: translates a sentence.
    - `html`: translates a sentence that has no variables, to HTML.
    """

    language: str
    text: Callable[[str], str]
    html: Callable[[str], Markup]


def current_sentences(source_language: str) -> Sentences:
    """Give the sentences of the current page's language.

    Args:
        source_language: The language of a page without a request.
    """
    found: Sentences | None = g.get(_FOUND)
    if found is None:
        found = _sentences(str(get_locale() or source_language))
        setattr(g, _FOUND, found)
    return found


def forget_sentences() -> None:
    """Let the current page find its language again."""
    g.pop(_FOUND, None)


def template_gettext(source_language: str) -> Callable[..., str]:
    """Make the functions `_` and `gettext` of templates; `{% trans %}` calls the second one.

    Args:
        source_language: The language of a page without a request.
    """

    @pass_eval_context
    def gettext(context: EvalContext, sentence: str, /, **variables: Any) -> str:
        """Translate a sentence. In HTML its variables are escaped, as Jinja's newstyle functions do it."""
        sentences = current_sentences(source_language)
        if not context.autoescape:
            return sentences.text(sentence) % variables
        if variables:
            return Markup(sentences.text(sentence)) % variables  # noqa: S704 - sentences are ours or the operator's
        return sentences.html(sentence)

    return gettext


@cache
def _sentences(locale: str) -> Sentences:
    """The sentences of a locale, which the current page has."""
    text = get_translations().ugettext

    @lru_cache(_KEPT_SENTENCES)
    def html(sentence: str) -> Markup:
        # A percent sign is doubled in every sentence, with variables and without.
        return Markup(text(sentence)) % {}  # noqa: S704 - as above

    return Sentences(locale.replace("_", "-"), text, html)
